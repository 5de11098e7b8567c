"""A layer's tar → a docker archive as a stream, without a second copy on disk. Reads the layer's file only.

All of the config follows from the layer and the recipe, so the image id is the same wherever it is made.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from envbuild.lock.base import RECIPE_LABEL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from _typeshed import WriteableBuffer

    from envbuild.bootstrap.model import Recipe

_PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def diff_id(layer: Path) -> str:
    """The digest of an uncompressed layer."""
    with layer.open("rb") as stream:
        return f"sha256:{hashlib.file_digest(stream, 'sha256').hexdigest()}"


def installed_packages(layer: Path) -> dict[str, str]:
    """Names and versions of the Debian packages that a root filesystem's tar says are installed."""
    with tarfile.open(layer) as tar:
        for member in tar:
            if member.name.removeprefix("./") == "var/lib/dpkg/status" and (
                stream := tar.extractfile(member)
            ):
                return _packages(stream.read().decode())
    return {}


def _packages(status: str) -> dict[str, str]:
    packages = {}
    for paragraph in status.split("\n\n"):
        fields = dict(line.partition(": ")[::2] for line in paragraph.splitlines() if line[:1].strip())
        if fields.get("Status", "").endswith(" installed"):
            packages[fields["Package"]] = fields["Version"]
    return packages


def docker_archive(layer: Path, reference: str, recipe: Recipe) -> io.BufferedReader:
    """What `docker save` would write for an image of this one layer. The caller closes it."""
    config = _json(_config(reference, recipe))
    config_name = f"{hashlib.sha256(config).hexdigest()}.json"
    layer_name = f"{recipe['diff_id'].removeprefix('sha256:')}/layer.tar"
    manifest = _json([{"Config": config_name, "RepoTags": [_full(reference)], "Layers": [layer_name]}])
    size = layer.stat().st_size
    head = b"".join(
        (*_entry("manifest.json", manifest), *_entry(config_name, config), _header(layer_name, size))
    )
    tail = bytes(-size % tarfile.BLOCKSIZE + 2 * tarfile.BLOCKSIZE)
    return io.BufferedReader(_Joined([io.BytesIO(head), layer.open("rb"), io.BytesIO(tail)]))


def _config(reference: str, recipe: Recipe) -> dict[str, Any]:
    created = datetime.fromtimestamp(recipe["source_date_epoch"], UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    history = {"created": created, "created_by": f"envbuild bootstrap {reference}"}
    return {
        "architecture": recipe["architecture"],
        "os": "linux",
        "created": created,
        "config": {"Env": [_PATH], "Cmd": ["bash"], "Labels": {RECIPE_LABEL: _json(recipe).decode()}},
        "history": [history],
        "rootfs": {"type": "layers", "diff_ids": [recipe["diff_id"]]},
    }


def _full(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:latest"


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _header(name: str, size: int) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = size
    return info.tobuf(tarfile.USTAR_FORMAT)


def _entry(name: str, data: bytes) -> tuple[bytes, bytes, bytes]:
    return _header(name, len(data)), data, bytes(-len(data) % tarfile.BLOCKSIZE)


class _Joined(io.RawIOBase):
    """Several streams read as one; closing it closes them all."""

    def __init__(self, parts: Sequence[io.BytesIO | io.BufferedReader]) -> None:
        self._parts = list(parts)
        self._left = list(parts)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        while self._left:
            if count := self._left[0].readinto(buffer):
                return count
            self._left.pop(0)
        return 0

    def close(self) -> None:
        for part in self._parts:
            part.close()
        super().close()
