"""An image layout as it is written, entry by entry: blobs → a tar stream. Writes only where it is told to.

Same image, same documents: same bytes. Blobs come in any order; the index comes last, when all is known.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from typing import TYPE_CHECKING, Any

from envbuild.archive.model import (
    BLOBS,
    DOCKER,
    INDEX,
    LAYOUT,
    LAYOUT_DATA,
    NAME,
    NAMES,
    REF_NAME,
    REFERRERS,
    Artifact,
    Document,
)
from envbuild.archive.tar import CHUNK, END, Broken, entry
from envbuild.names import parse_reference
from envbuild.registry import kinds, write
from envbuild.registry.model import OCI_CONFIG, OCI_INDEX, OCI_MANIFEST, Descriptor
from envbuild.registry.parse import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from envbuild.archive.model import Brought
    from envbuild.archive.packing import Writable

_LAYER = "application/vnd.oci.image.layer.v1.tar"


class Layout:
    """A layout that grows. `folder`: where a blob waits for its name, which is its digest."""

    def __init__(self, out: Writable, folder: Path) -> None:
        self._out = out
        self._folder = folder
        self._there: set[str] = set()

    def has(self, digest: str) -> bool:
        """Whether a blob is there already."""
        return digest in self._there

    def add(self, blob: Descriptor, chunks: Iterable[bytes]) -> None:
        """A blob that is known: what comes is held to its digest and size. Raises Broken."""
        if blob.digest in self._there:
            for _ in chunks:
                pass
            return
        checked = _checked(blob, chunks)
        self._write(BLOBS + blob.digest.replace(":", "/"), blob.size, checked)
        self._there.add(blob.digest)

    def add_data(self, data: bytes, media_type: str) -> Descriptor:
        """A small blob."""
        blob = Descriptor(media_type=media_type, digest=digest_of(data), size=len(data))
        self.add(blob, (data,))
        return blob

    def add_layer(self, chunks: Iterator[bytes], size: int, digest: str = "") -> Descriptor:
        """A layer of `size` bytes; without `digest` it is first written down elsewhere, to find that out."""
        first = next(chunks, b"")
        media_type = _LAYER + layer_packing(first)
        if digest:
            blob = Descriptor(media_type=media_type, digest=digest, size=size)
            self.add(blob, _with(first, chunks))
            return blob
        with tempfile.TemporaryFile(dir=self._folder, prefix=".envbuild-layer-") as spool:
            hasher = hashlib.sha256()
            for data in _with(first, chunks):
                hasher.update(data)
                spool.write(data)
            spool.seek(0)
            blob = Descriptor(media_type=media_type, digest=f"sha256:{hasher.hexdigest()}", size=size)
            self.add(blob, iter(lambda: spool.read(CHUNK), b""))
        return blob

    def add_document(self, subject: Descriptor, document: Document) -> tuple[Descriptor, Artifact]:
        """A small file as an artifact that belongs to `subject`; how it is to be listed, and what it is."""
        self.add(write.EMPTY, (write.EMPTY_DATA,))
        file = self.add_data(document.data, document.kind)
        titled = Descriptor(
            media_type=file.media_type,
            digest=file.digest,
            size=file.size,
            annotations={write.TITLE: document.title},
        )
        annotations = {kinds.CREATED: document.created} if document.created else {}
        data = write.artifact(subject, document.kind, [titled], annotations)
        stored = self.add_data(data, OCI_MANIFEST)
        listed = Descriptor(
            media_type=OCI_MANIFEST,
            digest=stored.digest,
            size=stored.size,
            artifact_type=document.kind,
            annotations=annotations,
        )
        artifact = Artifact(
            kind=document.kind,
            digest=stored.digest,
            size=file.size,
            title=document.title,
            created=document.created,
            data=document.data,
        )
        return listed, artifact

    def finish(self, image: Brought, names: Sequence[str], more: Sequence[Descriptor]) -> None:
        """The tables of contents; `more` is listed beside what came with the image."""
        index: dict[str, Any] = json.loads(write.index([_named(image.manifest, names)]))
        if image.listed or more:
            listed = self.add_data(write.index((*image.listed, *more)), OCI_INDEX)
            index["annotations"] = {REFERRERS: listed.digest}
        self._small(INDEX, index)
        self._write(LAYOUT, len(LAYOUT_DATA), (LAYOUT_DATA,))
        digests = (image.config.digest, *(layer.digest for layer in image.layers))
        config, *layers = [BLOBS + digest.replace(":", "/") for digest in digests]
        self._small(DOCKER, [{"Config": config, "RepoTags": list(names) or None, "Layers": layers}])
        self._out.write(END)

    def _small(self, name: str, value: object) -> None:
        data = json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
        self._write(name, len(data), (data,))

    def _write(self, name: str, size: int, chunks: Iterable[bytes]) -> None:
        for data in entry(name, size, chunks):
            self._out.write(data)


def manifest_of(config: Descriptor, layers: Sequence[Descriptor]) -> bytes:
    """The manifest of an image that comes from an engine, which keeps none. Pure."""
    parts = [
        {"mediaType": part.media_type, "digest": part.digest, "size": part.size} for part in (config, *layers)
    ]
    value = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": parts[0], "layers": parts[1:]}
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def config_blob(data: bytes) -> Descriptor:
    """An engine's config of an image; docker's form of it is OCI's."""
    return Descriptor(media_type=OCI_CONFIG, digest=digest_of(data), size=len(data))


def layer_packing(head: bytes) -> str:
    """How a layer that begins with `head` is packed, as media types say it: `+gzip`, `+zstd` or ""."""
    if head.startswith(b"\x1f\x8b"):
        return "+gzip"
    return "+zstd" if head.startswith(b"\x28\xb5\x2f\xfd") else ""


def _named(image: Descriptor, names: Sequence[str]) -> Descriptor:
    annotations = {}
    if names:
        main = parse_reference(names[0])
        annotations = {NAME: f"{main.name}:{main.tag or 'latest'}", REF_NAME: main.tag or "latest"}
    if len(names) > 1:
        annotations[NAMES] = " ".join(names)
    return Descriptor(
        media_type=image.media_type,
        digest=image.digest,
        size=image.size,
        platform=image.platform,
        annotations=annotations,
    )


def _checked(blob: Descriptor, chunks: Iterable[bytes]) -> Iterator[bytes]:
    hasher, size = hashlib.new(blob.digest.partition(":")[0]), 0
    for data in chunks:
        hasher.update(data)
        size += len(data)
        if size > blob.size:
            break
        yield data
    if size != blob.size or hasher.hexdigest() != blob.digest.partition(":")[2]:
        raise Broken(f"holds something else than it says under {blob.digest}")


def _with(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    if first:
        yield first
    yield from rest
