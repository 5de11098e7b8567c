r"""A Dockerfile's text → its instructions, with lines, flags and heredocs. Pure.

Continued lines of RUN keep their `\` and line break, which mean the same to a shell; others are joined.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

_DIRECTIVE = re.compile(r"#\s*(\w+)\s*=\s*(\S+)\s*")
_HEREDOC = re.compile(r"<<(-?)(['\"]?)([A-Za-z_][A-Za-z0-9_]*)\2")
_FLAG = re.compile(r"\s*--([a-z][a-z-]*)(?:=(\"[^\"]*\"|\S*))?(?=\s|$)")
_TAKES_HEREDOCS = frozenset({"RUN", "COPY", "ADD"})
_HAS_FLAGS = frozenset({"FROM", "RUN", "COPY", "ADD", "HEALTHCHECK"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Heredoc:
    """`<<EOF` and the text up to that word. `literal`: the word was in quotes, nothing is expanded."""

    word: str
    text: str
    literal: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: its keyword in capitals, its flags, and the rest as written.

    line  where it begins, from 1
    text  without comments and without the escape characters at line ends
    """

    keyword: str
    text: str
    line: int
    flags: tuple[tuple[str, str], ...] = ()
    heredocs: tuple[Heredoc, ...] = ()

    def flag(self, name: str) -> str:
        """The value of a flag; "" when it is not there."""
        return next((value for known, value in self.flags if known == name), "")

    @property
    def words(self) -> tuple[str, ...] | None:
        """The arguments of the JSON form; None for the shell form."""
        if not self.text.startswith("["):
            return None
        try:
            found = json.loads(self.text)
        except (ValueError, RecursionError):
            return None
        return tuple(found) if all(isinstance(word, str) for word in found) else None


def instructions(text: str) -> tuple[Instruction, ...]:
    """All instructions in order."""
    lines = text.splitlines()
    escape = _escape(lines)
    found: list[Instruction] = []
    at = 0
    while at < len(lines):
        if not lines[at].strip() or lines[at].lstrip().startswith("#"):
            at += 1
            continue
        first, parts = at, list[str]()
        while at < len(lines):
            line = lines[at]
            at += 1
            if line.lstrip().startswith("#") or (parts and not line.strip()):
                continue
            stripped = line.rstrip()
            parts.append(stripped.removesuffix(escape).rstrip() if stripped.endswith(escape) else stripped)
            if not stripped.endswith(escape):
                break
        if not (said := [part.strip() for part in parts if part.strip()]):
            continue
        begun = said[0].split(None, 1)[0].upper()
        joint = " \\\n  " if begun == "RUN" else " "
        keyword, rest = _keyword(joint.join(said))
        heredocs: list[Heredoc] = []
        if keyword in _TAKES_HEREDOCS:
            for dash, quote, word in _HEREDOC.findall(rest):
                body, at = _heredoc(lines, at, word, strip=bool(dash))
                heredocs.append(Heredoc(word=word, text=body, literal=bool(quote)))
        flags, rest = _flags(rest) if keyword in _HAS_FLAGS else ((), rest)
        found.append(
            Instruction(keyword=keyword, text=rest, line=first + 1, flags=flags, heredocs=tuple(heredocs))
        )
    return tuple(found)


def _escape(lines: list[str]) -> str:
    for line in lines:
        match = _DIRECTIVE.fullmatch(line.strip())
        if not match:
            break
        if match[1].lower() == "escape":
            return match[2][:1]
    return "\\"


def _keyword(text: str) -> tuple[str, str]:
    keyword, *rest = text.split(None, 1)
    return keyword.upper(), rest[0].removeprefix("\\\n").strip() if rest else ""


def _heredoc(lines: list[str], at: int, word: str, *, strip: bool) -> tuple[str, int]:
    """The lines up to `word`, and the line after it; all lines where the word never comes."""
    body: list[str] = []
    while at < len(lines):
        line = lines[at].lstrip("\t") if strip else lines[at]
        at += 1
        if line == word:
            break
        body.append(line)
    return "\n".join(body), at


def _flags(text: str) -> tuple[tuple[tuple[str, str], ...], str]:
    found: list[tuple[str, str]] = []
    while match := _FLAG.match(text):
        found.append((match[1], (match[2] or "").strip('"')))
        text = text[match.end() :].strip().removeprefix("\\\n")
    return tuple(found), text.strip()
