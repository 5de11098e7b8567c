"""Plain, gzip and zstd streams: by every way to zstd that is here."""

import gzip
import io
import os
import shutil
from pathlib import Path

import pytest

from envbuild.archive import packing
from envbuild.archive.packing import packed, packing_for, packing_of, unpacked
from envbuild.archive.tar import Broken
from envbuild.errors import UsageError

DATA = b"".join(b"%d line\n" % number for number in range(50_000)) + os.urandom(50_000)
WAYS = ["module"] if packing._module() else []
WAYS += ["program"] if shutil.which("zstd") else []


@pytest.fixture(params=WAYS)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """One way to zstd, and no other."""
    if request.param == "program":
        monkeypatch.setattr(packing, "_MODULES", ())
    else:
        monkeypatch.setattr(packing.shutil, "which", lambda name: None)
    return str(request.param)


def test_there_is_a_way_to_zstd_that_is_tried_here() -> None:
    assert WAYS
    assert packing.has_zstd()


def write(path: Path, data: bytes = DATA) -> Path:
    with path.open("wb") as file, packed(file, packing_for(path)) as out:
        for start in range(0, len(data), 70_000):
            out.write(data[start : start + 70_000])
    return path


def read(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file, unpacked(file) as stream:
        return b"".join(iter(lambda: stream.read(65_536), b""))


@pytest.mark.parametrize("name", ["x.oci.tar", "x.tar.gz", "x.TGZ"])
def test_what_was_packed_comes_back(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    assert read(path) == DATA
    assert (path.stat().st_size < len(DATA)) == (name != "x.oci.tar")
    assert path.read_bytes() == write(tmp_path / f"again-{name}").read_bytes()


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("name", ["x.oci.tar.zst", "x.tzst", "x.tar.zstd"])
def test_zstd_comes_back(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name)
    assert packing_of(path.read_bytes()[:6]) == "zstd"
    assert path.stat().st_size < len(DATA) / 3
    assert read(path) == DATA


@pytest.mark.usefixtures("way")
def test_zstd_of_several_frames_and_of_nothing(tmp_path: Path) -> None:
    whole, empty = tmp_path / "whole.tar.zst", write(tmp_path / "empty.tar.zst", b"")
    whole.write_bytes(write(tmp_path / "a.tar.zst").read_bytes() * 2)
    assert read(whole) == DATA * 2
    assert read(empty) == b""


@pytest.mark.usefixtures("way")
def test_zstd_that_was_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "x.tar.zst").read_bytes()
    for bad in (good[: len(good) // 2], good[:-3], good[:50_000] + b"?" * 50 + good[50_050:]):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(Broken, match="cannot be unpacked"):
            read(tmp_path / "bad")


def test_gzip_that_was_cut_off_or_damaged_is_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "x.tar.gz").read_bytes()
    for bad in (good[: len(good) // 2], good[:-3], good[:-8] + b"12345678", good[:1000] + good[1100:]):
        (tmp_path / "bad").write_bytes(bad)
        with pytest.raises(Broken, match="cannot be unpacked"):
            read(tmp_path / "bad")


@pytest.mark.usefixtures("way")
def test_reading_may_end_early(tmp_path: Path) -> None:
    path = write(tmp_path / "x.tar.zst", DATA * 20)
    with path.open("rb", buffering=0) as file, unpacked(file) as stream:
        assert stream.read(10) == DATA[:10]


@pytest.mark.usefixtures("way")
def test_an_error_in_the_middle_of_writing_is_the_callers(tmp_path: Path) -> None:
    def fail() -> None:
        with (tmp_path / "x.tar.zst").open("wb") as file, packed(file, "zstd") as out:
            out.write(DATA)
            raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        fail()


@pytest.mark.parametrize("name", ["x", "x.zst", "x.tar.xz", "tar", "x.oci"])
def test_a_name_that_does_not_tell(tmp_path: Path, name: str) -> None:
    with pytest.raises(UsageError, match="how it is to be packed") as caught:
        packing_for(tmp_path / name)
    assert caught.value.hint == "take a name that ends in .oci.tar, .oci.tar.gz or .oci.tar.zst"


def test_without_any_zstd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, "_MODULES", ())
    monkeypatch.setattr(packing.shutil, "which", lambda name: None)
    with pytest.raises(UsageError, match="nothing here can pack zstd") as caught:
        packing_for(tmp_path / "x.tar.zst")
    assert "pip install backports.zstd" in caught.value.hint
    (tmp_path / "x").write_bytes(b"\x28\xb5\x2f\xfd....")
    with pytest.raises(UsageError, match="nothing here can unpack that"):
        read(tmp_path / "x")
    with pytest.raises(Broken, match="nothing here can unpack that as a stream"):
        packing.zstd_stream(io.BytesIO(b""))


@pytest.mark.parametrize(
    ("head", "name"), [(b"BZh91AY", "bzip2"), (b"\xfd7zXZ\0", "xz"), (b"PK\x03\x04..", "zip")]
)
def test_other_packings_are_named(head: bytes, name: str) -> None:
    with pytest.raises(Broken, match=f"is packed by {name}, which envbuild does not unpack"):
        packing_of(head)


def test_frames_that_pzstd_begins_with_are_zstd() -> None:
    assert packing_of(b"\x50\x2a\x4d\x18\x04\x00") == "zstd"
    assert packing_of(gzip.compress(b"")[:6]) == "gzip"
    assert packing_of(b"") == packing_of(b"oci-la") == ""
