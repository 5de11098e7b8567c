"""Wheels that uv's cache holds unpacked: certain by digest, likely by name."""

from pathlib import Path

import pytest
from support.audits import unpack, wheel_of
from support.elf import library

from envbuild.audit.unpacked import read_unpacked, uv_cache

FILE, DATA, DIGEST = wheel_of("nvidia_thing_cu12", "1.2", {"nvidia/lib/libthing.so": library(["80"])})
REST = FILE.removeprefix("nvidia_thing_cu12-").removesuffix(".whl")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A stand-in for uv's cache, laid out as uv 0.13 lays it out."""
    unpack(DATA, tmp_path / "archive-v0/RaNYo2Jed")
    shelf = tmp_path / "wheels-v8/pypi/nvidia-thing-cu12"
    shelf.mkdir(parents=True)
    (shelf / REST).symlink_to("../../../archive-v0/RaNYo2Jed")
    (shelf / f"{REST}.http").write_bytes(
        b"\x95\xb0RaNYo2Jed\x91\x81\xa6Sha256\xd9@" + DIGEST.encode() + b"\0"
    )
    return tmp_path


def test_found_by_its_digest(cache: Path) -> None:
    found = read_unpacked(cache, FILE, DIGEST)
    assert found is not None
    libraries, certain = found
    assert certain
    assert [(each.path, each.cubins) for each in libraries] == [("nvidia/lib/libthing.so", ("80",))]


def test_found_on_the_shelf_of_another_index(cache: Path) -> None:
    (cache / "wheels-v8/index").mkdir()
    (cache / "wheels-v8/pypi").rename(cache / "wheels-v8/index/0123abcd")
    link = cache / "wheels-v8/index/0123abcd/nvidia-thing-cu12" / REST
    link.unlink()
    link.symlink_to(cache / "archive-v0/RaNYo2Jed")
    found = read_unpacked(cache, FILE, DIGEST)
    assert found is not None
    assert found[1]


def test_of_another_digest_it_is_only_likely(cache: Path) -> None:
    found = read_unpacked(cache, FILE, "cd" * 32)
    assert found is not None
    assert not found[1]


def test_a_build_for_something_else_is_another_wheel(cache: Path) -> None:
    assert read_unpacked(cache, FILE.replace("cp311", "cp312"), "cd" * 32) is None
    assert read_unpacked(cache, FILE.replace("1.2", "1.3"), "cd" * 32) is None


def test_one_that_is_half_cleaned_up_is_not_there(cache: Path) -> None:
    (cache / "archive-v0/RaNYo2Jed/nvidia/lib/libthing.so").unlink()
    assert read_unpacked(cache, FILE, DIGEST) is None


def test_a_record_that_leads_out_of_the_wheel_is_not_followed(cache: Path) -> None:
    (cache / "libout.so").write_bytes(library(["90"]))
    record = cache / "archive-v0/RaNYo2Jed/nvidia_thing_cu12-1.2.dist-info/RECORD"
    record.write_text("../../libout.so,,\n")
    assert read_unpacked(cache, FILE, DIGEST) is None


@pytest.mark.parametrize(
    "file", ["", "x", "../../x-1-py3-none-any.whl", "*-*-*-*-*.whl", "x-[1.whl", "x-1-a-b-c.whl"]
)
def test_odd_names_find_nothing(cache: Path, file: str) -> None:
    assert read_unpacked(cache, file, "") is None


def test_where_the_cache_lies_is_for_uv_to_say(tmp_path: Path) -> None:
    assert uv_cache({"UV_CACHE_DIR": str(tmp_path), "HOME": str(tmp_path)}) == tmp_path
    assert uv_cache({"UV_CACHE_DIR": str(tmp_path / "no"), "HOME": str(tmp_path)}) is None
