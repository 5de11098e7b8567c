"""How an engine is asked for GPUs: `choose_gpu(info) → GpuWay`, and what that way gives to a container. Pure.

The order, and why:

1. The runtime `nvidia`, where it is registered: somebody set it up for this, it finds the driver's files anew
   at every start, and it needs no CDI file that an update of the driver makes stale.
2. CDI, where the engine knows the devices: it hands out what the file names, or refuses, and never starts
   without a GPU.
3. A plain device request: Docker does not say beforehand whether it can, so it is tried last, and its answer
   is told.

Podman's Docker API leaves runtimes and plain requests out without a word: there it is CDI or nothing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envbuild.engine.model import GpuWay
from envbuild.errors import GpuUnavailable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.engine.model import EngineInfo

KIND = "nvidia.com/gpu"
ALL = "all"
RUNTIME = "nvidia"
VISIBLE = "NVIDIA_VISIBLE_DEVICES"
CAPABILITIES = "NVIDIA_DRIVER_CAPABILITIES"
COMPUTE = "compute,utility"

# An index, a UUID (GPU-…, MIG-…), a MIG device by indices (0:1), a PCI address. CDI allows no more than that.
_DEVICE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_.:-]*[A-Za-z0-9])?")
_NO_GPU = {"none", "void"}


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuRequest:
    """What a container gets so that it has GPUs: keywords for the SDK's `create_host_config`, environment
    variables, and further security options.
    """

    host: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    security: tuple[str, ...] = ()


NO_GPU = GpuRequest()


def choose_gpu(info: EngineInfo, devices: Iterable[str] = ()) -> GpuWay:
    """The way for this engine and these devices (none: all of them). Raises GpuUnavailable."""
    names = cdi_names(devices)
    if info.kind == "podman":
        return _podman(info, names)
    if RUNTIME in info.runtimes:
        return GpuWay(how="runtime", why=f"the engine has the runtime {RUNTIME}")
    # Also where the devices at hand are not among them: its refusal names those that are.
    if info.cdi and any(name.startswith(f"{KIND}=") for name in info.cdi_devices):
        return GpuWay(how="cdi", why=f"the engine has CDI devices {KIND}", note=_UNCHECKED)
    return GpuWay(
        how="requests",
        why=f"the engine names no runtime {RUNTIME} and no CDI devices {KIND}",
        note="the engine does not say beforehand whether it can",
    )


_UNCHECKED = "nothing compares the driver with the image's NVIDIA_REQUIRE_CUDA on this way"


def _podman(info: EngineInfo, names: tuple[str, ...]) -> GpuWay:
    if not info.cdi:
        raise GpuUnavailable(
            f"Podman {info.version} ignores requests for a GPU without a word",
            hint="use Docker with the NVIDIA container toolkit, or Podman 5.4 or newer",
        )
    lacking = [name for name in names if name not in info.cdi_devices]
    note = _UNCHECKED
    if lacking and info.url.startswith("unix:"):
        note = f"no CDI file in /etc/cdi or /var/run/cdi names {', '.join(lacking)}"
    return GpuWay(how="cdi", why="Podman's API gives devices by CDI only", note=note)


def gpu_request(
    info: EngineInfo, way: GpuWay, devices: Iterable[str] = (), image: Mapping[str, str] | None = None
) -> GpuRequest:
    """What `way` gives to a container of an image with the environment `image`. Raises GpuUnavailable."""
    ids = device_ids(devices)
    if way.how == "cdi":
        # Podman: SELinux keeps containers from the devices (NVIDIA's guide says to turn its labels off).
        security = ("label=disable",) if info.kind == "podman" else ()
        request = {"driver": "cdi", "device_ids": list(cdi_names(devices))}
        return GpuRequest(host={"device_requests": [request]}, security=security)
    # Without them an image of no CUDA base gets no GPU from the runtime, and old toolkits give no libcuda.
    environment = {} if (image or {}).get(CAPABILITIES) else {CAPABILITIES: COMPUTE}
    if way.how == "runtime":
        return GpuRequest(host={"runtime": RUNTIME}, environment={VISIBLE: ",".join(ids), **environment})
    # Engines refuse a request that has both a count and ids.
    which: dict[str, Any] = {"count": -1} if ids == (ALL,) else {"device_ids": list(ids)}
    return GpuRequest(
        host={"device_requests": [{**which, "capabilities": [["gpu"]]}]}, environment=environment
    )


def device_ids(devices: Iterable[str]) -> tuple[str, ...]:
    """Names of GPUs as the toolkit takes them, each once; ("all",) for none. Full CDI names lose their kind.

    Raises GpuUnavailable for what cannot name a GPU.
    """
    ids = tuple(dict.fromkeys(device.removeprefix(f"{KIND}=") for device in devices)) or (ALL,)
    for name in ids:
        if not _DEVICE.fullmatch(name) or name.lower() in _NO_GPU or (name == ALL and len(ids) > 1):
            raise GpuUnavailable(
                f"{name!r} does not name a GPU" if name != ALL else "`all` stands alone: it means every GPU",
                hint="name GPUs by index (0), by UUID (GPU-…), or MIG devices by UUID (MIG-…); "
                "`nvidia-smi -L` lists them",
            )
    return ids


def cdi_names(devices: Iterable[str]) -> tuple[str, ...]:
    """The same as full CDI names: `nvidia.com/gpu=0`. Raises GpuUnavailable."""
    return tuple(f"{KIND}={name}" for name in device_ids(devices))
