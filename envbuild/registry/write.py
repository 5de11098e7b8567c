"""Manifests of our own: artifacts that belong to an image, and the index that names them. Pure.

The same input gives the same bytes.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from envbuild.registry.model import OCI_EMPTY, OCI_INDEX, OCI_MANIFEST, Descriptor
from envbuild.registry.parse import digest_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TITLE = "org.opencontainers.image.title"
EMPTY_DATA = b"{}"
EMPTY = Descriptor(media_type=OCI_EMPTY, digest=digest_of(EMPTY_DATA), size=len(EMPTY_DATA))
"""The config of artifacts that need none."""


def artifact(
    subject: Descriptor, artifact_type: str, layers: Sequence[Descriptor], annotations: Mapping[str, str]
) -> bytes:
    """The manifest of an artifact that belongs to `subject`."""
    return _json(
        {
            "schemaVersion": 2,
            "mediaType": OCI_MANIFEST,
            "artifactType": artifact_type,
            "config": _fields(EMPTY),
            "layers": [_fields(layer) for layer in layers or (EMPTY,)],
            "subject": _fields(subject),
            "annotations": dict(annotations),
        }
    )


def index(manifests: Sequence[Descriptor]) -> bytes:
    """An index of `manifests`."""
    entries = [_fields(entry) for entry in manifests]
    return _json({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries})


def _fields(descriptor: Descriptor) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "mediaType": descriptor.media_type,
        "digest": descriptor.digest,
        "size": descriptor.size,
    }
    if descriptor.platform:
        system, machine, *variant = descriptor.platform.split("/")
        fields["platform"] = {"os": system, "architecture": machine}
        if variant:
            fields["platform"]["variant"] = variant[0]
    if descriptor.artifact_type:
        fields["artifactType"] = descriptor.artifact_type
    if descriptor.annotations:
        fields["annotations"] = dict(descriptor.annotations)
    if descriptor.urls:
        fields["urls"] = list(descriptor.urls)
    return fields


def _json(value: dict[str, Any]) -> bytes:
    cleaned = {key: item for key, item in value.items() if item != {}}
    return json.dumps(cleaned, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
