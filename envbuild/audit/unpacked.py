"""Finds a locked wheel unpacked in uv's cache, and reads its libraries there. Reads files, asks uv where.

uv keeps `wheels-v*/<index>/<name>/<version>-<tags>`, a link to the folder that it unpacked the wheel into,
and beside it `….http` (or `.rev`), with the wheel's digest where it had one. A wheel found by that is
certain, one found by the names in its dist-info folder alone is likely.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.audit.owners import read_record
from envbuild.fatbin.read import DeviceCode, read_library
from envbuild.lock.uv import run_uv

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POINTER = 1 << 16  # bytes of a pointer file worth looking at


def uv_cache(environ: Mapping[str, str] = os.environ) -> Path | None:
    """The folder of uv's cache; None: there is none."""
    ran = run_uv(["cache", "dir"], environment=environ)
    folder = Path(ran.stdout.strip())
    return folder if ran.code == 0 and ran.stdout.strip() and folder.is_dir() else None


def read_unpacked(cache: Path, file: str, sha256: str) -> tuple[tuple[DeviceCode, ...], bool] | None:
    """The libraries of the wheel `file`, and whether its digest is known to be `sha256`; None: not there."""
    for folder in _by_digest(cache, file, sha256):
        libraries = _libraries(folder, file)
        if libraries is not None:
            return libraries, True
    for folder in _by_name(cache, file):
        libraries = _libraries(folder, file)
        if libraries is not None:
            return libraries, False
    return None


def _by_digest(cache: Path, file: str, sha256: str) -> Iterator[Path]:
    name, _, rest = file.removesuffix(".whl").partition("-")
    shelf = name.lower().replace("_", "-").replace(".", "-")
    for kind in ("pypi", "index/*", "url/*", "path/*"):
        for pointer in sorted(cache.glob(f"wheels-v*/{kind}/{_plain(shelf)}/{_plain(rest)}.*")):
            if pointer.suffix in {".http", ".rev"} and sha256 and sha256.encode() in _head(pointer):
                yield pointer.with_name(pointer.name.removesuffix(pointer.suffix))


def _by_name(cache: Path, file: str) -> Iterator[Path]:
    name, version, *_ = (*file.split("-"), "")
    for found in sorted(cache.glob(f"archive-v*/*/{_plain(name)}-{_plain(version)}.dist-info")):
        if _tags(found) >= set(_expanded(file)):
            yield found.parent


def _libraries(folder: Path, file: str) -> tuple[DeviceCode, ...] | None:
    """None where files that RECORD names are missing: uv or somebody cleans up there."""
    name, version, *_ = (*file.split("-"), "")
    record = folder.resolve() / f"{name}-{version}.dist-info"
    if not (record / "RECORD").is_file():
        return None
    top = str(folder.resolve()) + os.sep
    found = []
    for path in read_record(str(record)):
        if not path.startswith(top) or not Path(path).is_file():
            return None
        library = read_library(path)
        if library.note != "not read: not an ELF file":
            found.append(library._replace(path=path.removeprefix(top)))
    return tuple(found)


def _tags(dist_info: Path) -> set[str]:
    try:
        lines = (dist_info / "WHEEL").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return set()
    return {line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")}


def _expanded(file: str) -> Iterator[str]:
    """The single tags of a wheel's file name, as its WHEEL lists them."""
    *_, pythons, abis, platforms = ("", "", "", *file.removesuffix(".whl").split("-"))
    for python in pythons.split("."):
        for abi in abis.split("."):
            for platform in platforms.split("."):
                yield f"{python}-{abi}-{platform}"


def _head(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(_POINTER)
    except OSError:
        return b""


def _plain(text: str) -> str:
    """`text` for a glob pattern, without a meaning of its own there, or a way out of the folder."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in text.replace("/", ""))
