"""What registries hold, as data: descriptors, manifests, indexes, media types. Data only.

Names and meanings are those of the OCI image and distribution specifications 1.1.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"

MANIFESTS = (OCI_MANIFEST, DOCKER_MANIFEST)
INDEXES = (OCI_INDEX, DOCKER_INDEX)
IMAGE_CONFIGS = (OCI_CONFIG, DOCKER_CONFIG)
OLD = (
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v1+prettyjws",
)
"""Docker's first format, which neither engines nor registries take any more."""

LARGEST_MANIFEST = 4 << 20
"""Bytes; registries promise no more (distribution spec, "Pushing Manifests")."""
LARGEST_CONFIG = 8 << 20
"""Bytes. Configs of images have some KiB, with long histories some hundred."""

Progress: TypeAlias = Callable[[int, int], None]
"""Told how far a blob is: bytes done, bytes in all. It may go back when a transfer begins anew."""

Landed: TypeAlias = Literal["there", "mounted", "sent"]
"""How a blob came to a repository: it was there, was mounted from another repository, was sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Descriptor:
    """Something in a registry by its content: `digest` as `sha256:…`, `size` in bytes.

    platform       `os/architecture[/variant]`, of images in an index; "" where it says none
    artifact_type  what an artifact is, in answers about referrers
    urls           where else it lies: a layer that the registry itself need not have
    """

    media_type: str
    digest: str
    size: int
    platform: str = ""
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)
    urls: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """An image's manifest, or an artifact's. `data` are its bytes, as `digest` counts them.

    subject   what an artifact belongs to
    index     digest of the index that led to it; "" when it was asked for itself
    """

    digest: str
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    data: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    subject: Descriptor | None = None
    index: str = ""

    @property
    def is_image(self) -> bool:
        """Whether it can be run, as against an artifact."""
        return self.config.media_type in IMAGE_CONFIGS


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """A list of manifests: the same image for several platforms, or an image's referrers."""

    digest: str
    media_type: str
    manifests: tuple[Descriptor, ...]
    data: bytes = field(repr=False)
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""
    subject: Descriptor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One file of an artifact: its bytes, what they are, and what it is called (`title`, may be empty)."""

    data: bytes
    media_type: str
    title: str = ""
