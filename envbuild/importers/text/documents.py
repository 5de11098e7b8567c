"""Structured files of other tools → a `Place` to walk from: TOML, JSON and YAML, with lines. Reads one file.

YAML is built from libyaml's events (30 MB in some seconds; PyYAML's own constructor takes half a minute), and
its scalars stay as written: `3.10` is "3.10". What lets a parser construct or multiply things is refused.
"""

from __future__ import annotations

import json
import re
import tomllib
from typing import TYPE_CHECKING

from envbuild.importers.text.places import Place, Table
from envbuild.importers.text.sources import refused, shown_path, source_text
from envbuild.importers.text.toml_lines import toml_lines
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import yaml

    from envbuild.errors import SpecError

_MAX_DEPTH = 50
_CONFLICT = re.compile(r"^<{7} ", re.MULTILINE)
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_TOO_DEEP = ("values are nested too deeply", "no tool writes such a file: take it from version control again")
_AGAIN = "correct it, or let its tool write it again"


def toml_of(path: Path) -> Place:
    """The document in the TOML file at `path`. Raises SpecError."""
    file, text = _text(path)
    try:
        value = tomllib.loads(text)
    except RecursionError as error:
        raise refused(file, *_TOO_DEEP) from error
    except ValueError as error:  # TOMLDecodeError, and numbers of thousands of digits
        found = re.search(r"\(at line (\d+)", str(error))
        line = int(found[1]) if found else text.rstrip().count("\n") + 1
        what = re.sub(r" \(at .*\)$", "", str(error)).rstrip(".")
        said = f"is not valid TOML: {what[:1].lower()}{what[1:]}"
        raise refused(file, said, _AGAIN, line=line) from error
    return Place(file, value, (), toml_lines(text))


def json_of(path: Path) -> Place:
    """The document in the JSON file at `path`. Raises SpecError."""
    file, text = _text(path)
    try:
        value = json.loads(text)
    except RecursionError as error:
        raise refused(file, *_TOO_DEEP) from error
    except json.JSONDecodeError as error:
        said = f"is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise refused(file, said, _AGAIN, line=error.lineno) from error
    except ValueError as error:
        raise refused(file, "is not valid JSON: a number has too many digits", _AGAIN) from error
    return Place(file, value)


def yaml_of(path: Path) -> Place:
    """The one document in the YAML file at `path`; scalars are text, or None for null. Raises SpecError."""
    import yaml

    file, text = _text(path)
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML can be built without libyaml
    try:
        return Place(file, _Builder(file, iter(yaml.parse(text, Loader=loader))).document())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = min(mark.line, text.rstrip().count("\n")) + 1 if mark else 0
        said = f"is not valid YAML: {error.problem or error.context}"
        raise refused(file, said, _AGAIN, line=line) from error
    except yaml.YAMLError as error:
        said = f"is not valid YAML: {str(error).splitlines()[0]}"
        raise refused(file, said, _AGAIN) from error


def _text(path: Path) -> tuple[str, str]:
    """How messages call the file, and its text: no marks of a merge conflict in it."""
    file, text = shown_path(path), source_text(path)
    if mark := _CONFLICT.search(text):
        line = text.count("\n", 0, mark.start()) + 1
        what = "holds the marks of a merge conflict"
        raise refused(file, what, "take either side of it first", line=line)
    return file, text


class _Builder:
    """Events → tables, lists and text. An alias is the same object again, so it multiplies nothing."""

    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        import yaml

        self._file = file
        self._events = events
        self._anchors: dict[str, object] = {}
        self._kinds = yaml

    def document(self) -> object:
        """The value of the one document; None for an empty one."""
        value: object = None
        documents = 0
        for event in self._events:
            if isinstance(event, self._kinds.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    raise self._error(event, "a second document begins", "keep one document in the file")
                value = self._value(next(self._events), 0)
        return value

    def _value(self, event: yaml.Event, depth: int) -> object:
        if depth > _MAX_DEPTH:
            raise self._error(event, *_TOO_DEEP)
        if isinstance(event, self._kinds.AliasEvent):
            if event.anchor not in self._anchors:
                raise self._error(event, f"the alias *{event.anchor} has no anchor before it", "correct it")
            return self._anchors[event.anchor]
        if tag := getattr(event, "tag", None):
            raise self._error(event, f"the tag {shown(tag)} is not used here", "write the plain value")
        value: object
        if isinstance(event, self._kinds.ScalarEvent):
            value = None if not event.style and event.value in _NOTHING else event.value
        elif isinstance(event, self._kinds.SequenceStartEvent):
            items: list[object] = []
            while not isinstance(inner := next(self._events), self._kinds.SequenceEndEvent):
                items.append(self._value(inner, depth + 1))
            value = items
        else:
            value = self._table(event, depth)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = value
        return value

    def _table(self, event: yaml.Event, depth: int) -> Table:
        table = Table()
        table.line = event.start_mark.line + 1 if event.start_mark else 0
        while not isinstance(inner := next(self._events), self._kinds.MappingEndEvent):
            key = self._value(inner, depth + 1)
            if not isinstance(key, str):
                raise self._error(inner, "a key is no text", "a key is one word before a colon")
            if key == "<<":
                raise self._error(inner, "the merge key `<<` is not read here", "write the keys out")
            if key in table:
                raise self._error(inner, f"the key {shown(key)} is given twice", "keep one of them")
            table[key] = self._value(next(self._events), depth + 1)
        return table

    def _error(self, event: yaml.Event, what: str, todo: str) -> SpecError:
        line = event.start_mark.line + 1 if event.start_mark else 0
        return refused(self._file, what, todo, line=line)
