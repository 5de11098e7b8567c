"""Small packed bytes → plain ones, bounded: gzip, zstd, or not packed at all. Not pure: may call `zstd`.

zstd comes from Python 3.14 itself, its backport, or the program of that name.
"""

from __future__ import annotations

import gzip
import importlib
import io
import shutil
import subprocess
import tempfile
import zlib

_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_MODULES = ("compression.zstd", "backports.zstd")
_BROKEN = "is broken: it cannot be unpacked"


class Unreadable(Exception):  # noqa: N818  it never reaches a user as such
    """Why something cannot be read, as the end of a sentence."""


def unpacked(data: bytes, limit: int) -> bytes:
    """What `data` hold, by their first bytes. Raises Unreadable, also for more than `limit` bytes."""
    if data.startswith(_ZSTD):
        found = _unzstd(data, limit + 1)
    elif data.startswith(_GZIP):
        found = _gunzip(data, limit + 1)
    else:
        found = data
    if len(found) > limit:
        raise Unreadable(f"holds more than {limit >> 20} MiB when unpacked, which spec and lock do not")
    return found


def _gunzip(data: bytes, most: int) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as packed:
            return packed.read(most)
    except (OSError, EOFError, zlib.error) as error:
        raise Unreadable(_BROKEN) from error


def _unzstd(data: bytes, most: int) -> bytes:
    for name in _MODULES:
        try:
            module = importlib.import_module(name)
        except ImportError:
            continue
        try:
            return bytes(module.ZstdDecompressor().decompress(data, max_length=most))
        except module.ZstdError as error:
            raise Unreadable(_BROKEN) from error
    program = shutil.which("zstd")
    if program is None:
        raise Unreadable("is packed by zstd, which is not here: install the program zstd")
    return _by_program(program, data, most)


def _by_program(program: str, data: bytes, most: int) -> bytes:
    with tempfile.TemporaryFile() as packed:
        packed.write(data)
        packed.seek(0)
        with subprocess.Popen(
            [program, "-dcq"], stdin=packed, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            assert process.stdout is not None  # noqa: S101  as asked for
            found = process.stdout.read(most)
            if len(found) == most:  # the rest is not wanted
                process.kill()
                return found
        if process.returncode:
            raise Unreadable(_BROKEN)
        return found
