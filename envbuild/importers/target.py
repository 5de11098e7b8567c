"""What a lock is read for: a Python and a platform, chosen from what the lock allows, and its markers.

A lock for every platform says by markers what applies where; a spec is for one. Python is the one that is
wished for, else what `.python-version` beside the lock says, else
3.12 where the lock allows it, else the nearest to it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.importers.sources import source_text
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.importers.model import Finding, Wishes
    from envbuild.importers.places import Place

USUAL = "3.12"
_KNOWN = (USUAL, "3.13", "3.11", "3.14", "3.10", "3.9", "3.8", "3.7", "3.6")
_MACHINES = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}
_NEWEST_PATCH = 99
_EXACT = re.compile(r"={1,3}\s*(3\.\d+\.\d+)")
_EXTRA = re.compile(r"""extra\s*(==|!=)\s*(?:'([^']*)'|"([^"]*)")""")
_TRUTH = {True: "python_version >= '0'", False: "python_version < '0'"}


@dataclass(frozen=True, slots=True)
class Target:
    """python: X.Y or X.Y.Z; platform: conda's name of it; extras: those that are on, as markers name them."""

    python: str
    platform: str
    extras: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    _known: dict[str, bool] = field(default_factory=dict, compare=False)

    @property
    def machine(self) -> str:
        """Its processor as Python names it."""
        return _MACHINES[self.platform]

    def holds(self, marker: str, place: Place, extras: Iterable[str] | None = None) -> bool:
        """Whether `marker` applies; `extras` instead of its own. SpecError, at `place`, for no marker."""
        if not marker.strip():
            return True
        active = self.extras if extras is None else frozenset(extras)
        if "extra" not in marker:
            if marker not in self._known:
                self._known[marker] = self._judge(marker, place, active)
            return self._known[marker]
        said = _EXTRA.sub(lambda match: _truth(match, active), marker)
        return self._judge(said, place, active)

    def _judge(self, marker: str, place: Place, extras: frozenset[str]) -> bool:
        from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

        short = ".".join(self.python.split(".")[:2])
        full = self.python if self.python.count(".") == 2 else f"{short}.{_NEWEST_PATCH}"
        environment: dict[str, str | frozenset[str]] = {
            "implementation_name": "cpython",
            "implementation_version": full,
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": full,
            "python_version": short,
            "sys_platform": "linux",
            "extras": extras,
            "dependency_groups": self.groups,
        }
        try:
            return Marker(marker).evaluate(environment, context="lock_file")
        except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName) as error:
            reason = str(error).splitlines()[0]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            reason = f"it cannot be evaluated ({type(error).__name__})"
        raise place.error(
            f"{shown(marker)} is no marker: {reason[:1].lower()}{reason[1:]}",
            "let its tool write the file again",
        )


def choose_target(
    said: Place, wishes: Wishes, folder: Path | None = None
) -> tuple[Target, tuple[Finding, ...]]:
    """The target that `wishes` ask for of a lock which says the range of Pythons `said` (nothing: any).

    Where nothing is wished for, a `.python-version` in `folder` decides. Raises SpecError.
    """
    if wishes.platform not in _MACHINES:
        known = " or ".join(_MACHINES)
        raise said.error(f"{shown(wishes.platform)} is no platform of an image", f"ask for {known}")
    range_ = "" if said.value is None else said.as_text()
    python, findings = choose_python(wishes.python or _pinned(folder), range_, said)
    return Target(python, wishes.platform), findings


def _pinned(folder: Path | None) -> str:
    """What the file `.python-version` of uv and pyenv says, when it is a plain version."""
    if folder is None or not (path := folder / ".python-version").is_file():
        return ""
    first = next((line for line in source_text(path).split("\n") if line and line[0] != "#"), "").strip()
    return first if re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", first) else ""


def _truth(match: re.Match[str], active: frozenset[str]) -> str:
    name = match[2] if match[2] is not None else match[3]
    return _TRUTH[(name in active) == (match[1] == "==")]


def choose_python(wish: str, said: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """The Python to read a lock for, X.Y or X.Y.Z, and a word on it where the lock leaves a choice.

    `said` is the range of the lock by PEP 440 or as poetry writes it (`^3.10`, `~3.9 || ^3.11`), "" for any.
    Raises SpecError at `place` for no range, one that no known Python fits, or a wish outside of it.
    """
    allowed = allowed_pythons(said, place)
    if wish:
        short = ".".join(wish.split(".")[:2])
        if short not in {".".join(version.split(".")[:2]) for version in allowed}:
            raise place.error(
                f"is for Python {said}, and {wish} is asked for", "ask for a Python that it allows"
            )
        return wish, ()
    if not allowed:
        raise place.error(f"allows none of the Pythons 3.6 to 3.14: {said}", "name one: --python 3.12")
    if len(allowed) == 1:
        return allowed[0], ()
    range_ = f"`{said}`" if said else "no Python"
    what = f"it says {range_}: Python {allowed[0]} is taken, and what the lock has for that"
    return allowed[0], (place.finding("note", what, "another by --python"),)


def allowed_pythons(said: str, place: Place) -> tuple[str, ...]:
    """The known Pythons that the range `said` allows, the one to prefer first. SpecError for no range."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    text = said.strip()
    if not text or text == "*":
        return _KNOWN
    if exact := _EXACT.fullmatch(text):
        return (exact[1],)
    try:
        sets = [SpecifierSet(_pep440(part)) for part in re.split(r"\s*\|\|?\s*", text)]
    except (InvalidSpecifier, ValueError) as error:
        raise place.error(f"{shown(said)} is no range of Python versions", "correct it") from error
    return tuple(
        version
        for version in _KNOWN
        if any(f"{version}.{_NEWEST_PATCH}" in one or f"{version}.0" in one for one in sets)
    )


def _pep440(text: str) -> str:
    """A range by PEP 440 from one as poetry writes it; parts are joined by commas or blanks."""
    parts = re.findall(r"(?:\^|~=|~|[<>!=]=?=?)?\s*[^\s,<>=!^~]+", text)
    return ",".join(_clause(part.replace(" ", "")) for part in parts)


def _clause(part: str) -> str:
    match = re.fullmatch(r"(\^|~(?!=))?(\d{1,6}(?:\.\d{1,6})*)", part)
    if match and match[1]:
        numbers = [int(number) for number in match[2].split(".")]
        keep = 0 if match[1] == "^" or len(numbers) == 1 else 1
        upper = [*numbers[:keep], numbers[keep] + 1]
        return f">={match[2]},<{'.'.join(map(str, upper))}"
    if match:
        return f"=={match[2]}" if match[2].count(".") > 1 else f"=={match[2]}.*"
    if re.fullmatch(r"\d+(\.\d+)*\.\*", part):
        return f"=={part}"
    if part == "*":
        return ">=0"
    return part
