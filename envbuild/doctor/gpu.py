"""NVIDIA's side of a machine → findings: driver, GPUs, how containers get them. Pure.

A machine without any of it is well: images can be built there. What is out of order is a problem; what is
only not installed is a warning.
"""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.doctor.model import Finding, Trouble
from envbuild.doctor.usable import usable
from envbuild.gpu.describe import gpu_words
from envbuild.gpu.model import NO_DRIVER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.doctor.model import CdiSpec, GpuSide, Level
    from envbuild.engine.model import EngineInfo
    from envbuild.gpu.model import Gpu, Host
    from envbuild.host.model import Kind, Look

_LEVELS: Mapping[Kind, Level] = {"info": "ok", "warning": "warning", "problem": "problem"}
_CDI_KIND = "nvidia.com/gpu"
_HOOK = "nvidia-container-runtime-hook"
_GUIDE = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"
_REGISTER = "sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker"
_MAKE_CDI = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
_HERE = {"", "localhost", "127.0.0.1", "::1"}


def gpu_findings(seen: GpuSide, engine: EngineInfo | Trouble) -> Iterator[Finding]:
    """What is to be said of it; one line when there is nothing of NVIDIA's."""
    host = seen.look.host
    if host.driver == NO_DRIVER:
        yield from _without(seen.look)
        return
    yield from _driver(seen.look)
    yield from _gpus(host)
    yield from _persistence(seen.look)
    if isinstance(engine, Trouble):
        return
    if _elsewhere(engine):
        what = "the engine is on another machine: what its containers get is not looked at"
        yield Finding(subject="GPUs in containers", level="ok", what=what)
        return
    yield from _toolkit(seen)
    yield _given(seen, engine)
    yield from _specs(seen, engine)


def _without(look: Look) -> Iterator[Finding]:
    what = "no NVIDIA driver: images can be built here, GPU checks say 'not run'"
    troubles = [note for note in look.notes if note.kind != "info"]
    if not troubles:
        yield Finding(subject="GPU", level="ok", what=what)
    for note in troubles:
        yield Finding(subject="NVIDIA driver", level=_LEVELS[note.kind], what=note.text, todo=note.todo)


def _driver(look: Look) -> Iterator[Finding]:
    host = look.host
    if host.driver:
        cuda = f", made for CUDA {host.cuda}" if host.cuda else ""
        yield Finding(
            subject="NVIDIA driver", level="ok", what=f"{host.driver}{cuda} (told by {host.source})"
        )
    for note in look.notes:
        yield Finding(subject="NVIDIA driver", level=_LEVELS[note.kind], what=note.text, todo=note.todo)


def _gpus(host: Host) -> Iterator[Finding]:
    """GPUs one by one; like ones that follow each other share a line."""
    if host.gpus is None:
        yield Finding(subject="GPU", level="warning", what="which GPUs there are cannot be read")
    elif not host.gpus:
        yield Finding(subject="GPU", level="ok", what="the driver shows none: GPU checks say 'not run'")
    for words, group in groupby(enumerate(host.gpus or ()), key=lambda item: gpu_words(item[1])):
        members = list(group)
        first, last = members[0][0], members[-1][0]
        subject = f"GPU {first}" if first == last else f"GPUs {first}-{last}"
        yield _gpu(subject, words, host.driver, members[0][1])


def _gpu(subject: str, words: str, driver: str, gpu: Gpu) -> Finding:
    can = usable(driver, gpu)
    if can.refusal:
        todo = "install a driver of a branch that supports it: https://www.nvidia.com/drivers"
        return Finding(subject=subject, level="warning", what=f"{words}: {can.refusal}", todo=todo)
    parts = [
        *([f"CUDA up to {can.cuda}{_full(can.cuda, can.full)}"] if can.cuda else []),
        *([f"torch up to {can.torch} as {can.build}{' with limits' * can.limits}"] if can.torch else []),
    ]
    said = "; ".join(parts) or "what it can use is not known"
    return Finding(subject=subject, level="ok", what=f"{words}: {said}")


def _full(cuda: str, full: str) -> str:
    return f" (with all features up to {full})" if full and full != cuda else ""


def _persistence(look: Look) -> Iterator[Finding]:
    """Whether the driver stays awake: on servers, without it, every first use of a GPU takes seconds."""
    pairs = list(zip(look.host.gpus or (), look.persistence, strict=False))
    if not any(mode is not None for _, mode in pairs):
        return
    asleep = {index: gpu for index, (gpu, mode) in enumerate(pairs) if mode is False}
    off = "off" if len(asleep) == len(pairs) else f"off for GPU {' '.join(map(str, asleep))}"
    if not asleep:
        yield Finding(subject="persistence", level="ok", what="the driver stays loaded between runs")
    elif any(gpu.data_center for gpu in asleep.values()):
        what = f"{off}: the first use of a GPU after a pause takes seconds"
        todo = (
            "sudo systemctl enable --now nvidia-persistenced (or, until the next boot: sudo nvidia-smi -pm 1)"
        )
        yield Finding(subject="persistence", level="warning", what=what, todo=todo)
    else:
        yield Finding(subject="persistence", level="ok", what=f"{off}, as is usual on desktops and laptops")


def _elsewhere(engine: EngineInfo) -> bool:
    parts = urlsplit(engine.url)
    return parts.scheme not in {"unix", "npipe", ""} and (parts.hostname or "") not in _HERE


def _toolkit(seen: GpuSide) -> Iterator[Finding]:
    told = [tool for tool in seen.tools if tool.name != _HOOK]
    if told:
        what = ", ".join(
            f"{tool.name} {tool.version or '(version not told)'} at {tool.path}" for tool in told
        )
        yield Finding(subject="container toolkit", level="ok", what=what)
    elif seen.look.host.container:
        what = "not in this container: the machine that the engine runs on needs it"
        yield Finding(subject="container toolkit", level="ok", what=what)
    else:
        what = "nvidia-container-toolkit is not installed"
        todo = f"sudo apt-get install nvidia-container-toolkit, from NVIDIA's repository: {_GUIDE}"
        yield Finding(subject="container toolkit", level="warning", what=what, todo=todo)


def _given(seen: GpuSide, engine: EngineInfo) -> Finding:
    """How containers of this engine get a GPU, if they do."""
    subject = "GPUs in containers"
    if engine.kind == "podman":
        return _given_by_podman(subject, seen, engine)
    hook = next((tool for tool in seen.tools if tool.name == _HOOK), None)
    if "nvidia" in engine.runtimes:
        return Finding(subject=subject, level="ok", what="docker has the runtime nvidia")
    if _has_cdi_gpu(engine):
        return Finding(subject=subject, level="ok", what=f"docker has the CDI devices {_CDI_KIND}")
    if hook:
        what = f"docker calls {hook.path} for --gpus; a runtime nvidia is not registered"
        return Finding(subject=subject, level="ok", what=what)
    what = "docker has no runtime nvidia, no CDI device and no hook: GPU checks say 'not run'"
    return Finding(subject=subject, level="warning", what=what, todo=_after_toolkit(seen, _REGISTER))


def _given_by_podman(subject: str, seen: GpuSide, engine: EngineInfo) -> Finding:
    if engine.cdi is False:
        what = f"podman {engine.version} leaves out GPUs without a word: GPU checks are not run with it"
        return Finding(subject=subject, level="warning", what=what, todo="use podman 5.4 or newer, or Docker")
    if any(spec.kind == _CDI_KIND for spec in seen.specs):
        return Finding(subject=subject, level="ok", what=f"podman has the CDI devices {_CDI_KIND}")
    what = f"podman gives GPUs by CDI, and no CDI file describes {_CDI_KIND}: GPU checks say 'not run'"
    return Finding(subject=subject, level="warning", what=what, todo=_after_toolkit(seen, _MAKE_CDI))


def _after_toolkit(seen: GpuSide, command: str) -> str:
    """The command, and what comes before it where the toolkit is not installed."""
    if any(tool.name == "nvidia-ctk" for tool in seen.tools):
        return command
    where = " on the engine's machine" if seen.look.host.container else ""
    return f"install nvidia-container-toolkit{where}, then {command}"


def _has_cdi_gpu(engine: EngineInfo) -> bool:
    return any(device.startswith(_CDI_KIND) for device in engine.cdi_devices)


def _specs(seen: GpuSide, engine: EngineInfo) -> Iterator[Finding]:
    """CDI files: none, good ones, and those that name libraries of a driver that is no longer there."""
    for spec in seen.specs:
        if spec.trouble or spec.kind == _CDI_KIND:
            yield _spec(spec, seen.look.host.driver, engine)


def _spec(spec: CdiSpec, driver: str, engine: EngineInfo) -> Finding:
    todo = f"make it anew: sudo nvidia-ctk cdi generate --output={spec.path}"
    if spec.trouble:
        return Finding(subject="CDI", level="warning", what=f"{spec.path}: {spec.trouble}", todo=todo)
    others = [version for version in spec.drivers if driver and not _same(version, driver)]
    if others:
        what = (
            f"{spec.path} is of driver {', '.join(others)}, and {driver} is loaded: its devices do not work"
        )
        return Finding(subject="CDI", level="warning", what=what, todo=todo)
    what = f"{spec.path}: {_CDI_KIND} {', '.join(spec.devices)}"
    if engine.cdi is False:
        what += f"; {engine.kind} {engine.version} does not use it"
    return Finding(subject="CDI", level="ok", what=what)


def _same(version: str, driver: str) -> bool:
    return version == driver or version.startswith(f"{driver}.")
