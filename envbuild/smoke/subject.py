"""What to smoke-test: a spec's image, or an image that carries its own spec and lock. Asks the engine."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import UsageError
from envbuild.lock.pylock import lock_path, read_lock
from envbuild.spec.load import load_spec
from envbuild.spec.parse import parse_spec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.images import ImageInfo, Ran
    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

IMAGE_FOLDER = "/opt/envbuild"


class Store(Protocol):
    """What is needed of an engine."""

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name or id; None when there is none."""
        ...

    def run(self, image: str, argv: Sequence[str]) -> Ran:
        """Run `argv` in a throw-away container."""
        ...


def find_subject(store: Store, target: str) -> tuple[str, Spec, Lock]:
    """The id of the image that `target` (a spec file or an image) means, and its spec and lock."""
    path = Path(target)
    if path.suffix in {".yml", ".yaml"} or path.is_file():
        return _of_spec(store, path)
    image = store.image(target)
    if image is None:
        raise UsageError(
            f"{target}: neither a spec file nor an image of this engine",
            hint="make the image: envbuild image",
        )
    name = image.labels.get("dev.envbuild.name")
    if not name:
        raise UsageError(
            f"{target}: envbuild did not make this image",
            hint="smoke tests need its spec: envbuild smoke spec.yml",
        )
    spec = parse_spec(
        _read(store, image.id, f"{IMAGE_FOLDER}/spec.yml"), Path(f"{target}/spec.yml"), look=False
    )
    with tempfile.TemporaryDirectory(prefix="envbuild-") as folder:
        lock_file = Path(folder, lock_path(spec).name)
        lock_file.write_bytes(_read(store, image.id, f"{IMAGE_FOLDER}/{lock_file.name}"))
        lock = read_lock(lock_file)
    if lock is None:
        raise UsageError(f"{target}: it holds no lock", hint="make it anew: envbuild image")
    return image.id, spec, lock


def _of_spec(store: Store, path: Path) -> tuple[str, Spec, Lock]:
    spec = load_spec(path)
    lock = read_lock(lock_path(spec))
    image = store.image(spec.image.references[0])
    if lock is None or image is None:
        raise UsageError(
            f"{path}: its image {spec.image.references[0]} is not there yet",
            hint=f"make it: envbuild image {path}",
        )
    return image.id, spec, lock


def _read(store: Store, image_id: str, path: str) -> bytes:
    ran = store.run(image_id, ["cat", path])
    if ran.code != 0:
        raise UsageError(
            f"the image holds no {path}: {ran.stderr.strip()}", hint="make it anew: envbuild image"
        )
    return ran.stdout.encode()
