"""The verb: a file that `save` wrote → an image of the engine: checked before, named after. Asks the engine.

The file is read twice: once to check all of it, once for the engine. Nothing reaches the engine that was not
checked, and no name is given to anything that is not whole.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import time
import tomllib
from typing import TYPE_CHECKING

from envbuild.archive.model import SPEC_KIND
from envbuild.archive.read import broken, examine
from envbuild.archive.to_engine import engine_stream
from envbuild.errors import EngineError, LockError, UsageError
from envbuild.events import Notice
from envbuild.files import write_atomically
from envbuild.lock.pylock import digest_of
from envbuild.names import read_reference
from envbuild.registry import kinds
from envbuild.reproduce.judge import fit_of, refuse, said, tell_limits, tell_room
from envbuild.reproduce.model import Loaded
from envbuild.reproduce.steps import step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.archive.model import Held
    from envbuild.engine.engine import Engine
    from envbuild.fits import Fit
    from envbuild.images import ImageInfo
    from envbuild.outcomes import Request

_ZSTD_SINCE = (23, 0)


def load(
    request: Request, path: Path, *, name: str = "", strict: bool = False, folder: Path | None = None
) -> Loaded:
    """Have the image of the file at `path` in the engine.

    name    what to call it, in place of what it was called
    strict  refuse an image that this machine cannot run, before it is loaded
    folder  where to put spec and lock; nothing there is overwritten

    Raises UsageError, RegistryError for a broken file, LockError, PreflightRefused, EngineError.
    """
    begun = time.monotonic()
    wanted = _whole_name(name) if name else ""
    held = _examined(request, path)
    labels, env = said(held.config)
    ensure_lock(held, labels)
    files = _to_extract(held, labels, folder) if folder else {}
    fit = _judged(request, held, labels, env, strict=strict)
    engine = request.connect()
    had = engine.image(_id_in(engine, held))
    image = had or _loaded(request, engine, held)
    names = (wanted,) if wanted else held.names
    for each in names:
        engine.tag(image.id, each)
    for target, data in files.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(target, data)
    return Loaded(
        path=path,
        names=names,
        digest=held.manifest.digest,
        image_id=image.id,
        platform=held.platform,
        size=image.size,
        layers=len(image.layers),
        preflight=fit.verdict.verdict if fit else "",
        lock=labels.get("dev.envbuild.lock", ""),
        artifacts=held.artifacts,
        extracted=tuple(files),
        was_there=had is not None,
        engine=f"{engine.info.kind} {engine.info.version}",
        seconds=time.monotonic() - begun,
    )


def _whole_name(text: str) -> str:
    reference = read_reference(text)
    if reference.digest:
        raise UsageError(f"--name {text}: a name has no digest", hint="write repository[:tag]")
    return f"{reference.familiar}:{reference.tag or 'latest'}"


def _examined(request: Request, path: Path) -> Held:
    with step(request.sink, "check", "load", f"check {path}") as running:
        return examine(path, request.platform, running.moved)


def ensure_lock(held: Held, labels: Mapping[str, str]) -> None:
    """Raise LockError when a lock in the file is not the one that the image's labels name. Pure."""
    wanted = labels.get("dev.envbuild.lock", "")
    if not wanted:
        return
    inside = [data for name, data in held.files.items() if name.startswith("pylock.")]
    beside = [artifact.data for artifact in held.artifacts if artifact.kind == kinds.LOCK]
    for data in (*inside, *beside):
        found = _lock_digest(data)
        if found != wanted:
            raise LockError(
                f"{held.path}: a lock in it is not the one that the image names:"
                f" {found or 'it was edited, or is no lock'}, and not {wanted}",
                hint="do not trust this file; ask whoever made it",
            )
    if not inside and not beside:
        raise LockError(f"{held.path}: the image names the lock {wanted}, which is not in the file")


def _lock_digest(data: bytes) -> str:
    """The digest that a lock's content has, if that is what it says; whatever its format."""
    try:
        document = tomllib.loads(data.decode())
        said_so = document["tool"]["envbuild"]["digest"]
        return str(said_so) if said_so == digest_of(document) else ""
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return ""


def _to_extract(held: Held, labels: Mapping[str, str], folder: Path) -> dict[Path, bytes]:
    """Where spec and lock go. Raises UsageError where something else is there already."""
    found = {name: data for name, data in held.files.items() if _is_ours(name)}
    for artifact in held.artifacts:
        if artifact.kind in {SPEC_KIND, kinds.LOCK} and artifact.data:
            name = (
                "spec.yml" if artifact.kind == SPEC_KIND else f"pylock.{labels.get('dev.envbuild.name')}.toml"
            )
            if _is_ours(name):
                found.setdefault(name, artifact.data)
    spec = found.get("spec.yml", b"")
    wanted = labels.get("dev.envbuild.spec", "")
    if spec and wanted and wanted != f"sha256:{hashlib.sha256(spec).hexdigest()}":
        raise broken(held.path, "its spec is not the one that the image names")
    if not found:
        raise UsageError(f"{held.path}: holds neither spec nor lock", hint="leave --extract out")
    targets = {folder / name: data for name, data in sorted(found.items())}
    for target, data in targets.items():
        if target.exists() and not (target.is_file() and target.read_bytes() == data):
            raise UsageError(f"{target}: is there already, and is something else", hint="name another folder")
    return targets


def _is_ours(name: str) -> bool:
    return re.fullmatch(r"spec\.yml|pylock\.[a-z0-9_-]{1,64}\.toml", name) is not None


def _judged(
    request: Request, held: Held, labels: Mapping[str, str], env: tuple[str, ...], *, strict: bool
) -> Fit | None:
    fit = fit_of(request, str(held.path), labels, env)
    if strict:
        hint = "see what this machine has: envbuild doctor\nload it all the same: leave --strict out"
        refuse(fit, f"{held.path}: was not loaded", hint, accept=False)
    if fit and fit.verdict.verdict == "refused":
        reasons = "; ".join(reason.text for reason in fit.verdict.reasons if reason.level == "refused")
        request.sink(Notice(level="warning", text=f"this machine cannot run it: {reasons}"))
    else:
        tell_limits(request, fit)
    return fit


def _loaded(request: Request, engine: Engine, held: Held) -> ImageInfo:
    _ensure_takes(engine, held)
    tell_room(request, engine, held.size, "in the file")
    with step(request.sink, "load", "load", f"hand {held.path.name} to the engine") as running:
        try:
            with engine_stream(held, running.moved, oci=engine.info.containerd_store) as stream:
                image = engine.load(stream)
            _ensure_same(engine, held, image)
        except BaseException:
            _forget(engine, _id_in(engine, held))
            raise
    return image


def _ensure_same(engine: Engine, held: Held, image: ImageInfo) -> None:
    if engine.info.kind == "docker" and image.id != _id_in(engine, held):
        raise EngineError(f"the engine made {image.id} of it, and not {_id_in(engine, held)}")


def _id_in(engine: Engine, held: Held) -> str:
    """What the image is called in the store: by its manifest in containerd's, else by its config."""
    return held.manifest.digest if engine.info.containerd_store else held.manifest.config.digest


def _forget(engine: Engine, image_id: str) -> None:
    """Leave no image behind that nobody could name."""
    with contextlib.suppress(EngineError):  # what went wrong is what the user has to hear of
        image = engine.image(image_id)
        if image and not image.tags:
            engine.remove(image_id)


def _ensure_takes(engine: Engine, held: Held) -> None:
    """Refuse what the engine would choke on after gigabytes."""
    info = engine.info
    packed = any("zstd" in layer.media_type for layer in held.manifest.layers)
    version = tuple(int(part) for part in info.version.split(".")[:2] if part.isdigit())
    if packed and info.kind == "docker" and version < _ZSTD_SINCE:
        raise EngineError(
            f"{held.path}: its layers are packed by zstd, which Docker {info.version} does not know",
            hint="update Docker to 23 or newer, or save the image from an engine: envbuild save IMAGE",
        )
