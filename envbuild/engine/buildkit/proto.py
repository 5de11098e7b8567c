"""Protobuf's wire format, as far as BuildKit's progress and session messages need it. Pure.

Input: bytes. Output: field numbers and values, or typed messages (`StatusResponse`). Field numbers are those
of moby/buildkit api/services/control/control.proto (v0.8 to v0.32).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterator

Value: TypeAlias = int | bytes
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5


class WireError(ValueError):
    """The bytes are no protobuf message."""


def encode_varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def decode_varint(data: bytes, start: int) -> tuple[int, int]:
    """The number at `start`, and where the next thing begins."""
    shift = number = 0
    for index in range(start, min(start + 10, len(data))):
        number |= (data[index] & 0x7F) << shift
        if data[index] < 0x80:
            return number, index + 1
        shift += 7
    raise WireError("a number that does not end")


def encode(*pairs: tuple[int, str | bytes | int]) -> bytes:
    """A message of (field number, value); empty and zero values are left out, as proto3 does."""
    out = bytearray()
    for field, value in pairs:
        if isinstance(value, int):
            if value:
                out += encode_varint(field << 3 | VARINT) + encode_varint(value & 0xFFFF_FFFF_FFFF_FFFF)
        elif value:
            data = value.encode() if isinstance(value, str) else value
            out += encode_varint(field << 3 | BYTES) + encode_varint(len(data)) + data
    return bytes(out)


def fields(data: bytes) -> Iterator[tuple[int, Value]]:
    """(field number, value) in order: numbers as int, anything with a length or a fixed size as bytes."""
    at = 0
    while at < len(data):
        key, at = decode_varint(data, at)
        kind = key & 7
        if kind == VARINT:
            number, at = decode_varint(data, at)
            yield key >> 3, number
            continue
        if kind == BYTES:
            size, at = decode_varint(data, at)
        elif kind in {FIXED64, FIXED32}:
            size = 8 if kind == FIXED64 else 4
        else:
            raise WireError(f"wire type {kind} is not used by proto3")
        if at + size > len(data):
            raise WireError("a field longer than its message")
        yield key >> 3, data[at : at + size]
        at += size


class Message:
    """A message taken apart: its fields by number."""

    def __init__(self, data: Value) -> None:
        self._fields: dict[int, list[Value]] = {}
        for field, value in fields(data if isinstance(data, bytes) else b""):
            self._fields.setdefault(field, []).append(value)

    def all(self, field: int) -> list[Value]:
        """Every value of a repeated field."""
        return self._fields.get(field, [])

    def data(self, field: int) -> bytes:
        """The last value of a bytes field; b"" when left out."""
        value = self._fields.get(field, [b""])[-1]
        return value if isinstance(value, bytes) else b""

    def text(self, field: int) -> str:
        """The last value of a string field."""
        return self.data(field).decode("utf-8", "replace")

    def number(self, field: int) -> int:
        """The last value of an int64, enum or bool field."""
        value = self._fields.get(field, [0])[-1]
        number = value if isinstance(value, int) else 0
        return number - (1 << 64) if number >= 1 << 63 else number

    def time(self, field: int) -> float | None:
        """A google.protobuf.Timestamp in seconds since 1970; None when left out."""
        if field not in self._fields:
            return None
        stamp = Message(self.data(field))
        return stamp.number(1) + stamp.number(2) / 1e9


@dataclass(frozen=True, slots=True)
class Vertex:
    """A step of the build, as far as it has come. Times in seconds since 1970 of the engine's clock."""

    digest: str
    name: str
    cached: bool
    started: float | None
    completed: float | None
    error: str


@dataclass(frozen=True, slots=True)
class VertexStatus:
    """Something counted within a step: a layer that is pulled, a context that is sent."""

    id: str
    vertex: str
    name: str
    current: int
    total: int
    completed: bool


@dataclass(frozen=True, slots=True)
class VertexLog:
    """Bytes that a step printed, cut anywhere; `stream` is 1 or 2."""

    vertex: str
    stream: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StatusResponse:
    """One piece of progress."""

    vertexes: tuple[Vertex, ...]
    statuses: tuple[VertexStatus, ...]
    logs: tuple[VertexLog, ...]


def decode_status(data: bytes) -> StatusResponse:
    """moby.buildkit.v1.StatusResponse. Raises WireError."""
    message = Message(data)
    return StatusResponse(
        vertexes=tuple(_vertex(Message(value)) for value in message.all(1)),
        statuses=tuple(_status(Message(value)) for value in message.all(2)),
        logs=tuple(_log(Message(value)) for value in message.all(3)),
    )


def _vertex(found: Message) -> Vertex:
    return Vertex(
        digest=found.text(1),
        name=found.text(3),
        cached=bool(found.number(4)),
        started=found.time(5),
        completed=found.time(6),
        error=found.text(7),
    )


def _status(found: Message) -> VertexStatus:
    return VertexStatus(
        id=found.text(1),
        vertex=found.text(2),
        name=found.text(3),
        current=found.number(4),
        total=found.number(5),
        completed=found.time(8) is not None,
    )


def _log(found: Message) -> VertexLog:
    return VertexLog(vertex=found.text(1), stream=found.number(3), data=found.data(4))
