"""The verb of this room: what somebody names → an `Audit`. Reads files; may ask engine and network."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.audit.conda import audit_conda
from envbuild.audit.image import audit_image
from envbuild.audit.local import audit_file, audit_folder, audit_wheel
from envbuild.audit.locked import Sources, audit_wheels, held_in_image
from envbuild.audit.model import Audit, Target
from envbuild.errors import LockError, UsageError
from envbuild.facts.gpus import architectures
from envbuild.gpu.check_targets import target_gpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.facts.model import Capability
    from envbuild.lock.model import Lock

OLDEST: Capability = (5, 0)
_SPECS = {".yml", ".yaml"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What `gpu-audit` is asked: a file, a folder, a spec, a lock or an image, and the GPUs to serve."""

    target: str
    gpus: tuple[str, ...] = ()


def audit(question: Question, sources: Sources) -> Audit:
    """Look into the target.

    Raises UsageError when there is no such thing or a GPU is not known, SpecError, LockError, EngineError.
    """
    targets = tuple(_named(name) for name in question.gpus)
    path = Path(question.target)
    if path.suffix in _SPECS:
        return _of_spec(path, question.target, targets, sources)
    if path.suffix == ".toml":
        return _of_lock_file(path, question.target, targets, sources)
    made = Audit(
        target=question.target,
        kind="folder",
        targets=targets or known_targets(),
        asked=bool(targets),
        packages=(),
    )
    if path.is_dir():
        packages, notes = audit_folder(path)
        return replace(made, packages=packages, notes=notes)
    if path.suffix == ".whl" and path.exists():
        return replace(made, kind="wheel", packages=(audit_wheel(path, sources.environ),))
    if path.exists():
        return replace(made, kind="file", packages=(audit_file(path),))
    if path.suffix == ".whl" or ".so" in path.name or question.target.startswith((".", "/")):
        raise UsageError(f"{question.target}: no such file or folder")
    return _of_image(made, sources)


def known_targets() -> tuple[Target, ...]:
    """Every architecture from 5.0 on that the tables know, oldest first."""
    known = sorted(each.capability for each in architectures() if each.capability >= OLDEST)
    return tuple(Target(name=f"{major}.{minor}", capability=(major, minor)) for major, minor in known)


def _of_image(made: Audit, sources: Sources) -> Audit:
    if sources.connect is None:
        raise UsageError(f"{made.target}: no such file or folder")
    engine = sources.connect()
    image = engine.image(made.target)
    if image is None:
        raise UsageError(
            f"{made.target}: neither a file nor an image of this engine",
            hint="pull or make the image first, or name a FILE.so, FILE.whl, folder or spec.yml",
        )
    packages, notes = audit_image(engine, image, made.target)
    return replace(made, kind="image", packages=packages, notes=notes)


def _of_spec(path: Path, name: str, targets: Sequence[Target], sources: Sources) -> Audit:
    from envbuild.lock.inputs import inputs_of
    from envbuild.lock.pylock import lock_path, read_lock
    from envbuild.spec.load import load_spec

    spec = load_spec(path)
    lock = read_lock(lock_path(spec))
    if lock is None:
        raise LockError(f"{name}: it has no lock yet, which says which wheels", hint=f"envbuild lock {name}")
    chosen = tuple(targets) or tuple(_of_spec_target(text) for text in spec.targets)
    stale = lock.inputs != inputs_of(spec)
    notes = ("the lock no longer answers the spec: this is about the lock",) if stale else ()
    made = _of_lock(lock, spec.image.references[0], spec.source.folder, sources)
    return replace(made, target=name, targets=chosen or known_targets(), asked=bool(chosen), notes=notes)


def _of_lock_file(path: Path, name: str, targets: Sequence[Target], sources: Sources) -> Audit:
    from envbuild.lock.pylock import read_lock

    lock = read_lock(path)
    if lock is None:
        raise UsageError(f"{name}: no such file or folder")
    made = _of_lock(lock, f"{lock.name}:latest", path.parent, sources)
    return replace(made, target=name, targets=tuple(targets) or known_targets(), asked=bool(targets))


def _of_lock(lock: Lock, image: str, folder: Path, sources: Sources) -> Audit:
    """What `lock` brings, for no targets yet; `folder`: where its channels `./…` begin."""
    held = functools.cache(lambda: held_in_image(image, lock, sources))
    packages, unread = audit_wheels(lock, image, sources, held)
    conda, unread_conda = audit_conda(lock.conda, folder, sources, held)
    return Audit(
        target="",
        kind="spec",
        targets=(),
        asked=False,
        packages=tuple(sorted((*packages, *conda), key=lambda each: each.name)),
        unread=unread,
        unread_conda=unread_conda,
    )


def _named(text: str) -> Target:
    gpu = target_gpu(text)
    if gpu is None:
        raise UsageError(
            f"--target {text}: no GPU that the tables know",
            hint='name one such as A100 or "RTX 4090", or its compute capability, such as 8.6',
        )
    return Target(name=text, capability=gpu.capability)


def _of_spec_target(text: str) -> Target:
    """Locking warns of a name that is not known; here it is one more column of unknowns."""
    gpu = target_gpu(text)
    return Target(name=text, capability=gpu.capability if gpu else None)
