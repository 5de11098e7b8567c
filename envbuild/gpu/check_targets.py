"""Whether the GPUs under `targets:` are served: by a spec's pins and the tables, or by what was locked. Pure.

The rules for code are preflight's own; drivers play no part here.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.facts.gpus import capability_of, find_gpu, known_gpus
from envbuild.facts.tensorflow import tensorflow_oldest
from envbuild.gpu.asked import TENSORFLOWS
from envbuild.gpu.finding import Finding, at_key
from envbuild.gpu.model import Gpu, Host, Reason
from envbuild.gpu.verdict import preflight

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.gpu.model import CudaUse, GpuNeeds, Level
    from envbuild.spec.model import Spec

_OF_CODE = frozenset(
    {
        "cubin",
        "ptx",
        "no-kernel",
        "architectures-unknown",
        "toolkit-dropped-gpu",
        "toolkit-older-than-gpu",
    }
)


def target_findings(
    spec: Spec, alternatives: Sequence[GpuNeeds], *, unsure: bool = False
) -> Iterator[Finding]:
    """What is wrong with `targets` of `spec`, whose image may turn out in each of `alternatives`.

    `unsure`: it may also turn out in ways that the tables do not know.
    """
    for index, text in enumerate(spec.targets):
        gpu = target_gpu(text)
        if gpu is None:
            what = f"{text!r} is no GPU that the tables know for certain, so it is not checked"
            problem = at_key(spec, "targets", index, what=what, todo=_meant(text))
            yield Finding(rule="target-unknown", level="warning", problem=problem, subject=text)
            continue
        worst = [_worst(needs, gpu) for needs in alternatives]
        reason = worst[0] if worst else None
        if reason is None or any(other is None or other.level != "refused" for other in worst):
            if reason and reason.level in ("limits", "unknown") and len(worst) == 1:
                problem = at_key(spec, "targets", index, what=reason.text)
                yield Finding(rule="target", level="note", problem=problem, subject=text)
            continue
        problem = at_key(spec, "targets", index, what=reason.text)
        yield Finding(rule="target", level="warning" if unsure else "error", problem=problem, subject=text)


def target_gpu(text: str) -> Gpu | None:
    """The GPU that a target names, by name or compute capability; None when the table does not know it."""
    if capability := capability_of(text):
        return Gpu(name=f"sm_{capability[0]}{capability[1]}", capability=capability)
    known = find_gpu(text)
    return Gpu(name=known.name, capability=known.capability) if known else None


def served(needs: GpuNeeds, gpu: Gpu) -> Level:
    """How well an image with `needs` serves `gpu`, drivers aside: ok, limits (PTX), unknown, refused."""
    reason = _worst(needs, gpu)
    return reason.level if reason else "ok"


def _worst(needs: GpuNeeds, gpu: Gpu) -> Reason | None:
    """The weightiest thing that is to say about code for `gpu`; None when all is well."""
    for use in needs.uses:
        if reason := _too_old_for_tensorflow(use, gpu):
            return reason
    plain = replace(needs, doubts=(), accepted=())
    verdict = preflight(plain, Host(driver="", gpus=(gpu,)))
    reasons = [reason for reason in verdict.reasons if reason.rule in _OF_CODE and reason.level != "ok"]
    return next(iter(reasons), None)


def _too_old_for_tensorflow(use: CudaUse, gpu: Gpu) -> Reason | None:
    """Where no source lists the code of a TensorFlow wheel, one may still say the oldest GPU of it."""
    name, _, version = use.component.partition(" ")
    oldest = tensorflow_oldest(version) if name in TENSORFLOWS and use.cubins is None else None
    if oldest is None or gpu.capability is None or gpu.capability >= oldest:
        return None
    text = (
        f"{use.component} has no code for {gpu.name} (capability {gpu.capability[0]}.{gpu.capability[1]}):"
        f" it serves {oldest[0]}.{oldest[1]} and newer"
    )
    return Reason(rule="no-kernel", text=text, source=use.found_by, level="refused")


def _meant(text: str) -> str:
    if re.fullmatch(r"[1-9][0-9]?", text):
        return f"did you mean the compute capability {text}.0?"
    names = {gpu.name.lower(): gpu.name for gpu in known_gpus()}
    names |= {name.removeprefix("geforce "): known for name, known in names.items()}
    near = list(dict.fromkeys(names[name] for name in difflib.get_close_matches(text.lower(), names, n=3)))
    capability = "write its compute capability, such as 8.6"
    return f"did you mean {' or '.join(near)}? else {capability}" if near else capability
