"""The newest CUDA and the newest torch that a GPU can use with a driver, as far as the tables know. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.facts.drivers import all_toolkits
from envbuild.facts.gpus import architecture
from envbuild.facts.torch import torch_releases, variant_cuda
from envbuild.gpu.driver import numbers, side, stand
from envbuild.gpu.model import CudaUse, GpuNeeds, Host
from envbuild.gpu.needs import torch_uses
from envbuild.gpu.verdict import preflight

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.gpu.model import Gpu, Level

_NOT_TOGETHER = ("gpu-newer-than-driver", "gpu-dropped-by-driver")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usable:
    """What a GPU can use; "" where nothing is known to do.

    cuda, full    the newest CUDA X.Y that runs, and the newest that runs with all its features
    torch, build  the newest torch that runs, and its build ("cu126"); with limits when `limits`
    refusal       why the driver does not work with the GPU at all
    """

    cuda: str = ""
    full: str = ""
    torch: str = ""
    build: str = ""
    limits: bool = False
    refusal: str = ""


def usable(driver: str, gpu: Gpu) -> Usable:
    """What `gpu` can use with `driver`; nothing is said of a driver that is no version."""
    if not numbers(driver):
        return Usable()
    host = Host(driver=driver, gpus=(gpu,))
    if refusal := _refusal(host):
        return Usable(refusal=refusal)
    torch, build, limits = _torch(host)
    return Usable(
        cuda=_newest(driver, gpu, _runs),
        full=_newest(driver, gpu, _runs_fully),
        torch=torch,
        build=build,
        limits=limits,
    )


def _refusal(host: Host) -> str:
    anything = GpuNeeds(uses=(CudaUse(component="CUDA", cuda="", kernels=False),))
    said = preflight(anything, host).reasons
    return "; ".join(
        reason.text for reason in said if reason.rule in _NOT_TOGETHER and reason.level == "refused"
    )


def _runs(driver: str, cuda: str) -> bool:
    """Whether the driver is certain to run it, with limits perhaps."""
    answer = stand(driver, cuda)
    return answer.standing in ("full", "minor") or (
        bool(answer.floor) and side(driver, answer.floor) == "at least"
    )


def _runs_fully(driver: str, cuda: str) -> bool:
    return stand(driver, cuda).standing == "full"


def _newest(driver: str, gpu: Gpu, enough: Callable[[str, str], bool]) -> str:
    """The newest CUDA that the driver stands well enough to, and that makes code for the GPU."""
    known = architecture(gpu.capability) if gpu.capability else None
    if known is None or known.last_toolkit == "unknown":
        return ""
    last = numbers(known.last_toolkit) if known.last_toolkit else ()
    for toolkit in reversed(all_toolkits()):
        minor = numbers(toolkit.cuda)[:2]
        if toolkit.preview or (last and minor > last) or minor < numbers(known.first_toolkit):
            continue
        if enough(driver, toolkit.cuda):
            return ".".join(str(part) for part in minor)
    return ""


def _torch(host: Host) -> tuple[str, str, bool]:
    """(release, build, whether with limits) of the newest release that runs; its best build."""
    for release in torch_releases():
        builds: dict[Level, str] = {}
        for build in reversed(release.variants):
            if variant_cuda(build):
                needs = GpuNeeds(uses=tuple(torch_uses(f"{release.version}+{build}")))
                builds.setdefault(preflight(needs, host).verdict, build)
        for level in ("ok", "limits"):
            if level in builds:
                return release.version, builds[level], level == "limits"
    return "", "", False
