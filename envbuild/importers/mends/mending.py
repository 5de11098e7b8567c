"""A draft under repair, and what the mends need to know of conda's wishes. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from envbuild.facts.tables import table
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.spec.matchspec import Match, parse_match
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.importers.model import Kind

_CLAUSE = re.compile(r"(==|=|<=|<|~=|>=|>|!=)?(\d+(?:\.\d+)*)(\.?\*)?[0-9A-Za-z.]*")


@dataclass(slots=True)
class Mending:
    """The parts of a draft that mends touch."""

    place: str
    channels: list[Entry]
    conda: list[Entry]
    pip: list[Entry]
    cuda: str
    base: str
    torch_backend: str
    findings: list[Finding] = field(default_factory=list)

    @classmethod
    def of(cls, draft: Draft) -> Mending:
        """The draft, taken apart."""
        return cls(
            place=draft.place,
            channels=list(draft.channels),
            conda=list(draft.conda),
            pip=list(draft.pip),
            cuda=draft.cuda,
            base=draft.base,
            torch_backend=draft.torch_backend,
        )

    def say(self, kind: Kind, entry: Entry | None, what: str, todo: str = "") -> None:
        """A finding at the place of `entry`."""
        file, line, key = (entry.file, entry.line, entry.key) if entry else ("", 0, "")
        self.findings.append(
            Finding(kind=kind, file=file or self.place, line=line, key=key, what=what, todo=todo)
        )

    def named(self, *names: str) -> list[tuple[Entry, Match]]:
        """The conda packages of these names."""
        found = ((entry, match_of(entry)) for entry in self.conda)
        return [(entry, match) for entry, match in found if match is not None and match.name in names]

    def rewrite(self, change: Callable[[Entry], Entry | None]) -> None:
        """Every conda package by `change`; None leaves it out."""
        self.conda = [found for entry in self.conda if (found := change(entry)) is not None]


def match_of(entry: Entry) -> Match | None:
    """The entry as a MatchSpec; None when it is none."""
    try:
        return parse_match(entry.text)
    except Bad:
        return None


def facts(kind: str) -> dict[str, Any]:
    """The rows about `conda` or `pip`."""
    rows: dict[str, Any] = table("dead_ends")[kind]
    return rows


def is_below(version: str, first: str) -> bool:
    """Whether a wish (`=2.1`, `<2.6`, `>=1,<2`) allows no release from `first` on; False for none."""
    limit = _numbers(first)
    if not version or "|" in version:
        return False
    for part in version.split(","):
        found = _CLAUSE.fullmatch(part.strip())
        if found and _ends_before(found[1] or "=", _numbers(found[2]), limit):
            return True
    return False


def _ends_before(op: str, numbers: tuple[int, ...], limit: tuple[int, ...]) -> bool:
    if op in {"=", "==", "~=", "<="}:
        return numbers < limit
    return op == "<" and numbers <= limit


def minor_version(version: str) -> str:
    """X.Y of a wish for one version (`=12.1`, `12.1.*`, `==12.1.105`); "" for a range or a lone major."""
    found = re.fullmatch(r"(?:==|=)?(\d+\.\d+)(?:\.\d+)*(?:\.?\*)?", version)
    return found[1] if found else ""


def without_channel(entry: Entry) -> Entry:
    """The entry without `channel::` before it."""
    return replace(entry, text=entry.text.rpartition("::")[2].strip())


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part[:9]) for part in text.split("."))
