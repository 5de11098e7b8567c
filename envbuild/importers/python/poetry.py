"""Poetry's way to name packages → PEP 508: `^1.2`, tables, alternatives by marker. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.importers.python.pins import with_extras
from envbuild.importers.python.project_sources import origin

if TYPE_CHECKING:
    from envbuild.importers.model import Finding
    from envbuild.importers.python.target import Target
    from envbuild.importers.text.places import Place

_CLAUSE = re.compile(r"(\^|~=|~|===|==|!=|>=|<=|>|<|=)?\s*[vV]?([0-9][0-9A-Za-z.+!-]*?)(\.?\*)?")
_RELEASE = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_KEYS = frozenset(
    {
        *("version", "extras", "markers", "python", "platform", "optional", "source", "git", "rev", "tag"),
        *("branch", "url", "path", "file", "subdirectory", "develop", "allow-prereleases"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A requirement, "" where there is none to write; the index that it names; findings."""

    text: str = ""
    index: str = ""
    findings: tuple[Finding, ...] = ()


def requirement(name: str, place: Place, target: Target) -> Wanted:
    """One dependency in poetry's words. SpecError for values of the wrong kind."""
    if isinstance(place.value, list):
        found = [requirement(name, one.as_table(), target) for one in place.as_list()]
        texts = [one for one in found if one.text]
        findings = tuple(finding for one in found for finding in one.findings)
        if not texts:
            return Wanted(findings=findings)
        return Wanted(text=texts[0].text, index=texts[0].index, findings=findings)
    if isinstance(place.value, str):
        version, said = pep440(place.as_text(), place)
        return Wanted(text=f"{name}{version}", findings=said)
    return _table(name, place.as_table(), target)


def _table(name: str, place: Place, target: Target) -> Wanted:
    findings = [
        inner.finding("left", f"the key {key} of {name} is not known here")
        for key, inner in place.items()
        if key not in _KEYS
    ]
    if not target.allows(place.text("python")):
        what = f"this {name} is for Python {place.text('python')}, and {target.python} is taken"
        return Wanted(findings=(place.finding("note", what),))
    if place.text("platform") not in {"", "linux"}:
        what = f"{name} is for {place.text('platform')} alone"
        return Wanted(findings=(place.finding("note", what),))
    marker = place.text("markers")
    if isinstance(place.path[-1], int) and not target.holds(marker, place):
        return Wanted(findings=(place.finding("note", f"this {name} is for where {marker} holds"),))
    extras = place.texts("extras")
    found = origin(name, extras, place)
    findings += found.findings
    if place.yes("allow-prereleases"):
        what = f"allow-prereleases of {name} is left out"
        findings.append(place.finding("left", what, "name a pre-release by its version, such as ==2.0rc1"))
    text = found.text
    if not text and not found.findings:
        version, said = pep440(place.text("version"), place)
        text = f"{with_extras(name, extras)}{version}"
        findings += said
    tail = f" ; {marker}" if marker and text else ""
    return Wanted(text=f"{text}{tail}" if text else "", index=found.index, findings=tuple(findings))


def pep440(text: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """`^1.2` → `>=1.2,<2`; "" for any version. Of alternatives (`||`) the range around them, with a word."""
    parts = [part.strip() for part in re.split(r"\|\|?", text) if part.strip()]
    ranges = [_clauses(part, place) for part in parts]
    if len(ranges) < 2:
        return (",".join(ranges[0]) if ranges else ""), ()
    around = [*_bound(ranges, ">"), *_bound(ranges, "<")]
    what = f"{text} is written {','.join(around) or 'without a version'}: requirements know no `||`"
    return ",".join(around), (place.finding("changed", what),)


def _bound(ranges: list[list[str]], sign: str) -> list[str]:
    """The widest of the lower (`>`) or upper (`<`) ends of all ranges; nothing where one of them has none."""
    from packaging.version import Version

    ends: list[str] = []
    for clauses in ranges:
        found = [clause for clause in clauses if clause.startswith((sign, "==", "~="))]
        if not found:
            return []
        end = found[0]
        if end.startswith(("==", "~=")):
            release = end[2:].removesuffix(".*")
            keep = 1 if end.startswith("~=") else 0
            numbers = [int(part) for part in release.split(".") if part.isdigit()]
            if sign == ">" or not (keep or end.endswith(".*")):
                end = f"{sign}={release}"
            else:
                end = f"<{_next(numbers, len(numbers) - keep)}"
        ends.append(end)
    choose = min if sign == ">" else max
    # Of two ends at one version the one that takes it in is the wider
    return [choose(ends, key=lambda end: (Version(end.strip("<>=")), (sign == "<") == ("=" in end)))]


def _clauses(text: str, place: Place) -> list[str]:
    found: list[str] = []
    for word in re.split(r",|(?<=[0-9*])\s+(?=[<>=!~^])", text):
        clause = word.strip()
        if clause in {"", "*"}:
            continue
        match = _CLAUSE.fullmatch(clause)
        if not match or not _RELEASE.match(match[2]):
            raise place.error(f"{clause!r} is no version as poetry writes it", "write one such as ^1.2")
        found += _one(match[1] or "", match[2], match[3] or "")
    return found


def _one(op: str, version: str, star: str) -> list[str]:
    release = _RELEASE.match(version)
    numbers = [int(part) for part in release[0].split(".")] if release else [0]
    if op == "^":
        return [f">={version}", f"<{_next(numbers, _caret(numbers))}"]
    if op == "~":
        return [f">={version}", f"<{_next(numbers, min(2, len(numbers)))}"]
    if star:
        return [f"{'!=' if op == '!=' else '=='}{version}.*"]
    return [f"{'==' if op in {'', '='} else op}{version}"]


def _caret(numbers: list[int]) -> int:
    """How many leading numbers stay: up to the first that is not 0."""
    for count, number in enumerate(numbers, start=1):
        if number:
            return count
    return len(numbers)


def _next(numbers: list[int], keep: int) -> str:
    kept = numbers[:keep]
    return ".".join(map(str, [*kept[:-1], kept[-1] + 1]))
