"""A conda environment's own records → `Draft`: what people asked for, as it is installed. Reads."""

from __future__ import annotations

import ast
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.errors import SpecError
from envbuild.importers.conda.exports import Export
from envbuild.importers.conda.names import channel_of, has_login
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.text.sources import refused, shown_path, source_text
from envbuild.spec.matchspec import matchspec_name
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from envbuild.importers.model import Wishes

FORMAT = "installed environment"
_SPECS = re.compile(r"# (update|install|remove|neutered) specs: (\[.*\])\s*")
_MOST_RECORDS = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """One record of conda-meta. login: its channel's address held one, which is left out."""

    name: str
    version: str
    build: str
    channel: str
    login: bool = False


def read_conda(prefix: Path, wishes: Wishes) -> Draft:
    """The draft of the conda environment at `prefix`. SpecError when none of its records can be read.

    Packages that its history names are written with the versions that are installed; where the history
    names none, all are. `wishes.environment` "all": all of them in any case.
    """
    folder = prefix / "conda-meta"
    records, broken = _records(folder)
    file = shown_path(prefix)
    if not records:
        raise refused(file, "has no packages in conda-meta", "name another environment")
    asked = _asked(folder / "history") if wishes.environment != "all" else set()
    direct = [record for record in records.values() if record.name in asked and record.name != "python"]
    chosen = direct or [record for record in records.values() if record.name != "python"]
    entries = [
        Entry(text=f"{one.name}={one.version}={one.build}", file=file, key=one.name)
        for one in sorted(chosen, key=lambda one: one.name)
    ]
    export = Export(entries)
    findings = list(export.findings)
    for name in broken:
        what = "is no record of a package that can be read"
        todo = "name the package under `conda.packages`, if it is in use"
        findings.append(Finding(kind="left", file=file, key=f"conda-meta/{name}", what=what, todo=todo))
    for name in sorted({record.channel for record in records.values() if record.login}):
        what = f"the login for the channel {name} is not carried"
        todo = "put it into the site config (conda_mirrors)"
        findings.append(Finding(kind="changed", file=file, what=what, todo=todo))
    others = len(records) - len(chosen) - ("python" in records)
    if direct and others > 0:
        said = (
            "1 package that comes with those is"
            if others == 1
            else f"{others} packages that come with those are"
        )
        what = f"{said} not named: the lock chooses anew"
        findings.append(
            Finding(kind="note", file=file, what=what, todo="`--environment all` names all of them")
        )
    python = records.get("python")
    return Draft(
        format=FORMAT,
        name=prefix.resolve().name,
        python=".".join(python.version.split(".")[:2]) if python else "",
        cuda=export.cuda,
        channels=_channels(list(records.values()), file),
        conda=export.entries,
        findings=tuple(findings),
    )


def _records(folder: Path) -> tuple[dict[str, Installed], tuple[str, ...]]:
    """The records by name, and the files that are no records."""
    found: dict[str, Installed] = {}
    broken = []
    for path in sorted(folder.glob("*.json"))[:_MOST_RECORDS]:
        record = _record(path)
        if record:
            found[record.name] = record
        else:
            broken.append(shown_path(Path(path.name)))
    return found, tuple(broken)


def _record(path: Path) -> Installed | None:
    try:
        told: Any = json.loads(source_text(path))
    except (SpecError, ValueError, RecursionError):
        return None
    if not isinstance(told, dict):
        return None
    parts = [told.get(key) for key in ("name", "version", "build", "channel")]
    name, version, build, channel = (part if isinstance(part, str) else "" for part in parts)
    if not (name and version and build):
        return None
    return Installed(
        name=name,
        version=version,
        build=build,
        channel=channel_of(channel),
        login="://" in channel and has_login(channel),
    )


def _asked(history: Path) -> set[str]:
    """The names that people asked for by `conda install`, less those that they removed again."""
    names: set[str] = set()
    if not history.is_file():
        return names
    for line in source_text(history).splitlines():
        if not (found := _SPECS.fullmatch(line)):
            continue
        try:
            specs: Any = ast.literal_eval(found[2])
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
        for spec in specs if isinstance(specs, list) else ():
            try:
                name = matchspec_name(str(spec))
            except Bad:
                continue
            names = names - {name} if found[1] in {"remove", "neutered"} else names | {name}
    return names


def _channels(records: list[Installed], file: str) -> tuple[Entry, ...]:
    """Channels by how few packages they gave: one that was added for some stands before the rest."""
    counts: dict[str, int] = {}
    for record in records:
        if record.channel and record.channel not in {"pypi", "<unknown>"}:
            counts[record.channel] = counts.get(record.channel, 0) + 1
    ordered = sorted(counts, key=lambda channel: (counts[channel], channel))
    return tuple(Entry(text=channel, file=file) for channel in ordered)
