"""Remembers what was read from a wheel, by the file's sha256: nobody has to read it for this twice.

One small JSON file for each wheel in `$XDG_CACHE_HOME/envbuild/gpu`; losing them costs time, never truth.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from typing import TYPE_CHECKING, Any

from envbuild.fatbin.read import READER, DeviceCode
from envbuild.files import cache_folder, write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_SHA256 = re.compile(r"[0-9a-f]{64}")
_ARCHITECTURE = re.compile(r"[0-9]{2,4}[af]?")
_LARGEST = 32 << 20  # bytes of one memory


def recall_audit(sha256: str, environ: Mapping[str, str] = os.environ) -> tuple[DeviceCode, ...] | None:
    """The shared libraries of the wheel with this digest (hex), as they were read; None: not remembered.

    () means that it was read, and has none.
    """
    path = _path(sha256, environ)
    if path is None:
        return None
    try:
        if path.stat().st_size > _LARGEST:
            return None
        data = json.loads(path.read_bytes())
        return tuple(code_from(row) for row in data["libraries"]) if data["reader"] == READER else None
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return None


def remember_audit(
    sha256: str, libraries: Sequence[DeviceCode], environ: Mapping[str, str] = os.environ
) -> None:
    """Keep what was read from the wheel with this digest; says nothing where that cannot be."""
    path = _path(sha256, environ)
    if path is None:
        return
    data = {"reader": READER, "libraries": [each._asdict() for each in libraries]}
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, json.dumps(data, sort_keys=True).encode())


def code_from(row: Mapping[str, Any]) -> DeviceCode:
    """What `DeviceCode._asdict` gave and JSON carried. Raises TypeError, KeyError or ValueError otherwise."""
    entries = row["entries"]
    if not isinstance(entries, dict) or not all(_is_count(count) for count in entries.values()):
        raise ValueError("entries")
    if not all(isinstance(row[key], str) for key in ("path", "note")):
        raise ValueError("path")
    if not all(_is_count(row[key]) for key in ("size", "code", "containers")):
        raise ValueError("size")
    return DeviceCode(
        path=row["path"],
        size=row["size"],
        cubins=_architectures(row["cubins"]),
        ptx=_architectures(row["ptx"]),
        note=row["note"],
        code=row["code"],
        containers=row["containers"],
        entries=entries,
    )


def _architectures(value: Any) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(
        isinstance(each, str) and _ARCHITECTURE.fullmatch(each) for each in value
    ):
        raise ValueError("architectures")
    return tuple(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _path(sha256: str, environ: Mapping[str, str]) -> Path | None:
    """None for what is no digest: it comes out of locks, which people edit."""
    return cache_folder(environ) / "gpu" / f"{sha256}.json" if _SHA256.fullmatch(sha256) else None
