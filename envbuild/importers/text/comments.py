"""Comments around the lines of a text: those above a line, the one behind it, and the head. Pure.

For formats whose comments begin with `#` after a blank: YAML, TOML, requirements files.
"""

from __future__ import annotations

import re

_NEWLINE = re.compile("\r\n|\r|\n")
_MOST_ABOVE = 12
_MOST_HEAD = 20
_TOOLS = re.compile(r"-\*-.*-\*-|(?:vim?|ex):|yaml-language-server|!|.*coding[:=]")


class Comments:
    """The comments of one text. Lines count from 1."""

    def __init__(self, text: str) -> None:
        self._lines = _NEWLINE.split(text)
        self._head = self._count_head()
        self._taken: set[int] = set()

    @property
    def head(self) -> tuple[str, ...]:
        """The comment at the top, when an empty line or the file's first key parts it from what follows."""
        said = [_plain(line) for line in self._lines[: self._head]]
        kept = [line for line in said if not _TOOLS.match(line)]
        return tuple(kept[:_MOST_HEAD]) if any(kept) else ()

    def above(self, line: int) -> tuple[str, ...]:
        """The comment lines directly above `line`, which belong to it."""
        first = line - 1
        self._taken.add(line)
        while first > self._head and self._is_comment(first - 1):
            first -= 1
        first = max(first, line - 1 - _MOST_ABOVE)
        self._taken.update(range(first + 1, line))
        return tuple(_plain(text) for text in self._lines[first : line - 1])

    def behind(self, line: int) -> str:
        """The comment at the end of `line`; "" when there is none."""
        if not 1 <= line <= len(self._lines):
            return ""
        raw = self._lines[line - 1]
        at = comment_start(raw)
        return _plain(raw[at:]) if at >= 0 else ""

    def around(self, line: int) -> tuple[tuple[str, ...], str]:
        """Both: those above, and the one behind."""
        return self.above(line), self.behind(line)

    def release(self, line: int) -> None:
        """The comments around `line` have no place in what is written after all."""
        self._taken -= set(range(line - len(self.above(line)), line + 1))

    def left(self) -> tuple[int, ...]:
        """The lines whose comments nobody asked for, in order; selectors and empty comments do not count."""
        found = []
        for number in range(self._head + 1, len(self._lines) + 1):
            said = self.behind(number)
            if number not in self._taken and said and not said.startswith("["):
                found.append(number)
        return tuple(found)

    def _is_comment(self, index: int) -> bool:
        return self._lines[index].lstrip().startswith("#")

    def _count_head(self) -> int:
        """How many lines the head has, counting the comment block that starts the file."""
        count = 0
        while count < len(self._lines) and self._is_comment(count):
            count += 1
        following = self._lines[count] if count < len(self._lines) else ""
        # Directly above an item of a list it belongs to that item, unless the list is the file itself
        return 0 if re.match(r"\s*-\s", following) else count


def comment_start(raw: str) -> int:
    """Where the comment in a line begins, or -1: a `#` at its start or after a blank, outside of quotes."""
    quote = ""
    for at, character in enumerate(raw):
        if quote:
            if character == quote:
                quote = ""
        elif character in "\"'" and (at == 0 or raw[at - 1] in " \t[{,:(="):
            quote = character
        elif character == "#" and (at == 0 or raw[at - 1] in " \t"):
            return at
    return -1


def _plain(text: str) -> str:
    return text.strip().lstrip("#").strip()


_TOKEN = re.compile(r""""(?:[^"\\]|\\.)*"|'[^']*'|[\[\]{}]|#.*""")


def list_lines(text: str, start: int) -> list[int]:
    """The line of each item of a TOML list that begins in line `start`, in order."""
    found: list[int] = []
    depth = 0
    rows = _NEWLINE.split(text)
    for number in range(start, len(rows) + 1):
        raw = rows[number - 1]
        at = raw.find("=") + 1 if number == start else 0
        for token in _TOKEN.finditer(raw, at):
            first = token[0][0]
            if first == "#":
                break
            if depth == 1 and first in "\"'{[":
                found.append(number)
            depth += (first in "[{") - (first in "]}")
        if depth <= 0:
            return found
    return found
