"""`conda:` as a whole: what its packages say together, and with `python:` and `channels`. Pure.

Each value was held to its grammar before; here are the problems that no value has alone. What pip may not
bring beside conda is no question here: only a solver knows what conda brings.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envbuild.spec.matchspec import parse_match
from envbuild.spec.words import Bad, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.spec.matchspec import Match
    from envbuild.spec.model import KeyPath

DEFAULT_CHANNELS = ("conda-forge",)
"""Where packages come from when the spec names no channel."""


def conda_problems(conda: object, python: object) -> Iterator[tuple[KeyPath, str, str]]:
    """(key path, what, todo) for each problem; looks at the plain document, values of the wrong kind are
    skipped.
    """
    packages = conda.get("packages") if isinstance(conda, dict) else None
    if not isinstance(conda, dict) or not isinstance(packages, list):
        return
    channels = conda.get("channels")
    given = [name for name in channels if isinstance(name, str)] if isinstance(channels, list) else []
    seen: dict[str, str] = {}
    for index, text in enumerate(packages):
        found = _match(text)
        if found is None:
            continue
        path: KeyPath = ("conda", "packages", index)
        before = seen.setdefault(found.name, text)
        if before is not text and parse_match(before) != found:
            what = f"{found.name} is named twice: {shown(before)} and {shown(text)}"
            yield path, what, "say it in one, such as name>=1,<2"
        if found.name == "python" and isinstance(python, str) and not agrees(found.version, python):
            yield path, f"{text.strip()} contradicts `python: {python}`", "leave it out: `python:` says it"
        if found.channel and found.channel not in (given or DEFAULT_CHANNELS):
            yield path, f"the channel {found.channel} is not among `conda.channels`", "add it there"


def agrees(version: str, python: str) -> bool:
    """Whether a MatchSpec's version leaves some release of Python `python` (X.Y or X.Y.Z); a version that is
    no PEP 440 one is the solver's to judge.
    """
    exact = re.fullmatch(r"(=|==)?([0-9.]+?)(\.?\*)?", version)
    if version in {"", "*", "=*"}:
        return True
    if exact:
        one, other = exact[2].split("."), python.split(".")
        short = min(len(one), len(other))
        return one[:short] == other[:short]
    from packaging.specifiers import InvalidSpecifier, SpecifierSet

    try:
        wishes = [
            SpecifierSet(re.sub(r"([<>]=?[0-9.]+?)\.\*", r"\1", part), prereleases=True)
            for part in version.split("|")
        ]
    except InvalidSpecifier:
        return True
    tried = [python] if python.count(".") == 2 else [f"{python}.{patch}" for patch in range(40)]
    return any(wish.contains(release) for wish in wishes for release in tried)


def _match(text: Any) -> Match | None:
    try:
        return parse_match(text) if isinstance(text, str) else None
    except Bad:
        return None
