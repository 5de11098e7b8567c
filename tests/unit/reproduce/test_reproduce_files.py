"""Files of layers, by content: what a container sees of them, and what differs."""

import gzip
import io
import shutil
import subprocess
import tarfile

import pytest
from support.archives import Member, docker_20, docker_25, podman, tar_of

from envbuild.archive import packing
from envbuild.archive.tar import Broken
from envbuild.reproduce.files import Pieces, image_trees, layer_tree, stacked, unlike


def layer(*rows: Member, mtime: int = 0, **more: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for row in rows:
            member = tarfile.TarInfo(row.name)
            member.type, member.linkname, member.size, member.mtime = (
                row.kind, row.link, len(row.data), mtime,
            )  # fmt: skip
            for key, value in more.items():
                setattr(member, key, value)
            archive.addfile(member, io.BytesIO(row.data))
    return buffer.getvalue()


def tree(data: bytes) -> dict[str, str]:
    return layer_tree(io.BytesIO(data))


def test_times_do_not_count_and_all_else_does() -> None:
    file = Member("etc/x", b"content")
    first = tree(layer(file, mtime=1))
    assert first == tree(layer(file, mtime=2))
    assert list(first) == ["etc/x"]
    others = (
        layer(Member("etc/x", b"Content")),
        layer(file, mode=0o600),
        layer(file, uid=1),
        layer(file, gid=1),
        layer(Member("etc/x", kind=tarfile.DIRTYPE)),
        layer(Member("etc/x", kind=tarfile.SYMTYPE, link="y")),
    )
    assert all(tree(other).keys() == first.keys() and tree(other) != first for other in others)
    assert tree(layer(Member("./etc/x", b"content"))) == tree(layer(Member("/etc/x", b"content"))) == first


def test_a_hard_link_is_the_file_itself() -> None:
    a = layer(Member("a", b"x"), Member("b", kind=tarfile.LNKTYPE, link="a"))
    b = layer(Member("b", b"x"), Member("a", kind=tarfile.LNKTYPE, link="b"))
    assert tree(a) == tree(b)


def test_what_a_container_sees() -> None:
    below = tree(layer(Member("a/x", b"1"), Member("a/y", b"1"), Member("b", b"1"), Member("ab", b"1")))
    gone = tree(layer(Member("a/.wh.x"), Member(".wh.b")))
    assert sorted(stacked([below, gone])) == ["a/y", "ab"]
    opaque = tree(layer(Member("a/.wh..wh..opq"), Member("a/z", b"2")))
    assert sorted(stacked([below, opaque])) == ["a/z", "ab", "b"]
    whole = tree(layer(Member(".wh.a")))
    assert sorted(stacked([below, whole, tree(layer(Member("a/x", b"9")))])) == ["a/x", "ab", "b"]
    assert stacked([below, tree(layer(Member("b", b"2")))])["b"] != below["b"]


def test_what_differs() -> None:
    a = {"same": "file 1", "only a": "file 1", "both": "file 1"}
    b = {"same": "file 1", "only b": "file 1", "both": "file 2", "folder": "folder"}
    found = unlike(a, b)
    assert (found.only_a, found.only_b, found.changed) == (("only a",), ("folder", "only b"), ("both",))
    assert found
    assert found.files == 3
    assert not unlike(a, dict(a))


@pytest.mark.parametrize("make", [docker_20, docker_25, podman])
def test_layers_of_every_make_of_archive(make: object) -> None:
    layers = [layer(Member("a", b"1")), layer(), layer(Member("b", b"2")), layer(Member("a", b"1"))]
    assert image_trees(io.BytesIO(make(b"{}", layers))) == [tree(each) for each in layers]  # type: ignore[operator]


def test_packed_layers_are_the_same() -> None:
    plain = layer(Member("a", b"1" * 5000))
    assert layer_tree(Pieces(iter([gzip.compress(plain)]))) == tree(plain)
    assert image_trees(io.BytesIO(docker_25(b"{}", [gzip.compress(plain)]))) == [tree(plain)]


def test_layers_packed_by_zstd_need_a_module(monkeypatch: pytest.MonkeyPatch) -> None:
    if not shutil.which("zstd"):
        pytest.skip("needs the program zstd")
    plain = layer(Member("a", b"1" * 5000))
    data = subprocess.run(["zstd", "-c"], input=plain, capture_output=True, check=True).stdout
    if packing._module():
        assert layer_tree(io.BytesIO(data)) == tree(plain)
    monkeypatch.setattr(packing, "_MODULES", ())
    with pytest.raises(Broken, match="packed by zstd, and nothing here can unpack that as a stream"):
        layer_tree(io.BytesIO(data))


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: data[:200] + b"?" * 50 + data[250:]]
)
def test_damaged_layers_are_broken(damage: object) -> None:
    data = gzip.compress(layer(*(Member(f"file {number}", b"%d" % number) for number in range(500))))
    with pytest.raises(Broken):
        layer_tree(io.BytesIO(damage(data)))  # type: ignore[operator]


def test_an_archive_that_does_not_say_what_its_layers_are() -> None:
    with pytest.raises(Broken, match="does not say what its layers are"):
        image_trees(io.BytesIO(tar_of([Member("x", b"y")])))


def test_pieces_of_any_size_are_a_stream() -> None:
    stream = Pieces(iter([b"abc", b"", b"defgh"]))
    assert [stream.read(2), stream.read(2), stream.read(100), stream.read(1)] == [b"ab", b"c", b"defgh", b""]
