"""What is to be pushed: a spec's image, or an image by its name → `Subject`. Reads files, asks the engine.

Without the docker SDK as long as the image and its lock are where they were left.
"""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import state
from envbuild.errors import LockError, UsageError
from envbuild.lock.pylock import lock_path, read_lock
from envbuild.names import parse_reference
from envbuild.publish.model import Subject

if TYPE_CHECKING:
    from envbuild.images import ImageInfo
    from envbuild.lock.model import Lock
    from envbuild.outcomes import Request

_FOLDER = "/opt/envbuild"


def find_subject(request: Request, target: str) -> Subject:
    """The image that `target` (a spec file or an image's name) means, with its lock.

    Raises UsageError where there is none, or it is not the one that the spec describes now; SpecError,
    LockError, EngineError.
    """
    path = Path(target)
    if path.suffix in {".yml", ".yaml"} or path.is_file():
        return _of_spec(request, path)
    return _of_image(request, target)


def ensure_pinned(subject: Subject) -> None:
    """Refuse an image that nobody could make again. Raises LockError."""
    base = subject.lock.base
    if not base.pinned:
        raise LockError(
            f"{subject.name}: was not pushed: its base {base.reference} is not pinned"
            " (--allow-unpinned-base), so nobody could make this image again",
            hint="lock it anew where the base's registry can be reached: envbuild lock --upgrade,"
            " then envbuild image",
        )


def _of_spec(request: Request, path: Path) -> Subject:
    from envbuild.spec.load import load_spec

    spec = load_spec(path)
    name = spec.image.references[0]
    image = _image(request, name)
    if image is None:
        raise UsageError(f"{path}: its image {name} is not there yet", hint=f"make it: envbuild image {path}")
    file = lock_path(spec)
    lock = read_lock(file)
    memory = state.recall(path, request.platform)
    if memory and memory.image_id == image.id:
        fresh = _is_current(memory, request.platform)
    else:  # made elsewhere, or forgotten: its labels are all that can be asked
        memory = None
        fresh = image.labels.get("dev.envbuild.spec") == spec.source.digest
    if lock is None or not fresh or image.labels.get("dev.envbuild.lock") != lock.digest:
        raise UsageError(
            f"{path}: changed since its image {name} was made",
            hint=f"make it anew: envbuild image {path}; or push the old one: envbuild push {name}",
        )
    return Subject(
        name=str(path),
        image_id=image.id,
        local=image.tags,
        references=spec.image.references,
        tags=spec.image.tags,
        lock=lock,
        lock_name=file.name,
        lock_text=file.read_bytes(),
        report=memory.report if memory else None,
        spec=spec,
        spec_path=path,
    )


def _of_image(request: Request, target: str) -> Subject:
    image = _image(request, target)
    if image is None:
        raise UsageError(
            f"{target}: neither a spec file nor an image of this engine",
            hint="make the image: envbuild image",
        )
    made = image.labels.get("dev.envbuild.name")
    if not made:
        raise UsageError(
            f"{target}: envbuild did not make this image: it has no label dev.envbuild.name, and no lock",
            hint=f"envbuild pushes an image with its lock and smoke report; without: docker push {target}",
        )
    memory = state.recall_image(image.id)
    lock_name = f"pylock.{made}.toml"
    text, lock = _lock(request, image, memory)
    is_id = _is_id(target, image)
    return Subject(
        name=target,
        image_id=image.id,
        local=image.tags,
        references=image.tags[:1] if is_id else (target,),
        tags=("latest",) if is_id else (parse_reference(target).tag or "latest",),
        lock=lock,
        lock_name=lock_name,
        lock_text=text,
        report=memory.report if memory else None,
    )


def _image(request: Request, reference: str) -> ImageInfo | None:
    """The image in the engine, by one question if that is enough."""
    from envbuild.engine.discover import find_endpoint
    from envbuild.engine.quick import quick_image

    url = find_endpoint(request.engine or request.site.engine, os.environ).url
    return quick_image(url, reference) or request.connect().image(reference)


def _is_current(memory: state.Memory, platform: str) -> bool:
    try:
        return memory.is_current(platform)
    except OSError:
        return False


def _lock(request: Request, image: ImageInfo, memory: state.Memory | None) -> tuple[bytes, Lock]:
    """The lock that the image was made by: the file that is remembered, if it still is that one, else out of
    the image.
    """
    if memory:
        with contextlib.suppress(LockError, OSError):
            file = Path(memory.lock_path)
            lock = read_lock(file)
            if lock and lock.digest == image.labels.get("dev.envbuild.lock"):
                return file.read_bytes(), lock
    from envbuild.remote.contained import contained
    from envbuild.remote.tiny import LARGEST_CONTENT, files_in
    from envbuild.remote.unpack import Unreadable

    archive = request.connect().folder(image.id, _FOLDER, LARGEST_CONTENT) or b""
    try:
        files = files_in(archive, "envbuild/")
    except Unreadable:
        files = {}
    held = contained(files, image.labels)
    if held.lock is None or held.lock.digest != image.labels.get("dev.envbuild.lock"):
        why = "; ".join(held.doubts) or "it holds no lock"
        raise UsageError(
            f"the image {image.id} cannot be pushed with its lock: {why}",
            hint="make it anew: envbuild image",
        )
    return held.lock_text.encode(), held.lock


def _is_id(target: str, image: ImageInfo) -> bool:
    digits = target.removeprefix("sha256:")
    return re.fullmatch("[0-9a-f]{12,64}", digits) is not None and image.id.partition(":")[2].startswith(
        digits
    )
