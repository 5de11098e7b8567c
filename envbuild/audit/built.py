"""A new image's own device code against the spec's `targets`; remembered for the next lock. Asks the engine.

What tables or an earlier reading said before the build is held against the files that were installed.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Literal

from envbuild.audit.conda import libraries_in
from envbuild.audit.image import audit_image
from envbuild.audit.local import package_of
from envbuild.errors import UsageError
from envbuild.fatbin.memory import recall_audit, remember_audit
from envbuild.gpu.check_targets import target_gpu
from envbuild.gpu.conda import cuda_users, members_of
from envbuild.gpu.libraries import code_of
from envbuild.gpu.serves import serves
from envbuild.lock.packages import chosen_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.audit.image import Engine
    from envbuild.audit.model import AuditedPackage
    from envbuild.conda.model import CondaRecord
    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

ENVIRONMENT = "/opt/env"
Outcome = tuple[Literal["passed", "failed", "not run"], str]


def needs_reading(spec: Spec, lock: Lock, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the image of `lock` holds device code that a target asks about, or that nobody has read yet."""
    names = with_kernels(lock)
    digests = _digests(lock)
    wanted = [digests.get(name, "") for name in names if name in digests]
    wanted += [record.sha256 for record in _members(lock)]
    return bool(names) and (
        bool(spec.targets) or any(recall_audit(digest, environ) is None for digest in wanted)
    )


def check_built(
    engine: Engine, image_id: str, spec: Spec, lock: Lock, environ: Mapping[str, str] = os.environ
) -> Outcome:
    """Read the image's device code; say whether its frameworks serve every target. Raises EngineError."""
    image = engine.image(image_id)
    if image is None:
        return "not run", "the image is gone"
    try:
        packages, _ = audit_image(engine, image, spec.name, [ENVIRONMENT])
    except UsageError as error:
        return "not run", error.message
    names, digests = with_kernels(lock), _digests(lock)
    held = {package.name: package for package in packages if package.name in names and package.libraries}
    for name, package in held.items():
        remember_audit(digests.get(name, ""), package.libraries, environ)
    held |= _of_conda(packages, lock)
    for record in _members(lock) if held else ():
        remember_audit(record.sha256, libraries_in(packages, record), environ)
    if not held:
        return "not run", f"no device code was found of {', '.join(names)}"
    status, said = _judged(spec.targets, held)
    if status == "failed" and "target" in spec.accept:
        return "passed", f"{said} (accepted: target)"
    return status, said


def with_kernels(lock: Lock) -> tuple[str, ...]:
    """The packages whose own kernels decide what the image runs on, as the lock names them."""
    locked = {package.name for package in lock.packages}
    uses = lock.gpu.get("uses", ())
    found = [str(use["component"]).split()[0] for use in uses if use.get("kernels", True)]
    conda = [user.name for user in cuda_users(lock.conda)]
    return tuple(dict.fromkeys([*(name for name in found if name in locked), *conda]))


def _members(lock: Lock) -> list[CondaRecord]:
    """The conda packages that hold the code of those in `with_kernels`."""
    return [each for user in cuda_users(lock.conda) for each in members_of(user.name, lock.conda)]


def _of_conda(packages: Sequence[AuditedPackage], lock: Lock) -> dict[str, AuditedPackage]:
    """The conda packages with kernels, each with the libraries of its parts: pytorch with libtorch's."""
    found = {}
    for user in cuda_users(lock.conda):
        libraries = [
            each for part in members_of(user.name, lock.conda) for each in libraries_in(packages, part)
        ]
        if libraries:
            found[user.name] = package_of(user.name, libraries, version=user.version)
    return found


def _judged(targets: Sequence[str], held: Mapping[str, AuditedPackage]) -> Outcome:
    said = list(_said(targets, held))
    wrong = [text for status, text in said if status == "failed"]
    unknown = [text for status, text in said if status == "not run"]
    if wrong:
        return "failed", "; ".join(wrong)
    if unknown:
        return "not run", "; ".join(unknown)
    return "passed", "; ".join(text for _, text in said)


def _said(targets: Sequence[str], held: Mapping[str, AuditedPackage]) -> Iterator[Outcome]:
    for name, package in sorted(held.items()):
        code = code_of(package.libraries)
        if code is None or code.cubins is None:
            yield "not run", f"{name}: what it was compiled for cannot be read"
            continue
        listed = " ".join([*code.cubins, *(f"PTX {each}" for each in code.ptx or ())])
        if not targets:
            yield "passed", f"{name}: {listed}"
        for target in targets:
            gpu = target_gpu(target)
            if gpu is None or gpu.capability is None:
                yield "not run", f"{target}: no GPU that the tables know"
                continue
            how = serves(code.cubins, code.ptx, gpu.capability)
            if how == "none":
                yield "failed", f"{name} has no code for {target}: {code.source}, compiled for {listed}"
            elif how == "unknown":
                yield "not run", f"{name} on {target}: what it was compiled for cannot be read"
            else:
                yield "passed", f"{name} serves {target}{' by PTX' if how == 'ptx' else ''}"


def _digests(lock: Lock) -> dict[str, str]:
    rows = lock.document.get("packages", ())
    return {row["name"]: (chosen_file(row) or {}).get("hashes", {}).get("sha256", "") for row in rows}
