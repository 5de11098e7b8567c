"""Constraints put to the requirements that they bound: a spec has no list of bounds beside. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.model import Entry, Finding
from envbuild.spec.pep508 import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.requirements import Requirement


def applied(pip: Sequence[Entry], bounds: Sequence[Entry]) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
    """The requirements with the bounds joined to them, and a finding for every bound."""
    if not bounds:
        return tuple(pip), ()
    entries = list(pip)
    findings: list[Finding] = []
    left: list[Entry] = []
    for bound in bounds:
        wanted = _parsed(bound.text)
        hit = False
        for index, entry in enumerate(entries):
            own = _parsed(entry.text)
            if wanted is None or own is None or normalise(own.name) != normalise(wanted.name):
                continue
            if own.url or wanted.url or (wanted.marker and str(wanted.marker) != str(own.marker)):
                continue
            hit = True
            joined = _joined(own, wanted)
            if joined != entry.text:
                entries[index] = replace(entry, text=joined)
        if hit:
            findings.append(
                _finding("changed", bound, f"the constraint {bound.text} is joined to its package")
            )
        else:
            left.append(bound)
    return tuple(entries), (*findings, *_unused(left))


def _unused(left: list[Entry]) -> tuple[Finding, ...]:
    """One finding for the bounds of what is not asked for: a file of constraints has hundreds of them."""
    if not left:
        return ()
    names = ", ".join(bound.text for bound in left[:5])
    more = f" and {len(left) - 5} more" if len(left) > 5 else ""
    what = f"constraints bound packages that are not asked for by name: {names}{more}"
    todo = "write those that matter under `pip.packages`"
    return (_finding("left", left[0], what, todo),)


def _finding(kind: str, bound: Entry, what: str, todo: str = "") -> Finding:
    return Finding(
        kind="changed" if kind == "changed" else "left",
        file=bound.file,
        line=bound.line,
        what=what,
        todo=todo,
    )


def _parsed(text: str) -> Requirement | None:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        return Requirement(text)
    except InvalidRequirement:
        return None


def _joined(own: Requirement, bound: Requirement) -> str:
    """`own` with the clauses of `bound` behind its own ones, each once, in the order written."""
    clauses = [str(clause) for clause in own.specifier]
    clauses += [str(clause) for clause in bound.specifier if str(clause) not in clauses]
    ordered = sorted(clauses, key=lambda clause: (not clause.startswith((">", "~", "==")), clause))
    extras = f"[{','.join(sorted(own.extras))}]" if own.extras else ""
    marker = f" ; {own.marker}" if own.marker else ""
    return f"{own.name}{extras}{','.join(ordered)}{marker}"
