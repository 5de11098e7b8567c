"""Whether a spec can work on the GPUs that it is for: by its pins before locking, then by what was locked.

`check_spec(spec) → findings`, `check_locked(spec, resolved) → findings`. Pure: tables and what it is given.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envbuild.facts.base import base_facts
from envbuild.facts.cuda import CudaImage, NoCudaImage
from envbuild.gpu.asked import (
    TENSORFLOWS,
    asked_of,
    find,
    tensorflow_range,
    torch_asked,
    torch_range,
)
from envbuild.gpu.change import with_line
from envbuild.gpu.check_cuda import (
    base_findings,
    below,
    below_reference,
    image_finding,
    image_of,
    mismatches,
    missing,
)
from envbuild.gpu.check_lock import locked_cudnn, locked_mismatches, two_cudas, without_cuda, without_gpu
from envbuild.gpu.check_targets import target_findings
from envbuild.gpu.check_wheels import is_stub, wheel_findings
from envbuild.gpu.conda import with_conda
from envbuild.gpu.finding import Finding, at_key, with_accepted
from envbuild.gpu.history import stranded, ways_on
from envbuild.gpu.mend import mended
from envbuild.gpu.needed import Package, may_bring, need_of_spec, packages_of
from envbuild.gpu.needs import image_release, needs_of
from envbuild.gpu.wishes import needs_of_spec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.facts.model import Code
    from envbuild.gpu.asked import Asked
    from envbuild.gpu.conda import Built
    from envbuild.spec.model import Spec

__all__ = ["Finding", "Resolved", "check_locked", "check_spec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Resolved:
    """What was locked.

    packages   normalised name → version; `built`: those that come as a source; `sizes` of files in bytes
    reference  of the base image
    machine    x86_64 or aarch64
    codes      device code as read from a package's own files, by package name: stands above the tables
    conda      the conda packages
    """

    packages: Mapping[str, str]
    reference: str
    built: frozenset[str] = frozenset()
    sizes: Mapping[str, int] = field(default_factory=dict)
    machine: str = "x86_64"
    codes: Mapping[str, Code] | None = None
    conda: Sequence[Built] = ()


def check_spec(spec: Spec, machine: str = "x86_64") -> tuple[Finding, ...]:
    """What is certain to fail, or likely to, by the pins of `spec` and the tables alone; errors first."""

    def check(changed: Spec) -> tuple[Finding, ...]:
        return tuple(_findings(changed, machine))

    found = []
    for finding in check(spec):
        if finding.rule == "cuda-image" and finding.subject in TENSORFLOWS:
            todo = ways_on(spec, finding, check)
            found.append(replace(finding, problem=replace(finding.problem, todo=todo)))
        else:
            found.append(mended(spec, finding, check))
    return with_accepted(found, spec.accept)


def check_locked(spec: Spec, resolved: Resolved) -> tuple[Finding, ...]:
    """What is wrong with what was locked; errors first."""
    asked = asked_of(spec)
    base = below_reference(resolved.reference)
    if not spec.base:
        base = replace(base, key="cuda", said=spec.cuda.version if spec.cuda else "")
    packages = [
        Package(name=name, version=version, built=name in resolved.built)
        for name, version in resolved.packages.items()
    ]
    release = image_release(resolved.reference)
    needs = needs_of(resolved.packages, release, resolved.machine, resolved.codes)
    needs = with_conda(needs, resolved.conda, resolved.codes)
    found = [
        *locked_mismatches(spec, asked, needs, base),
        *locked_cudnn(spec, asked, packages, base),
        *missing(spec, asked, packages, base),
        *two_cudas(spec, packages, resolved.sizes, base, resolved.reference),
        *without_cuda(spec, needs, base, resolved.reference),
        *without_gpu(spec, needs),
        *target_findings(spec, [needs]),
    ]

    def check(changed: Spec) -> tuple[Finding, ...]:
        return tuple(_findings(changed, resolved.machine))

    pinned = _as_locked(spec, asked, resolved.packages)
    return with_accepted([mended(pinned, finding, check) for finding in found], spec.accept)


def _findings(spec: Spec, machine: str) -> Iterator[Finding]:
    """What is wrong with `spec`, without what to do about it."""
    asked = asked_of(spec)
    alone = stranded(spec, asked)
    if alone:
        yield alone
    image = image_of(spec, need_of_spec(spec)) if spec.cuda and not spec.base else None
    base = below(spec, image)
    if isinstance(image, NoCudaImage) and not alone:
        yield image_finding(spec, image)
    if isinstance(image, CudaImage) and not image.known:
        yield _unlisted(spec, image)
    yield from base_findings(spec)
    if machine == "x86_64":
        glibc = _glibc(spec, image)
        yield from wheel_findings(spec, asked, glibc)
    yield from (finding for finding in mismatches(spec, asked, base) if not _said(alone, finding))
    if any(wish.name == "tensorflow-gpu" and is_stub(wish) for wish in asked):
        return  # what it asks for cannot be installed
    packages = [wish for wish in packages_of(asked, spec) if wish.name in TENSORFLOWS and not may_bring(wish)]
    yield from (finding for finding in missing(spec, asked, packages, base) if not _said(alone, finding))
    yield from target_findings(spec, needs_of_spec(spec, machine), unsure=_open(asked))


def _unlisted(spec: Spec, image: CudaImage) -> Finding:
    what = f"{image.reference} is in no table: it is named as other tags are, and the registry will tell"
    return Finding(rule="cuda-image", level="note", problem=at_key(spec, "cuda", what=what), subject="cuda")


def _glibc(spec: Spec, image: CudaImage | NoCudaImage | None) -> str:
    """The glibc of the base, as far as the tables know; "" unknown."""
    reference = spec.base or (image.reference if isinstance(image, CudaImage) else "")
    known = base_facts(reference) if reference else None
    return known.glibc if known else ""


def _said(alone: Finding | None, finding: Finding) -> bool:
    """Whether `alone` says all that there is to say about this package."""
    return alone is not None and finding.subject == alone.subject


def _open(asked: Sequence[Asked]) -> bool:
    """Whether releases that the tables do not know may come."""
    torch, tensorflow = torch_asked(asked), find(asked, *TENSORFLOWS)
    return bool((torch and torch_range(torch).newer) or (tensorflow and tensorflow_range(tensorflow).newer))


def _as_locked(spec: Spec, asked: Sequence[Asked], packages: Mapping[str, str]) -> Spec:
    """`spec` as changes are tried on it: a torch that others bring is named."""
    return with_line(spec, "torch") if "torch" in packages and torch_asked(asked) is None else spec
