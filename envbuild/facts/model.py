"""Rows of the tables as data: what the queries of this room return. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Capability = tuple[int, int]
"""A compute capability, major and minor: (8, 6)."""

Unknown = Literal["unknown"]
"""No source was found. Never to be read as "no"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolkit:
    """A CUDA toolkit release.

    cuda     X.Y.Z (X.Y before 11)
    driver   the driver that comes with it, for Linux x86_64; "unknown" where no source says
    branch   that driver's branch (570); None when unknown
    preview  a release candidate or developer preview
    """

    cuda: str
    driver: str
    branch: int | None
    preview: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """What all toolkits of one CUDA major share.

    floor  the least driver that any toolkit of the family runs with; None: each needs its own (CUDA ≤ 10)
    text   NVIDIA's words (">= 525")
    """

    major: int
    floor: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """All GPUs of one compute capability.

    first_toolkit, last_toolkit   CUDA X.Y that compile for it; last None: still do; "unknown"
    first_branch  the oldest driver branch that knows it (of `first_toolkit`); None: unknown, or very old
    last_branch   the last driver branch that knows it; None: newest ones still do; "unknown"
    jetson        a chip on a board of its own: no cubin but its very own serves it
    """

    capability: Capability
    name: str
    first_toolkit: str
    last_toolkit: str | None
    first_branch: int | None
    last_branch: int | Unknown | None
    jetson: bool
    gpus: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownGpu:
    """A GPU by name; `data_center`: whether cuda-compat works on it (None: no source says)."""

    name: str
    capability: Capability
    data_center: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """Device code that a build holds, as a table says.

    cubins  architectures in NVIDIA's spelling without prefix ("86", "90a"); None: unknown
    ptx     architectures of PTX; () none, None unknown
    source  table and evidence, for people
    """

    cubins: tuple[str, ...] | None
    ptx: tuple[str, ...] | None
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchRelease:
    """A release of torch for Linux x86_64.

    variants    builds on PyTorch's own index ("cu126"), oldest CUDA first; `unverified`: not checked there
    default     the variant of the wheel on the default index
    pythons     X.Y that the default index has wheels for
    glibc       the least glibc of those wheels, "" when any will do
    torchvision, torchaudio   the releases made for it
    """

    version: str
    variants: tuple[str, ...]
    unverified: tuple[str, ...]
    default: str
    pythons: tuple[str, ...]
    glibc: str
    torchvision: str = ""
    torchaudio: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorflowRelease:
    """A minor release of TensorFlow (X.Y).

    cuda, cudnn  what it was built with; only a major where no source says more ("9")
    pythons      X.Y with wheels of `tensorflow`; `gpu_pythons` of `tensorflow-gpu` (empty: no such wheel)
    and_cuda     whether the extra `and-cuda` brings CUDA as wheels; `brings` its requirements where known
    releases, gpu_releases  X.Y.Z of `tensorflow` and of `tensorflow-gpu`
    """

    minor: str
    cuda: str
    cudnn: str
    pythons: tuple[str, ...]
    gpu_pythons: tuple[str, ...]
    and_cuda: bool
    brings: tuple[str, ...]
    releases: tuple[str, ...]
    gpu_releases: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JaxPlugin:
    """JAX's CUDA plugin of one CUDA major: its least driver and compute capability."""

    major: int
    driver: str
    oldest: Capability
