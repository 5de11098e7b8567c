"""What checks of a spec find, as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from envbuild.errors import Problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.gpu.asked import Asked
    from envbuild.spec.model import KeyPath, Spec

Level = Literal["error", "warning", "note"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that does not fit.

    rule     its name in facts/rules.py: `accept:` overrides it
    level    error: certain, it will not work; warning: it may not, or wastes; note: good to know
    problem  where, what, and in `todo` what to do
    subject  what it is about, to tell findings of one rule apart: a package, a target
    mends    the smallest changes of the spec that mend it, the first being the best; each was tried
    """

    rule: str
    level: Level
    problem: Problem
    subject: str = ""
    mends: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Two findings with one key are about the same thing."""
        return self.rule, self.subject


def at_key(spec: Spec, *path: str | int, what: str, todo: str = "") -> Problem:
    """A problem at a key of the spec, or at its nearest parent that the file has."""
    found: KeyPath = path
    while len(found) > 1 and found not in spec.source.lines:
        found = found[:-1]
    said = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in found).lstrip(".")
    line = spec.source.line(found)
    return Problem(file=str(spec.source.path), line=line, path=said, what=what, todo=todo)


def at_line(wish: Asked, *, what: str, todo: str = "") -> Problem:
    """A problem at a requirement."""
    line = wish.line
    return Problem(file=line.file, line=line.line, path=line.path, what=what, todo=todo)


def with_accepted(findings: Iterable[Finding], accepted: Iterable[str]) -> tuple[Finding, ...]:
    """Findings with the names of their rules, those of accepted ones a level lower; errors first."""
    names = frozenset(accepted)
    done = [_lowered(finding) if finding.rule in names else _named(finding) for finding in findings]
    order: tuple[Level, ...] = ("error", "warning", "note")
    return tuple(sorted(dict.fromkeys(done), key=lambda finding: order.index(finding.level)))


def _lowered(finding: Finding) -> Finding:
    lower: dict[Level, Level] = {"error": "warning", "warning": "note", "note": "note"}
    problem = replace(finding.problem, what=f"{finding.problem.what} (accepted: {finding.rule})", todo="")
    return replace(finding, level=lower[finding.level], problem=problem, mends=())


def _named(finding: Finding) -> Finding:
    """With the name that `accept:` takes, for what one may want to override."""
    if finding.level == "note":
        return finding
    problem = finding.problem
    return replace(finding, problem=replace(problem, what=f"{problem.what} [{finding.rule}]"))


def errors(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Those that stop."""
    return tuple(finding for finding in findings if finding.level == "error")
