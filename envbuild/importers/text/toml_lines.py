"""Where things stand in a TOML file that parses: text → the line of each key path. Pure.

tomllib tells no positions. This reads tables and `key = value` lines; what lies deeper has the line of the
nearest of them.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.spec.model import KeyPath

_HEADER = re.compile(r"\s*(\[\[?)\s*(.*?)\s*(\]\]?)\s*(#.*)?$")
_WORD = r"""(?:[A-Za-z0-9_-]+|"(?:[^"\\]|\\.)*"|'[^']*')"""
_KEY = re.compile(rf"\s*({_WORD}(?:\s*\.\s*{_WORD})*)\s*=")
_PART = re.compile(_WORD)
_TOKEN = re.compile(r'''"""|\'\'\'|"(?:[^"\\]|\\.)*"|'[^']*'|[\[\]{}]|#.*''')


def toml_lines(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table and of every key that begins a line."""
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    depth, quote = 0, ""
    for number, raw in enumerate(text.split("\n"), start=1):
        if depth or quote:
            depth, quote = _after(raw, depth, quote)
            continue
        stripped = raw.strip()
        if not stripped or stripped[0] == "#":
            continue
        if stripped[0] == "[" and (header := _HEADER.match(raw)):
            table = _table(header[2], header[1] == "[[", counts)
            lines.setdefault(table, number)
            continue
        if key := _KEY.match(raw):
            lines.setdefault((*table, *_parts(key[1])), number)
        depth, quote = _after(raw, depth, quote)
    return lines


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


def _after(raw: str, depth: int, quote: str) -> tuple[int, str]:
    """Open brackets and the open long string, once line `raw` is read."""
    position = 0
    while position < len(raw):
        if quote:
            end = raw.find(quote, position)
            if end < 0:
                return depth, quote
            position, quote = end + 3, ""
            continue
        token = _TOKEN.search(raw, position)
        if not token:
            break
        position = token.end()
        if token[0].startswith("#"):
            break
        if token[0] in {'"""', "'''"}:
            quote = token[0]
        elif token[0] in "[{":
            depth += 1
        elif token[0] in "]}":
            depth -= 1
    return depth, quote
