"""The wire codec: what goes in comes out, and bytes that are no message are refused."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.engine.buildkit.proto import (
    Message,
    WireError,
    decode_status,
    decode_varint,
    encode,
    encode_varint,
    fields,
)

NUMBERS = st.integers(min_value=0, max_value=2**64 - 1)
FIELDS = st.integers(min_value=1, max_value=2**29 - 1)


@given(NUMBERS)
def test_numbers_come_back(number: int) -> None:
    assert decode_varint(encode_varint(number), 0) == (number, len(encode_varint(number)))


@given(st.lists(st.tuples(FIELDS, st.one_of(NUMBERS, st.binary(), st.text()))))
def test_messages_come_back(pairs: list[tuple[int, int | bytes | str]]) -> None:
    kept = [(field, value.encode() if isinstance(value, str) else value) for field, value in pairs if value]
    assert list(fields(encode(*pairs))) == kept


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_signed_numbers_come_back(number: int) -> None:
    assert Message(encode((3, number))).number(3) == number


@given(st.binary())
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(WireError):
        decode_status(data)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"\x80", "a number that does not end"),
        (b"\xff" * 11, "a number that does not end"),
        (b"\x0a\x05ab", "a field longer than its message"),
        (b"\x0b", "wire type 3 is not used by proto3"),
    ],
)
def test_what_is_no_message(data: bytes, why: str) -> None:
    with pytest.raises(WireError, match=why):
        list(fields(data))


def test_fixed_size_fields_are_passed_over() -> None:
    assert list(fields(b"\x09" + b"x" * 8 + b"\x15" + b"y" * 4 + b"\x18\x01")) == [
        (1, b"x" * 8),
        (2, b"y" * 4),
        (3, 1),
    ]


def test_a_status_of_each_kind() -> None:
    stamp = encode((1, 100), (2, 500_000_000))
    vertex = encode((1, "sha256:v"), (3, "[2/3] RUN x"), (4, 1), (5, stamp), (6, stamp), (7, "broken"))
    status = encode((1, "layer"), (2, "sha256:v"), (3, "downloading"), (4, 7), (5, 9), (8, stamp))
    log = encode((1, "sha256:v"), (3, 2), (4, b"half a li"))
    found = decode_status(encode((1, vertex), (2, status), (3, log), (4, b"a warning is passed over")))
    assert (found.vertexes[0].name, found.vertexes[0].cached) == ("[2/3] RUN x", True)
    assert (found.vertexes[0].started, found.vertexes[0].completed) == (100.5, 100.5)
    assert found.vertexes[0].error == "broken"
    assert (found.statuses[0].current, found.statuses[0].total, found.statuses[0].completed) == (7, 9, True)
    assert (found.logs[0].stream, found.logs[0].data) == (2, b"half a li")
