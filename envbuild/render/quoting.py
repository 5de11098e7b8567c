"""How values get into a Dockerfile unharmed: the filters of the templates. Pure; text in, text for one line
out.

A Dockerfile holds four languages. `RUN …` lines are shell. ENV, LABEL, ARG, USER and WORKDIR go through the
builder's own word parser, which knows quotes, backslashes and `$`. COPY in JSON form is JSON, and then each
of its words goes through that parser, too. RUN, ENTRYPOINT and CMD in JSON form are JSON and nothing else.
A line ends at its line break whatever the quotes, so what holds one fits into the last of these only; the
others raise `UnwritableError`.

What a filter returns is `Written`; templates can print nothing else (`only_written`), so that none is
forgotten.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_PLAIN = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.:@%+,-]*")
_SURROGATE = re.compile("[\ud800-\udfff]")


class UnwritableError(ValueError):
    """A value that no Dockerfile line can hold; its text says why, to follow the name of what holds it."""


class Written(str):
    """Text that may be printed into a Dockerfile as it is."""

    __slots__ = ()


def shell_word(value: str) -> Written:
    """One word of a POSIX shell."""
    return Written(shlex.quote(_one_line(value)))


def docker_word(value: str) -> Written:
    """One word of ENV, LABEL, ARG, USER or WORKDIR, in which nothing is expanded; quoted where it must be."""
    text = _one_line(value)
    if _PLAIN.fullmatch(text):
        return Written(text)
    return Written('"' + re.sub(r'(["$\\])', r"\\\1", text) + '"')


def docker_path(value: str) -> Written:
    """One word of COPY's JSON form. Globs in a source are not escaped: sources get names without any."""
    return _json(re.sub(r"""(["'$\\])""", r"\\\1", _one_line(value)))


def json_words(values: Sequence[str]) -> Written:
    """The JSON form of RUN, ENTRYPOINT and CMD: any text but NUL fits, line breaks included."""
    return Written("[" + ", ".join(_json(value) for value in values) + "]")


def comment(value: str) -> Written:
    """Text that stays on its comment line: what cannot be printed is escaped, spaces at the end go."""
    shown = (c if c.isprintable() else c.encode("unicode_escape").decode() for c in value)
    return Written("".join(shown).rstrip())


def only_written(value: object) -> object:
    """For templates: refuses to print what no filter has seen. Numbers and nothing are fine."""
    if isinstance(value, Written | int):
        return value
    raise TypeError(f"a template prints {value!r}, which went through no filter of quoting.py")


def _json(text: str) -> Written:
    """A JSON string without line breaks of any kind, and without `<<`, which newer builders may take for a
    heredoc."""
    _carried(text, "\0")
    inside = json.dumps(text, ensure_ascii=False)
    shown = "".join(c if c.isprintable() else json.dumps(c)[1:-1] for c in inside)
    return Written(shown.replace("<<", "<\\u003c"))


def _one_line(text: str) -> str:
    return _carried(text, "\0\n\r")


def _carried(text: str, refused: str) -> str:
    for character, said in (("\0", "a NUL character"), ("\n", "a line break"), ("\r", "a carriage return")):
        if character in refused and character in text:
            raise UnwritableError(f"{text[:60]!r} holds {said}, which no line of a Dockerfile can carry")
    if _SURROGATE.search(text):
        raise UnwritableError(f"{text[:60]!r} holds half a character, which is no valid text")
    return text
