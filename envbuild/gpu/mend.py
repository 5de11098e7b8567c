"""The smallest changes of a spec that mend a finding: each is tried by checking the changed spec again. Pure.

Preferred: another build of the same release, then another release (the newest that works), then another CUDA
or Python.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.gpu import change
from envbuild.gpu.check_targets import served, target_gpu
from envbuild.gpu.finding import Finding, errors
from envbuild.gpu.wishes import needs_of_spec

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from envbuild.gpu.change import Change
    from envbuild.spec.model import Spec

    Check = Callable[[Spec], Sequence[Finding]]
    Kind = Callable[[Spec], Iterable[Change]]

_MOST = 3  # ways to mend that a message offers

_TORCH: tuple[Kind, ...] = (change.variants, change.torch_minors, change.torch_minors_with_variants)
_TENSORFLOW: tuple[Kind, ...] = (change.with_cuda_extra, change.tensorflow_minors)
_JAX: tuple[Kind, ...] = (change.jax_extras, change.jax_minors)


_KINDS: dict[str, tuple[Kind, ...]] = {
    "torch-python": (change.torch_minors, change.pythons),
    "torch-variant": (*_TORCH, change.pythons),
    "tensorflow-python": (change.tensorflow_minors, change.pythons),
    "tensorflow-gpu": (change.plain_tensorflow, change.tensorflow_minors),
    "jax-python": (change.jax_minors, change.pythons),
    "glibc": (change.systems, change.torch_minors, change.tensorflow_minors),
    "target": (*_TORCH, *_JAX, change.tensorflow_minors, change.cudas),
    "cuda-mismatch": (
        change.variants,
        change.torch_minors,
        *_JAX[:1],
        *_TENSORFLOW,
        change.cupy_names,
        change.cudas,
    ),
    "cuda-missing": (change.flavours, change.with_cuda_extra, change.cudas),
    "cuda-image": (change.nearest_cuda, change.systems),
}
_OF_TORCH = frozenset(_TORCH)
_OF_OTHERS: dict[str, frozenset[Kind]] = {
    "tensorflow": frozenset((*_TENSORFLOW, change.plain_tensorflow)),
    "tensorflow-gpu": frozenset((*_TENSORFLOW, change.plain_tensorflow)),
    "jax": frozenset(_JAX),
    "torch": _OF_TORCH,
}


def mended(spec: Spec, finding: Finding, check: Check) -> Finding:
    """`finding` with the changes that mend it, and with them as what to do. `check` finds what is wrong."""
    if finding.level == "note" or finding.rule not in _KINDS or finding.subject == "base":
        return finding
    before = {other.key for other in errors(check(spec))}
    ways: dict[Kind, str] = {}
    for kind in _KINDS[finding.rule]:
        if len(ways) == _MOST or not _is_about(kind, finding.subject) or _needless(kind, ways):
            continue
        if found := _first_that_mends(kind(spec), finding, check, before):
            ways[kind] = found
    pair, single = ways.get(change.torch_minors_with_variants), ways.get(change.torch_minors)
    if pair and single and change.torch_of(pair) <= change.torch_of(single):
        del ways[change.torch_minors_with_variants]  # two changes, and no newer release
    if not ways:
        return finding
    said = f"write {', or '.join(f'`{way}`' for way in ways.values())}"
    todo = finding.problem.todo if finding.rule == "cuda-image" else said
    return replace(finding, mends=tuple(ways.values()), problem=replace(finding.problem, todo=todo))


def mends(spec: Spec, finding: Finding, check: Check, before: Iterable[tuple[str, str]] = ()) -> bool:
    """Whether `spec`, a changed one, no longer has `finding`, and no error that was not there before."""
    at_best = change.settled(spec)
    found = check(at_best)
    if any(other.key == finding.key and other.level != "note" for other in found):
        return False
    if any(other.key not in before for other in errors(found)):
        return False
    return finding.rule != "target" or _is_served(at_best, finding.subject)


def _first_that_mends(
    changes: Iterable[Change], finding: Finding, check: Check, before: Iterable[tuple[str, str]]
) -> str:
    known = frozenset(before)
    return next((each.text for each in changes if mends(each.spec, finding, check, known)), "")


def _needless(kind: Kind, ways: Mapping[Kind, str]) -> bool:
    """Two changes at once, where another build of the same release does."""
    return kind is change.torch_minors_with_variants and change.variants in ways


def _is_served(spec: Spec, target: str) -> bool:
    """Certainly: what is not known mends nothing."""
    gpu = target_gpu(target)
    if gpu is None:
        return False
    return all(served(needs, gpu) in ("ok", "limits") for needs in needs_of_spec(spec))


def _is_about(kind: Kind, subject: str) -> bool:
    """Whether a kind of change is for the package that a finding is about; a target may be about any."""
    if subject not in _OF_OTHERS:
        return True
    return kind in _OF_OTHERS[subject] or not any(kind in kinds for kinds in _OF_OTHERS.values())
