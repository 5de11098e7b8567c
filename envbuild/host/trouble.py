"""Why NVML does not answer, in a colleague's words, and what to do about it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.host.model import Note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.host.model import Kernel, NvmlAnswer

# Of nvml.h.
NO_PERMISSION = 4
DRIVER_NOT_LOADED = 9
LIB_RM_VERSION_MISMATCH = 18
UNKNOWN = 999

_RELOAD = "sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && sudo modprobe nvidia"
_NVRM_LOG = "look why: sudo dmesg | grep NVRM"


def absent_note(nvml: NvmlAnswer, kernel: Kernel) -> Iterator[Note]:
    """What is to be said where no driver runs; nothing on a machine that has no NVIDIA GPU either."""
    if nvml.code == DRIVER_NOT_LOADED:
        text = "NVIDIA's libraries are installed, but no NVIDIA driver is loaded"
        if not kernel.pci:
            yield Note(kind="info", text=f"{text}, and there is no NVIDIA GPU")
        elif kernel.container:
            yield Note(kind="warning", text=text, todo="the machine under this container needs the driver")
        else:
            todo = "load it: sudo modprobe nvidia; if that fails, install it anew"
            yield Note(kind="problem", text=text, todo=todo)
        return
    if kernel.pci:
        count = len(kernel.pci)
        cards = "an NVIDIA GPU" if count == 1 else f"{count} NVIDIA GPUs"
        held = sorted({gpu.bound for gpu in kernel.pci if gpu.bound})
        text = f"the machine has {cards} and no NVIDIA driver" + (
            f" ({', '.join(held)} is loaded)" if held else ""
        )
        yield Note(kind="warning", text=text, todo="install one, then reboot: https://www.nvidia.com/drivers")


def trouble_note(nvml: NvmlAnswer, kernel: Kernel) -> Note:
    """What is to be said where a driver is there, or may be, and NVML does not answer."""
    if nvml.state == "absent":
        return _no_library(kernel)
    if nvml.state == "silent":
        text = f"NVML: {nvml.text}; the driver is stuck, and every program that asks for a GPU will be, too"
        return Note(kind="problem", text=text, todo=f"{_NVRM_LOG}; if a GPU has failed, reboot")
    if nvml.state == "broken":
        return Note(
            kind="problem", text=f"NVML cannot be asked: {nvml.text}", todo="see what nvidia-smi says"
        )
    if nvml.code == LIB_RM_VERSION_MISMATCH:
        return _mismatch(nvml, kernel)
    if nvml.code == NO_PERMISSION or kernel.device == "closed":
        text = "the device files of the GPU may not be opened (/dev/nvidia*)"
        return Note(kind="problem", text=text, todo="join the group they belong to: ls -l /dev/nvidia*")
    if kernel.loaded and kernel.device == "missing" and not kernel.wsl:
        return _no_device_files(kernel)
    return _other(nvml, kernel)


def _mismatch(nvml: NvmlAnswer, kernel: Kernel) -> Note:
    version = f" ({nvml.library.partition('.')[2]})" if nvml.library else ""
    text = (
        f"Driver/library version mismatch: the kernel runs driver {kernel.driver or '(unknown)'}, the"
        f" libraries are of another{version}; no program can use a GPU"
    )
    if kernel.container:
        return Note(kind="problem", text=text, todo="start this container anew")
    return Note(kind="problem", text=text, todo=f"reboot, or end what uses the GPUs and reload it: {_RELOAD}")


def _no_library(kernel: Kernel) -> Note:
    if kernel.container:
        text = "this container was started without its GPUs: libnvidia-ml.so.1 is not in it"
        return Note(kind="info", text=f"{text}; driver and GPUs are those of the machine")
    if kernel.wsl:
        text = "this is WSL with an NVIDIA driver, but its libraries cannot be loaded"
        return Note(kind="warning", text=text, todo="update WSL and the driver in Windows: wsl --update")
    text = "the driver is loaded, but its library libnvidia-ml.so.1 is not found"
    todo = "install the driver's libraries (nvidia-utils or libnvidia-compute of the same version)"
    return Note(kind="warning", text=text, todo=todo)


def _no_device_files(kernel: Kernel) -> Note:
    if kernel.container:
        text = "NVIDIA's libraries are in this container, but not the GPUs' device files (/dev/nvidia*)"
        return Note(kind="warning", text=text, todo="start it with --gpus all")
    text = "the driver is loaded, but its device files /dev/nvidia* are missing"
    return Note(kind="problem", text=text, todo="make them: sudo nvidia-modprobe -c 0 -u")


def _other(nvml: NvmlAnswer, kernel: Kernel) -> Note:
    text = f"NVML does not start: {nvml.text} (error {nvml.code})"
    if kernel.wsl:
        todo = "end WSL in Windows and start it again: wsl --shutdown; else update the driver there"
        return Note(kind="problem", text=text, todo=todo)
    if nvml.code == UNKNOWN and kernel.container:
        return Note(
            kind="problem",
            text=f"{text}; a container loses its GPUs when systemd reloads its units",
            todo="start this container anew",
        )
    return Note(kind="problem", text=text, todo=f"{_NVRM_LOG}; often a reboot mends it")
