"""Strict YAML: bytes → `Document`, plain dicts, lists and text with the line of each key path. Pure.

Scalars stay as written (`3.10` is "3.10", `no` is "no"); only a missing value, `~` and `null` are None. The
model gives text its type. What makes YAML surprising or dangerous is refused: tabs, tags, duplicate keys,
several documents, deep nesting, aliases that multiply. Built on libyaml's event stream, so that nothing is
constructed that was not asked for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import yaml

from envbuild.errors import Problem, SpecError
from envbuild.spec.reading import MAX_BYTES
from envbuild.spec.words import dotted, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.spec.model import KeyPath

MAX_DEPTH = 20
MAX_NODES = 20_000
"""Values in a file with all aliases written out: a long spec has some hundreds."""

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"

# What YAML allows, less the line ends that editors do not count (NEL, LS, PS)
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SPLIT_LINE = re.compile("\r\n|\r|\n")
_NOTHING = frozenset({"", "~", "null", "Null", "NULL"})
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # PyYAML can be built without libyaml

_TAB = ("a tab is used where spaces belong", "indent with spaces")
_TOO_MANY = (f"the file holds more than {MAX_NODES} values, aliases written out", "a spec needs far fewer")
_TOO_DEEP = (f"values are nested deeper than {MAX_DEPTH} levels", "a spec needs far fewer")
_SCANNER_WORDS = {
    "found a tab character that violates indentation": _TAB,
    "found a tab character where an indentation space is expected": _TAB,
    "mapping values are not allowed in this context": (
        "a second `: ` on one line",
        "put the value in quotes, or begin a new line",
    ),
}
_BRACKETS = {"while parsing a flow sequence": ("[", "]"), "while parsing a flow mapping": ("{", "}")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A file's content.

    `lines` has the line (from 1) of every key path; `problems` what is wrong but can be read.
    """

    value: Value
    lines: dict[KeyPath, int]
    problems: tuple[Problem, ...] = ()


@dataclass(slots=True)
class _Node:
    """A value before aliases are written out: text, None, a list of nodes, or the pairs of a mapping."""

    line: int
    value: str | list[_Node] | list[_Pair] | None
    mapping: bool = False


@dataclass(slots=True)
class _Pair:
    key: str
    line: int
    node: _Node
    merge: bool = False


def read_yaml(data: bytes, file: str) -> Document:
    """Read one YAML document; `file` is how messages call it.

    Raises SpecError with one problem when the bytes are no single, plain YAML document. Duplicate keys are
    collected in the result instead, so that they can be shown together with what the model finds.
    """
    text = decode(data, file)
    for number, line in enumerate(_SPLIT_LINE.split(text), start=1):
        if line.startswith("\t"):
            raise _error(file, number, *_TAB)
    composer = _Composer(file, yaml.parse(text, Loader=_LOADER))
    try:
        root = composer.document()
    except yaml.MarkedYAMLError as error:
        raise _explain(error, text, file) from error
    except yaml.YAMLError as error:
        raise _error(file, 0, f"is not YAML: {str(error).splitlines()[0]}") from error
    if root is None or root.value is None:
        raise _error(file, 0, "is empty", "`envbuild init` writes a spec to start from")
    unfolder = _Unfolder(file)
    value = unfolder.unfold(root, ())
    return Document(value=value, lines=unfolder.lines, problems=tuple(dict.fromkeys(unfolder.problems)))


def decode(data: bytes, file: str) -> str:
    """The text of a UTF-8 file of at most 1 MB, without byte order mark; SpecError otherwise."""
    if len(data) > MAX_BYTES:
        raise _error(file, 0, "is larger than 1 MB", "name a text file written by hand")
    if b"\0" in data:
        raise _error(file, _line_at(data, data.index(b"\0")), "is a binary file", "name a UTF-8 text file")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        byte = f"byte 0x{error.object[error.start]:02x}"
        line = _line_at(data, error.start)
        raise _error(file, line, f"is not UTF-8 text: {byte}", "save the file as UTF-8") from error
    if bad := _UNPRINTABLE.search(text):
        line = _line_at(data, len(text[: bad.start()].encode()))
        raise _error(file, line, f"holds the control character {shown(bad[0])}", "remove it")
    return text


def _line_at(data: bytes, offset: int) -> int:
    return data.count(b"\n", 0, offset) + 1


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 0


def _error(file: str, line: int, what: str, todo: str = "", path: str = "") -> SpecError:
    return SpecError([Problem(file=file, line=line, path=path, what=what, todo=todo)])


def _explain(error: yaml.MarkedYAMLError, text: str, file: str) -> SpecError:
    """libyaml's complaint in the words of someone who writes the file."""
    mark = error.problem_mark or error.context_mark
    rows = _SPLIT_LINE.split(text.rstrip())
    line = min(mark.line + 1, len(rows)) if mark else 0  # the end of the text counts as a line of its own
    problem = error.problem or error.context or "unreadable"
    if problem in _SCANNER_WORDS:
        return _error(file, line, *_SCANNER_WORDS[problem])
    if problem == "found character that cannot start any token" and mark:
        character = rows[line - 1][mark.column : mark.column + 1]
        if character == "\t":
            return _error(file, line, *_TAB)
        return _error(file, line, f"a value cannot start with {shown(character)}", "put it in quotes")
    if (
        error.context == "while scanning a quoted scalar"
        and "end of stream" in problem
        and error.context_mark
    ):
        return _error(file, error.context_mark.line + 1, "a quote is opened and never closed", "close it")
    if error.context in _BRACKETS and error.context_mark:
        opened, closed = _BRACKETS[error.context]
        what = f"a comma or `{closed}` is missing after the `{opened}` that opens here"
        return _error(file, error.context_mark.line + 1, what, "add it")
    return _error(file, line, f"is not valid YAML: {problem}", "look at indentation and quotes around here")


class _Composer:
    """Events → nodes. Aliases point at the node they name, so the result is small whatever the aliases do."""

    def __init__(self, file: str, events: Iterator[yaml.Event]) -> None:
        self._file = file
        self._events = events
        self._anchors: dict[str, _Node] = {}
        self._count = 0

    def document(self) -> _Node | None:
        """The one document of the stream; None when there is none."""
        root: _Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    raise _error(
                        self._file, _line(event), "a second document begins", "keep one document in the file"
                    )
                root = self._node(next(self._events), 0)
        return root

    def _node(self, event: yaml.Event, depth: int) -> _Node:
        line = _line(event)
        self._count += 1
        if self._count > MAX_NODES:
            raise _error(self._file, line, *_TOO_MANY)
        if depth > MAX_DEPTH:
            raise _error(self._file, line, *_TOO_DEEP)
        if isinstance(event, yaml.AliasEvent):
            if event.anchor not in self._anchors:
                what = f"the alias *{event.anchor} has no anchor &{event.anchor} before it"
                raise _error(self._file, line, what, "define the anchor first")
            named = self._anchors[event.anchor]
            return _Node(line, named.value, named.mapping)
        if tag := getattr(event, "tag", None):
            raise _error(self._file, line, f"the tag {shown(tag)} is not used here", "write the plain value")
        node = self._content(event, line, depth)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = node
        return node

    def _content(self, event: yaml.Event, line: int, depth: int) -> _Node:
        if isinstance(event, yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            return _Node(line, None if plain and event.value in _NOTHING else event.value)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(inner := next(self._events), yaml.SequenceEndEvent):
                items.append(self._node(inner, depth + 1))
            return _Node(line, items)
        pairs = []
        while not isinstance(inner := next(self._events), yaml.MappingEndEvent):
            pairs.append(self._pair(inner, depth))
        return _Node(line, pairs, mapping=True)

    def _pair(self, event: yaml.Event, depth: int) -> _Pair:
        key = self._node(event, depth + 1)
        if not isinstance(key.value, str):
            what = "a key is missing" if key.value is None else "a key is a list or a mapping"
            raise _error(self._file, key.line, what, "a key is one word of text before a colon")
        merge = key.value == "<<" and isinstance(event, yaml.ScalarEvent) and not event.style
        return _Pair(key.value, key.line, self._node(next(self._events), depth + 1), merge)


@dataclass(slots=True)
class _Unfolder:
    """Nodes → plain values, aliases and merge keys written out, with lines; counts what it writes."""

    file: str
    lines: dict[KeyPath, int] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    count: int = 0

    def unfold(self, node: _Node, path: KeyPath) -> Value:
        """The plain value of `node`, which stands at `path`."""
        self._spend(1, node.line)
        if len(path) > MAX_DEPTH:
            raise _error(self.file, node.line, *_TOO_DEEP)
        self.lines.setdefault(path, node.line)
        if not isinstance(node.value, list):
            return node.value
        if not node.mapping:
            return [self.unfold(item, (*path, index)) for index, item in enumerate(_nodes(node))]
        found: dict[str, Value] = {}
        for pair in self._pairs(node, path):
            self.lines[*path, pair.key] = pair.line
            found[pair.key] = self.unfold(pair.node, (*path, pair.key))
        return found

    def _spend(self, values: int, line: int) -> None:
        self.count += values
        if self.count > MAX_NODES:
            raise _error(self.file, line, *_TOO_MANY)

    def _pairs(self, node: _Node, path: KeyPath) -> list[_Pair]:
        """The pairs of a mapping in order, those of merged mappings after its own, which win."""
        own: dict[str, _Pair] = {}
        merged: list[_Pair] = []
        pairs = _own_pairs(node)
        self._spend(len(pairs), node.line)
        for pair in pairs:
            if pair.merge:
                merged += self._merged(pair, path)
            elif pair.key in own:
                what = f"the key is given twice, first in line {own[pair.key].line}"
                where = dotted((*path, pair.key))
                self.problems.append(
                    Problem(file=self.file, line=pair.line, path=where, what=what, todo="keep one of them")
                )
            else:
                own[pair.key] = pair
        for pair in merged:
            own.setdefault(pair.key, pair)
        return list(own.values())

    def _merged(self, pair: _Pair, path: KeyPath) -> list[_Pair]:
        """The pairs that `<<:` brings in; those mappings may merge others themselves."""
        if len(path) > MAX_DEPTH:
            raise _error(self.file, pair.line, *_TOO_DEEP)
        sources = (
            [pair.node] if pair.node.mapping or not isinstance(pair.node.value, list) else _nodes(pair.node)
        )
        found: list[_Pair] = []
        for source in sources:
            if not source.mapping:
                raise _error(
                    self.file, pair.line, "`<<` takes a mapping, or a list of them", "write the keys out"
                )
            found += self._pairs(source, (*path, "<<"))
        return found


def _nodes(node: _Node) -> list[_Node]:
    return [item for item in node.value or () if isinstance(item, _Node)]


def _own_pairs(node: _Node) -> list[_Pair]:
    return [item for item in node.value or () if isinstance(item, _Pair)]
