"""Python packages that conda brings: records → what uv is told of them, so that pip replaces none.

A constraint alone would not do: uv would take conda's torch from the index, with all its nvidia-* wheels. So
uv gets a stub for each, a wheel of the version that conda brings (`2.1.0+conda`, which no index has), which
needs nothing; a constraint allows no other; and their rows are taken out of uv's answer again. Builds of
sources never see a stub. Writes into the folder that it is given.
"""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem, Unsolvable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from envbuild.conda.model import CondaRecord
    from envbuild.spec.model import Pip, Requirement

_MARK = "conda"
_MARKED = re.compile(rf"(?<=[0-9A-Za-z])(?:\+|\.){_MARK}(?![0-9A-Za-z])")
_EPOCH_OR_RELEASE = re.compile(r"(?:[0-9]+!)?[0-9]+(?:\.[0-9]+)*")
_LOST_EXTRA = re.compile(
    r"The package `(?P<name>[^`=\s]+)==[^`]*` does not have an extra named `(?P<extra>[^`]+)`"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """A Python package that conda brings.

    name     normalised, as indexes compare it
    version  as PEP 440 says it; `exact` is False where conda's own is no such version, and this its beginning
    record   what brings it
    """

    name: str
    version: str
    record: CondaRecord
    exact: bool = True

    @property
    def marked(self) -> str:
        """The version of its stub: no index has it."""
        return f"{self.version}.{_MARK}" if "+" in self.version else f"{self.version}+{_MARK}"

    @property
    def said(self) -> str:
        """For people: `torch 2.5.1 (conda's pytorch)`."""
        own = "" if self.record.name == self.name else f" (conda's {self.record.name})"
        return f"{self.name} {self.record.version}{own}"


def provided_by(records: Iterable[CondaRecord]) -> tuple[Provided, ...]:
    """The Python packages that `records` bring, by name. One without any number in its version is left out:
    pip may bring its own (no channel has such today).
    """
    from packaging.version import InvalidVersion, Version

    found = {}
    for record in records:
        if not record.pypi:
            continue
        try:
            version, exact = str(Version(record.version)), True
        except InvalidVersion:
            begin = _EPOCH_OR_RELEASE.match(record.version)
            version, exact = (begin[0] if begin else ""), False
        if version:
            found[record.pypi] = Provided(name=record.pypi, version=version, record=record, exact=exact)
    return tuple(found[name] for name in sorted(found))


def refuse_others(provided: Sequence[Provided], requirements: Sequence[Requirement]) -> None:
    """Raise Unsolvable for requirements that plainly want another release than conda brings.

    Those with a marker are left to uv, which knows the target.
    """
    from packaging.requirements import Requirement as Parsed

    brought = {each.name: each for each in provided}
    problems = []
    for wish in requirements:
        one = brought.get(wish.name)
        parsed = Parsed(wish.text) if one else None
        if one is None or parsed is None or parsed.marker:
            continue
        if parsed.url:
            what = f"conda brings {one.said}, and pip is to bring another from an address"
        elif not parsed.specifier.contains(one.version, prereleases=True):
            what = f"conda brings {one.said}, which {wish.text} refuses"
        else:
            continue
        problems.append(Problem(file=wish.file, line=wish.line, path=wish.path, what=what, todo=_todo(one)))
    if problems:
        raise Unsolvable("pip asks for other releases than conda brings", problems=problems)


def _todo(one: Provided) -> str:
    return (
        f"leave it out here, and ask conda for a release that fits: {one.record.name} under `conda.packages`"
    )


def write_stubs(provided: Sequence[Provided], folder: Path) -> list[str]:
    """Write stubs and constraints into `folder`; returns uv's arguments, which name them relative to it."""
    if not provided:
        return []
    stubs = folder / "conda"
    stubs.mkdir()
    for one in provided:
        _write_stub(one, stubs)
    only = "".join(f"{one.name}=={one.marked}\n" for one in provided)
    never = "".join(f"{one.name}!={one.marked}\n" for one in provided)
    (folder / "conda.txt").write_text(only, encoding="utf-8")
    (folder / "builds.txt").write_text(never, encoding="utf-8")
    return ["--find-links", "conda", "--constraints", "conda.txt", "--build-constraints", "builds.txt"]


def _write_stub(one: Provided, folder: Path) -> None:
    stem = f"{one.name.replace('-', '_')}-{one.marked.replace('-', '_')}"
    parts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {one.name}\nVersion: {one.marked}\n",
        "WHEEL": "Wheel-Version: 1.0\nGenerator: envbuild\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    with zipfile.ZipFile(folder / f"{stem}-py3-none-any.whl", "w") as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/{name}", (2020, 1, 1, 0, 0, 0)), text)
        record = "".join(f"{stem}.dist-info/{name},,\n" for name in (*parts, "RECORD"))
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD", (2020, 1, 1, 0, 0, 0)), record)


def without_stubs(document: Mapping[str, Any], provided: Sequence[Provided]) -> dict[str, Any]:
    """uv's answer without the rows of the stubs."""
    brought = {one.name for one in provided}
    rows = [row for row in document["packages"] if row["name"] not in brought]
    for row in rows:
        if kept := [each for each in row.get("dependencies", ()) if each.get("name") not in brought]:
            row["dependencies"] = kept
        else:
            row.pop("dependencies", None)
    return {**document, "packages": rows}


def spoken(text: str, folder: Path) -> str:
    """What uv says, without the marks of stubs and the folder that they lie in."""
    for place in (folder.resolve().as_uri(), str(folder.resolve()), str(folder)):
        text = text.replace(f"{place}/conda", "conda").replace(place, "")
    return _MARKED.sub("", text)


def notes_on(pip: Pip, provided: Sequence[Provided], stderr: str) -> tuple[str, ...]:
    """What may surprise of an answer that stands beside conda's packages; `stderr` is what uv said."""
    brought = {one.name: one for one in provided}
    notes = [
        f"conda brings {one.said}, whose version pip cannot read: it is taken for {one.version}"
        for one in provided
        if not one.exact
    ]
    if pip.torch_backend and "torch" in brought:
        notes.append(f"conda brings {brought['torch'].said}, so pip.torch_backend chooses nothing")
    notes += [
        f"{match['name']}[{match['extra']}] is asked for, and what conda brings has no extras: "
        "name what the extra stands for yourself if you need it"
        for match in _LOST_EXTRA.finditer(stderr)
        if match["name"] in brought
    ]
    return tuple(dict.fromkeys(notes))


def conflicts(text: str, provided: Sequence[Provided]) -> str:
    """What to do about a conflict that uv explained as `text`: where conda's packages are named in it."""
    named = [one for one in provided if re.search(rf"(?<![\w.-]){re.escape(one.name)}(?![\w-])", text)]
    if not named:
        return ""
    listed = ", ".join(one.said for one in named[:5])
    return f"conda brings {listed}; ask it for another release under `conda.packages`"
