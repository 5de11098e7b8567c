"""Conda packages that a spec can hold one by one, made such that it can hold them together. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.model import Entry, Finding
from envbuild.spec.conda import DEFAULT_CHANNELS, conda_problems
from envbuild.spec.matchspec import parse_match

if TYPE_CHECKING:
    from collections.abc import Sequence


def fit_together(
    channels: Sequence[Entry], packages: Sequence[Entry], python: str
) -> tuple[tuple[Entry, ...], tuple[Entry, ...], tuple[Finding, ...]]:
    """Channels and packages without what a spec refuses of them together, and findings.

    A channel that a package names (`bioconda::samtools`) is added; a package that is named twice in different
    ways, or contradicts `python`, is left.
    """
    more = list(channels)
    named = {entry.text for entry in channels} or set(DEFAULT_CHANNELS)
    findings: list[Finding] = []
    for entry in packages:
        channel = parse_match(entry.text).channel or ""
        if channel and channel not in named:
            more = more or [Entry(text=each) for each in DEFAULT_CHANNELS]
            named.add(channel)
            more.append(Entry(text=channel, file=entry.file, line=entry.line, key=entry.key))
            what = f"the channel {channel} is added, as {entry.text} names it"
            findings.append(Finding(kind="note", file=entry.file, line=entry.line, key=entry.key, what=what))
    document = {"channels": [entry.text for entry in more], "packages": [entry.text for entry in packages]}
    refused: dict[int, tuple[str, str]] = {}
    for path, what, todo in conda_problems(document, python):
        if isinstance(path[-1], int):
            refused.setdefault(path[-1], (what, todo))
    for index, (what, todo) in refused.items():
        entry = packages[index]
        findings.append(
            Finding(kind="left", file=entry.file, line=entry.line, key=entry.key, what=what, todo=todo)
        )
    kept = tuple(entry for index, entry in enumerate(packages) if index not in refused)
    return tuple(more), kept, tuple(findings)
