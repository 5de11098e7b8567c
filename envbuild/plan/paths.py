"""Where the user's files lie in a build context: under names no rule of Dockerfiles can misread. Pure."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_ODD = re.compile(r"[^A-Za-z0-9._-]+")


def copy_path(index: int, source: str) -> str:
    """The path in the context of the spec's `copy[index]`: `copy/0/src`."""
    return f"copy/{index}/{safe_name(PurePosixPath(source).name)}"


def safe_name(text: str) -> str:
    """`text` with all but letters, digits, dot, - and _ replaced; never empty, never a dot alone."""
    name = _ODD.sub("_", text)
    return name if name.strip(".") else "files"
