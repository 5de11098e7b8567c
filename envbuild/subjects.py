"""What a name on the command line means: a lock file, a spec file, an image of the engine or in a registry.

Reads files, asks the engine and registries. Each of them can be put into the form in which any two compare.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from envbuild.compare.contents import contents_of_image, contents_of_lock, contents_of_spec
from envbuild.compare.model import BaseIs, Contents, ImageParts
from envbuild.errors import EngineError, LockError, RegistryError, StaleLock, UsageError
from envbuild.names import read_reference
from envbuild.remote.contained import contained, spec_in
from envbuild.remote.history import Entry, steps_of
from envbuild.remote.look import look, needs_said
from envbuild.remote.model import Contained, RemoteImage, Step
from envbuild.remote.tiny import LARGEST_CONTENT, files_in
from envbuild.remote.unpack import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.engine.engine import Engine
    from envbuild.images import ImageInfo
    from envbuild.lock.model import Lock
    from envbuild.outcomes import Request
    from envbuild.registry.client import RegistryClient
    from envbuild.spec.model import Spec

REGISTRY = "docker://"
"""Before a reference, as skopeo has it: look in the registry, though the engine has an image of that name."""
PUSH = "envbuild push"
_FOLDER = "/opt/envbuild"
_BUDGET = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class LockFile:
    """A lock by itself."""

    name: str
    lock: Lock


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecFile:
    """A spec with the lock that answers it; without one, `why_not` says why.

    changes  what the spec asks for that its lock does not answer any more, a line each
    """

    name: str
    spec: Spec
    lock: Lock | None
    why_not: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalImage:
    """An image of the engine. `steps` come with the bytes that each added, unpacked."""

    name: str
    image: ImageInfo
    contained: Contained
    steps: tuple[tuple[Step, int], ...] = ()


Subject: TypeAlias = LockFile | SpecFile | LocalImage | RemoteImage


def find(request: Request, target: str, client: Callable[[], RegistryClient], *, strict: bool) -> Subject:
    """What `target` names; an image of the engine comes before one in a registry.

    strict  whether the platform was asked for: then nothing for another one will do

    Raises SpecError, LockError, RegistryError, UsageError.
    """
    if subject := find_file(request, target, strict=strict):
        return subject
    if not target.startswith(REGISTRY):
        local = find_local(request, target)
        if local:
            return local
        ensure_no_folder(target)
    return find_remote(request, target, client(), strict=strict)


def ensure_no_folder(target: str) -> None:
    """Raise UsageError for a folder, which is neither a spec nor an image: no registry is asked for it."""
    if target and Path(target).is_dir():
        spec = Path(target, "spec.yml")
        hint = f"name the spec in it: {spec}" if spec.is_file() else "name a spec, a lock, or an image"
        raise UsageError(f"{target}: is a folder", hint=hint)


def find_file(request: Request, target: str, *, strict: bool) -> LockFile | SpecFile | None:
    """A lock file (`….toml`) or a spec; None when `target` is no file and not called like one."""
    path = Path(target)
    if path.suffix == ".toml":
        from envbuild.lock.pylock import read_lock

        lock = read_lock(path)
        if lock is None:
            raise UsageError(f"{target}: there is no such file", hint="name a lock, a spec, or an image")
        return LockFile(name=target, lock=lock)
    if path.suffix not in {".yml", ".yaml"} and not path.is_file():
        return None
    return _spec_file(request, path, target, strict=strict)


def _spec_file(request: Request, path: Path, target: str, *, strict: bool) -> SpecFile:
    from envbuild.lock.drift import drift
    from envbuild.lock.pylock import lock_path, read_lock
    from envbuild.spec.load import load_spec

    spec = load_spec(path)
    file = lock_path(spec)
    lock = read_lock(file)
    if lock is None:
        return SpecFile(name=target, spec=spec, lock=None, why_not="it has no lock yet (envbuild lock)")
    if changes := drift(spec, lock, request.platform if strict else lock.platform):
        why_not = f"{file.name} does not answer it any more (envbuild lock)"
        return SpecFile(name=target, spec=spec, lock=None, why_not=why_not, changes=changes)
    return SpecFile(name=target, spec=spec, lock=lock)


def find_remote(request: Request, target: str, client: RegistryClient, *, strict: bool) -> RemoteImage:
    """The image in its registry: for the request's platform, else (not `strict`) the only one there is."""
    reference = read_reference(target.removeprefix(REGISTRY))
    try:
        return look(client, reference, request.platform)
    except RegistryError as error:
        if strict or error.trouble != "platform":
            raise
        try:
            return look(client, reference, "")
        except RegistryError:
            raise error from None


def find_local(request: Request, target: str) -> LocalImage | None:
    """The image of the engine; None when it has none of that name, or there is no engine."""
    try:
        engine = request.connect()
        image = engine.image(target)
    except EngineError:
        return None
    return None if image is None else local_image(engine, image, target)


def local_image(engine: Engine, image: ImageInfo, name: str) -> LocalImage:
    """An image of the engine with the spec and lock in it. Raises EngineError."""
    held = Contained()
    if "dev.envbuild.name" in image.labels:
        held = contained(_files(engine, image), image.labels)
    made = engine.history(image.id)
    entries = [Entry(command=row.command, comment=row.comment, empty=not row.size) for row in made]
    base = image.labels.get("org.opencontainers.image.base.name", "")
    steps = steps_of(entries, base=base, lock=held.lock)
    sizes = tuple((step, row.size) for step, row in zip(steps, made, strict=True))
    return LocalImage(name=name, image=image, contained=held, steps=sizes)


def _files(engine: Engine, image: ImageInfo) -> dict[str, bytes]:
    data = engine.folder(image.id, _FOLDER, LARGEST_CONTENT) or b""
    try:
        return files_in(data, "envbuild/")
    except Unreadable:
        return {}


def contents_of(subject: Subject) -> Contents:
    """A subject in the form in which any two compare. Pure."""
    match subject:
        case LockFile():
            return contents_of_lock(subject.lock, name=subject.name, sizes=lock_sizes(subject.lock))
        case SpecFile():
            sizes = lock_sizes(subject.lock) if subject.lock else {}
            return contents_of_spec(
                subject.spec, subject.lock, name=subject.name, why_not=subject.why_not, sizes=sizes
            )
        case LocalImage():
            return _contents_of_local(subject)
        case RemoteImage():
            return _contents_of_remote(subject)


def _contents_of_local(local: LocalImage) -> Contents:
    image, held = local.image, local.contained
    spec, why_not = spec_in(held, local.name)
    return contents_of_image(
        ImageParts(
            name=local.name,
            place="engine",
            digests=(image.id, *(entry.partition("@")[2] for entry in image.digests)),
            platform=image.platform,
            labels=image.labels,
            env=image.env,
            spec=spec,
            lock=held.lock,
            needs=needs_said(image.labels, image.env, held.lock),
            base=_base(image.labels),
            settings={
                "user": image.user,
                "workdir": image.workdir,
                "entrypoint": image.entrypoint,
                "cmd": image.cmd,
            },
            sizes=_by_group((step, size) for step, size in local.steps if size),
            measure="unpacked",
            diff_ids=image.layers,
            copy=_copy((step for step, _ in local.steps), spec),
            copied=_copied(local),
            added=any(step.kind == "added" and size for step, size in local.steps),
            notes=(*held.doubts, *([why_not] if why_not else [])),
        )
    )


def _contents_of_remote(remote: RemoteImage) -> Contents:
    spec, why_not = spec_in(remote.contained, remote.reference)
    steps = [layer.step for layer in remote.layers]
    return contents_of_image(
        ImageParts(
            name=remote.reference,
            place="registry",
            digests=(remote.digest, remote.config, remote.index),
            platform=remote.platform,
            labels=remote.labels,
            env=remote.env,
            spec=spec,
            lock=remote.contained.lock,
            needs=remote.needs,
            base=_base(remote.labels),
            settings={
                "user": remote.user,
                "workdir": remote.workdir,
                "entrypoint": remote.entrypoint,
                "cmd": remote.cmd,
            },
            sizes=_by_group((layer.step, layer.size) for layer in remote.layers),
            measure="compressed",
            diff_ids=tuple(layer.diff_id for layer in remote.layers if layer.diff_id),
            copy=_copy(steps, spec),
            copied=tuple(layer.diff_id for layer in remote.layers if layer.step.kind == "copy"),
            added=any(step.kind == "added" for step in steps),
            notes=(*remote.doubts, *([why_not] if why_not else [])),
        )
    )


def _copy(steps: Iterable[Step], spec: Spec | None) -> tuple[str, ...] | None:
    """What was copied: where from, as the spec says, and where to, as the steps tell; None: untold."""
    known = list(steps)
    if not any(step.kind == "metadata" for step in known):
        return None
    copied = [step.what for step in known if step.kind == "copy"]
    if spec is None or len(spec.copy) != len(copied):
        return tuple(copied)
    return tuple(
        f"{item.source} →{what.partition('→')[2]}" for item, what in zip(spec.copy, copied, strict=True)
    )


def _copied(local: LocalImage) -> tuple[str, ...]:
    """The layers with the user's files; () where it is not sure which these are: engines do not tell."""
    lock, layers = local.contained.lock, local.image.layers
    base = lock.base.diff_ids if lock else ()
    steps = [step.kind for step, _ in local.steps if step.kind not in {"base", "other"}]
    # BuildKit makes a layer of WORKDIR, buildah does not.
    for own in (steps, [kind for kind in steps if kind != "workdir"]):
        if base and layers[: len(base)] == base and len(layers) == len(base) + len(own):
            pairs = zip(layers[len(base) :], own, strict=True)
            return tuple(layer for layer, kind in pairs if kind == "copy")
    return ()


def _base(labels: Mapping[str, str]) -> BaseIs | None:
    name = labels.get("org.opencontainers.image.base.name") or labels.get("dev.envbuild.base")
    if not name:
        return None
    return BaseIs(
        reference=name,
        digest=labels.get("org.opencontainers.image.base.digest", ""),
        image_id=labels.get("dev.envbuild.base.id", ""),
    )


def _by_group(sizes: Iterable[tuple[Step, int]]) -> dict[str, int]:
    found: dict[str, int] = {}
    for step, size in sizes:
        found[step.group] = found.get(step.group, 0) + size
    return found


def lock_sizes(lock: Lock) -> dict[str, int]:
    """Bytes that each group of a lock's packages brings down, where all of a group are known. Pure."""
    from envbuild.plan.groups import group_packages

    groups = {"apt": [row.size for row in lock.apt]} if lock.apt else {}
    for records in group_packages(lock.conda, _BUDGET):
        groups[f"conda: {records.name}"] = [record.size for record in records.packages]
    for group in group_packages(lock.packages, _BUDGET):
        groups[f"pip: {group.name}"] = [package.size for package in group.packages]
    return {
        name: sum(size for size in sizes if size is not None)
        for name, sizes in groups.items()
        if None not in sizes
    }


def ensure_lock(subject: SpecFile) -> Lock:
    """The lock of a spec. Raises LockError when there is none, StaleLock when it does not answer the spec."""
    if subject.changes:
        raise StaleLock(f"{subject.name}: {subject.why_not}", changes=subject.changes)
    if subject.lock is None:
        raise LockError(f"{subject.name}: {subject.why_not}", hint="make it: envbuild lock")
    return subject.lock


def with_engine(request: Request, target: str, error: RegistryError) -> RegistryError:
    """The same error, with the word that this machine's engine has an image of that name, if it has."""
    if target.startswith(REGISTRY) or not _engine_has(request, target):
        return error
    has = f"only this machine's engine has an image of that name: bring it there first with `{PUSH}`"
    return RegistryError(
        error.message, trouble=error.trouble, hint=f"{has}\n{error.hint}" if error.hint else has
    )


def _engine_has(request: Request, target: str) -> bool:
    """Whether the engine has an image of that name: one question, no docker SDK. In doubt: no."""
    from envbuild.engine.discover import find_endpoint
    from envbuild.engine.quick import quick_image_id

    try:
        url = find_endpoint(request.engine or request.site.engine, os.environ).url
    except EngineError:
        return False
    return quick_image_id(url, target) is not None
