"""Broken, cut and made-up files: an answer in bounded time and memory, never an exception."""

import io
import struct
import tempfile
import zipfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support import elf
from support.elf import CUBIN, PTX, Elf, code, container, entry

from envbuild.fatbin.read import _MOST_NAMES, _MOST_STEPS, DeviceCode, read_at, read_library, sort_key
from envbuild.fatbin.stream import read_stream, read_wheel

SMALL = bytes(16)
INTERESTING = [
    0,
    1,
    7,
    15,
    16,
    47,
    63,
    64,
    255,
    0xFFFF,
    0x7FFFFFFF,
    0xFFFFFFFF,
    1 << 40,
    (1 << 63) - 1,
    (1 << 64) - 1,
]
HOLDS = bytes(
    Elf(
        sections=[
            (".rodata", bytes(40)),
            (".nv_fatbin", code(["80"], ["90a"]) + container(entry(PTX, "75", SMALL, options=b"-v"))),
            (".nvFatBinSegment", bytes(48)),
            (
                "__nv_relfatbin",
                container(elf.several(elf.member(CUBIN, "90a", b"x" * 20), elf.member(CUBIN, "80")))
                + bytes(64),
            ),
        ]
    )
)


class Counted:
    """Counts what is read, and refuses to give more than is there."""

    def __init__(self, content: bytes) -> None:
        self.content, self.reads, self.largest = content, 0, 0

    def at(self, offset: int, count: int) -> bytes:
        assert offset >= 0
        assert count >= 0
        self.reads += 1
        self.largest = max(self.largest, count)
        return self.content[offset : offset + count]


def sane(found: DeviceCode, content: bytes) -> None:
    """What holds of every answer, whatever the file."""
    assert found.size == len(content)
    for known in (found.cubins, found.ptx):
        if known is None:
            assert found.note
        else:
            assert list(known) == sorted(set(known), key=sort_key)
    assert sum(found.entries.values()) <= _MOST_STEPS
    assert 0 <= found.code <= len(content) * max(1, found.containers)


def check(content: bytes) -> DeviceCode:
    counted = Counted(content)
    found = read_at("lib.so", len(content), counted.at)
    sane(found, content)
    assert counted.reads < 2 * _MOST_STEPS
    assert counted.largest <= _MOST_NAMES
    streamed = read_stream("lib.so", len(content), lambda: io.BytesIO(content))
    assert streamed == found or "an order that no compiler makes" in streamed.note
    return found


def test_the_file_that_is_broken_below_is_whole() -> None:
    assert check(HOLDS).entries == {"sm_80": 2, "compute_90a": 1, "compute_75": 1, "sm_90a": 1}


@given(st.integers(0, len(HOLDS)))
def test_cut_anywhere(length: int) -> None:
    found = check(HOLDS[:length])
    assert (found.cubins is None) == (length < len(HOLDS))


@settings(max_examples=600)
@given(st.lists(st.tuples(st.integers(0, len(HOLDS) - 1), st.integers(0, 255)), min_size=1, max_size=8))
def test_bytes_changed_anywhere(changes: list[tuple[int, int]]) -> None:
    content = bytearray(HOLDS)
    for where, value in changes:
        content[where] = value
    check(bytes(content))


@settings(max_examples=600)
@given(
    st.lists(
        st.tuples(
            st.integers(0, len(HOLDS) // 4 - 2),
            st.sampled_from(["<H", "<I", "<Q"]),
            st.sampled_from(INTERESTING),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_numbers_changed_anywhere(changes: list[tuple[int, str, int]]) -> None:
    content = bytearray(HOLDS)
    for where, form, value in changes:
        struct.pack_into(form, content, where * 4, value & (1 << 8 * struct.calcsize(form)) - 1)
    check(bytes(content))


@given(st.binary(max_size=400))
def test_any_bytes_as_a_section_of_device_code(content: bytes) -> None:
    check(bytes(Elf(sections=[(".nv_fatbin", content)])))


@given(st.binary(max_size=300), st.integers(0, 300))
def test_any_bytes_as_entries(content: bytes, length: int) -> None:
    head = struct.pack("<IHHQ", elf.MAGIC, 1, 16, length)
    check(bytes(Elf(sections=[(".nv_fatbin", head + content)])))


@given(st.binary(max_size=300))
def test_any_bytes_behind_the_magic_of_elf(content: bytes) -> None:
    check(b"\x7fELF\x02\x01" + content)


parts = st.one_of(
    st.builds(
        entry,
        st.sampled_from([1, 2, 4, 8, 16, 64]),
        st.sampled_from(["50", "90a", "100f", "9999"]),
        st.binary(max_size=40),
    ),
    st.builds(
        lambda *members: elf.several(*members),
        st.just(elf.member(CUBIN, "80")),
        st.just(elf.member(PTX, "90", b"-v")),
    ),
)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.lists(parts, max_size=4), max_size=4), st.integers(0, 40).map(lambda count: count * 8))
def test_what_a_compiler_might_make_is_read(containers: list[list[bytes]], padding: int) -> None:
    content = bytes(padding).join(container(*entries) for entries in containers)
    found = check(bytes(Elf(sections=[(".nv_fatbin", content)])))
    assert "not read" not in found.note
    assert found.containers == len(containers)


@settings(max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=6))
def test_a_wheel_changed_anywhere(changes: list[tuple[int, int]]) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as wheel:
        wheel.writestr("x/libx.so", HOLDS)
    content = bytearray(made.getvalue())
    for where, value in changes:
        content[where % len(content)] = value
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.whl")
        path.write_bytes(content)
        try:
            found = read_wheel(path)
        except (zipfile.BadZipFile, OSError):
            return
        assert len(found) <= 1
        for each in found:
            assert each.note or each.cubins is not None


def test_a_file_of_headers_only_ends_soon(tmp_path: Path) -> None:
    """A gigabyte of the smallest containers there are, in a file with holes."""
    head = bytearray(bytes(Elf(sections=[(".nv_fatbin", b"")])))
    table = struct.unpack_from("<Q", head, 40)[0]
    size = 1 << 30
    struct.pack_into("<QQ", head, table + 64 + 24, 4096, size)
    (tmp_path / "lib.so").write_bytes(head)
    with (tmp_path / "lib.so").open("r+b") as file:
        file.seek(4096)
        file.write(struct.pack("<IHHQ", elf.MAGIC, 1, 16, 0) * (_MOST_STEPS + 1))
        file.truncate(4096 + size)
    assert read_library(str(tmp_path / "lib.so")).note == f"not read: more than {_MOST_STEPS} headers"


def test_a_gigabyte_of_nothing_ends_at_once(tmp_path: Path) -> None:
    head = bytearray(bytes(Elf(sections=[(".nv_fatbin", b"")])))
    table = struct.unpack_from("<Q", head, 40)[0]
    struct.pack_into("<QQ", head, table + 64 + 24, 4096, 1 << 30)
    (tmp_path / "lib.so").write_bytes(head)
    with (tmp_path / "lib.so").open("r+b") as file:
        file.truncate(4096 + (1 << 30))
    assert read_library(str(tmp_path / "lib.so")).note == "not read: no container at 4096"
