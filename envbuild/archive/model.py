"""What an archive of an image holds, as data. Pure.

The file is an OCI image layout (image-spec 1.1, image-layout.md) whose index has one entry, the image: tools
that find several do not know which to take. What belongs to the image is in an index of its own, which the
first one names in an annotation (`REFERRERS`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.registry.model import Descriptor, Manifest

LAYOUT = "oci-layout"
LAYOUT_DATA = b'{"imageLayoutVersion":"1.0.0"}'
INDEX = "index.json"
DOCKER = "manifest.json"
"""The table of contents of docker's own archives. Ours have it beside the index, for plain `docker load`."""
BLOBS = "blobs/"

NAME = "io.containerd.image.name"
"""Annotation of the index's entry: the image's whole name. Docker 25 and newer read it."""
REF_NAME = "org.opencontainers.image.ref.name"
NAMES = "dev.envbuild.names"
"""Annotation of the index's entry: all names, where the image has several; spaces between them."""
REFERRERS = "dev.envbuild.referrers"
"""Annotation of the index: the digest of an index of what belongs to the image, as a registry lists it."""

SPEC_KIND = "application/vnd.dev.envbuild.spec.v1+yaml"
"""Artifact type of the spec; in registries it is in the image only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A small file to keep with an image: what it is (registry/kinds.py), what it is called, its bytes."""

    kind: str
    title: str
    data: bytes
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact:
    """Something that belongs to an image. `data` is its first file where that is small, b"" otherwise."""

    kind: str
    digest: str
    size: int
    title: str = ""
    created: str = ""
    data: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """An image that was put into a layout.

    manifest   with the platform; `names` are not known here
    tiny       its small layers from the top down, whole
    listed     what was brought with it, as an index lists it; `artifacts`: what that is
    notes      what was not brought, and why, in sentences
    """

    manifest: Descriptor
    config: Descriptor
    config_data: bytes = field(repr=False)
    layers: tuple[Descriptor, ...]
    tiny: tuple[bytes, ...] = field(default=(), repr=False)
    listed: tuple[Descriptor, ...] = ()
    artifacts: tuple[Artifact, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What an archive holds: one image, checked byte by byte.

    names      as the image was called when it was saved, () when the archive does not say
    config     the image's config, parsed; `config_data` as it is in the archive
    artifacts  what belongs to it
    files      the files of /opt/envbuild in the image, by name; {} when it has none
    size       bytes of the layers as they are in the archive
    """

    path: Path
    names: tuple[str, ...]
    manifest: Manifest
    config: Mapping[str, Any]
    config_data: bytes = field(repr=False)
    platform: str
    artifacts: tuple[Artifact, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of all layers."""
        return sum(layer.size for layer in self.manifest.layers)


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """What `save` wrote: `size` in bytes of the file, `layers` of the image, what lies beside it."""

    path: Path
    size: int
    names: tuple[str, ...]
    digest: str
    image_id: str
    platform: str
    layers: tuple[Descriptor, ...]
    artifacts: tuple[Artifact, ...]
    seconds: float
