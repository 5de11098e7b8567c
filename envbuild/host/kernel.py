"""What the kernel says of NVIDIA's driver: `read_kernel(root, environ) → Kernel`. Reads /sys, /proc, /dev.

These files need no library and no rights. The list of GPUs is read apart (`kernel_gpus`): in it the driver
may wait for a GPU that does not answer.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Literal

from envbuild.host.model import Kernel, KernelGpu, PciGpu

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

SYS_VERSION = "sys/module/nvidia/version"
PROC_VERSION = "proc/driver/nvidia/version"
PROC_GPUS = "proc/driver/nvidia/gpus"

_LONGEST = 64 * 1024  # bytes of a file worth reading
_NVIDIA = "0x10de"
_DISPLAY = "0x03"  # class of display controllers; NVIDIA makes sound and USB controllers, too
_VERSION = re.compile(r"[0-9]{3,4}(\.[0-9]{1,4}){1,3}")
# "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 …"
_NVRM = re.compile(r"NVRM version:.*?\s([0-9]{3,4}(?:\.[0-9]{1,4}){1,3})\s")
_IN_CGROUP = re.compile(r"docker|libpod|kubepods|containerd|crio|lxc|garden")
_CONTAINER_VARIABLES = (
    "container",
    "APPTAINER_CONTAINER",
    "SINGULARITY_CONTAINER",
    "KUBERNETES_SERVICE_HOST",
)
_UNKNOWN_MODEL = "Unknown"


def read_kernel(root: Path, environ: Mapping[str, str]) -> Kernel:
    """What is there under `root`; what is not, or cannot be read, is left out."""
    driver, source, loaded = _driver(root)
    return Kernel(
        driver=driver,
        source=source,
        loaded=loaded,
        pci=tuple(_pci(root / "sys/bus/pci/devices")),
        device=_device(root / "dev/nvidiactl"),
        container=_container(root, environ),
        wsl=_there(root / "dev/dxg") and _there(root / "usr/lib/wsl/lib/libnvidia-ml.so.1"),
        jetson=_jetson(root),
    )


def kernel_gpus(root: Path) -> tuple[KernelGpu, ...] | None:
    """The GPUs that the driver lists, in the order of their places on the bus; None: there is no list."""
    folder = root / PROC_GPUS
    try:
        places = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return None
    told = (_fields(text_of(folder / place / "information")) for place in places)
    return tuple(
        KernelGpu(name="" if row.get("Model") == _UNKNOWN_MODEL else row.get("Model", ""), uuid=_uuid(row))
        for row in told
        if row.get("GPU Excluded") != "Yes"
    )


def text_of(path: Path) -> str:
    """The text of a small file, "" when there is none or it may not be read."""
    try:
        with path.open("rb") as file:
            return file.read(_LONGEST).decode("utf-8", "replace").strip("\0 \t\r\n")
    except OSError:
        return ""


def _there(path: Path) -> bool:
    """Whether a file is there, as far as one may look."""
    try:
        return path.exists()
    except OSError:
        return False


def _driver(root: Path) -> tuple[str, str, bool]:
    """The loaded module's version, the file that tells it, and whether a module is loaded."""
    if _VERSION.fullmatch(version := text_of(root / SYS_VERSION)):
        return version, f"/{SYS_VERSION}", True
    if found := _NVRM.search(f"{text_of(root / PROC_VERSION)} "):
        return found[1], f"/{PROC_VERSION}", True
    loaded = [name for name in (SYS_VERSION, PROC_VERSION) if _there(root / name)]
    return "", f"/{loaded[0]}" if loaded else "", bool(loaded)


def _fields(text: str) -> dict[str, str]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {key.strip(): value.strip() for key, _, value in pairs}


def _uuid(row: Mapping[str, str]) -> str:
    """The GPU's id; it is all question marks until the driver has woken the GPU."""
    value = row.get("GPU UUID", "")
    return "" if "?" in value else value


def _pci(folder: Path) -> Iterator[PciGpu]:
    try:
        addresses = sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return
    for address in addresses:
        place = folder / address
        if text_of(place / "vendor") == _NVIDIA and text_of(place / "class").startswith(_DISPLAY):
            yield PciGpu(address=address, bound=_bound(place / "driver"))


def _bound(link: Path) -> str:
    try:
        return link.readlink().name
    except OSError:
        return ""


def _device(path: Path) -> Literal["missing", "closed", "open"]:
    if not _there(path):
        return "missing"
    return "open" if os.access(path, os.R_OK | os.W_OK) else "closed"


def _container(root: Path, environ: Mapping[str, str]) -> bool:
    if _there(root / ".dockerenv") or _there(root / "run/.containerenv"):
        return True
    if any(environ.get(name) for name in _CONTAINER_VARIABLES):
        return True
    return bool(_IN_CGROUP.search(text_of(root / "proc/1/cgroup")))


def _jetson(root: Path) -> str:
    if not _there(root / "etc/nv_tegra_release"):
        return ""
    return text_of(root / "proc/device-tree/model") or "a Jetson board"
