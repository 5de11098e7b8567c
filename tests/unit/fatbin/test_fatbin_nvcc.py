"""Files that nvcc made, no stand-ins: suffixes, relocatable and linked code, entries of several."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from envbuild.fatbin.read import read_library

MADE = Path(__file__).parent / "nvcc"
# As cuobjdump 13.5 lists them.
ENTRIES = {
    "suffixes": "sm_80 sm_90a sm_100f sm_120 compute_90a compute_100f compute_120",
    "relocatable": "sm_90a compute_90a lto_90a",
    "linked": "sm_86 sm_86 sm_90 sm_90 compute_90",
    "several": "sm_80 sm_90a sm_90 sm_100f sm_120 compute_100f",
}


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_what_nvcc_made_is_read_as_cuobjdump_lists_it(name: str) -> None:
    found = read_library(str(MADE / f"{name}.elf"))
    assert found.entries == Counter(ENTRIES[name].split())
    assert (found.note, found.containers) == ("", 2 if name == "linked" else 1)


def test_each_file_is_told_of() -> None:
    assert {path.stem for path in MADE.glob("*.elf")} == set(ENTRIES)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_cut_anywhere_it_is_not_read(name: str, tmp_path: Path) -> None:
    shutil.copy(MADE / f"{name}.elf", tmp_path / "cut.so")
    size = (tmp_path / "cut.so").stat().st_size
    for length in range(size - 1, 0, -97):
        with (tmp_path / "cut.so").open("r+b") as file:
            file.truncate(length)
        assert read_library(str(tmp_path / "cut.so")).cubins is None
