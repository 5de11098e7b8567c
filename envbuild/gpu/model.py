"""Needs, hosts and verdicts as data. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envbuild.facts.model import Capability

Level = Literal["ok", "limits", "unknown", "refused"]
LEVELS: tuple[Level, ...] = ("ok", "limits", "unknown", "refused")
"""From best to worst: of several answers the worst stands."""

NO_DRIVER = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaUse:
    """One thing in an image that uses CUDA.

    component  what it is, for people ("torch 2.8.0+cu128", "nvidia/cuda:12.8.1-base-ubuntu24.04")
    cuda       the CUDA it runs with: X.Y.Z, X.Y, or X when that is all that is known; "" unknown
    made_with  the CUDA that compiled its code, where that is another one (TensorFlow's wheels float), else ""
    kernels    whether it brings device code of its own (an image with CUDA alone does not)
    cubins     architectures of its cubins ("86", "90a"); None: unknown
    ptx        architectures of its PTX; () none; None: unknown
    oldest     the least capability ("5.2") of what compiles its kernels when it runs (JAX), else ""
    found_by   where this is known from, for people ("facts: torch", "read from libtorch_cuda.so")
    """

    component: str
    cuda: str
    kernels: bool = True
    cubins: tuple[str, ...] | None = None
    ptx: tuple[str, ...] | None = None
    oldest: str = ""
    made_with: str = ""
    found_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuNeeds:
    """What an image needs of the machine that runs it.

    uses      everything that uses CUDA; empty: nothing needs a GPU
    compat    the CUDA release whose cuda-compat libraries the image holds ("12.8.1"), else ""
    doubts    what could not be worked out, as reasons of level unknown
    accepted  rules whose verdict the user has overridden, by name
    """

    uses: tuple[CudaUse, ...] = ()
    compat: str = ""
    doubts: tuple[Reason, ...] = ()
    accepted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Gpu:
    """One GPU of a machine.

    capability   None when it could not be read
    data_center  whether cuda-compat works on it; None: unknown
    memory       in bytes; None: unknown
    mig          the names of its MIG instances ("1g.10gb"); empty: not split
    """

    name: str
    capability: Capability | None
    data_center: bool | None = None
    memory: int | None = None
    uuid: str = ""
    mig: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A machine, as it is or as somebody describes it.

    driver   its NVIDIA driver ("550.54.15", or a part of it: "550"); NO_DRIVER: it has none; "": not known
    gpus     its GPUs; None: not known
    cuda     the newest CUDA that the driver says it supports ("12.4"), "" when not asked
    source   who says so ("NVML", "/sys/module/nvidia/version", "--host")
    visible  CUDA_VISIBLE_DEVICES as set, None when it is not
    notes    what stands in the way of a clear look, in sentences
    """

    driver: str = ""
    gpus: tuple[Gpu, ...] | None = None
    cuda: str = ""
    source: str = ""
    visible: str | None = None
    container: bool = False
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why: the rule's name, what it says here in a colleague's words, and where that is known from."""

    rule: str
    text: str
    source: str
    level: Level = "ok"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Whether a machine can run an image; reasons of the verdict's own level come first."""

    verdict: Level
    reasons: tuple[Reason, ...]
