"""Small images for tests of the registry client: made here, pushed by it."""

import hashlib
import json
import os
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from envbuild.names import Reference, read_reference
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import (
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
)
from envbuild.registry.platforms import platform_text
from envbuild.registry.write import index

LAYER = "application/vnd.oci.image.layer.v1.tar"


@dataclass(frozen=True)
class Made:
    """An image: its manifest, and the bytes of its blobs by digest."""

    manifest: bytes
    media_type: str
    config: Descriptor
    layers: tuple[Descriptor, ...]
    blobs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        return f"sha256:{hashlib.sha256(self.manifest).hexdigest()}"

    def descriptor(self, platform: str = "") -> Descriptor:
        return Descriptor(
            media_type=self.media_type, digest=self.digest, size=len(self.manifest), platform=platform
        )


def blob(data: bytes, media_type: str = LAYER) -> Descriptor:
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    return Descriptor(media_type=media_type, digest=digest, size=len(data))


def an_image(
    layers: Sequence[bytes] = (), platform: str = "linux/amd64", *, docker: bool = False, **config: object
) -> Made:
    """An image that no other test has."""
    layers = layers or (os.urandom(1000),)
    system, machine, *variant = platform.split("/")
    fields = {"os": system, "architecture": machine, "unique": uuid.uuid4().hex, **config}
    fields |= {"variant": variant[0]} if variant else {}
    data = json.dumps(fields).encode()
    described = blob(data, DOCKER_CONFIG if docker else OCI_CONFIG)
    parts = tuple(blob(layer) for layer in layers)
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    manifest = {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": _fields(described),
        "layers": [_fields(part) for part in parts],
    }
    blobs = {
        described.digest: data,
        **{part.digest: layer for part, layer in zip(parts, layers, strict=True)},
    }
    return Made(json.dumps(manifest).encode(), media_type, described, parts, blobs)


def push(client: RegistryClient, reference: Reference, image: Made) -> str:
    """Bring an image there; returns its digest."""
    for part in (image.config, *image.layers):
        client.upload_blob(reference, image.blobs[part.digest], part)
    return client.put_manifest(reference, image.manifest, image.media_type)


def push_index(client: RegistryClient, reference: Reference, images: Sequence[Made]) -> str:
    """Bring images there under an index, as BuildKit does it: with an attestation beside each."""
    entries = []
    for image in images:
        push(client, replace(reference, tag=""), image)
        entries.append(image.descriptor(platform_text(json.loads(image.blobs[image.config.digest]))))
    attestation = an_image(platform="unknown/unknown")
    push(client, replace(reference, tag=""), attestation)
    entries.append(attestation.descriptor("unknown/unknown"))
    return client.put_manifest(reference, index(entries), OCI_INDEX)


def somewhere(host: str, tag: str = "1") -> Reference:
    """A repository that no other test has."""
    return read_reference(f"{host}/lab/{uuid.uuid4().hex[:12]}:{tag}")


def _fields(part: Descriptor) -> dict[str, object]:
    return {"mediaType": part.media_type, "digest": part.digest, "size": part.size}
