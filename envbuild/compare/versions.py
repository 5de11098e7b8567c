"""Which of two versions is the newer: Python's (PEP 440) and Debian's. Pure."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from packaging.version import Version

if TYPE_CHECKING:
    from envbuild.compare.model import How

_PARTS = re.compile(r"(\D*)(\d*)")


def how(before: str, after: str, *, debian: bool = False) -> How:
    """`upgraded`, `downgraded`, or `changed` where no order is known."""
    order = _debian(before, after) if debian else _python(before, after)
    return "upgraded" if order > 0 else "downgraded" if order < 0 else "changed"


def _python(before: str, after: str) -> int:
    try:
        # 2.8.0+cpu and 2.8.0+cu128 are two builds, neither the newer
        old, new = (Version(Version(text).public) for text in (before, after))
    except ValueError:  # no version, or one with thousands of digits
        return 0
    return (new > old) - (new < old)


def _debian(before: str, after: str) -> int:
    """As deb-version(7) compares: epoch, upstream version, revision."""
    if not before or not after:
        return 0
    try:
        for old, new in zip(_debian_parts(before), _debian_parts(after), strict=True):
            if order := _debian_part(old, new):
                return order
    except ValueError:
        return 0
    return 0


def _debian_parts(version: str) -> tuple[str, str, str]:
    epoch, colon, rest = version.partition(":")
    if not colon:
        epoch, rest = "0", version
    upstream, dash, revision = rest.rpartition("-")
    return (epoch, upstream, revision) if dash else (epoch, rest, "")


def _debian_part(before: str, after: str) -> int:
    pairs = zip_longest(_PARTS.findall(before), _PARTS.findall(after), fillvalue=("", ""))
    for (old_text, old_number), (new_text, new_number) in pairs:
        old = (*_weights(old_text), int(old_number or 0))
        new = (*_weights(new_text), int(new_number or 0))
        if old != new:
            return 1 if new > old else -1
    return 0


def _weights(text: str) -> tuple[tuple[int, ...]]:
    """Letters as dpkg orders them: `~` before the end, the end before letters, letters before the rest."""
    return ((*(-1 if char == "~" else ord(char) if char.isalpha() else ord(char) + 256 for char in text), 0),)
