"""Commands that only enter an environment (`conda run -n dl …`, `uv run …`) → the command within. Pure.

The programs of an image's environment are found without any of them, and none of them is in the image.
"""

from __future__ import annotations

import posixpath
import re

_RUNNERS = frozenset({"conda", "mamba", "micromamba", "uv", "poetry", "pipenv", "pdm"})
_VALUES = frozenset(
    {
        *("-n", "--name", "-p", "--prefix", "--cwd", "-r", "--root-prefix", "-a", "--attach"),
        *("--with", "--extra", "--group", "--python", "--directory", "--project", "--env-file", "--package"),
    }
)
_LEADING = re.compile(r"\s*(?:\S*/)?(?:conda|mamba|micromamba|uv|poetry|pipenv|pdm)\s+run\s")
_WORD = re.compile(r"\s*(\S+)")
_BIN = re.compile(
    r"(?:/\S*)?/(?:\.?venv[\w.-]*|conda|\w*(?:mini|mamba|micro|ana)\w+|envs/[^/]+|\.local|uv|poetry)/s?bin"
)


def unwrapped(words: tuple[str, ...]) -> tuple[str, ...]:
    """The words behind `conda run` and its like, and its options; the same words when there is none."""
    if len(words) < 2 or posixpath.basename(words[0]) not in _RUNNERS or words[1] != "run":
        return words
    at = 2
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            at += 1
            break
        at += 2 if words[at] in _VALUES else 1
    inner = words[at:]
    if not inner:
        return words
    return ("python", *inner) if inner[0].endswith(".py") else inner


def unwrapped_text(text: str) -> str:
    """The same for a command as a shell reads it: what is left stays as it was written."""
    found = _LEADING.match(text)
    if not found:
        return text
    rest = text[found.end() :]
    while (word := _WORD.match(rest)) and word[1].startswith("-"):
        rest = rest[word.end() :]
        if word[1] == "--":
            break
        if word[1] in _VALUES and (value := _WORD.match(rest)):
            rest = rest[value.end() :]
    rest = rest.lstrip()
    if not rest:
        return text
    return f"python {rest}" if re.match(r"[^\s'\"]+\.py(?:\s|$)", rest) else rest


def is_environment_path(value: str) -> bool:
    """Whether a PATH only puts the programs of an environment first: `/opt/venv/bin:$PATH`."""
    parts = [part for part in value.split(":") if part not in {"", "$PATH", "${PATH}"}]
    return bool(parts) and all(_BIN.fullmatch(part) for part in parts)
