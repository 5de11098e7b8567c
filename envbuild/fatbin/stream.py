"""Reads device code out of what goes only forward: the members of wheels. Not pure: it reads files.

A member is neither held in memory nor written anywhere: it is inflated up to its section table, and once more
up to the end of its device code.
"""

from __future__ import annotations

import zipfile
import zlib
from functools import partial
from typing import TYPE_CHECKING, Protocol

from envbuild.fatbin.read import DeviceCode, is_library_name, read_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

_CHUNK = 1 << 20
_LARGEST = 16 << 30
_MOST_PASSES = 8  # two or three are usual; a file made to be read again and again is given up
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Stream(Protocol):
    """What is read forward; its troubles are OSError or EOFError."""

    def read(self, count: int, /) -> bytes:
        """At most `count` bytes; none at the end."""
        ...

    def close(self) -> None:
        """Close it."""
        ...


def read_wheel(path: Path) -> tuple[DeviceCode, ...]:
    """The device code of every shared library in a wheel, in its order; `path` in them is the member's name.

    Raises OSError or zipfile.BadZipFile when the wheel itself cannot be read; what is wrong with one member
    becomes its note.
    """
    with zipfile.ZipFile(path) as wheel:
        return tuple(_members(wheel))


def read_stream(path: str, size: int, opened: Callable[[], Stream]) -> DeviceCode:
    """The device code of a library of `size` bytes; `opened` gives it from its beginning, each time anew.

    Raises nothing; OSError and EOFError become notes.
    """
    if size > _LARGEST:
        return DeviceCode(path, size, None, None, "not read: larger than 16 GiB")
    stream = _Forward(opened)
    try:
        return read_at(path, size, stream.at)
    finally:
        stream.close()


def _members(wheel: zipfile.ZipFile) -> Iterator[DeviceCode]:
    for member in wheel.infolist():
        if not is_library_name(member.filename.rpartition("/")[2]):
            continue
        if member.compress_type not in _METHODS or member.flag_bits & 0x1:
            note = "not read: compressed in a way that wheels are not, or encrypted"
            yield DeviceCode(member.filename, member.file_size, None, None, note)
            continue
        found = read_stream(member.filename, member.file_size, partial(_Member, wheel, member))
        if found.note != "not read: not an ELF file":
            yield found


class _Member:
    """A member of a zip file as a stream whose every trouble is an OSError."""

    def __init__(self, wheel: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
        try:
            self._stream = wheel.open(member)
        except (zipfile.BadZipFile, NotImplementedError, RuntimeError, ValueError) as error:
            raise OSError(f"the wheel is damaged: {error}") from error

    def read(self, count: int, /) -> bytes:
        try:
            return self._stream.read(count)
        except (zipfile.BadZipFile, zlib.error) as error:
            raise OSError(f"the wheel is damaged: {error}") from error

    def close(self) -> None:
        self._stream.close()


class _Forward:
    """Reads anywhere in a stream that goes forward: it keeps the last megabyte, and begins anew at need."""

    def __init__(self, opened: Callable[[], Stream]) -> None:
        self._opened = opened
        self._stream: Stream | None = None
        self._passes = 0
        self._kept = b""
        self._end = 0  # how far the stream was read

    def at(self, offset: int, count: int) -> bytes:
        """As many bytes from `offset` on, fewer at the end. Raises OSError."""
        if offset < self._end - len(self._kept) or self._stream is None:
            stream = self._begin()
        else:
            stream = self._stream
        start = offset - (self._end - len(self._kept))
        parts = [self._kept[start : start + count]] if offset < self._end else []
        while self._end < offset + count and (data := stream.read(_CHUNK)):
            first = max(offset - self._end, 0)
            parts.append(data[first : max(offset + count - self._end, first)])
            self._end += len(data)
            self._kept = (self._kept + data)[-_CHUNK:]
        return b"".join(parts)

    def _begin(self) -> Stream:
        self.close()
        self._passes += 1
        if self._passes > _MOST_PASSES:
            raise OSError("its parts lie in an order that no compiler makes")
        self._stream, self._kept, self._end = self._opened(), b"", 0
        return self._stream

    def close(self) -> None:
        """Close the stream."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None
