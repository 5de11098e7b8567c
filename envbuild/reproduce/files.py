"""The files of two images, by content and not by time → what differs. Reads the streams that it is given.

Two builds of one lock never give the same bytes: each file has the time at which it was written. So layers
are taken apart, and path, kind, mode, owner, link, extended attributes and content are compared.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import posixpath
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.archive.model import DOCKER
from envbuild.archive.packing import packing_of, zstd_stream
from envbuild.archive.tar import BLOCK, Broken, TarReader

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.archive.tar import Entry, Readable

Tree = dict[str, str]
"""Path → a word for all of it that counts. Whiteouts (`.wh.…`) are members of a layer like any other."""

_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"
_SMALL = 8 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlike:
    """How two trees differ: paths that only one has, and those not the same; `files` in the second tree."""

    only_a: tuple[str, ...] = ()
    only_b: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    files: int = 0

    def __bool__(self) -> bool:
        return bool(self.only_a or self.only_b or self.changed)


def unlike(a: Tree, b: Tree) -> Unlike:
    """What differs from `a` to `b`. Pure."""
    return Unlike(
        only_a=tuple(sorted(a.keys() - b.keys())),
        only_b=tuple(sorted(b.keys() - a.keys())),
        changed=tuple(sorted(path for path in a.keys() & b.keys() if a[path] != b[path])),
        files=sum(word.startswith("file") for word in b.values()),
    )


def stacked(layers: Sequence[Tree]) -> Tree:
    """What a container of these layers sees, from the bottom up. Pure."""
    found: Tree = {}
    for layer in layers:
        for path in layer:
            folder, _, name = path.rpartition("/")
            if name == _OPAQUE:
                _drop(found, folder, itself=False)
            elif name.startswith(_WHITEOUT):
                _drop(found, posixpath.join(folder, name.removeprefix(_WHITEOUT)), itself=True)
        for path, word in layer.items():
            if not path.rpartition("/")[2].startswith(_WHITEOUT):
                found[path] = word
    return found


def _drop(found: Tree, path: str, *, itself: bool) -> None:
    inside = f"{path}/"
    for old in [each for each in found if each.startswith(inside) or (itself and each == path)]:
        del found[old]


def layer_tree(stream: Readable) -> Tree:
    """The members of one layer, which may be packed by gzip or zstd. Raises Broken."""
    found: Tree = {}
    plain = _plain(stream)
    reader = TarReader(plain)
    for entry in reader:
        path = posixpath.normpath(entry.name.lstrip("/"))
        if path != ".":
            found[path] = _word(entry, reader, found)
    while plain.read(1 << 20):  # so that who packed or sent it can say whether that was all
        pass
    return found


def _word(entry: Entry, reader: TarReader, found: Tree) -> str:
    if entry.kind == "hardlink":  # the same file under another name
        return found.get(posixpath.normpath(entry.link.lstrip("/")), f"hardlink {entry.link}")
    told = f"{entry.kind} {entry.mode:o} {entry.uid}:{entry.gid} {entry.attributes}{entry.link}"
    if entry.kind != "file":
        return told
    hasher = hashlib.sha256()
    for data in reader.chunks():
        hasher.update(data)
    return f"{told} {hasher.hexdigest()}"


def image_trees(stream: Readable) -> list[Tree]:
    """The layers of the one image in a docker archive, from the bottom up. Raises Broken."""
    tables: dict[str, bytes] = {}
    trees: dict[str, Tree] = {}
    links: dict[str, str] = {}
    reader = TarReader(stream)
    for entry in reader:
        name = posixpath.normpath(entry.name)
        if entry.kind in {"link", "hardlink"}:
            beside = posixpath.dirname(name) if entry.kind == "link" else ""
            links[name] = posixpath.normpath(posixpath.join(beside, entry.link))
        elif name == DOCKER:
            tables[name] = reader.content(_SMALL)
        elif entry.kind == "file":
            head = _Begun(reader)
            if head.looks_like_a_layer():
                trees[name] = layer_tree(head)
    try:
        (row,) = json.loads(tables[DOCKER])
        paths = [posixpath.normpath(path) for path in row["Layers"]]
        return [trees[links.get(path, path)] for path in paths]
    except (KeyError, ValueError, TypeError) as error:
        raise Broken("does not say what its layers are") from error


class _Begun:
    """A stream that was looked into. As much of a file as unpackers ask for."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self.head = b""
        while len(self.head) < BLOCK and (data := stream.read(BLOCK - len(self.head))):
            self.head += data

    def read(self, size: int = -1, /) -> bytes:
        size = size if size >= 0 else 1 << 16
        if self.head:
            data, self.head = self.head[:size], self.head[size:]
            return data
        return self._stream.read(size)

    def seek(self, position: int, /) -> object:
        raise OSError(f"a stream cannot go back to {position}")

    def looks_like_a_layer(self) -> bool:
        """A tar (an empty one is all zeros), or something packed; not JSON, and not a version."""
        if self.head.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
            return True
        is_tar = self.head[257:262] == b"ustar" or not self.head.strip(b"\0")
        return len(self.head) == BLOCK and is_tar


def _plain(stream: Readable) -> Readable:
    head = _Begun(stream)
    packing = packing_of(head.head[:6].ljust(6))
    if packing == "gzip":
        return _Unpacking(gzip.GzipFile(fileobj=head, mode="rb"))
    return zstd_stream(head) if packing == "zstd" else head


class _Unpacking:
    """An unpacker whose errors are the layer's."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except (EOFError, OSError, zlib.error) as error:
            raise Broken(f"cannot be unpacked: {error}") from error


class Pieces:
    """Pieces of bytes as a stream."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; b"" at the end."""
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return b""
            self._rest = memoryview(piece)
        data, self._rest = self._rest[:size], self._rest[size:]
        return bytes(data)
