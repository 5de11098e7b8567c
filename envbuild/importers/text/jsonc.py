"""JSON with comments and trailing commas, as editors take it → a `Place` with lines. Reads one file."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING

from envbuild.importers.text.places import Place
from envbuild.importers.text.sources import refused, shown_path, source_text
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.errors import SpecError
    from envbuild.spec.model import KeyPath

_MOST = 1_000_000
_MAX_DEPTH = 50
_SPACE = re.compile(r"(?:\s+|//[^\n]*|/\*.*?\*/)+", re.DOTALL)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d{0,300})(?:\.\d{1,300})?(?:[eE][-+]?\d{1,3})?")
_WORDS = {"true": True, "false": False, "null": None}
_AGAIN = "correct it"
_STRINGS = JSONDecoder()


def jsonc_of(path: Path) -> Place:
    """The document in the file at `path`. Raises SpecError."""
    file, text = shown_path(path), source_text(path, limit=_MOST)
    reader = _Reader(file, text)
    value = reader.document()
    return Place(file, value, (), reader.lines)


@dataclass(slots=True)
class _Reader:
    """at: the next character; lines: the line (from 1) of each key path."""

    file: str
    text: str
    at: int = 0
    lines: dict[KeyPath, int] = field(default_factory=dict)
    _counted: tuple[int, int] = (0, 1)

    def document(self) -> object:
        if not _SPACE.sub("", self.text):
            raise refused(self.file, "is empty", "name a file that says something")
        value = self._value((), 0)
        self._space()
        if self.at < len(self.text):
            raise self._error(f"{shown(self.text[self.at])} stands behind the end of the value")
        return value

    def _space(self) -> str:
        """Skip blanks and comments; returns the next character, "" at the end."""
        if match := _SPACE.match(self.text, self.at):
            self.at = match.end()
        return self.text[self.at : self.at + 1]

    def _line(self) -> int:
        at, line = self._counted
        line += self.text.count("\n", at, self.at)
        self._counted = (self.at, line)
        return line

    def _error(self, what: str) -> SpecError:
        return refused(self.file, f"is not valid JSON: {what}", _AGAIN, line=self._line())

    def _value(self, path: KeyPath, depth: int) -> object:
        sign = self._space()
        self.lines.setdefault(path, self._line())
        if depth > _MAX_DEPTH:
            raise self._error(f"values are nested deeper than {_MAX_DEPTH} levels")
        if sign == "{":
            return self._object(path, depth)
        if sign == "[":
            return self._array(path, depth)
        if sign == '"':
            return self._string()
        for word, value in _WORDS.items():
            if self.text.startswith(word, self.at):
                self.at += len(word)
                return value
        if match := _NUMBER.match(self.text, self.at):
            self.at = match.end()
            return float(match[0]) if re.search("[.eE]", match[0]) else int(match[0])
        raise self._error(f"{shown(sign)} where a value belongs" if sign else "it ends where a value belongs")

    def _object(self, path: KeyPath, depth: int) -> dict[str, object]:
        found: dict[str, object] = {}
        self.at += 1
        while (sign := self._space()) != "}":
            if sign != '"':
                raise self._error(f"{shown(sign)} where a key belongs" if sign else "a `{` is never closed")
            line = self._line()
            key = self._string()
            if self._space() != ":":
                raise self._error(f"no colon behind the key {shown(key)}")
            self.at += 1
            self.lines[*path, key] = line
            found[key] = self._value((*path, key), depth + 1)
            self._comma("}")
        self.at += 1
        return found

    def _array(self, path: KeyPath, depth: int) -> list[object]:
        found: list[object] = []
        self.at += 1
        while (sign := self._space()) != "]":
            if not sign:
                raise self._error("a `[` is never closed")
            found.append(self._value((*path, len(found)), depth + 1))
            self._comma("]")
        self.at += 1
        return found

    def _comma(self, end: str) -> None:
        """A comma, or nothing before `end`; a comma may stand before it, too."""
        sign = self._space()
        if sign == ",":
            self.at += 1
        elif sign != end:
            raise self._error(
                f"a comma or `{end}` is missing" if sign else f"a `{end}` is missing at the end"
            )

    def _string(self) -> str:
        try:
            text, self.at = _STRINGS.raw_decode(self.text, self.at)
        except JSONDecodeError as error:
            raise self._error(
                error.msg[:1].lower() + error.msg[1:].removesuffix(" starting at").removesuffix(" at")
            ) from error
        return str(text)
