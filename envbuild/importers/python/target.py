"""What a lock is read for: a Python and a platform, chosen from what the lock allows, and its markers.

A lock for every platform says by markers what applies where; a spec is for one. Python is the one that is
wished for, else what `.python-version` beside the lock says, else
one that the lock allows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.importers.pythons import choose_python
from envbuild.importers.text.sources import source_text
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.importers.model import Finding, Kind, Wishes
    from envbuild.importers.text.places import Place

_MACHINES = {"linux-64": "x86_64", "linux-aarch64": "aarch64"}
_NEWEST_PATCH = 99
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

    def allows(self, range_: str) -> bool:
        """Whether its Python lies in `range_`, as poetry and PEP 440 write it; "" allows all."""
        text = range_.strip()
        if not text or text == "*":
            return True
        key = f"python {text}"
        if key not in self._known:
            self._known[key] = not _is_outside(self.python, text)
        return self._known[key]

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
    wish = wishes.python or _pinned(folder)
    if wish and _is_outside(wish, range_):
        what = f"is for Python {range_}, and {wish} is asked for"
        raise said.error(what, "ask for a Python that it allows")
    choice = choose_python(wish or range_)
    if wish or not choice.why:
        return Target(choice.version, wishes.platform), ()
    kind: Kind = "left" if choice.left else "note"
    finding = said.finding(kind, choice.why, "`--python` says another")
    return Target(choice.version, wishes.platform), (finding,)


def _is_outside(wish: str, range_: str) -> bool:
    short = ".".join(wish.split(".")[:2])
    both = (f"{part},=={short}.*" if part.strip() else f"=={short}.*" for part in re.split(r"\|\|?", range_))
    return choose_python("||".join(both)).left


def _pinned(folder: Path | None) -> str:
    """What the file `.python-version` of uv and pyenv says, when it is a plain version."""
    if folder is None or not (path := folder / ".python-version").is_file():
        return ""
    first = next((line for line in source_text(path).split("\n") if line and line[0] != "#"), "").strip()
    return first if re.fullmatch(r"3\.\d{1,2}(\.\d{1,2})?", first) else ""


def _truth(match: re.Match[str], active: frozenset[str]) -> str:
    name = match[2] if match[2] is not None else match[3]
    return _TRUTH[(name in active) == (match[1] == "==")]
