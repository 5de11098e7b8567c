"""What `export` is given (a spec, a lock, an image) → a `Source`. Asks engines, registries; locks specs."""

from __future__ import annotations

import contextlib
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.events import Notice
from envbuild.export.model import Source
from envbuild.subjects import (
    REGISTRY,
    LocalImage,
    LockFile,
    SpecFile,
    ensure_no_folder,
    find_file,
    find_local,
    find_remote,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from envbuild.images import ImageInfo
    from envbuild.outcomes import LockOptions, Request
    from envbuild.registry.client import RegistryClient
    from envbuild.remote.model import RemoteImage


def find_source(
    request: Request,
    target: str,
    client: Callable[[], RegistryClient],
    *,
    options: LockOptions,
    needs_lock: bool,
    strict: bool,
) -> Source:
    """What `target` names.

    needs_lock  whether a spec without a lock that answers it is locked first
    strict      whether the platform was asked for

    Raises SpecError, LockError, RegistryError, EngineError, UsageError.
    """
    source = _found(request, target, client, options, needs_lock=needs_lock, strict=strict)
    made_for = source.lock.platform if source.lock else request.platform
    if strict and made_for != request.platform:
        raise UsageError(
            f"{target}: is for {made_for}, not for {request.platform}", hint="leave out --platform"
        )
    return source


def _found(
    request: Request,
    target: str,
    client: Callable[[], RegistryClient],
    options: LockOptions,
    *,
    needs_lock: bool,
    strict: bool,
) -> Source:
    file = find_file(request, target, strict=strict)
    if isinstance(file, LockFile):
        return _of_lock(request, file)
    if isinstance(file, SpecFile):
        return _of_spec(request, file, options, needs_lock=needs_lock)
    found: LocalImage | RemoteImage | None = None
    if not target.startswith(REGISTRY):
        found = find_local(request, target)
        if found is None:
            ensure_no_folder(target)
    return _of_image(request, target, found or find_remote(request, target, client(), strict=strict))


@contextlib.contextmanager
def folder_of(request: Request, source: Source) -> Iterator[Request]:
    """A request for the spec of `source` with its lock beside it; those of an image lie in a folder that goes
    when the block ends.

    Raises UsageError for an image that does not hold all that it was made from.
    """
    lock = source.lock
    platform = lock.platform if lock else request.platform
    if not source.place:
        yield replace(request, spec_path=source.spec.source.path, platform=platform)
        return
    spec = source.spec
    if spec.copy or ("pip", "requirements") in spec.source.lines:
        raise UsageError(
            f"{source.name}: files that its spec names are not in the image: a Dockerfile needs them",
            hint="name the spec; its lock and its files have to lie beside it",
        )
    from envbuild.lock.pylock import lock_path

    with tempfile.TemporaryDirectory(prefix="envbuild-export-") as name:
        path = Path(name, "spec.yml")
        path.write_text(spec.source.text, encoding="utf-8")
        Path(name, lock_path(spec).name).write_text(source.lock_text, encoding="utf-8")
        yield replace(request, spec_path=path, platform=platform)


def _of_lock(request: Request, file: LockFile) -> Source:
    from envbuild.lock.drift import drift, refusal
    from envbuild.reproduce.specs import spec_for
    from envbuild.spec.load import load_spec

    spec = load_spec(spec_for(request, file))
    if changes := drift(spec, file.lock, file.lock.platform):
        raise refusal(Path(file.name).name, changes)
    text = Path(file.name).read_text(encoding="utf-8")
    return Source(name=file.name, spec=spec, lock=file.lock, lock_text=text, image=spec.image.references[0])


def _of_spec(request: Request, file: SpecFile, options: LockOptions, *, needs_lock: bool) -> Source:
    from envbuild.lock.pylock import lock_path

    spec, lock = file.spec, file.lock
    if lock is None and needs_lock:
        from envbuild import pipeline

        locked = pipeline.lock(replace(request, spec_path=Path(file.name)), options)
        spec, lock = locked.spec, locked.lock
    text = lock_path(spec).read_text(encoding="utf-8") if lock else ""
    return Source(name=file.name, spec=spec, lock=lock, lock_text=text, image=spec.image.references[0])


def _of_image(request: Request, target: str, found: LocalImage | RemoteImage) -> Source:
    from envbuild.remote.contained import spec_in

    held = found.contained
    spec, why_not = spec_in(held, target)
    if spec is None or held.lock is None:
        reasons = "; ".join([*([why_not] if why_not else []), *held.doubts])
        raise UsageError(
            f"{target}: there is no spec and lock to export in this image"
            + (f": {reasons}" if reasons else ""),
            hint="only images that envbuild made carry them",
        )
    for doubt in held.doubts:
        request.sink(Notice(level="warning", text=f"{target}: {doubt}"))
    if isinstance(found, LocalImage):
        image = _pushed_as(found.image, target)
        place = "registry" if "@" in image else "engine"
    else:
        image = f"{found.reference.removeprefix(REGISTRY).partition('@')[0]}@{found.digest}"
        place = "registry"
    return Source(
        name=target,
        spec=spec,
        lock=held.lock,
        lock_text=held.lock_text,
        image=image,
        place="registry" if place == "registry" else "engine",
    )


def _pushed_as(image: ImageInfo, target: str) -> str:
    """`name@sha256:…` where the engine knows the image's digest in the registry that the name says; else the
    name alone.
    """
    from envbuild.names import parse_reference

    wanted = parse_reference(target).name
    for entry in sorted(image.digests):
        if parse_reference(entry).name == wanted:
            return entry
    return target
