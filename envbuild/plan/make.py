"""Stage 3's verb: spec and lock → `Plan`, the layers from stable to volatile. Pure.

Order: base · apt · user · conda groups · python · pip groups · env · run · copy · metadata. All below a
changed layer is made anew, so the account, which never changes, comes early, and `env`, which steps of `run:`
need, only when the packages are there.
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
from envbuild.plan.metadata import PLAN_LABEL, env_layer, home_of, metadata_layer
from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CondaLayer,
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

if TYPE_CHECKING:
    from envbuild.conda.model import CondaRecord
    from envbuild.lock.model import Lock, LockedPackage
    from envbuild.plan.groups import Group
    from envbuild.spec.model import Spec

UID = 1000


def make_plan(spec: Spec, lock: Lock, *, lock_text: str, version: str, budget: int = 40) -> Plan:
    """Plan the image of `spec` as locked.

    lock_text  the lock file's text, which goes into the image
    version    of envbuild, for the image's labels
    budget     layers that envbuild may add to the base (engines stop near 125): groups of packages are
               joined to keep it, steps of the spec's own are not

    Raises LockError when the lock's list of packages and its document do not go together.
    """
    stable = (_base(lock), *_apt(spec, lock), _user(spec))
    volatile = (*_runs(spec), *_copies(spec))
    left = budget - len(stable) - len(volatile) - 1
    conda = _conda(lock, left - bool(lock.packages))
    stable = (*stable, *conda, _python(lock))
    metadata = metadata_layer(spec, lock, lock_text=lock_text, version=version)
    layers = (*stable, *_pip(spec, lock, left - len(conda)), env_layer(spec, lock), *volatile, metadata)
    plan = Plan(
        name=spec.name,
        platform=lock.platform,
        layers=layers,
        notes=notes_of(lock, layers, budget),
        source=spec.source.path.name,
        reference=spec.image.references[0],
        version=version,
        explicit=_explicit(lock),
    )
    digest = digest_of_plan(plan)
    labelled = replace(metadata, labels=(*metadata.labels, (PLAN_LABEL, digest)))
    return replace(plan, layers=(*layers[:-1], labelled), digest=digest)


def digest_of_plan(plan: Plan) -> str:
    """The sha256 of all that a plan says, before it holds its own digest."""
    layers = [[type(layer).__name__, asdict(layer)] for layer in plan.layers]
    fields: dict[str, object] = {
        "name": plan.name,
        "platform": plan.platform,
        "layers": layers,
        "notes": plan.notes,
        "made": [plan.source, plan.reference, plan.version],
    }
    if plan.explicit:
        fields["explicit"] = plan.explicit
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def _base(lock: Lock) -> Layer:
    if lock.base.digest:
        why = "all else stands on it; pinned by its digest"
    elif lock.base.pinned:
        why = "all else stands on it; it exists in an engine's store only and is pinned by its image id"
    else:
        why = "all else stands on it; not pinned, so another build may get another base"
    return BaseLayer(
        reference=lock.base.build_reference, name=lock.base.reference, pinned=lock.base.pinned, why=why
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
            resolved=lock.apt_resolved,
        ),
    )


def _python(lock: Lock) -> Layer:
    python = lock.python
    return PythonLayer(
        source=python.source,
        version=python.version,
        request=python.request,
        why=python.reason or "the interpreter, before the packages that it runs",
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
    )


def _explicit(lock: Lock) -> str:
    if not lock.conda:
        return ""
    from envbuild.conda.explicit import explicit_text

    return explicit_text(lock.conda, lock.platform)


def _conda(lock: Lock, budget: int) -> tuple[CondaLayer, ...]:
    return tuple(_conda_layer(group) for group in group_packages(lock.conda, budget))


def _conda_layer(group: Group[CondaRecord]) -> CondaLayer:
    sizes = [record.size for record in group.packages]
    return CondaLayer(
        name=group.name,
        names=tuple(record.name for record in group.packages),
        packages=tuple(record.exact for record in group.packages),
        records=tuple(f"{record.name}-{record.version}-{record.build}" for record in group.packages),
        size=None if None in sizes else sum(size for size in sizes if size is not None),
        why=group.why,
    )


def _pip(spec: Spec, lock: Lock, budget: int) -> tuple[Layer, ...]:
    cutter = Cutter(lock.document)
    try:
        return tuple(_pip_layer(group, cutter) for group in group_packages(lock.packages, budget))
    except KeyError as error:
        raise LockError(
            f"{lock_path(spec).name}: the package {error.args[0]} is not in the lock's own list of packages",
            hint="make the lock anew: envbuild lock --upgrade",
        ) from error


def _pip_layer(group: Group[LockedPackage], cutter: Cutter) -> PipLayer:
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
        why=group.why,
    )


def _pinned(package: LockedPackage) -> str:
    return f"{package.name}=={package.version}" if package.version else package.name


def _runs(spec: Spec) -> tuple[Layer, ...]:
    return tuple(
        RunLayer(
            command=command,
            index=index,
            why="a step of yours, as root, when all packages are there",
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
