"""How values get into a Dockerfile unharmed: filters for shell words, Dockerfile words, JSON and comments. Pure.

A Dockerfile has three languages in it. `RUN sh -c` lines are shell; ENV, LABEL, COPY, WORKDIR and USER go through the builder's own
word parser, which knows quotes, backslashes and `$`; ENTRYPOINT, CMD and exec-form RUN are JSON and nothing else.
"""

from __future__ import annotations

import json
import re
import shlex
from typing import TYPE_CHECKING

from envbuild.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Sequence

_SPECIAL = re.compile(r"""(["'$\\])""")
_BREAKS = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\u0085\u2028\u2029]+")


def shell_word(value: object) -> str:
    """One word of a POSIX shell on one line. Raises BuildError for text that a Dockerfile line cannot carry."""
    return shlex.quote(_one_line(str(value)))


def docker_word(value: object) -> str:
    """One double-quoted word of ENV, LABEL, WORKDIR, USER, ARG: no `$` is expanded in it."""
    text = _one_line(str(value))
    return '"' + re.sub(r'(["$\\])', r"\\\1", text) + '"'


def docker_path(value: object) -> str:
    """One word of COPY's JSON form, whose words the builder parses once more after JSON."""
    return json.dumps(_SPECIAL.sub(r"\\\1", _one_line(str(value))), ensure_ascii=False)


def json_words(values: Sequence[str]) -> str:
    """The JSON form of RUN, ENTRYPOINT and CMD. Any text fits; line ends are escaped."""
    return json.dumps(list(values), ensure_ascii=False).replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")


def comment(value: object) -> str:
    """Text that stays on its comment line."""
    return _BREAKS.sub(" ", str(value)).strip()


def _one_line(text: str) -> str:
    if match := _BREAKS.search(text):
        raise BuildError(f"{text!r} cannot be written into a Dockerfile: it holds {match.group()!r}", hint="write it on one line")
    return text
