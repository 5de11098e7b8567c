"""Stage 3's verb: spec and lock → `Plan`, the layers from stable to volatile. Pure; takes ≤ 1 s for 1,000 packages.

Order: base · apt · python · user · pip groups · run · copy · metadata. The account comes before the packages because it
never changes, and all below a changed layer is made anew.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from envbuild.errors import LockError
from envbuild.lock.pylock import lock_path
from envbuild.plan.cut import Cutter
from envbuild.plan.groups import group_packages
from envbuild.plan.metadata import home_of, metadata_layer
from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CopyLayer,
    Layer,
    PipLayer,
    Plan,
    PythonLayer,
    RunLayer,
    UserLayer,
)
from envbuild.plan.notes import notes_of
from envbuild.plan.paths import copy_path
from envbuild.plan.weights import said

if TYPE_CHECKING:
    from envbuild.lock.model import Lock, LockedPackage
    from envbuild.plan.groups import Group
    from envbuild.spec.model import Spec

UID = 1000


def make_plan(spec: Spec, lock: Lock, *, lock_text: str, version: str, budget: int = 40) -> Plan:
    """Plan the image of `spec` as locked.

    lock_text  the lock file's text, which goes into the image
    version    of envbuild, for the image's labels
    budget     layers that envbuild may add to the base (engines stop near 125); groups of Python packages are joined
               to keep it, steps of the spec's own are not

    Raises LockError when the lock's list of packages and its document do not go together.
    """
    stable = (*_base(spec, lock), *_apt(spec, lock), _python(spec, lock), _user(spec))
    volatile = (*_runs(spec), *_copies(spec))
    left = budget - (len(stable) - 1) - len(volatile) - 1
    layers = (
        *stable,
        *_pip(spec, lock, left),
        *volatile,
        metadata_layer(spec, lock, lock_text=lock_text, lock_name=lock_path(spec).name, version=version),
    )
    plan = Plan(
        name=spec.name,
        platform=lock.platform,
        layers=layers,
        notes=notes_of(lock, layers, budget),
        source=spec.source.path.name,
        reference=spec.image.references[0],
        version=version,
        uv=lock.tools.get("uv", ""),
    )
    return replace(plan, digest=digest_of_plan(plan))


def digest_of_plan(plan: Plan) -> str:
    """The sha256 of all that a plan says, but its own digest."""
    layers = [[type(layer).__name__, asdict(layer)] for layer in plan.layers]
    fields = {
        "name": plan.name,
        "platform": plan.platform,
        "layers": layers,
        "notes": plan.notes,
        "made": [plan.source, plan.reference, plan.version, plan.uv],
    }
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _base(spec: Spec, lock: Lock) -> tuple[Layer, ...]:
    if lock.base.digest:
        why = "all else stands on it; pinned by its digest"
    elif lock.base.pinned:
        why = "all else stands on it; it exists in an engine's store only and is pinned by its image id"
    else:
        why = "all else stands on it; not pinned, so another build may get another base"
    key = "base" if spec.base else "cuda" if spec.cuda else "name"
    return (
        BaseLayer(
            reference=lock.base.build_reference,
            name=lock.base.reference,
            pinned=lock.base.pinned,
            why=why,
            line=spec.source.line((key,)) if key != "name" else 0,
        ),
    )


def _apt(spec: Spec, lock: Lock) -> tuple[Layer, ...]:
    if not lock.apt:
        return ()
    names = sorted(lock.apt, key=lambda package: package.name)
    sizes = [package.size for package in names]
    known = sum(size for size in sizes if size is not None)
    key = "apt" if spec.apt else "python"
    if key == "python":
        why = f"Python {lock.python.version} as the distribution packages it, before all that needs it"
    else:
        why = "Debian packages change seldom, and packages below may need their libraries"
    return (
        AptLayer(
            packages=tuple(
                f"{package.name}={package.version}" if package.version else package.name for package in names
            ),
            size=None if None in sizes else known,
            why=why,
            key=key,
            line=spec.source.line((key,)),
            resolved=lock.apt_resolved,
        ),
    )


def _python(spec: Spec, lock: Lock) -> Layer:
    python = lock.python
    return PythonLayer(
        source=python.source,
        version=python.version,
        request=python.request,
        why=python.reason or "the interpreter, before the packages that it runs",
        line=spec.source.line(("python",)),
    )


def _user(spec: Spec) -> Layer:
    root = spec.user == "root"
    return UserLayer(
        user=spec.user,
        uid=0 if root else UID,
        workdir=spec.workdir,
        why="the image runs as root, because the spec says so"
        if root
        else "never changes, so it lies above the packages",
        line=spec.source.line(("user",)),
    )


def _pip(spec: Spec, lock: Lock, budget: int) -> tuple[Layer, ...]:
    cutter = Cutter(lock.document)
    line = spec.source.line(("pip",))
    try:
        return tuple(_pip_layer(group, cutter, line) for group in group_packages(lock.packages, budget))
    except KeyError as error:
        raise LockError(
            f"{lock_path(spec).name}: the package {error.args[0]} is not in the lock's own list of packages",
            hint="make the lock anew: envbuild lock --upgrade",
        ) from error


def _pip_layer(group: Group, cutter: Cutter, line: int) -> PipLayer:
    sizes = [package.size for package in group.packages]
    known = sum(size for size in sizes if size is not None)
    names = tuple(dict.fromkeys(package.name for package in group.packages))
    return PipLayer(
        name=group.name,
        names=names,
        packages=tuple(_pinned(package) for package in group.packages),
        size=None if None in sizes else known,
        from_source=tuple(package.name for package in group.packages if package.from_source),
        lock_toml=cutter.cut(names),
        why=group.why if None in sizes or len(names) == 1 else f"{group.why} ({said(known)})",
        line=line,
    )


def _pinned(package: LockedPackage) -> str:
    return f"{package.name}=={package.version}" if package.version else package.name


def _runs(spec: Spec) -> tuple[Layer, ...]:
    return tuple(
        RunLayer(
            command=command,
            index=index,
            why="a step of yours, as root, when all packages are there",
            line=spec.source.line(("run", index)),
        )
        for index, command in enumerate(spec.run)
    )


def _copies(spec: Spec) -> tuple[Layer, ...]:
    return tuple(
        CopyLayer(
            source=copy_path(index, item.source),
            target=item.target,
            index=index,
            why="your files change most often, so they come last",
            line=spec.source.line(("copy", index)),
            origin=item.source,
            uid=_owner(spec, item.target),
        )
        for index, item in enumerate(spec.copy)
    )


def _owner(spec: Spec, target: str) -> int:
    """The image's user owns what is copied to where that user works; root owns the rest, say in /etc."""
    if spec.user == "root":
        return 0
    homes = [PurePosixPath(folder) for folder in (spec.workdir, home_of(spec.user)) if folder != "/"]
    return UID if any(PurePosixPath(target).is_relative_to(home) for home in homes) else 0
