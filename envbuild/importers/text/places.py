"""A value in a parsed file, with where it stands: typed access that says what is wrong, and where. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.importers.model import Finding
from envbuild.spec.words import dotted, shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.importers.model import Kind
    from envbuild.spec.model import KeyPath

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAMES = {
    dict: "a table",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
}


class Table(dict[str, object]):
    """A mapping that knows the line (from 1) where it begins."""

    __slots__ = ("line",)
    line: int


@dataclass(frozen=True, slots=True)
class Place:
    """A value and where it stands.

    file   as messages call it
    path   the keys that lead to it
    lines  line (from 1) of the key paths that are known
    start  line of the nearest table around it, for files whose tables know theirs
    """

    file: str
    value: object
    path: KeyPath = ()
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    start: int = 0

    @property
    def key(self) -> str:
        """The key path as people write it: `package[3].source`."""
        return dotted(self.path)

    @property
    def line(self) -> int:
        """Its line, or that of what is around it; 0 unknown."""
        if isinstance(self.value, Table):
            return self.value.line
        if self.lines:
            for end in range(len(self.path), 0, -1):
                if found := self.lines.get(self.path[:end]):
                    return found
        return self.start

    def __bool__(self) -> bool:
        """Whether there is anything but emptiness."""
        return self.value is not None and self.value not in ("", [], {})

    def __contains__(self, key: str) -> bool:
        return isinstance(self.value, dict) and self.value.get(key) is not None

    def error(self, what: str, todo: str = "") -> SpecError:
        """A SpecError that points here."""
        return SpecError([Problem(file=self.file, line=self.line, path=self.key, what=what, todo=todo)])

    def finding(self, kind: Kind, what: str, todo: str = "") -> Finding:
        """A finding that points here."""
        return Finding(kind=kind, file=self.file, line=self.line, key=self.key, what=what, todo=todo)

    def at(self, key: str | int) -> Place:
        """What lies under `key`; its value is None when there is nothing."""
        value = self.value
        found: object = None
        if isinstance(value, dict):
            found = value.get(key)
        elif isinstance(value, list) and isinstance(key, int) and 0 <= key < len(value):
            found = value[key]
        start = value.line if isinstance(value, Table) else self.start
        return Place(self.file, found, (*self.path, key), self.lines, start)

    def table(self, key: str) -> Place:
        """The table under `key`, an empty one when there is none. SpecError when it is something else."""
        found = self.at(key)
        if found.value is None:
            return Place(found.file, {}, found.path, found.lines, found.start)
        return found.as_table()

    def as_table(self) -> Place:
        """Itself. SpecError when it is no table."""
        if not isinstance(self.value, dict):
            raise self.wrong("a table")
        return self

    def items(self) -> Iterator[tuple[str, Place]]:
        """The pairs of a table, in order. SpecError when it is none, or a key holds a control character."""
        self.as_table()
        if isinstance(self.value, dict):
            for key in self.value:
                if _CONTROL.search(key):
                    raise self.error(f"the key {shown(key)} holds a control character", "remove it")
                yield key, self.at(key)

    def every(self, key: str) -> list[Place]:
        """The items of the list under `key`, () when there is none. SpecError when it is something else."""
        return self.at(key).as_list()

    def as_list(self) -> list[Place]:
        """Its own items. SpecError when it is neither a list nor nothing."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return [self.at(index) for index in range(len(self.value))]

    def rows(self, key: str) -> list[Place]:
        """The tables in the list under `key`. SpecError when it is something else, or holds other things."""
        return self.at(key).as_rows()

    def as_rows(self) -> list[Place]:
        """Its own items, which are tables. SpecError when it is neither a list of tables nor nothing."""
        return [item.as_table() for item in self.as_list()]

    def text(self, key: str, default: str = "") -> str:
        """The text under `key`, of one line. SpecError when it is something else."""
        found = self.at(key)
        return default if found.value is None else found.as_text()

    def as_text(self) -> str:
        """Itself, a text of one line. SpecError when it is something else."""
        if not isinstance(self.value, str):
            raise self.wrong("a text")
        if bad := _CONTROL.search(self.value):
            raise self.error(f"holds the control character {shown(bad[0])}", "remove it")
        return self.value

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts in the list under `key`."""
        return tuple(item.as_text() for item in self.every(key))

    def needed(self, key: str) -> str:
        """The text under `key`, which must be there and not empty."""
        if not (found := self.text(key).strip()):
            raise self.error(f"has no {key}", "let its tool write the file again")
        return found

    def yes(self, key: str) -> bool:
        """Whether `key` is true, in TOML, JSON or YAML."""
        value = self.at(key).value
        if value is None or isinstance(value, bool):
            return bool(value)
        if isinstance(value, str) and value.lower() in {"true", "false"}:
            return value.lower() == "true"
        raise self.at(key).wrong("true or false")

    def number(self, key: str) -> int:
        """The whole number under `key`, 0 when there is none."""
        value = self.at(key).value
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, str) and re.fullmatch("[0-9]{1,9}", value):
            return int(value)
        raise self.at(key).wrong("a whole number")

    def wrong(self, wanted: str) -> SpecError:
        """A SpecError that says what stands here, and what belongs here."""
        said = "nothing" if self.value is None else _NAMES.get(type(self.value), "something else")
        said = "a table" if isinstance(self.value, dict) else said
        return self.error(f"is {said}, where {wanted} belongs", "correct it, or let its tool write it again")
