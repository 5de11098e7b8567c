"""How values and key paths are spelled in messages, and the one exception that the grammars raise. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.spec.model import KeyPath

_LONGEST = 60
_PLAIN_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class Bad(ValueError):  # noqa: N818  it never reaches a user: it becomes a Problem
    """A value that breaks its grammar. `what` is wrong, `todo` says what to write; either is one line."""

    def __init__(self, what: str, todo: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.todo = todo


def shown(text: str) -> str:
    """`text` in quotes for a message: one line, control characters escaped, shortened when long."""
    return repr(text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…")


def dotted(path: KeyPath) -> str:
    """A key path as a user would say it: `pip.packages[2]`."""
    said = ""
    for part in path:
        if isinstance(part, int):
            said += f"[{part}]"
        elif _PLAIN_KEY.fullmatch(part):
            said += f".{part}" if said else part
        else:
            said += f"[{shown(part)}]"
    return said


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """The known word nearest to `word`, if any is near."""
    from difflib import get_close_matches

    near = get_close_matches(word.lower().replace("-", "_"), list(known), n=1, cutoff=0.7)
    return near[0] if near else None
