"""Shell text → its simple commands, as far as that can be told without running it. Pure.

Only `&&`, `;` and line ends between commands are taken apart. Whatever else joins commands (pipes, `||`,
loops, conditions, groups, heredocs) stays in one piece, as written.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_KEYWORDS = frozenset({"if", "for", "while", "until", "case", "select", "function", "{", "(", "!", "[["})
_ASSIGNED = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_VARIABLE = re.compile(
    r"\\\$|\$(?:(?P<plain>[A-Za-z_][A-Za-z0-9_]*)"
    r"|\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?:(?P<how>:?[-+])(?P<word>[^{}$]*))?\})"
)
_BLANK = re.compile(r"^(?:\s|\\\n)+|(?:\s|\\\n)+$")
_TOKEN = re.compile(
    r"""\\.|'[^']*'|"(?:\\.|[^"\\])*"|`[^`]*`|&&|;;|;|\n|<<<|<<|[(){}'"`]|(?<!\S)\#[^\n]*|[^\\'"`&;\n<(){}#]+|.""",
    re.DOTALL,
)
_UNTOLD = frozenset({"<<", ";;", "'", '"', "`"})
_OPEN = {"(": ")", "{": "}"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command: its text, its words (none where the shell would have to be asked), what stands before it.

    joined  `&&`, `;`, a line break, or "" for the first
    """

    text: str
    words: tuple[str, ...] = ()
    joined: str = ""


def commands(text: str) -> tuple[Command, ...]:
    """The commands of `text`; one opaque command where it holds more than a plain list of them."""
    pieces = _pieces(text)
    if pieces is None or any(piece.split(None, 1)[0] in _KEYWORDS for piece, _ in pieces):
        return (Command(text=text.strip()),) if text.strip() else ()
    return tuple(Command(text=piece, words=_words(piece), joined=joined) for piece, joined in pieces)


def _pieces(text: str) -> list[tuple[str, str]] | None:
    """Texts between top-level `&&`, `;` and line ends, with what joined each; None: cannot be told."""
    found: list[tuple[str, str]] = []
    depth: list[str] = []
    start, joined = 0, ""
    for match in _TOKEN.finditer(text):
        token = match[0]
        if token in _UNTOLD:
            return None
        if token in _OPEN:
            depth.append(_OPEN[token])
        elif depth:
            if token == depth[-1]:
                depth.pop()
        elif token in {"&&", ";", "\n"} or token.startswith("#"):
            if piece := _BLANK.sub("", text[start : match.start()]):
                found.append((piece, joined if found else ""))
            start, joined = match.end(), token if token[0] != "#" else joined
    if depth:
        return None
    if piece := _BLANK.sub("", text[start:]):
        found.append((piece, joined if found else ""))
    return found


def _words(text: str) -> tuple[str, ...]:
    """The words of a simple command without assignments before it; none where it is not simple."""
    lexer = shlex.shlex(text.replace("\\\n", " "), posix=True, punctuation_chars="|&<>();")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        return ()
    if any(word and set(word) <= set("|&();") for word in words):
        return ()
    for at, word in enumerate(words):
        if word and set(word) <= set("<>&"):  # `> /dev/null`, `2>&1`: what is printed is no matter here
            plain = words[:at]
            words = plain[:-1] if plain and plain[-1].isdigit() else plain
            break
    while words and (_ASSIGNED.match(words[0]) or words[0] == "sudo"):
        del words[0]
    return tuple(words)


def expanded(text: str, known: Mapping[str, str]) -> str:
    """`text` with `$NAME`, `${NAME}`, `${NAME:-word}` and `${NAME:+word}` replaced where NAME is known.

    Unknown names stay as written, but for those with a word of their own.
    """

    def value(match: re.Match[str]) -> str:
        name = match["plain"] or match["name"]
        if name is None:
            return "$"
        how, word = match["how"] or "", match["word"] or ""
        held = known.get(name)
        there = held is not None and (bool(held) or not how.startswith(":"))
        if how.endswith("-"):
            return held or "" if there else word
        if how.endswith("+"):
            return word if there else ""
        return match[0] if held is None else held

    return _VARIABLE.sub(value, text)
