"""Archives of images as files, good ones and such that somebody spoiled; and docker archives as engines write
them, made by hand.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from envbuild.archive.layout import Layout
from envbuild.archive.model import Brought, Document
from envbuild.registry.platforms import platform_text
from support.pushed import Made


@dataclass
class Member:
    """One member of a tar, as tarfile writes it."""

    name: str
    data: bytes = b""
    kind: bytes = tarfile.REGTYPE
    link: str = ""


@dataclass
class Members:
    """An archive's members, to be changed."""

    rows: list[Member] = field(default_factory=list)

    @classmethod
    def of(cls, path: Path) -> "Members":
        with tarfile.open(path) as archive:
            return cls(
                [Member(each.name, (archive.extractfile(each) or io.BytesIO()).read()) for each in archive]
            )

    def get(self, name: str) -> Member:
        (found,) = [row for row in self.rows if row.name == name]
        return found

    def json(self, name: str) -> Any:
        return json.loads(self.get(name).data)

    def set_json(self, name: str, value: Any) -> None:
        self.get(name).data = json.dumps(value).encode()

    def blob(self, digest: str) -> Member:
        return self.get(blob_name(digest))

    def add_blob(self, data: bytes) -> str:
        digest = digest_of(data)
        self.rows.insert(0, Member(blob_name(digest), data))
        return digest

    def drop(self, name: str) -> None:
        self.rows.remove(self.get(name))

    def write(self, path: Path) -> Path:
        path.write_bytes(tar_of(self.rows))
        return path


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def blob_name(digest: str) -> str:
    return f"blobs/{digest.replace(':', '/')}"


def tar_of(rows: Sequence[Member], form: int = tarfile.GNU_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for row in rows:
            member = tarfile.TarInfo(row.name)
            member.type, member.linkname, member.size = row.kind, row.link, len(row.data)
            archive.addfile(member, io.BytesIO(row.data))
    return buffer.getvalue()


def brought(image: Made, layout: Layout) -> Brought:
    """The image in a layout, as it comes from a registry."""
    for part in (image.config, *image.layers):
        layout.add(part, (image.blobs[part.digest],))
    manifest = layout.add_data(image.manifest, image.media_type)
    config = image.blobs[image.config.digest]
    return Brought(
        manifest=replace(manifest, platform=platform_text(json.loads(config))),
        config=image.config,
        config_data=config,
        layers=image.layers,
    )


def archive_of(
    path: Path,
    image: Made,
    names: Sequence[str] = ("env:latest",),
    documents: Sequence[Document] = (),
) -> Path:
    """A good archive of an image."""
    with path.open("wb") as file:
        layout = Layout(file, path.parent)
        came = brought(image, layout)
        listed = [
            layout.add_document(replace(came.manifest, platform=""), document)[0] for document in documents
        ]
        layout.finish(came, names, listed)
    return path


def spoiled(path: Path, image: Made, spoil: Callable[[Members], None], **more: Any) -> Path:
    """An archive of an image after `spoil`."""
    members = Members.of(archive_of(path, image, **more))
    spoil(members)
    return members.write(path)


def layer_of(rows: Sequence[Member]) -> bytes:
    """A layer, unpacked."""
    return tar_of(rows)


def docker_20(config: bytes, layers: Sequence[bytes], *, links: bool = True) -> bytes:
    """`docker save` as Docker before 25 writes it: folders by name, the table of contents last; a layer that
    is there twice is a link the second time (`links`).
    """
    rows: list[Member] = [Member(f"{digest_of(config)[7:]}.json", config)]
    folders: list[str] = []
    seen: dict[bytes, str] = {}
    for number, layer in enumerate(layers):
        folder = hashlib.sha256(b"%d" % number + layer).hexdigest()
        folders.append(f"{folder}/layer.tar")
        rows += [
            Member(f"{folder}/", kind=tarfile.DIRTYPE),
            Member(f"{folder}/VERSION", b"1.0"),
            Member(f"{folder}/json", json.dumps({"id": folder, "number": number}).encode()),
        ]
        if links and layer in seen:
            rows.append(Member(f"{folder}/layer.tar", kind=tarfile.SYMTYPE, link=f"../{seen[layer]}"))
        else:
            seen[layer] = f"{folder}/layer.tar"
            rows.append(Member(f"{folder}/layer.tar", layer))
    rows.sort(key=lambda row: row.name)
    table = [{"Config": f"{digest_of(config)[7:]}.json", "RepoTags": None, "Layers": folders}]
    return tar_of([*rows, Member("manifest.json", json.dumps(table).encode()), Member("repositories", b"{}")])


def docker_25(config: bytes, layers: Sequence[bytes], manifests: Sequence[bytes] = ()) -> bytes:
    """`docker save` as Docker 25 and newer write it: an OCI layout with docker's table of contents in it."""
    blobs = {digest_of(data): data for data in (config, *layers, *manifests)}
    manifest = json.dumps({"schemaVersion": 2, "note": "docker's own"}).encode()
    blobs[digest_of(manifest)] = manifest
    rows = [Member("blobs/", kind=tarfile.DIRTYPE), Member("blobs/sha256/", kind=tarfile.DIRTYPE)]
    rows += [Member(blob_name(digest), data) for digest, data in sorted(blobs.items())]
    table = [
        {
            "Config": blob_name(digest_of(config)),
            "RepoTags": ["x:latest"],
            "Layers": [blob_name(digest_of(layer)) for layer in layers],
            "LayerSources": {},
        }
    ]
    rows += [
        Member("index.json", b'{"schemaVersion":2,"manifests":[]}'),
        Member("manifest.json", json.dumps(table).encode()),
        Member("oci-layout", b'{"imageLayoutVersion": "1.0.0"}'),
    ]
    return tar_of(rows, tarfile.PAX_FORMAT)


def podman(config: bytes, layers: Sequence[bytes]) -> bytes:
    """`podman save`: layers by digest, with links in folders beside them."""
    names = [f"{digest_of(layer)[7:]}.tar" for layer in layers]
    rows = [Member(name, layer) for name, layer in dict(zip(names, layers, strict=True)).items()]
    rows.append(Member(f"{digest_of(config)[7:]}.json", config))
    for number, name in enumerate(names):
        folder = hashlib.sha256(b"%d" % number).hexdigest()
        rows.append(Member(f"{folder}/layer.tar", kind=tarfile.SYMTYPE, link=f"../{name}"))
    table = [{"Config": f"{digest_of(config)[7:]}.json", "RepoTags": [], "Layers": names}]
    return tar_of([*rows, Member("manifest.json", json.dumps(table).encode())])
