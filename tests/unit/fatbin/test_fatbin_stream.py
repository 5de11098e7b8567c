"""Wheels are read as they are: members inflated on the way, never held in memory or unpacked."""

import io
import os
import struct
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from support.elf import CUBIN, KERNEL, Elf, code, container, entry, library, plain_library

from envbuild.fatbin import stream
from envbuild.fatbin.read import read_library
from envbuild.fatbin.stream import read_stream, read_wheel

MIB = 1 << 20


def wheel(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as made:
        for name, content in members.items():
            made.writestr(name, content)
    return path


def big_library(filling: bytes) -> bytes:
    """A stand-in whose parts lie apart like those of a large library: code far from the end and the start."""
    sections = [
        (".rodata", filling),
        (".nv_fatbin", code(["80", "90a"]) + code(["80"], ["90"])),
        (".data", filling),
        ("__nv_relfatbin", code(["120"])),
        (".data", filling),
    ]
    return bytes(Elf(sections=sections))


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_wheel_reads_like_its_files(tmp_path: Path, method: int) -> None:
    filling = os.urandom(3 * MIB // 2)
    members = {
        "x/lib/libx.so.12": big_library(filling),
        "x/plain.so": plain_library(),
        "x/script.so": b"INPUT(libx.so.12)",
        "x/__init__.py": b"",
        "x-1.0.dist-info/RECORD": b"",
    }
    found = read_wheel(wheel(tmp_path / "x-1.0-py3-none-any.whl", members, method))
    assert [each.path for each in found] == ["x/lib/libx.so.12", "x/plain.so"]
    (tmp_path / "libx.so").write_bytes(members["x/lib/libx.so.12"])
    assert found[0]._replace(path="") == read_library(str(tmp_path / "libx.so"))._replace(path="")
    assert found[0].entries == {"sm_80": 2, "sm_90a": 1, "compute_90": 1, "sm_120": 1}
    assert found[1].note == "no device code"


def test_memory_does_not_grow_with_the_library(tmp_path: Path) -> None:
    made = wheel(tmp_path / "x-1.0-py3-none-any.whl", {"libx.so": big_library(bytes(40 * MIB))})
    tracemalloc.start()
    try:
        (found,) = read_wheel(made)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.cubins == ("80", "90a", "120")
    assert found.size > 120 * MIB
    assert peak < 12 * MIB


def counted(content: bytes) -> tuple[Callable[[], io.BytesIO], list[int]]:
    opened: list[int] = []

    def opening() -> io.BytesIO:
        opened.append(1)
        return io.BytesIO(content)

    return opening, opened


def test_a_library_is_inflated_twice() -> None:
    content = big_library(bytes(3 * MIB))
    opening, opened = counted(content)
    assert read_stream("libx.so", len(content), opening).cubins == ("80", "90a", "120")
    assert len(opened) == 2


def test_a_file_made_to_be_read_again_and_again_is_given_up() -> None:
    """Its sections overlap, so that each one sends the reader back to the beginning."""
    apart = container(entry(CUBIN, "80", bytes(3 * MIB))) + code(["90"])
    content = bytearray(bytes(Elf(sections=[(".nv_fatbin", apart), *[(".nv_fatbin", b"")] * 20])))
    table = struct.unpack_from("<Q", content, 40)[0]
    for row in range(1, 21):
        struct.pack_into("<QQ", content, table + row * 64 + 24, 64, len(apart))
    opening, opened = counted(bytes(content))
    found = read_stream("libx.so", len(content), opening)
    assert found.cubins is None
    assert found.note == "cannot be read: its parts lie in an order that no compiler makes"
    assert len(opened) == 8


def test_a_member_too_large_to_be_a_library() -> None:
    opening, opened = counted(b"")
    assert read_stream("libx.so", 1 << 50, opening).note == "not read: larger than 16 GiB"
    assert opened == []


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_ways_of_compressing_that_wheels_do_not_use(tmp_path: Path, method: int) -> None:
    (found,) = read_wheel(wheel(tmp_path / "x.whl", {"libx.so": library(["80"])}, method))
    assert found.note == "not read: compressed in a way that wheels are not, or encrypted"


def test_a_damaged_member_does_not_hide_the_others(tmp_path: Path) -> None:
    content = bytes(Elf(sections=[(".text", os.urandom(2 * MIB)), (".nv_fatbin", code(["80"]))]))
    made = wheel(tmp_path / "x.whl", {"liba.so": content, "libb.so": library(["90"])})
    damaged = bytearray(made.read_bytes())
    damaged[MIB : MIB + 4096] = b"\xff" * 4096
    made.write_bytes(damaged)
    first, second = read_wheel(made)
    assert (first.cubins, second.cubins) == (None, ("90",))
    assert first.note.startswith("cannot be read: the wheel is damaged: ")


def test_a_member_that_is_shorter_than_it_says(tmp_path: Path) -> None:
    whole = library(["80"]) + KERNEL * 64
    made = wheel(tmp_path / "x.whl", {"liba.so": whole})
    with zipfile.ZipFile(made) as opened:
        size = opened.infolist()[0].compress_size
    data = made.read_bytes()
    cut = bytearray(data[: 30 + len("liba.so") + size // 2] + data[30 + len("liba.so") + size :])
    struct.pack_into("<I", cut, cut.rindex(b"PK\5\6") + 16, cut.rindex(b"PK\1\2"))
    made.write_bytes(cut)
    (found,) = read_wheel(made)
    assert found.cubins is None
    assert found.note.startswith(("cannot be read: ", "not read: "))


def test_what_is_no_wheel(tmp_path: Path) -> None:
    (tmp_path / "x.whl").write_bytes(b"not a zip file")
    with pytest.raises(zipfile.BadZipFile):
        read_wheel(tmp_path / "x.whl")


def test_the_largest_reads_of_a_stream_are_of_a_megabyte() -> None:
    assert stream._CHUNK == MIB
