"""What `docker save` writes → an image layout, as a stream: no second copy, but for one layer at a time.

Docker before 25 names layers by what they stand on, and says only at the end which belongs where. Podman and
newer engines write other names; `manifest.json` tells them all.
"""

from __future__ import annotations

import json
import posixpath
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envbuild.archive.layout import config_blob, manifest_of
from envbuild.archive.model import BLOBS, DOCKER, Brought
from envbuild.archive.tar import Broken, TarReader
from envbuild.errors import RegistryError
from envbuild.registry.model import OCI_MANIFEST, Manifest
from envbuild.registry.parse import is_digest, parse_manifest
from envbuild.registry.platforms import platform_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.archive.layout import Layout
    from envbuild.archive.tar import Entry, Readable
    from envbuild.registry.model import Descriptor

_SMALL = 4 << 20
_KEPT = 64 << 20


def export(stream: Readable, layout: Layout) -> Brought:
    """Bring the one image in `stream` into `layout`: layers, config, a manifest. Raises Broken."""
    found = _Found(layout)
    reader = TarReader(stream)
    for entry in reader:
        found.take(entry, reader)
    return found.image()


class _Found:
    """What came so far: small files as they are, large ones as the blobs that they became."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._small: dict[str, bytes] = {}
        self._large: dict[str, Descriptor] = {}
        self._links: dict[str, str] = {}
        self._kept = 0

    def take(self, entry: Entry, reader: TarReader) -> None:
        name = posixpath.normpath(entry.name)
        if entry.kind == "link":
            self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), entry.link))
        elif entry.kind == "hardlink":
            self._links[name] = posixpath.normpath(entry.link)
        elif entry.kind != "file":
            return
        elif entry.size <= _SMALL and self._kept + entry.size <= _KEPT:
            self._small[name] = reader.content(_SMALL)
            self._kept += entry.size
        else:
            digest = name.removeprefix(BLOBS).replace("/", ":") if name.startswith(BLOBS) else ""
            known = digest if is_digest(digest) else ""
            self._large[name] = self._layout.add_layer(reader.chunks(), entry.size, known)

    def image(self) -> Brought:
        """What came, as an image."""
        config_name, layer_names = self._contents()
        data = self._small.get(config_name)
        if data is None:
            raise Broken(f"lacks its {config_name}")
        config = self._layout.add_data(data, config_blob(data).media_type)
        layers, tiny = [], []
        for name in layer_names:
            path = self._links.get(name, name)
            small = self._small.get(path)
            if small is not None:
                tiny.append(small)
                layers.append(self._layout.add_layer(iter((small,)), len(small), config_blob(small).digest))
            elif path in self._large:
                layers.append(self._large[path])
            else:
                raise Broken(f"lacks its {name}")
        own, media_type = self._manifest(config, layers) or (manifest_of(config, layers), OCI_MANIFEST)
        manifest = self._layout.add_data(own, media_type)
        return Brought(
            manifest=replace(manifest, platform=platform_text(json.loads(data))),
            config=config,
            config_data=data,
            layers=tuple(layers),
            tiny=tuple(reversed(tiny)),
        )

    def _manifest(self, config: Descriptor, layers: Sequence[Descriptor]) -> tuple[bytes, str] | None:
        """The manifest that the engine keeps of these very parts, if it does: with it the digest stays."""
        wanted = (config.digest, *(layer.digest for layer in layers))
        for name, data in self._small.items():
            if not (name.startswith(BLOBS) and b'"layers"' in data):
                continue
            try:
                found = parse_manifest(data, "", name)
            except RegistryError:
                continue
            if isinstance(found, Manifest) and wanted == (
                found.config.digest,
                *(layer.digest for layer in found.layers),
            ):
                return data, found.media_type
        return None

    def _contents(self) -> tuple[str, list[str]]:
        """The paths of config and layers."""
        try:
            rows: Any = json.loads(self._small[DOCKER])
            (row,) = rows
            return posixpath.normpath(row["Config"]), [posixpath.normpath(name) for name in row["Layers"]]
        except (KeyError, ValueError, TypeError) as error:
            raise Broken("has no manifest.json that says what its one image is") from error
