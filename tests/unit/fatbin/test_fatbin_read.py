"""Device code read out of stand-in libraries: what is in them, and what is not read and why."""

import ast
import json
import os
import struct
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from support import elf
from support.elf import CUBIN, LTO, PTX, Elf, code, container, entry, library

from envbuild.fatbin import read
from envbuild.fatbin.read import DeviceCode, find_libraries, read_library, sort_key

EMPTY_CUBIN = bytes(872)
Read = Callable[[bytes], DeviceCode]


@pytest.fixture
def read_bytes(tmp_path: Path) -> Read:
    def reading(content: bytes) -> DeviceCode:
        path = tmp_path / "lib.so"
        path.write_bytes(content)
        return read_library(str(path))

    return reading


def test_cubins_and_ptx_in_order_with_their_suffixes(read_bytes: Read) -> None:
    found = read_bytes(library(["120a", "90", "100f", "90a", "86"], ["100", "90a"]))
    assert found.cubins == ("86", "90", "90a", "100f", "120a")
    assert found.ptx == ("90a", "100")
    assert (found.note, found.containers) == ("", 1)


def test_entries_are_counted_over_all_containers_and_sections(read_bytes: Read) -> None:
    sections = [
        ("__nv_relfatbin", code(["80"], ["80"])),
        (".text", bytes(40)),
        (".nv_fatbin", code(["80", "86"]) + code(["80"])),
    ]
    found = read_bytes(bytes(Elf(sections=sections)))
    assert found.entries == {"sm_80": 3, "sm_86": 1, "compute_80": 1}
    assert found.containers == 3
    assert found.code == len(sections[0][1]) + len(sections[2][1])


def test_two_sections_of_one_name(read_bytes: Read) -> None:
    found = read_bytes(bytes(Elf(sections=[(".nv_fatbin", code(["70"])), (".nv_fatbin", code(["90"]))])))
    assert found.cubins == ("70", "90")


def test_padding_between_containers(read_bytes: Read) -> None:
    content = bytes(24) + code(["80"]) + bytes(4072) + code(["90"]) + bytes(12)
    assert read_bytes(bytes(Elf(sections=[(".nv_fatbin", content)]))).cubins == ("80", "90")


def test_options_of_ptxas_in_an_entry(read_bytes: Read) -> None:
    content = container(entry(PTX, "80", options=b"-maxrregcount=96 -v"), entry(CUBIN, "86"))
    found = read_bytes(bytes(Elf(sections=[(".nv_fatbin", content)])))
    assert (found.cubins, found.ptx) == (("86",), ("80",))


def test_several_entries_compressed_as_one(read_bytes: Read) -> None:
    members = [
        elf.member(CUBIN, "90a"),
        elf.member(CUBIN, "100f", options=bytes(20)),
        elf.member(CUBIN, "80"),
    ]
    content = container(elf.several(*members), entry(PTX, "120"))
    found = read_bytes(bytes(Elf(sections=[(".nv_fatbin", content)])))
    assert found.entries == {"sm_90a": 1, "sm_100f": 1, "sm_80": 1, "compute_120": 1}


@pytest.mark.parametrize("machine", [elf.X86_64, elf.AARCH64, elf.PPC64])
def test_machines_that_cuda_runs_on(read_bytes: Read, machine: int) -> None:
    assert read_bytes(bytes(Elf(sections=[(".nv_fatbin", code(["90"]))], machine=machine))).cubins == ("90",)


def test_a_library_without_device_code(read_bytes: Read) -> None:
    found = read_bytes(elf.plain_library())
    assert (found.cubins, found.ptx, found.note, found.code) == ((), (), "no device code", 0)


def test_kernels_that_lie_elsewhere_are_unknown_not_missing(read_bytes: Read) -> None:
    """As in cuFFT: nvcc's own cubin in its place, and fat binaries that the library loads by itself."""
    stub = container(entry(CUBIN, "52", EMPTY_CUBIN))
    alone = read_bytes(bytes(Elf(sections=[(".nv_fatbin", stub)])))
    assert (alone.cubins, alone.ptx) == (None, None)
    assert alone.note == "only sm_52: kernels lie elsewhere: unknown"
    assert alone.entries == {"sm_52": 1}
    hidden = (".ldata", bytes(64) + code(["90"]))
    both = read_bytes(bytes(Elf(sections=[(".nv_fatbin", stub), hidden])))
    assert (both.cubins, both.note) == (None, "only sm_52: kernels lie elsewhere (in .ldata): unknown")
    without = read_bytes(bytes(Elf(sections=[hidden])))
    assert (without.cubins, without.note) == (None, "kernels lie elsewhere (in .ldata): unknown")


def test_a_lone_old_architecture_is_unknown_whatever_its_size(read_bytes: Read) -> None:
    assert read_bytes(library(["52"])).cubins is None
    assert read_bytes(library(["52"], ["52"])).cubins == ("52",)
    assert read_bytes(library(["75"])).cubins == ("75",)


def test_cubins_without_kernels_of_any_architecture_are_unknown(read_bytes: Read) -> None:
    small = container(entry(CUBIN, "75", EMPTY_CUBIN), entry(CUBIN, "90", bytes(300), raw=1888))
    assert read_bytes(bytes(Elf(sections=[(".nv_fatbin", small)]))).cubins is None
    compressed = container(entry(CUBIN, "75", EMPTY_CUBIN), entry(CUBIN, "90", bytes(300), raw=3440))
    assert read_bytes(bytes(Elf(sections=[(".nv_fatbin", compressed)]))).cubins == ("75", "90")


def test_registered_code_that_no_known_section_holds_is_unknown(read_bytes: Read) -> None:
    found = read_bytes(bytes(Elf(sections=[(".nvFatBinSegment", bytes(24)), (".mine", code(["90"]))])))
    assert (found.cubins, found.note) == (
        None,
        "kernels lie elsewhere (in a section that is not known): unknown",
    )


def test_code_of_other_kinds(read_bytes: Read) -> None:
    only = read_bytes(bytes(Elf(sections=[(".nv_fatbin", container(entry(LTO, "90")))])))
    assert (only.cubins, only.ptx) == (None, None)
    assert only.note == "only LTO-IR, which is linked when the program runs: unknown"
    strange = read_bytes(
        bytes(Elf(sections=[(".nv_fatbin", container(entry(CUBIN, "90"), entry(64, "100")))]))
    )
    assert (strange.cubins, strange.ptx) == (("90",), None)
    assert strange.note == "also code of a kind that is not known (64)"


WHOLE = library(["80", "90"], ["90"])


@pytest.mark.parametrize(
    ("content", "note"),
    [
        (b"", "not an ELF file"),
        (b"/* GNU ld script */\nINPUT(libx.so.1)\n", "not an ELF file"),
        (WHOLE[:40], "it is cut short"),
        (WHOLE[:-1], "it is cut short: its section table lies beyond its end"),
        (bytes(Elf(bits=1)), "a 32-bit ELF file"),
        (bytes(Elf(order=2)), "a big-endian ELF file"),
        (bytes(Elf(machine=40)), "for another machine (ELF machine 40)"),
        (bytes(Elf(machine=elf.CUDA)), "a cubin, not a library"),
        (WHOLE[:40] + bytes(8) + WHOLE[48:], "it has no section table"),
        (WHOLE[:58] + b"\x40\x01" + WHOLE[60:], "its section table has rows of 320 bytes"),
        (WHOLE[:62] + b"\x63\x00" + WHOLE[64:], "its sections have no names"),
        (
            bytes(Elf(sections=[(".nv_fatbin", code(["80"]))], kinds={".nv_fatbin": 8})),
            ".nv_fatbin was split off into another file",
        ),
        (
            bytes(Elf(sections=[(".nv_fatbin", code(["80"]))], flags={".nv_fatbin": 0x800})),
            ".nv_fatbin is compressed",
        ),
        (bytes(Elf(sections=[(".nv_fatbin", b"\1" * 64)])), "no container at 64"),
        (bytes(Elf(sections=[(".nv_fatbin", bytes(8192))])), "no container at 64"),
        (
            bytes(Elf(sections=[(".nv_fatbin", struct.pack("<IHHQ", elf.MAGIC, 2, 16, 0) + bytes(48))])),
            "a container in .nv_fatbin at 64 makes no sense",
        ),
        (
            bytes(Elf(sections=[(".nv_fatbin", struct.pack("<IHHQ", elf.MAGIC, 1, 16, 1 << 63))])),
            "a container in .nv_fatbin at 64 makes no sense",
        ),
        (bytes(Elf(sections=[(".nv_fatbin", container(bytes(40)))])), "an entry at 80 is cut short"),
        (bytes(Elf(sections=[(".nv_fatbin", container(bytes(64)))])), "an entry at 80 makes no sense"),
        (
            bytes(Elf(sections=[(".nv_fatbin", container(entry(CUBIN, "80"), entry(CUBIN, "7")))])),
            "an architecture number of 7 (met until there: sm_80)",
        ),
    ],
)
def test_what_is_not_read_says_why(read_bytes: Read, content: bytes, note: str) -> None:
    found = read_bytes(content)
    assert (found.cubins, found.ptx, found.note) == (None, None, f"not read: {note}")
    assert found.size == len(content)


def test_a_section_that_goes_beyond_the_file(read_bytes: Read) -> None:
    content = bytearray(library(["80"]))
    table = struct.unpack_from("<Q", content, 40)[0]
    struct.pack_into("<Q", content, table + 2 * 64 + 32, 1 << 40)  # the size of .nv_fatbin
    assert read_bytes(bytes(content)).note == "not read: it is cut short: .nv_fatbin goes beyond its end"


def test_more_headers_than_any_library_has(read_bytes: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_MOST_STEPS", 50)
    content = b"".join(container() for _ in range(51))
    found = read_bytes(bytes(Elf(sections=[(".nv_fatbin", content)])))
    assert found.note == "not read: more than 50 headers"


def test_numbers_of_sections_that_do_not_fit_the_header(read_bytes: Read) -> None:
    """From 65280 sections on, the first section holds how many there are and which has the names."""
    content = bytearray(library(["90"]))
    table = struct.unpack_from("<Q", content, 40)[0]
    count, names = struct.unpack_from("<HH", content, 60)
    struct.pack_into("<HH", content, 60, 0, 0xFFFF)
    struct.pack_into("<Q", content, table + 32, count)
    struct.pack_into("<I", content, table + 40, names)
    assert read_bytes(bytes(content)).cubins == ("90",)


def test_what_is_not_a_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.so")
    assert read_library(str(tmp_path / "pipe.so")).note == "not read: not a file"
    assert read_library(str(tmp_path)).note == "not read: not a file"
    assert read_library(str(tmp_path / "no.so")).note == "cannot be opened: No such file or directory"
    assert "null" in read_library("a\0b").note


def test_a_file_that_fails_while_it_is_read() -> None:
    def failing(offset: int, count: int) -> bytes:
        if offset:
            raise OSError(5, "Input/output error")
        return WHOLE[:count]

    found = read.read_at("lib.so", len(WHOLE), failing)
    assert (found.cubins, found.note) == (None, "cannot be read: Input/output error")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in {
        "b/liba.so.12": library(["90"]),
        "b/mod.cpython-312-x86_64-linux-gnu.so": elf.plain_library(),
        "b/notes.sorry.txt": b"text",
        "a/script.so": b"INPUT(liba.so.12)",
        "skipped/lib.so": library(["80"]),
        "liba": library(["70"]),
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    (tmp_path / "b/liba.so").symlink_to("liba.so.12")
    os.link(tmp_path / "b/liba.so.12", tmp_path / "b/liba.so.12.8")
    (tmp_path / "loop.so").symlink_to(tmp_path)
    return tmp_path


def test_libraries_are_found_once_each(folder: Path) -> None:
    found = find_libraries([str(folder)], skip=(str(folder / "skipped"),))
    names = [os.path.relpath(path, folder) for path in found]
    assert names == ["a/script.so", "b/liba.so.12", "b/mod.cpython-312-x86_64-linux-gnu.so"]


def test_a_folder_that_is_not_there(folder: Path) -> None:
    failed: list[OSError] = []
    assert list(find_libraries([str(folder / "no.so")], failed=failed)) == [str(folder / "no.so")]
    assert failed == []


def test_as_a_script_it_prints_a_line_for_each_library(folder: Path) -> None:
    """The way it runs inside an image: from standard input, alone."""
    text = Path(read.__file__).read_text(encoding="utf-8")
    argv = [sys.executable, "-I", "-S", "-", str(folder), str(folder / "liba"), str(folder / "a/script.so")]
    ran = subprocess.run(argv, input=text, capture_output=True, text=True, check=True, cwd=folder)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    shown = {os.path.relpath(line["path"], folder): (line["cubins"], line["note"]) for line in lines}
    assert shown == {
        "b/liba.so.12": (["90"], ""),
        "b/mod.cpython-312-x86_64-linux-gnu.so": ([], "no device code"),
        "skipped/lib.so": (["80"], ""),
        "liba": (["70"], ""),
        "a/script.so": (None, "not read: not an ELF file"),
    }
    assert (lines[0]["path"], ran.stderr) == (str(folder / "a/script.so"), "")
    assert set(lines[0]) == {"path", "size", "cubins", "ptx", "note", "code", "containers", "entries"}


def test_the_script_needs_nothing_newer_than_python_3_6() -> None:
    tree = ast.parse(Path(read.__file__).read_text(encoding="utf-8"), feature_version=(3, 6))
    imported = {
        alias.name if isinstance(node, ast.Import) else node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert imported == {"json", "os", "stat", "struct", "sys", "typing"}


def test_the_order_of_architectures() -> None:
    shuffled = ["100", "90a", "86", "120f", "90", "100a", "52"]
    assert sorted(shuffled, key=sort_key) == ["52", "86", "90", "90a", "100", "100a", "120f"]
