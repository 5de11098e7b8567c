"""What is known of a spec and its lock on GPUs: findings as errors and events, needs as data for the lock."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from envbuild.errors import SpecError, Unsolvable
from envbuild.events import Notice
from envbuild.facts.base import base_facts
from envbuild.gpu.checks import Resolved, check_locked, check_spec
from envbuild.gpu.conda import with_conda
from envbuild.gpu.finding import errors
from envbuild.gpu.labels import needs_of_image
from envbuild.gpu.needed import Package
from envbuild.gpu.needs import doubt, image_release, needs_of
from envbuild.gpu.summary import gpu_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envbuild.conda.model import CondaRecord
    from envbuild.events import Sink
    from envbuild.facts.model import Code
    from envbuild.gpu.finding import Finding
    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.base import Base
    from envbuild.lock.model import LockedPackage
    from envbuild.spec.model import Spec


def ensure_possible(spec: Spec, machine: str, sink: Sink) -> tuple[Finding, ...]:
    """Raise SpecError for what the tables are certain of; tell the rest to `sink`, and return it."""
    found = check_spec(spec, machine)
    if wrong := errors(found):
        raise SpecError(sorted((finding.problem for finding in wrong), key=lambda problem: problem.line))
    _tell(found, sink)
    return found


def ensure_fits(spec: Spec, resolved: Resolved, sink: Sink, said: Iterable[Finding] = ()) -> None:
    """Raise Unsolvable where what was locked cannot work; tell the rest that was not `said` before."""
    before = {finding.key for finding in said}
    found = check_locked(spec, resolved)
    if wrong := errors(found):
        raise Unsolvable(
            "what was locked does not fit the spec", problems=[finding.problem for finding in wrong]
        )
    _tell([finding for finding in found if finding.key not in before], sink)


def resolved_of(
    packages: Sequence[LockedPackage],
    reference: str,
    machine: str,
    codes: Mapping[str, Code],
    conda: tuple[CondaRecord, ...] = (),
) -> Resolved:
    """What was locked, as the checks want it; `codes` as read from the packages' own files."""
    return Resolved(
        packages={package.name: package.version for package in packages},
        built=frozenset(package.name for package in packages if package.from_source),
        sizes={package.name: package.size for package in packages if package.size},
        reference=reference,
        machine=machine,
        codes=codes,
        conda=conda,
    )


def packages_as_needed(packages: Sequence[LockedPackage]) -> tuple[Package, ...]:
    """What was locked, as the choice of a CUDA image wants it."""
    return tuple(
        Package(name=package.name, version=package.version, built=package.from_source) for package in packages
    )


def gpu_of(spec: Spec, resolved: Resolved, base: Base) -> dict[str, Any]:
    """What the lock says of GPUs: what the image needs of the machine that runs it."""
    release = image_release(resolved.reference)
    needs = needs_of(resolved.packages, release, resolved.machine, resolved.codes, accepted=spec.accept)
    needs = with_conda(needs, resolved.conda, resolved.codes)
    return gpu_table(needs if release else _with_base(needs, resolved.reference, base))


def _with_base(needs: GpuNeeds, reference: str, base: Base) -> GpuNeeds:
    """Needs with those of a base that is not NVIDIA's own: as it says itself, else a doubt about it."""
    if base.image is not None:
        own = needs_of_image(base.image.labels, base.image.env)
        return replace(needs, uses=(*own.uses, *needs.uses), compat=own.compat)
    if base_facts(reference) is None:
        text = (
            f"what the base {reference} brings for CUDA is not known; ask it: envbuild preflight {reference}"
        )
        return replace(needs, doubts=(doubt("package-unknown", text, "the spec"),))
    return needs


def _tell(findings: Iterable[Finding], sink: Sink) -> None:
    for finding in findings:
        sink(Notice(level="info" if finding.level == "note" else "warning", text=str(finding.problem)))
