"""Where things stand in a TOML file that parses: text → line and comments of each key path. Pure.

tomllib tells no positions. This reads tables, `key = value` lines and the items of lists that have a line of
their own; what shares a line with something else has that line's number by its nearest parent.
"""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.spec.model import KeyPath

_HEADER = re.compile(r"\s*(\[\[?)\s*(.*?)\s*(\]\]?)\s*(#.*)?$")
_WORD = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_WORD}(?:\s*\.\s*{_WORD})*)\s*=")
_PART = re.compile(_WORD)
_TOKEN = re.compile(r'''"""|\'\'\'|"(?:[^"\\]|\\.)*"|'[^']*'|[\[\]{}]|#.*''')


@dataclass(slots=True)
class Comments:
    """The comments around each key path, without `#` and the blank after it."""

    above: dict[KeyPath, tuple[str, ...]] = field(default_factory=dict)
    behind: dict[KeyPath, str] = field(default_factory=dict)
    head: tuple[str, ...] = ()


def toml_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table and of every key that begins a line."""
    return _scan(text, None)


def toml_comments(text: str) -> Comments:
    """The comments of tables and of keys that begin a line; `head` are those before the first of them."""
    found = Comments()
    _scan(text, found)
    return found


def _scan(text: str, comments: Comments | None) -> dict[KeyPath, int]:
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    depth, quote = 0, ""
    above: list[str] = []
    for number, raw in enumerate(text.split("\n"), start=1):
        path: KeyPath | None = None
        if not depth and not quote:
            stripped = raw.strip()
            if not stripped or stripped[0] == "#":
                if comments is not None:
                    _aside(stripped, above, comments, not lines)
                continue
            if stripped[0] == "[" and (header := _HEADER.match(raw)):
                path = table = _table(header[2], header[1] == "[[", counts)
            elif key := _KEY.match(raw):
                path = (*table, *_parts(key[1]))
            if path is not None:
                lines.setdefault(path, number)
            if path is not None and path == table:
                behind = header[4] if header else ""
            else:
                depth, quote, behind = _after(raw, depth, quote)
        else:
            depth, quote, behind = _after(raw, depth, quote)
            continue
        if comments is not None and path is not None:
            if above:
                comments.above[path] = tuple(above)
            if behind:
                comments.behind[path] = behind.lstrip("#").strip()
        above = []
    return lines


def _aside(stripped: str, above: list[str], comments: Comments, first: bool) -> None:
    """A comment line or an empty one: empty lines part the head of the file from what follows."""
    if stripped:
        above.append(stripped.lstrip("#").strip())
    elif first and above and not comments.head:
        comments.head = tuple(above)
        above.clear()


def _table(text: str, many: bool, counts: dict[KeyPath, int]) -> KeyPath:
    path: KeyPath = ()
    parts = _parts(text)
    for index, part in enumerate(parts):
        path = (*path, part)
        last = index == len(parts) - 1
        if last and many:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path


def _parts(text: str) -> tuple[str, ...]:
    return tuple(_plain(part) for part in _PART.findall(text))


def _plain(part: str) -> str:
    if part[0] not in "\"'":
        return part
    if "\\" not in part or part[0] == "'":
        return part[1:-1]
    try:
        value: str = tomllib.loads(f"x = {part}")["x"]
    except ValueError:  # not a key at all: a line of something that was taken for one
        return part
    return value


def _after(raw: str, depth: int, quote: str) -> tuple[int, str, str]:
    """Open brackets, an open long string, and the comment at the end, once line `raw` is read."""
    position = 0
    while position < len(raw):
        if quote:
            end = raw.find(quote, position)
            if end < 0:
                return depth, quote, ""
            position, quote = end + 3, ""
            continue
        token = _TOKEN.search(raw, position)
        if not token:
            break
        position = token.end()
        if token[0].startswith("#"):
            return depth, quote, token[0] if not depth else ""
        if token[0] in {'"""', "'''"}:
            quote = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return depth, quote, ""
