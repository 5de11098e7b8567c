"""Which Python a spec names, from what a source says: a version, a range, or nothing. Pure.

Ranges are taken as pip, poetry and conda write them: `>=3.10,<3.13`, `^3.11`, `~3.11`, `3.10.*`, `3.9|3.10`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.spec import grammar
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.importers.model import Entry

PREFERRED = "3.12"
"""What `envbuild init` writes; in a range, the newest up to this one, else the oldest above."""
_OLDEST, _NEWEST = 6, 19
_LATE = 99  # a patch release later than any

_EXACT = re.compile(r"\s*=?=?=?\s*[vV]?(\d+\.\d+(?:\.\d+)?)(?:\.?\*)?\s*")
_CLAUSE = re.compile(
    r"(?P<op>===|==|!=|>=|<=|~=|=|>|<|~|\^)?\s*[vV]?(?P<version>\d+(?:\.\d+)*)(?:[a-z]+\d*)?(?P<star>\.?\*)?"
)
_PIN = re.compile(
    r"(torch|tensorflow|tensorflow-gpu|tensorflow-cpu)\s*(?:\[[^\]]*\])?\s*={2,3}\s*([0-9][0-9.]*)",
    re.IGNORECASE,
)
_WHEEL = re.compile(
    r"https?://\S+/([A-Za-z0-9_.]+)-[^-/\s]+-cp3(\d+)-(?:cp3\d+|none)-[^-/\s]+\.whl", re.IGNORECASE
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """The version that the spec names, and why it is this one; `why` is "" where the source says it so.

    left   whether what the source says could not be carried at all
    """

    version: str
    why: str = ""
    left: bool = False


def choose_python(said: str, pip: Iterable[Entry] = ()) -> Choice:
    """The Python for a source that says `said` ("": nothing); packages pinned in `pip` may bound it."""
    said = " ".join(said.split())
    if found := _EXACT.fullmatch(said):
        return _exact(found[1])
    if said and _alternatives(said) is None:
        return Choice(version=PREFERRED, why=f"{said!r} is no version of Python that can be read", left=True)
    served, package = _served(pip)
    inside = [minor for minor in range(_OLDEST, _NEWEST + 1) if _holds(said, minor)]
    both = [minor for minor in inside if not served or f"3.{minor}" in served]
    if not inside:
        return Choice(version=PREFERRED, why=f"Python {said} is not supported: 3.6 or later is", left=True)
    chosen = f"3.{_best(both or inside)}"
    reason = (
        f", which {package} has builds for" if both and package and chosen != f"3.{_best(inside)}" else ""
    )
    if not said:
        return Choice(version=chosen, why=f"says no version of Python: {chosen} is written{reason}")
    return Choice(version=chosen, why=f"asks for Python {said}: {chosen} is written{reason}")


def _exact(version: str) -> Choice:
    try:
        return Choice(version=grammar.python(version))
    except Bad as bad:
        if version in {"3.1", "3.2"}:
            # A tool that reads YAML numbers turns 3.10 into 3.1
            return Choice(version=f"{version}0", why=f"Python {version} is read as {version}0")
        return Choice(version=PREFERRED, why=bad.what, left=True)


def _best(minors: list[int]) -> int:
    limit = int(PREFERRED.partition(".")[2])
    below = [minor for minor in minors if minor <= limit]
    return max(below) if below else min(minors)


def _alternatives(said: str) -> list[list[re.Match[str]]] | None:
    """The range as alternatives of clauses; None when it is none."""
    found: list[list[re.Match[str]]] = []
    for part in re.split(r"\|\|?", said):
        words = [word.strip() for word in re.split(r",|(?<=[0-9*]) +(?=[<>=!~^])", part) if word.strip()]
        clauses = [_CLAUSE.fullmatch(word) for word in words if word != "*"]
        kept = [clause for clause in clauses if clause is not None]
        if len(kept) != len(clauses):
            return None
        found.append(kept)
    return found


def _holds(said: str, minor: int) -> bool:
    """Whether some release of 3.`minor` lies in the range."""
    if not said:
        return True
    return any(
        any(all(_meets(clause, (3, minor, patch)) for clause in clauses) for patch in (_LATE, *range(20)))
        for clauses in _alternatives(said) or ()
    )


def _meets(clause: re.Match[str], version: tuple[int, int, int]) -> bool:
    parts = tuple(int(part[:6]) for part in clause["version"].split("."))[:3]
    op, near = clause["op"] or "=", version[: len(parts)]
    padded = (*parts, 0, 0)[:3]
    match op:
        case "=" | "==" | "===":
            return near == parts
        case "!=":
            return near != parts if clause["star"] or len(parts) == 3 else version != padded
        case ">=":
            return version >= padded
        case "<":
            return version < padded
        case ">":
            return version > padded if len(parts) == 3 else near > parts
        case "<=":
            return version <= padded
        case "^":
            return version >= padded and version[0] == parts[0]
        case "~":
            return version >= padded and version[: min(2, len(parts))] == parts[:2]
    return version >= padded and version[: max(1, len(parts) - 1)] == parts[: max(1, len(parts) - 1)]  # ~=


def _served(pip: Iterable[Entry]) -> tuple[frozenset[str], str]:
    """The Pythons that a wheel named by its address, or a pinned torch or tensorflow, is for, and its name.

    Empty: nothing is known, or wheels for several Pythons are named.
    """
    entries = list(pip)
    wheels = [found for entry in entries if ";" not in entry.text and (found := _WHEEL.search(entry.text))]
    if len({found[2] for found in wheels}) == 1:
        return frozenset({f"3.{wheels[0][2]}"}), f"the wheel of {wheels[0][1]}"
    for entry in entries:
        if found := _PIN.match(entry.text.strip()):
            pythons = _wheels(found[1].lower(), found[2].rstrip("."))
            if pythons:
                return frozenset(pythons), f"{found[1]} {found[2]}"
    return frozenset(), ""


def _wheels(package: str, version: str) -> tuple[str, ...]:
    if package == "torch":
        from envbuild.facts.torch import torch_release

        release = torch_release(version)
        return release.pythons if release else ()
    from envbuild.facts.tensorflow import tensorflow_release

    row = tensorflow_release(version)
    if row is None:
        return ()
    return row.gpu_pythons if package == "tensorflow-gpu" else row.pythons
