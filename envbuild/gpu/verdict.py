"""Whether a machine can run an image: `preflight(needs, host) → Verdict`. Pure.

Two questions for everything in the image that uses CUDA, on every GPU: is the driver new enough for its CUDA,
and is there code for the GPU? And one for each GPU: does the driver know it at all? The worst answer stands.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.facts.compat import compat_branches
from envbuild.facts.drivers import branch_of
from envbuild.facts.gpus import architecture
from envbuild.gpu.driver import compiles_ptx_of, numbers, stand
from envbuild.gpu.model import LEVELS, NO_DRIVER, Reason, Verdict
from envbuild.gpu.serves import serves
from envbuild.gpu.sources import COMPAT, DRIVERS, GPUS, RULES_OF_CODE

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.facts.model import Architecture
    from envbuild.gpu.model import CudaUse, Gpu, GpuNeeds, Host, Level


def preflight(needs: GpuNeeds, host: Host) -> Verdict:
    """Whether `host` can run what needs `needs`, and why."""
    reasons = [*needs.doubts, *(_judged(needs, host) if needs.uses else ())]
    if not reasons:
        reasons = [_nothing_needed()]
    return _verdict([_accepted(reason, needs.accepted) for reason in reasons])


def preflight_any(alternatives: Sequence[GpuNeeds], host: Host) -> Verdict:
    """As `preflight` for an image that may turn out in several ways: unknown unless all answer the same."""
    verdicts = [preflight(needs, host) for needs in alternatives]
    if len({verdict.verdict for verdict in verdicts}) == 1:
        return verdicts[0]
    said = "; ".join(
        f"with {', '.join(use.component for use in needs.uses) or 'a build for the CPU'}: {verdict.verdict}"
        for needs, verdict in _extremes(list(zip(alternatives, verdicts, strict=True)))
    )
    text = f"what is not pinned decides: {said}"
    reason = Reason(rule="package-unpinned", text=text, source="the spec", level="unknown")
    if all("package-unpinned" in needs.accepted for needs in alternatives):
        best = min(verdicts, key=lambda verdict: LEVELS.index(verdict.verdict))
        return _verdict([*best.reasons, _accepted(reason, ("package-unpinned",))])
    return _verdict([reason])


def _extremes(pairs: list[tuple[GpuNeeds, Verdict]]) -> list[tuple[GpuNeeds, Verdict]]:
    """The first of each verdict."""
    seen: dict[Level, tuple[GpuNeeds, Verdict]] = {}
    for needs, verdict in pairs:
        seen.setdefault(verdict.verdict, (needs, verdict))
    return list(seen.values())


def _nothing_needed() -> Reason:
    return Reason(
        rule="nothing-needs-gpu", text="nothing in it needs a GPU", source="the packages and the base"
    )


def _verdict(reasons: list[Reason]) -> Verdict:
    unique = list({(reason.rule, reason.text): reason for reason in reasons}.values())
    level = max((reason.level for reason in unique), key=LEVELS.index)
    first = sorted(unique, key=lambda reason: -LEVELS.index(reason.level))
    return Verdict(verdict=level, reasons=tuple(first))


def _accepted(reason: Reason, accepted: Sequence[str]) -> Reason:
    """A reason that the user has overridden by name counts as a limit, and says so."""
    if reason.rule not in accepted or reason.level not in ("refused", "unknown"):
        return reason
    return replace(reason, level="limits", text=f"{reason.text} (accepted: {reason.rule})")


def _judged(needs: GpuNeeds, host: Host) -> Iterator[Reason]:
    if host.driver == NO_DRIVER:
        text = f"there is no NVIDIA driver, and {_named(needs.uses)} a GPU"
        yield Reason(rule="driver-none", text=text, source=host.source or "the host", level="refused")
        return
    if host.gpus == ():
        text = f"there is no NVIDIA GPU, and {_named(needs.uses)} one"
        yield Reason(rule="gpu-none", text=text, source=host.source or "the host", level="refused")
    if not branch_of(host.driver):
        yield Reason(
            rule="driver-unreadable",
            text=_no_driver_told(host),
            source=host.source or "the host",
            level="unknown",
        )
    if host.gpus is None:
        text = "which GPU it is to run on is not known; say it with --host gpu=NAME"
        yield Reason(rule="gpu-unknown", text=text, source=host.source or "the host", level="unknown")
    for gpu in host.gpus or (None,):
        if gpu is not None:
            yield from _gpu(gpu, host)
        for use in needs.uses:
            if branch_of(host.driver):
                yield _driver(use, needs, host, gpu)
            if gpu is not None and gpu.capability is not None:
                yield from _code(use, needs, host, gpu)


def _named(uses: Sequence[CudaUse]) -> str:
    """`torch 2.8.0 needs`, or `… and … need`."""
    names = [use.component for use in uses]
    return f"{names[0]} needs" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} need"


def _no_driver_told(host: Host) -> str:
    why = f": {host.notes[0]}" if host.notes else "; say it with --host driver=VERSION"
    return f"the driver's version is not known{why}"


def _gpu(gpu: Gpu, host: Host) -> Iterator[Reason]:
    """Whether the driver knows the GPU."""
    known = architecture(gpu.capability) if gpu.capability else None
    if known is None:
        what = f"compute capability {_dotted(gpu)}" if gpu.capability else "its compute capability"
        text = f"{gpu.name}: {what} is in no table; say it with --host gpu=8.6, for instance"
        yield Reason(rule="gpu-unknown", text=text, source=GPUS, level="unknown")
        return
    branch = branch_of(host.driver)
    if not branch:
        return
    if known.first_branch is not None and branch < known.first_branch:
        text = f"{gpu.name} is newer than driver {host.driver}: branch {known.first_branch} is its first"
        yield Reason(rule="gpu-newer-than-driver", text=text, source=GPUS, level="refused")
    if known.last_branch == "unknown":
        text = f"{gpu.name}: the last driver branch that supports it is not known"
        yield Reason(rule="gpu-dropped-by-driver", text=text, source=GPUS, level="unknown")
    elif known.last_branch is not None and branch > known.last_branch:
        text = (
            f"driver {host.driver} no longer supports {gpu.name} ({known.name}):"
            f" branch {known.last_branch} was the last that did"
        )
        yield Reason(rule="gpu-dropped-by-driver", text=text, source=GPUS, level="refused")


def _driver(use: CudaUse, needs: GpuNeeds, host: Host, gpu: Gpu | None) -> Reason:
    """Whether the driver is new enough for the CUDA of `use`."""
    answer = stand(host.driver, use.cuda)
    name = (
        f"{use.component} (CUDA {use.cuda})" if use.cuda and use.cuda not in use.component else use.component
    )
    if answer.standing == "full":
        text = f"driver {host.driver} has all that {name} asks for (from {answer.full or 'its branch'} on)"
        return Reason(rule="driver-full", text=text, source=DRIVERS)
    if answer.standing == "minor":
        text = (
            f"driver {host.driver} runs {name} by minor-version compatibility: at least {answer.floor}"
            + (f", but older than {answer.full}" if answer.full else ", but older than its own driver")
            + "; what needs the newer driver fails"
        )
        return Reason(rule="driver-floor", text=text, source=DRIVERS, level="limits")
    if answer.standing == "unknown":
        text = f"{name}: it is not known {answer.why}"
        return Reason(rule="driver-unknown", text=text, source=DRIVERS, level="unknown")
    return _compat(use, needs, host, gpu) or Reason(
        rule="driver-too-old",
        text=f"driver {host.driver} is too old for {name}: {answer.floor} is the least; update the driver to"
        f" {answer.floor if numbers(answer.floor) else 'a newer one'} or newer, or take an older CUDA",
        source=DRIVERS,
        level="refused",
    )


def _compat(use: CudaUse, needs: GpuNeeds, host: Host, gpu: Gpu | None) -> Reason | None:
    """What cuda-compat in the image does about a driver that is too old; None: nothing."""
    if not needs.compat or (gpu is not None and gpu.data_center is False):
        return None
    if _needs_newer(use.cuda, needs.compat):
        return None
    branches = compat_branches(needs.compat)
    branch = branch_of(host.driver)
    if branches is not None and branch not in branches:
        return None
    if branches is None or gpu is None or gpu.data_center is None:
        missing = (
            f"which drivers cuda-compat of CUDA {needs.compat} works with"
            if branches is None
            else f"whether cuda-compat works on {gpu.name if gpu else 'a GPU'} (on data-centre GPUs it does)"
        )
        text = f"driver {host.driver} is too old for {use.component}, and it is not known {missing}"
        return Reason(rule="cuda-compat-unknown", text=text, source=COMPAT, level="unknown")
    text = (
        f"driver {host.driver} is too old for {use.component}, but the image holds cuda-compat of CUDA"
        f" {needs.compat}, which works on {gpu.name} with drivers of branch {branch}"
    )
    return Reason(rule="cuda-compat", text=text, source=COMPAT, level="limits")


def _needs_newer(cuda: str, compat: str) -> bool:
    """Whether CUDA `cuda` asks for more than the driver libraries of release `compat` give.

    From 11 on those run every release of their major; before, each needs its own or later ones.
    """
    wanted, given = numbers(cuda)[:2], numbers(compat)[:2]
    return wanted[:1] > given[:1] if given >= (11,) else wanted > given


def _code(use: CudaUse, needs: GpuNeeds, host: Host, gpu: Gpu) -> Iterator[Reason]:
    """Whether `use` has code for `gpu`."""
    known = architecture(gpu.capability) if gpu.capability else None
    if gpu.capability is None or known is None:
        return
    if not use.kernels:
        if not any(other.kernels for other in needs.uses):
            yield from _toolkit(use, gpu, known)
    elif use.oldest:
        yield _at_run_time(use, gpu, known)
    else:
        yield _kernels(use, needs, host, gpu, known)


def _toolkit(use: CudaUse, gpu: Gpu, known: Architecture) -> Iterator[Reason]:
    """CUDA alone: can it make code for the GPU?"""
    if _dropped(use.cuda, known):
        text = f"CUDA {use.cuda} makes no code for {_place(gpu)}: {known.last_toolkit} was the last that did"
        yield Reason(rule="toolkit-dropped-gpu", text=text, source=GPUS, level="refused")
    elif _too_early(use.cuda, known):
        text = (
            f"CUDA {use.cuda} is older than {_place(gpu)}, which CUDA {known.first_toolkit} brought in:"
            " only PTX, compiled when it starts, or code for an older GPU of its generation runs there"
        )
        yield Reason(rule="toolkit-older-than-gpu", text=text, source=GPUS, level="limits")


def _at_run_time(use: CudaUse, gpu: Gpu, known: Architecture) -> Reason:
    if known.capability < numbers(use.oldest):
        text = (
            f"{use.component} needs compute capability {use.oldest} or newer; {gpu.name} has {_dotted(gpu)}"
        )
        return Reason(rule="no-kernel", text=text, source=use.found_by, level="refused")
    if _dropped(use.cuda, known):
        text = f"{use.component} compiles with CUDA {use.cuda}, which makes no code for {gpu.name} any more"
        return Reason(rule="toolkit-dropped-gpu", text=text, source=GPUS, level="refused")
    if _too_early(use.cuda, known):
        text = f"{use.component} compiles with CUDA {use.cuda}, which is older than {gpu.name}"
        return Reason(rule="toolkit-older-than-gpu", text=text, source=GPUS, level="unknown")
    text = f"{use.component} compiles its kernels for {gpu.name} when it runs"
    return Reason(rule="cubin", text=text, source=use.found_by)


def _kernels(use: CudaUse, needs: GpuNeeds, host: Host, gpu: Gpu, known: Architecture) -> Reason:
    capability = known.capability
    how = serves(use.cubins, use.ptx, capability)
    place = _place(gpu)
    if how == "cubin":
        return Reason(rule="cubin", text=f"{use.component} has code for {place}", source=use.found_by)
    if how == "ptx":
        return _ptx(use, needs, host, gpu)
    listed = " ".join(use.cubins or ())
    if how == "none":
        text = f"{use.component} has no code for {place}: it was compiled for {listed}{_ptx_said(use)}"
        return Reason(rule="no-kernel", text=text, source=use.found_by, level="refused")
    made_with = use.made_with or use.cuda
    if _dropped(made_with, known):
        text = (
            f"{use.component} has no code for {place}: CUDA {made_with} makes none,"
            f" {known.last_toolkit} was the last that did"
        )
        return Reason(rule="toolkit-dropped-gpu", text=text, source=GPUS, level="refused")
    what = "whether it holds PTX" if use.cubins is not None else "which GPUs it was compiled for"
    text = f"{use.component} on {place}: it is not known {what}; `envbuild gpu-audit` reads it from the files"
    return Reason(
        rule="architectures-unknown", text=text, source=use.found_by or RULES_OF_CODE, level="unknown"
    )


def _ptx(use: CudaUse, needs: GpuNeeds, host: Host, gpu: Gpu) -> Reason:
    text = f"{use.component} has only PTX for {gpu.name}: it is compiled at the first start, slowly"
    limited = Reason(rule="ptx", text=text, source=use.found_by, level="limits")
    if not branch_of(host.driver):
        return limited
    made_with = use.made_with or use.cuda
    able = compiles_ptx_of(host.driver, made_with)
    if able:
        return limited
    carried = _compat(use, needs, host, gpu)
    if carried and carried.level == "limits" and numbers(made_with)[:2] <= numbers(needs.compat)[:2]:
        return limited
    if able is None or carried:
        text = (
            f"{use.component} has only PTX for {gpu.name}, and it is not known whether driver {host.driver}"
            " compiles it"
        )
        return Reason(rule="ptx-too-new", text=text, source=DRIVERS, level="unknown")
    text = (
        f"{use.component} has only PTX for {gpu.name}, made by CUDA {made_with}: driver"
        f" {host.driver} is older and cannot compile it"
    )
    return Reason(rule="ptx-too-new", text=text, source=DRIVERS, level="refused")


def _ptx_said(use: CudaUse) -> str:
    return f", with PTX for {' '.join(use.ptx)}" if use.ptx else ", without PTX"


def _place(gpu: Gpu) -> str:
    return f"{gpu.name} (capability {_dotted(gpu)})"


def _dotted(gpu: Gpu) -> str:
    return ".".join(str(part) for part in gpu.capability or ())


def _dropped(cuda: str, known: Architecture) -> bool:
    """Whether CUDA `cuda` no longer makes code for the architecture; "12.x" means some release of 12."""
    if known.last_toolkit is None or not numbers(cuda):
        return False
    last = numbers(known.last_toolkit.removesuffix(".x"))
    return numbers(cuda)[: min(len(last), 2)] > last if last else False


def _too_early(cuda: str, known: Architecture) -> bool:
    first = numbers(known.first_toolkit)
    return bool(first) and len(numbers(cuda)) >= 2 and numbers(cuda)[:2] < first[:2]
