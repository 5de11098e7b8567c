"""Tar archives as streams: entries in, entries out. Reads and writes only the streams that it is given.

Python's own reader takes as much memory as a header asks for, and follows links; this one does neither. It
knows what Go, GNU tar and Python write: ustar, PAX records (bounded), GNU's long names. A bad archive raises
`Broken`.
"""

from __future__ import annotations

import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK = tarfile.BLOCKSIZE
CHUNK = 1 << 20
LARGEST_HEADER = 1 << 20
"""Bytes of PAX records or of a long name; extended attributes may take some KiB."""

Kind: TypeAlias = Literal["file", "folder", "link", "hardlink", "other"]
_KINDS: dict[bytes, Kind] = {
    b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "link", b"5": "folder",
}  # fmt: skip

_WITHOUT_CONTENT = frozenset({b"1", b"2", b"3", b"4", b"5", b"6"})  # whatever size they tell


class Readable(Protocol):
    """Where bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; b"" only at the end."""
        ...


class Broken(Exception):  # noqa: N818  it never reaches a user as such
    """Why an archive cannot be read, as the end of a sentence that begins with its name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member.

    size        in bytes, 0 for all but files
    link        where a link leads
    mode        its permissions
    attributes  extended ones, as text to compare; "" for none
    """

    name: str
    kind: Kind
    size: int = 0
    link: str = ""
    mode: int = 0
    uid: int = 0
    gid: int = 0
    attributes: str = ""


class TarReader:
    """The members of an archive in their order; the content of the one at hand by `chunks` or `read`."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._left = 0  # of the content
        self._padding = 0
        self._begun = False

    def __iter__(self) -> Iterator[Entry]:
        while (entry := self._next()) is not None:
            yield entry

    def chunks(self) -> Iterator[bytes]:
        """What is left of the content at hand."""
        while self._left:
            data = self._stream.read(min(CHUNK, self._left))
            if not data:
                raise Broken("ends in the middle of a file: it was cut off")
            self._left -= len(data)
            yield data

    def content(self, limit: int) -> bytes:
        """The content at hand, whole. Raises Broken when it has more than `limit` bytes."""
        if self._left > limit:
            raise Broken(f"holds a file of {self._left} bytes where {limit} are the most that make sense")
        return b"".join(self.chunks())

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes of the content at hand; b"" at its end. So an archive in it can be read."""
        data = self._stream.read(min(size, self._left))
        if not data and size and self._left:
            raise Broken("ends in the middle of a file: it was cut off")
        self._left -= len(data)
        return data

    def _next(self) -> Entry | None:
        self._skip()
        records: dict[str, str] = {}
        while True:
            block = self._block()
            if block is None:
                return None
            size = _number(block[124:136])
            kind = block[156:157]
            self._left, self._padding = size, -size % BLOCK
            if kind in {b"x", b"g", b"L", b"K"}:
                data = self.content(LARGEST_HEADER)
                self._skip()
                if kind != b"g":  # what holds for all members says nothing that matters here
                    records |= _records(kind, data)
                continue
            return self._entry(block, kind, records)

    def _entry(self, block: bytes, kind: bytes, records: dict[str, str]) -> Entry:
        if any(key.startswith("GNU.sparse") for key in records) or kind == b"S":
            raise Broken("holds a sparse file, which no image has")
        if "size" in records:
            self._left = _decimal(records["size"])
            self._padding = -self._left % BLOCK
        known = _KINDS.get(kind, "other")
        if kind in _WITHOUT_CONTENT:
            self._left = self._padding = 0
        prefix = _text(block[345:500]) if block[257:263] == b"ustar\0" else ""
        name = _text(block[:100])
        return Entry(
            name=records.get("path") or (f"{prefix}/{name}" if prefix else name),
            kind=known,
            size=self._left if known == "file" else 0,
            link=records.get("linkpath") or _text(block[157:257]),
            mode=_number(block[100:108]) & 0o7777,
            uid=_decimal(records["uid"]) if "uid" in records else _number(block[108:116]),
            gid=_decimal(records["gid"]) if "gid" in records else _number(block[116:124]),
            attributes="".join(f"{key}={records[key]} " for key in sorted(records) if ".xattr." in key),
        )

    def _block(self) -> bytes | None:
        """The next header; None at the end, which is a block of zeros."""
        block = self._exactly(BLOCK)
        if not block.strip(b"\0"):
            return None
        total = sum(block[:148]) + sum(block[156:]) + 8 * ord(" ")
        told = block[148:156].strip(b" \0")
        if told.strip(b"01234567") or int(told or b"0", 8) != total:
            raise Broken("holds something that is no tar header" if self._begun else "is no tar archive")
        self._begun = True
        return block

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            data = self._stream.read(size)
            if not data:
                raise Broken("ends too early: it was cut off")
            parts.append(data)
            size -= len(data)
        return b"".join(parts)

    def _skip(self) -> None:
        for _ in self.chunks():
            pass
        if self._padding:
            self._exactly(self._padding)
            self._padding = 0


def _records(kind: bytes, data: bytes) -> dict[str, str]:
    """PAX records, or a long name as one."""
    if kind != b"x":
        return {"path" if kind == b"L" else "linkpath": _text(data)}
    found = {}
    while data:
        length, space, _ = data.partition(b" ")
        end = _decimal(length.decode("ascii", "replace"))
        record = data[len(length) + 1 : end]
        if not space or end > len(data) or not record.endswith(b"\n"):
            raise Broken("holds PAX records that make no sense")
        key, _, value = record[:-1].partition(b"=")
        found[key.decode("utf-8", "surrogateescape")] = value.decode("utf-8", "surrogateescape")
        data = data[end:]
    return found


def _text(field: bytes) -> str:
    return field.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def _number(field: bytes) -> int:
    """A number as ustar (octal) or GNU tar (binary, for more than 8 GiB) writes it."""
    if field[0] == 0x80:
        return int.from_bytes(field[1:], "big")
    text = field.strip(b" \0").partition(b"\0")[0].strip()
    if text.strip(b"01234567"):
        raise Broken("holds a tar header that makes no sense")
    return int(text or b"0", 8)


def _decimal(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise Broken("holds PAX records that make no sense")
    return int(text)


def entry(name: str, size: int, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A plain file of `size` bytes, piece by piece. The same for the same content: no times, no owners."""
    info = tarfile.TarInfo(name)
    info.size = size
    yield info.tobuf(tarfile.GNU_FORMAT)  # which has no limit of 8 GiB, as ustar does
    yield from chunks
    if size % BLOCK:
        yield bytes(-size % BLOCK)


END = bytes(2 * BLOCK)
"""What ends an archive."""
