"""The reader of tar streams: what others write it reads; what is broken it refuses, whatever it is."""

import io
import tarfile
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.archive.tar import BLOCK, END, LARGEST_HEADER, Broken, Entry, TarReader, entry

FORMATS = {"ustar": tarfile.USTAR_FORMAT, "gnu": tarfile.GNU_FORMAT, "pax": tarfile.PAX_FORMAT}
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=150)


def read(data: bytes) -> list[tuple[Entry, bytes]]:
    reader = TarReader(io.BytesIO(data))
    return [(member, b"".join(reader.chunks())) for member in reader]


def packed(files: Mapping[str, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@given(files=st.dictionaries(NAMES, st.binary(max_size=2000), min_size=1, max_size=5))
@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_it_reads_what_python_writes(form: str, files: dict[str, bytes]) -> None:
    assert [(member.name, data) for member, data in read(packed(files, FORMATS[form]))] == list(files.items())


@pytest.mark.parametrize("form", FORMATS)
def test_members_of_all_kinds(form: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[form]) as archive:
        for name, kind, link in (
            ("a", tarfile.DIRTYPE, ""),
            ("a/b", tarfile.REGTYPE, ""),
            ("c", tarfile.SYMTYPE, "a/b"),
            ("d", tarfile.LNKTYPE, "a/b"),
            ("e", tarfile.FIFOTYPE, ""),
        ):
            member = tarfile.TarInfo(name)
            member.type, member.linkname, member.mode, member.uid, member.gid = kind, link, 0o4755, 7, 8
            archive.addfile(member)
    found = [member for member, _ in read(buffer.getvalue())]
    assert [(each.name, each.kind, each.link) for each in found] == [
        ("a/", "folder", ""),
        ("a/b", "file", ""),
        ("c", "link", "a/b"),
        ("d", "hardlink", "a/b"),
        ("e", "other", ""),
    ]
    assert {(each.mode, each.uid, each.gid) for each in found} == {(0o4755, 7, 8)}


@pytest.mark.parametrize("form", ["gnu", "pax"])
def test_long_names_links_and_large_numbers(form: str) -> None:
    buffer = io.BytesIO()
    long = "/".join("x" * 90 for _ in range(5))
    with tarfile.open(fileobj=buffer, mode="w", format=FORMATS[form]) as archive:
        member = tarfile.TarInfo(long)
        member.type, member.linkname, member.uid = tarfile.SYMTYPE, f"{long}/y", 3_000_000
        archive.addfile(member)
    ((found, _),) = read(buffer.getvalue())
    assert (found.name, found.link, found.uid) == (long, f"{long}/y", 3_000_000)


def test_a_size_of_more_than_8_gib_is_read_in_both_forms() -> None:
    for form in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        member = tarfile.TarInfo("big")
        member.size = 9 << 30
        reader = TarReader(io.BytesIO(member.tobuf(form)))
        assert next(iter(reader)).size == 9 << 30
        with pytest.raises(Broken, match="cut off"):
            next(reader.chunks())


def test_extended_attributes_count() -> None:
    member = tarfile.TarInfo("x")
    member.pax_headers = {"SCHILY.xattr.security.capability": "abc", "mtime": "1.5"}
    ((found, _),) = read(member.tobuf(tarfile.PAX_FORMAT) + END)
    assert found.attributes == "SCHILY.xattr.security.capability=abc "


def test_an_archive_in_an_archive_is_read_in_place() -> None:
    inner = packed({"deep": b"content", "other": b"x" * 3000})
    reader = TarReader(io.BytesIO(packed({"inner.tar": inner, "after": b"z"})))
    names = []
    for member in reader:
        if member.name == "inner.tar":
            nested = TarReader(reader)
            names += [(each.name, len(b"".join(nested.chunks()))) for each in nested]
        else:
            names.append((member.name, member.size))
    assert names == [("deep", 7), ("other", 3000), ("after", 1)]


def test_what_is_written_is_read_by_python_and_never_changes() -> None:
    data = b"".join([*entry("blobs/x", 5, [b"ab", b"cde"]), *entry("empty", 0, []), END])
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert [(each.name, each.size, each.mtime) for each in archive] == [
            ("blobs/x", 5, 0),
            ("empty", 0, 0),
        ]
    assert data == b"".join([*entry("blobs/x", 5, [b"abcde"]), *entry("empty", 0, []), END])


@given(data=st.binary(max_size=3 * BLOCK))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        read(data)
    except Broken:
        return
    assert data.startswith(bytes(BLOCK))


@given(cut=st.integers(min_value=0, max_value=7 * BLOCK - 1))
def test_an_archive_that_was_cut_off_is_refused(cut: int) -> None:
    data = packed({"a": b"x" * 700, "b": b"y" * 600})[: 6 * BLOCK] + END
    whole = 6 * BLOCK + BLOCK  # the first block of zeros is the end
    assert len(read(data)) == 2
    if cut < whole:
        with pytest.raises(Broken, match="cut off"):
            read(data[:cut])


@given(at=st.integers(min_value=0, max_value=BLOCK - 1), byte=st.integers(min_value=0, max_value=255))
def test_a_changed_header_is_refused_or_says_the_same(at: int, byte: int) -> None:
    data = bytearray(packed({"name": b"content"}))
    before = read(bytes(data))
    data[at] = byte
    try:
        found = read(bytes(data))
    except Broken:
        return
    assert found == before


def header(kind: bytes, size: int, name: str = "x") -> bytes:
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT)


def pax(*records: bytes) -> bytes:
    data = b"".join(records)
    return header(tarfile.XHDTYPE, len(data)) + data.ljust(-len(data) % BLOCK + len(data), b"\0")


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (header(tarfile.XHDTYPE, LARGEST_HEADER + 1), "more|most that make sense"),
        (header(tarfile.GNUTYPE_LONGNAME, 8 << 30), "most that make sense"),
        (header(tarfile.GNUTYPE_SPARSE, 0), "sparse"),
        (pax(b"22 GNU.sparse.major=1\n") + header(b"0", 0), "sparse"),
        (pax(b"99 path=x\n") + header(b"0", 0), "make no sense"),
        (pax(b"0 path=x\n") + header(b"0", 0), "make no sense"),
        (pax(b"path=x\n") + header(b"0", 0), "make no sense"),
        (pax(b"11 size=-1\n") + header(b"0", 0), "make no sense"),
        (pax(b"13 size=1e99\n") + header(b"0", 0), "make no sense"),
        (b"\x89PNG" * BLOCK, "is no tar archive"),
        (b"", "cut off"),
    ],
)
def test_headers_that_somebody_made_up_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(Broken, match=why):
        read(data + END if data else data)
