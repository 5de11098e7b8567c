"""Distributions in a site-packages folder → what they are, and where they came from. Runs nothing."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.spec.pep508 import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MOST_BYTES = 256 * 1024
_FIELD = re.compile(r"^(Name|Version):[ \t]*(.*)$", re.MULTILINE)
_BUILDER = re.compile(r"/croot/|/conda-bld/|/feedstock_root/|/tmp/build/|/tmp/abs_|/_h_env|/ktietz/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Distribution:
    """One distribution. installer: `pip`, `uv`, `conda`, "" unknown; requested: somebody asked for it.

    address: where it came from when that is no index (`git+https://…@commit`, `https://…`, `file:///…`)
    """

    name: str
    version: str
    installer: str = ""
    requested: bool = False
    address: str = ""
    editable: bool = False
    place: str = ""


def site_packages(prefix: Path, python: str = "") -> Path | None:
    """The site-packages of an environment, those of `python` (X.Y) where it has several, else of the newest;
    None when there are none.
    """
    found = [path for path in (prefix / "lib").glob("py*/site-packages") if python_of(path)]
    found.sort(
        key=lambda path: (python_of(path) == python, [int(part) for part in python_of(path).split(".")])
    )
    return found[-1] if found else None


def python_of(packages: Path) -> str:
    """`lib/python3.12/site-packages` → `3.12`; "" when the path does not say."""
    named = re.fullmatch(r"(?:python|pypy)(3\.\d{1,3})t?", packages.parent.name)
    return named[1] if named else ""


def unread(folder: Path) -> tuple[str, ...]:
    """What says that a distribution is installed in `folder`, but not which: metadata that cannot be read,
    and links of `setup.py develop`. pip's own leftovers (`~name`) count for nothing.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if path.name.startswith("~"):
            continue
        if path.name.endswith(".egg-link") or (_metadata_of(path) and _distribution(path) is None):
            found.append(path.name)
    return tuple(found)


def distributions(folder: Path) -> Iterator[Distribution]:
    """All distributions in `folder`, by name; what has no readable metadata is passed over."""
    found: dict[str, Distribution] = {}
    for path in sorted(folder.iterdir()):
        each = _distribution(path)
        if each is not None:
            found.setdefault(normalise(each.name), each)
    for name in sorted(found):
        yield found[name]


def _metadata_of(path: Path) -> Path | None:
    """Where a dist-info or egg-info keeps its metadata; None for anything else."""
    if path.name.endswith(".dist-info"):
        return path / "METADATA"
    if path.name.endswith(".egg-info"):
        return path / "PKG-INFO" if path.is_dir() else path
    return None


def _distribution(path: Path) -> Distribution | None:
    metadata = _metadata_of(path)
    return _read(metadata.parent, metadata.name) if metadata else None


def _read(folder: Path, metadata: str) -> Distribution | None:
    head = _text(folder / metadata).partition("\n\n")[0].replace("\r\n", "\n")
    fields = dict(_FIELD.findall(head))
    name, version = fields.get("Name", "").strip(), fields.get("Version", "").strip()
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or not re.fullmatch(
        r"[0-9A-Za-z.+!_-]+", version
    ):
        return None
    address, editable = _direct(_text(folder / "direct_url.json"))
    return Distribution(
        name=name,
        version=version,
        installer=_text(folder / "INSTALLER").strip().lower(),
        requested=(folder / "REQUESTED").is_file(),
        address=address,
        editable=editable,
        place=f"{folder.name}/{metadata}",
    )


def _direct(text: str) -> tuple[str, bool]:
    """The address in direct_url.json, and whether it is an editable folder; none for a conda builder's."""
    try:
        told: Any = json.loads(text) if text else {}
    except (ValueError, RecursionError):
        return "", False
    if not isinstance(told, dict) or not isinstance(url := told.get("url"), str) or _BUILDER.search(url):
        return "", False
    vcs, folder = told.get("vcs_info"), told.get("dir_info")
    if isinstance(vcs, dict):
        revision = vcs.get("commit_id") or vcs.get("requested_revision") or ""
        return f"{vcs.get('vcs') or 'git'}+{url}" + (f"@{revision}" if revision else ""), False
    return url, isinstance(folder, dict) and folder.get("editable") is True


def _text(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(_MOST_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""
