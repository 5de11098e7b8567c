"""Version numbers of CUDA, drivers and packages as tuples, for comparing. Pure."""

from __future__ import annotations

import re

_DOTTED = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,4}")
_RELEASE = re.compile(r"([0-9]{1,6})\.([0-9]{1,6})(?![0-9])")


def numbers(version: str) -> tuple[int, ...]:
    """`12.8.1` → (12, 8, 1). Raises ValueError for anything but dotted decimal numbers."""
    if not _DOTTED.fullmatch(version):
        raise ValueError(f"not a version of dotted numbers: {version!r}")
    return tuple(int(part) for part in version.split("."))


def is_dotted(version: object) -> bool:
    """Whether `numbers` can read it."""
    return isinstance(version, str) and _DOTTED.fullmatch(version) is not None


def minor_of(version: str) -> str:
    """`2.15.0.post1` → `2.15`; "" when it does not begin with X.Y."""
    found = _RELEASE.match(version)
    return f"{int(found[1])}.{int(found[2])}" if found else ""


def variant_cuda(variant: str) -> str:
    """`cu128` → `12.8`, `cu92` → `9.2`; "" for `cpu` and for what is no such name."""
    found = re.fullmatch(r"cu([6-9]|[1-9][0-9])([0-9])", variant)
    return f"{found[1]}.{found[2]}" if found else ""
