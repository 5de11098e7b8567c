"""An image taken apart: everything that somebody who has it could read, by the docker SDK alone."""

import contextlib
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker


def save(api: docker.APIClient, reference: str, path: Path) -> Path:
    """`docker save` into a file."""
    with path.open("wb") as out:
        out.writelines(api.get_image(reference))
    return path


def parts(archive: Path) -> Iterator[tuple[str, bytes]]:
    """(place, bytes) of every part of a saved image: manifests and configuration as they are, and of every
    layer each member's header (name, link, owner, extended attributes) and content.
    """
    with tarfile.open(archive) as saved:
        layers = _layers(saved)
        for member in saved:
            content = saved.extractfile(member) if member.isfile() else None
            if content is None:
                yield member.name, repr(member.get_info()).encode()
                continue
            with content:
                if member.name not in layers:
                    yield member.name, content.read()
                    continue
                with tarfile.open(fileobj=content, mode="r:*") as layer:
                    yield from _members(member.name, layer)


def _layers(saved: tarfile.TarFile) -> set[str]:
    """Names of the layers' tars; links to them count as well, for old engines write those."""
    manifest: Any = json.load(_opened(saved, "manifest.json"))
    return {saved.getmember(name).name for entry in manifest for name in entry["Layers"]}


def _opened(saved: tarfile.TarFile, name: str) -> Any:
    found = saved.extractfile(name)
    assert found is not None
    return found


def _members(place: str, layer: tarfile.TarFile) -> Iterator[tuple[str, bytes]]:
    for member in layer:
        header = repr((member.get_info(), member.pax_headers)).encode()
        content = layer.extractfile(member) if member.isfile() else None
        with content or contextlib.nullcontext() as stream:
            yield f"{place}: {member.name}", header + (stream.read() if stream else b"")
