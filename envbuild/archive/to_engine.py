"""A checked archive → what an engine loads, as a stream, without names.

Docker's own form, for engines before Docker 25 know no other; the OCI layout for engines with containerd's
store, which keep the manifest then, and with it the digest. The file is read a second time and held to its
digests again: it may have changed meanwhile.
"""

from __future__ import annotations

import hashlib
import io
import json
import posixpath
from typing import TYPE_CHECKING

from envbuild.archive.model import BLOBS, DOCKER, INDEX, LAYOUT, LAYOUT_DATA
from envbuild.archive.read import opened
from envbuild.archive.tar import END, Broken, TarReader, entry
from envbuild.registry import write
from envbuild.registry.model import Descriptor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from _typeshed import WriteableBuffer

    from envbuild.archive.model import Held


def engine_stream(held: Held, moved: Callable[[int, int], None], *, oci: bool) -> io.BufferedReader:
    """The image of `held` as an OCI layout or in docker's form. Reading raises RegistryError, UsageError."""
    head = _oci_head(held) if oci else _docker_head(held)
    return io.BufferedReader(_Pieces(_pieces(held, head, moved)), 1 << 20)


def _docker_head(held: Held) -> dict[str, bytes]:
    config = _path(held.manifest.config.digest)
    layers = [_path(layer.digest) for layer in held.manifest.layers]
    table = json.dumps([{"Config": config, "RepoTags": None, "Layers": layers}]).encode()
    return {DOCKER: table, config: held.config_data}


def _oci_head(held: Held) -> dict[str, bytes]:
    manifest = held.manifest
    listed = Descriptor(
        media_type=manifest.media_type,
        digest=manifest.digest,
        size=len(manifest.data),
        platform=held.platform,
    )
    return {
        LAYOUT: LAYOUT_DATA,
        INDEX: write.index([listed]),
        _path(manifest.digest): manifest.data,
        _path(manifest.config.digest): held.config_data,
    }


def _pieces(held: Held, head: Mapping[str, bytes], moved: Callable[[int, int], None]) -> Iterator[bytes]:
    for name, data in head.items():
        yield from entry(name, len(data), (data,))
    missing = {_path(layer.digest) for layer in held.manifest.layers} - head.keys()
    with opened(held.path, moved) as stream:
        reader = TarReader(stream)
        for member in reader:
            name = posixpath.normpath(member.name)
            if name in missing:
                missing.remove(name)
                yield from entry(name, member.size, _held_to(name, reader))
            if not missing:
                break
        if missing:
            raise Broken("changed while it was read")
    yield END


def _path(digest: str) -> str:
    return BLOBS + digest.replace(":", "/")


def _held_to(name: str, reader: TarReader) -> Iterator[bytes]:
    """The content at hand, whose last piece comes only if the digest in its name is right."""
    _, algorithm, wanted = name.split("/")
    hasher, before = hashlib.new(algorithm), b""
    for data in reader.chunks():
        hasher.update(data)
        if before:
            yield before
        before = data
    if hasher.hexdigest() != wanted:
        raise Broken("changed while it was read")
    yield before


class _Pieces(io.RawIOBase):
    """Pieces of bytes as a file to read."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._rest))
        target[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count

    def close(self) -> None:
        closing = getattr(self._pieces, "close", None)
        if closing and not self.closed:
            closing()
        super().close()
