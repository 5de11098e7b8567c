"""An image in a registry → an image layout, byte for byte, with what is attached to it. Asks the registry."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envbuild.archive.model import Artifact, Brought
from envbuild.errors import RegistryError
from envbuild.registry.kinds import CREATED
from envbuild.registry.model import LARGEST_CONFIG, Descriptor, Manifest
from envbuild.registry.platforms import platform_text
from envbuild.registry.write import TITLE
from envbuild.remote.tiny import LARGEST_LAYER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envbuild.archive.layout import Layout
    from envbuild.names import Reference
    from envbuild.registry.client import RegistryClient

_SMALL = 1 << 20


def fetch(
    client: RegistryClient,
    image: Reference,
    manifest: Manifest,
    layout: Layout,
    moved: Callable[[int], None],
) -> Brought:
    """Bring the image of `manifest` into `layout`. `moved` is told of each piece's bytes.

    Raises RegistryError.
    """
    pinned = replace(image, tag="", digest=manifest.digest)
    data = client.read_blob(pinned, manifest.config, LARGEST_CONFIG, what=f"the config of {image}")
    layout.add(manifest.config, (data,))
    tiny = []
    for layer in manifest.layers:
        kept = _bring(client, pinned, layer, layout, moved, keep=LARGEST_LAYER)
        if kept:
            tiny.append(kept)
    attached = _attached(client, pinned, layout, moved)
    layout.add_data(manifest.data, manifest.media_type)
    described = Descriptor(
        media_type=manifest.media_type,
        digest=manifest.digest,
        size=len(manifest.data),
        platform=platform_text(client.config(pinned, manifest)),
    )
    return Brought(
        manifest=described,
        config=manifest.config,
        config_data=data,
        layers=manifest.layers,
        tiny=tuple(reversed(tiny)),
        listed=tuple(attached.listed),
        artifacts=tuple(attached.artifacts),
        notes=tuple(attached.notes),
    )


def _bring(
    client: RegistryClient,
    image: Reference,
    blob: Descriptor,
    layout: Layout,
    moved: Callable[[int], None],
    *,
    keep: int,
) -> bytes:
    """Bring one blob; its bytes if they are at most `keep` and new, else b""."""
    if layout.has(blob.digest):
        return b""
    kept: list[bytes] = []

    def chunks() -> Iterator[bytes]:
        for data in client.blob_stream(image, blob):
            if blob.size <= keep:
                kept.append(data)
            moved(len(data))
            yield data

    # What the registry lacks is known before anything of it is written.
    coming = chunks()
    first = next(coming, b"")
    layout.add(blob, itertools.chain((first,), coming))
    return b"".join(kept)


@dataclass(slots=True)
class _Attached:
    """What was brought with an image, as an index lists it, what that is, and what was not brought."""

    listed: list[Descriptor] = field(default_factory=list)
    artifacts: list[Artifact] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def _attached(
    client: RegistryClient, image: Reference, layout: Layout, moved: Callable[[int], None]
) -> _Attached:
    found = _Attached()
    for entry in client.referrers(image):
        try:
            manifest = client.manifest(replace(image, digest=entry.digest))
        except RegistryError as error:
            if error.trouble != "missing":
                raise
            # Lists by tag keep what was deleted by other means.
            found.notes.append(f"{entry.digest} is listed as attached, and is not there any more")
            continue
        if not isinstance(manifest, Manifest):
            found.notes.append(f"{entry.digest} is attached, and is no artifact: it was left out")
            continue
        try:
            _bring(client, image, manifest.config, layout, moved, keep=0)
            files = [_bring(client, image, layer, layout, moved, keep=_SMALL) for layer in manifest.layers]
        except RegistryError as error:
            if error.trouble != "missing":
                raise
            found.notes.append(f"{entry.digest} is attached, and a part of it is not there any more")
            continue
        layout.add_data(manifest.data, manifest.media_type)
        found.listed.append(replace(entry, size=len(manifest.data), media_type=manifest.media_type))
        found.artifacts.append(artifact_of(manifest, files[0] if files else b""))
    return found


def artifact_of(manifest: Manifest, data: bytes) -> Artifact:
    """What an artifact is. Pure."""
    first = manifest.layers[0] if manifest.layers else None
    return Artifact(
        kind=manifest.artifact_type,
        digest=manifest.digest,
        size=sum(layer.size for layer in manifest.layers),
        title=first.annotations.get(TITLE, "") if first else "",
        created=manifest.annotations.get(CREATED, ""),
        data=data,
    )
