"""The tiny layer, also one that lies: spec and lock are read, nothing else is, and nothing grows."""

import gzip
import importlib.util
import io
import shutil
import tarfile
import zlib

import pytest

from envbuild.remote import unpack
from envbuild.remote.tiny import LARGEST_CONTENT, MOST_FILES, files_in
from envbuild.remote.unpack import Unreadable

SPEC = "opt/envbuild/spec.yml"


def tar(*members: tuple[str, bytes] | tarfile.TarInfo, form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1])
            archive.addfile(info, io.BytesIO(member[1]))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    info.linkname = target
    return info


def with_size(data: bytes, size: bytes) -> bytes:
    """The first header's size field as given, with a checksum that fits."""
    header = bytearray(data[:512])
    header[124:136] = size.ljust(12, b"\0")
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + data[512:]


def test_files_of_the_folder_plain_and_packed() -> None:
    data = tar(special("opt/envbuild", tarfile.DIRTYPE), (SPEC, b"name: x\n"), ("opt/envbuild/b", b"2"))
    wanted = {"spec.yml": b"name: x\n", "b": b"2"}
    assert files_in(data) == wanted
    assert files_in(gzip.compress(data)) == wanted
    assert files_in(gzip.compress(data[:700]) + gzip.compress(data[700:])) == wanted  # two members


@pytest.mark.parametrize("name", ["/opt/envbuild/spec.yml", "./opt/envbuild/spec.yml"])
def test_names_as_builders_write_them(name: str) -> None:
    assert files_in(tar((name, b"x"))) == {"spec.yml": b"x"}


def test_another_folder() -> None:
    assert files_in(tar(("envbuild/spec.yml", b"x"), (SPEC, b"y")), "envbuild/") == {"spec.yml": b"x"}


@pytest.mark.parametrize(
    "name",
    [
        "opt/envbuild/../envbuild/spec.yml",
        "../opt/envbuild/spec.yml",
        "opt/envbuild/deep/spec.yml",
        "opt/envbuild/",
        "opt/envbuildx/spec.yml",
        "opt//envbuild/spec.yml",
        "etc/passwd",
        "opt/envbuild/" + "d/" * 120 + "spec.yml",  # a GNU long name
    ],
)
def test_other_names_do_not_count(name: str) -> None:
    assert files_in(tar((name, b"x"))) == {}


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE]
)
def test_only_plain_files_count(kind: bytes) -> None:
    assert files_in(tar(("etc/shadow", b"secret"), special(SPEC, kind, "etc/shadow"))) == {}


def test_of_two_with_one_name_the_last_counts() -> None:
    assert files_in(tar((SPEC, b"first"), (SPEC, b"last"))) == {"spec.yml": b"last"}


def test_a_bomb_is_not_unpacked() -> None:
    bomb = gzip.compress(b"\0" * (4 * LARGEST_CONTENT))
    assert len(bomb) < 1 << 18
    with pytest.raises(Unreadable) as caught:
        files_in(bomb)
    assert str(caught.value) == "holds more than 16 MiB when unpacked, which spec and lock do not"


def test_a_plain_layer_that_is_too_large() -> None:
    with pytest.raises(Unreadable, match="holds more than 16 MiB"):
        files_in(tar((SPEC, b"x" * LARGEST_CONTENT)))


def test_a_sparse_file_that_claims_to_be_huge_does_not_count() -> None:
    huge = tarfile.TarInfo(SPEC)
    huge.size = 0
    huge.pax_headers = {
        "GNU.sparse.major": "0",
        "GNU.sparse.minor": "1",
        "GNU.sparse.name": SPEC,
        "GNU.sparse.map": "0,0",
        "GNU.sparse.size": str(1 << 40),
    }
    assert files_in(tar(huge, form=tarfile.PAX_FORMAT)) == {}


def test_too_many_files() -> None:
    with pytest.raises(Unreadable, match=f"holds more than {MOST_FILES} files"):
        files_in(tar(*((f"f{number}", b"") for number in range(MOST_FILES + 1))))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is no tar archive"),
        (b"hello " * 200, "is no tar archive"),
        (tar((SPEC, b"x" * 5000))[:1500], "is no tar archive"),
        (gzip.compress(tar((SPEC, b"x")))[:60], "is broken: it cannot be unpacked"),
        (b"\x1f\x8bnonsense", "is broken: it cannot be unpacked"),
        (gzip.compress(b"x")[:10] + b"\xff" * 20, "is broken: it cannot be unpacked"),
        (b"\x28\xb5\x2f\xfdnonsense", "is broken: it cannot be unpacked"),
        (with_size(tar((SPEC, b"x")), b"7" * 11), "is no tar archive"),
    ],
)
def test_what_is_no_layer(data: bytes, why: str) -> None:
    if data.startswith(b"\x28\xb5") and not has_zstd():
        why = "is packed by zstd, which is not here: install the program zstd"
    with pytest.raises(Unreadable) as caught:
        files_in(data)
    assert str(caught.value) == why


@pytest.mark.parametrize(
    "size", [b"\xff" * 12, b"\x80" + b"\xff" * 11, b"\x80" + b"\0" * 7 + b"\x01\0\0\0", b"-1"]
)
def test_sizes_that_make_no_sense_end(size: bytes) -> None:
    """Negative sizes lead backwards, huge ones beyond the end: refused, or the file does not count."""
    data = with_size(tar((SPEC, b"x"), ("b", b"y")), size)
    try:
        found = files_in(data)
    except Unreadable:
        return
    assert "spec.yml" not in found or len(found["spec.yml"]) <= len(data)


def has_zstd() -> bool:
    modules = ("compression.zstd", "backports.zstd")
    return bool(shutil.which("zstd")) or any(_there(name) for name in modules)


def _there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


# tar((SPEC, b"name: zstd\n")) by zstd 1.5.
PACKED = bytes.fromhex(
    "28b52ffd0468850200f2030e11907dc01c2cd461dc9de91d129cf324680a0edab53b241795f410aaba16fb073f"
    "0711f2fe5ec8bb31e71d462d98a37634f8f0cad28d4b670920d00ff1854f748a83e42101033918146016656240"
    "985e9b"
)


def test_zstd_by_whatever_is_there_else_it_is_said() -> None:
    if has_zstd():
        assert files_in(PACKED) == {"spec.yml": b"name: zstd\n"}
    else:
        with pytest.raises(Unreadable, match="is packed by zstd, which is not here"):
            files_in(PACKED)


def test_zstd_without_anything_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "_MODULES", ())
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(Unreadable) as caught:
        files_in(PACKED)
    assert str(caught.value) == "is packed by zstd, which is not here: install the program zstd"


def test_a_bomb_of_zstd() -> None:
    """320 blocks, each of which says: 128 KiB of zeros (RFC 8878)."""
    block, last = b"\x02\x00\x10\x00", b"\x03\x00\x10\x00"
    bomb = b"\x28\xb5\x2f\xfd\x00\x38" + block * 319 + last
    with pytest.raises(Unreadable) as caught:
        files_in(bomb)
    too_much = "holds more than 16 MiB when unpacked, which spec and lock do not"
    unknown = "is packed by zstd, which is not here: install the program zstd"
    assert str(caught.value) == (too_much if has_zstd() else unknown)


def test_raw_deflate_is_no_layer() -> None:
    with pytest.raises(Unreadable, match="is no tar archive"):
        files_in(zlib.compress(tar((SPEC, b"x"))))
