"""What NVML and the kernel say of a machine, and what that comes to: data only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envbuild.facts.model import Capability
    from envbuild.gpu.model import Host

Kind = Literal["info", "warning", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlGpu:
    """A GPU as NVML tells it; None, "" where it does not.

    memory       in bytes
    mig          the names of its MIG instances ("1g.10gb"); `mig_mode` whether it is to be split
    persistence  whether the driver stays loaded while nobody uses the GPU
    trouble      NVML's words when it does not even hand the GPU out ("GPU is lost")
    """

    name: str = ""
    capability: Capability | None = None
    memory: int | None = None
    uuid: str = ""
    mig: tuple[str, ...] = ()
    mig_mode: bool = False
    persistence: bool | None = None
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NvmlAnswer:
    """What came of asking NVML.

    state    answered; absent: there is no libnvidia-ml.so.1; failed: it says why not (`code`, `text`);
             silent: it did not answer in time; broken: the question itself ended badly (`text`)
    library  the version of the library ("12.550.54.15")
    cuda     1000 x major + 10 x minor, as drivers say it
    gpus     None when they cannot be counted
    """

    state: Literal["answered", "absent", "failed", "silent", "broken"]
    code: int = 0
    text: str = ""
    library: str = ""
    driver: str = ""
    cuda: int | None = None
    gpus: tuple[NvmlGpu, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelGpu:
    """A GPU of /proc/driver/nvidia/gpus: "" where the driver does not say."""

    name: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PciGpu:
    """An NVIDIA display adapter on the PCI bus, and the kernel's driver for it ("nvidia", "nouveau", "")."""

    address: str
    bound: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kernel:
    """What /sys, /proc and /dev say.

    driver     the version of the loaded NVIDIA module, "" when none is loaded or it cannot be read
    source     the file that says so; also when it is not readable (`loaded`)
    loaded     whether the module is there at all
    gpus       None when there is no such list
    device     /dev/nvidiactl: missing, closed to us, or open
    container  whether this is a container
    wsl        whether this is WSL with an NVIDIA driver of Windows
    jetson     the board's name when it is one of NVIDIA's Jetson, else ""
    """

    driver: str = ""
    source: str = ""
    loaded: bool = False
    gpus: tuple[KernelGpu, ...] | None = None
    pci: tuple[PciGpu, ...] = ()
    device: Literal["missing", "closed", "open"] = "missing"
    container: bool = False
    wsl: bool = False
    jetson: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What stands in the way of using or seeing a GPU, and what to do about it ("" when nothing need be)."""

    kind: Kind
    text: str
    todo: str = ""

    def __str__(self) -> str:
        return f"{self.text}: {self.todo}" if self.todo else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A look at this machine: `persistence` of each GPU in the order of `host.gpus`, () when not told."""

    host: Host
    notes: tuple[Note, ...] = ()
    persistence: tuple[bool | None, ...] = ()
