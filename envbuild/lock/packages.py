"""The packages of a PEP 751 document as the planner wants them: parsed TOML → `LockedPackage`s. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit, urlunsplit

from envbuild.lock.model import LockedPackage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def packages_of(document: Mapping[str, Any]) -> tuple[LockedPackage, ...]:
    """The packages of `document`, sorted by name."""
    return tuple(sorted((_package(row) for row in document.get("packages", ())), key=lambda item: item.name))


def chosen_file(row: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The file of a package that gets installed: its wheel, else what it is built from; None: a repository.

    The resolver was told the target, so the first wheel is the one that fits it.
    """
    if wheels := row.get("wheels"):
        return dict(wheels[0])
    found = row.get("archive") or row.get("sdist")
    return dict(found) if found else None


def files_of(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every file in `document` as (package name, its table); the tables may be changed."""
    for row in document.get("packages", ()):
        for table in (*row.get("wheels", ()), row.get("sdist"), row.get("archive")):
            if table:
                yield row["name"], table


def file_name(table: Mapping[str, Any]) -> str:
    """The name of a file: as said, else the last part of its path or URL."""
    where = table.get("name") or table.get("path") or urlsplit(table.get("url", "")).path
    return unquote(str(where).rpartition("/")[2])


def without_credentials(url: str) -> str:
    """`url` without user and password; the user of an ssh URL is part of its address and stays."""
    parts = urlsplit(url)
    info, at, host = parts.netloc.rpartition("@")
    if not at or (parts.scheme.endswith("ssh") and ":" not in info):
        return url
    return urlunsplit(parts._replace(netloc=host))


def _package(row: Mapping[str, Any]) -> LockedPackage:
    table = chosen_file(row) or {}
    name = file_name(table)
    return LockedPackage(
        name=row["name"],
        version=row.get("version", ""),
        file=name,
        size=table.get("size"),
        from_source=not name.endswith(".whl"),
    )
