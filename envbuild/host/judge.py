"""NVML's answer and the kernel's → a Host, and notes on what stands in the way. Pure.

NVML's word stands above the kernel's, with two exceptions: a driver whose libraries do not fit it is the one
that the kernel runs, and a CUDA beyond what the driver's branch supports is that of cuda-compat libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.facts.drivers import all_toolkits, branch_cuda, branch_of
from envbuild.gpu.describe import gpu_by_name
from envbuild.gpu.model import NO_DRIVER, Gpu, Host
from envbuild.host.model import Look, Note
from envbuild.host.trouble import DRIVER_NOT_LOADED, absent_note, trouble_note

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.host.model import Kernel, NvmlAnswer, NvmlGpu

NVML = "NVML"
THIS_MACHINE = "this machine"
VISIBLE = "CUDA_VISIBLE_DEVICES"


def look(nvml: NvmlAnswer, kernel: Kernel, environ: Mapping[str, str]) -> Look:
    """What this machine has, as far as it can be known."""
    answered = nvml.state == "answered"
    driver = (nvml.driver if answered else "") or kernel.driver
    notes = []
    if kernel.jetson:
        driver = ""
        notes.append(Note(kind="info", text=_on_jetson(kernel.jetson)))
    elif not driver and _no_driver(nvml, kernel):
        driver = NO_DRIVER
    elif not driver and (answered or kernel.loaded):
        notes.append(Note(kind="warning", text="the driver does not tell its version", todo="see nvidia-smi"))
    gpus = _gpus_of_nvml(nvml.gpus) if answered and nvml.gpus is not None else _gpus_of_kernel(kernel, driver)
    cuda, compat = _cuda(nvml, driver)
    visible = environ.get(VISIBLE)
    notes += [*_notes(nvml, kernel, driver, gpus), *compat, *_on_visible(visible, driver)]
    host = Host(
        driver=driver,
        gpus=gpus,
        cuda=cuda,
        source=NVML if answered and nvml.driver else kernel.source or THIS_MACHINE,
        visible=visible,
        container=kernel.container,
        notes=tuple(str(note) for note in notes),
    )
    persistence = tuple(gpu.persistence for gpu in nvml.gpus or ()) if answered else ()
    return Look(host=host, notes=tuple(notes), persistence=persistence)


def _no_driver(nvml: NvmlAnswer, kernel: Kernel) -> bool:
    """Whether it is certain that no driver runs here: nobody speaks of one."""
    if kernel.loaded or kernel.wsl:
        return False
    return nvml.state == "absent" or (nvml.state == "failed" and nvml.code == DRIVER_NOT_LOADED)


def _gpus_of_nvml(told: tuple[NvmlGpu, ...]) -> tuple[Gpu, ...]:
    return tuple(_gpu(gpu, index) for index, gpu in enumerate(told))


def _gpu(told: NvmlGpu, index: int) -> Gpu:
    capability, data_center = gpu_by_name(told.name)
    return Gpu(
        name=told.name or f"GPU {index}",
        capability=told.capability or capability,
        data_center=data_center,
        memory=told.memory,
        uuid=told.uuid,
        mig=told.mig,
    )


def _gpus_of_kernel(kernel: Kernel, driver: str) -> tuple[Gpu, ...] | None:
    """The GPUs that the driver's files list; none where there is neither driver nor card."""
    if kernel.jetson:
        capability, data_center = gpu_by_name(kernel.jetson.removesuffix("Developer Kit").strip())
        return (Gpu(name=kernel.jetson, capability=capability, data_center=data_center),)
    if driver == NO_DRIVER:
        return None if kernel.pci else ()
    if kernel.gpus is None:
        return None
    found = []
    for index, gpu in enumerate(kernel.gpus):
        capability, data_center = gpu_by_name(gpu.name)
        name = gpu.name or f"GPU {index}"
        found.append(Gpu(name=name, capability=capability, data_center=data_center, uuid=gpu.uuid))
    return tuple(found)


def _cuda(nvml: NvmlAnswer, driver: str) -> tuple[str, list[Note]]:
    """The newest CUDA that the driver supports, and a note when NVML was misled."""
    told = f"{nvml.cuda // 1000}.{nvml.cuda % 1000 // 10}" if nvml.cuda else ""
    branch = branch_of(driver)
    own = branch_cuda(branch) if branch else None
    if not own:
        return told, []
    tabled = any(toolkit.branch == branch for toolkit in all_toolkits())
    if told and not (tabled and _later(told, own)):
        return told, []
    if not told:
        return own, []
    text = (
        f"NVML says CUDA {told}, but drivers of branch {branch} support {own}: a cuda-compat library comes"
        f" first on the library path; {own} is taken"
    )
    return own, [Note(kind="info", text=text)]


def _later(one: str, other: str) -> bool:
    return tuple(map(int, one.split("."))) > tuple(map(int, other.split(".")))


def _notes(nvml: NvmlAnswer, kernel: Kernel, driver: str, gpus: tuple[Gpu, ...] | None) -> Iterator[Note]:
    if driver == NO_DRIVER:
        yield from absent_note(nvml, kernel)
        return
    if nvml.state != "answered":
        yield trouble_note(nvml, kernel)
        return
    if kernel.wsl:
        text = "this is WSL: the driver is that of Windows, and is updated there; install none here"
        yield Note(kind="info", text=text)
    if gpus == () and (kernel.gpus or kernel.pci):
        yield _unseen(kernel, driver)
    for index, gpu in enumerate(nvml.gpus or ()):
        yield from _on_gpu(index, gpu)


def _unseen(kernel: Kernel, driver: str) -> Note:
    """There are cards, and NVML shows none of them."""
    if kernel.container:
        text = "the machine has NVIDIA GPUs, but none was given to this container"
        return Note(kind="warning", text=text, todo="start it with --gpus all")
    held = sorted({gpu.bound for gpu in kernel.pci if gpu.bound not in {"", "nvidia"}})
    if held:
        text = f"the machine has NVIDIA GPUs, but they belong to the kernel's driver {' and '.join(held)}"
        return Note(
            kind="warning", text=text, todo="give them to the driver nvidia, if they are for this machine"
        )
    text = f"the machine has NVIDIA GPUs, but driver {driver or '(unknown)'} takes none of them"
    todo = (
        "look why: sudo dmesg | grep NVRM (a GPU too old or too new for this driver, or one that is broken)"
    )
    return Note(kind="problem", text=text, todo=todo)


def _on_gpu(index: int, gpu: NvmlGpu) -> Iterator[Note]:
    if gpu.trouble:
        todo = "look why: sudo dmesg | grep NVRM; a reset or a reboot may bring it back"
        yield Note(kind="problem", text=f"GPU {index} does not answer ({gpu.trouble})", todo=todo)
    elif gpu.mig_mode and not gpu.mig:
        text = f"{_numbered(index, gpu)} is in MIG mode without an instance: nothing can run on it"
        todo = f"make instances (sudo nvidia-smi mig -cgi …), or end it: sudo nvidia-smi -i {index} -mig 0"
        yield Note(kind="warning", text=text, todo=todo)
    elif gpu.capability is None and gpu_by_name(gpu.name)[0] is None:
        yield Note(kind="info", text=f"{_numbered(index, gpu)} does not tell its compute capability")


def _numbered(index: int, gpu: NvmlGpu) -> str:
    return f"GPU {index} ({gpu.name})" if gpu.name else f"GPU {index}"


def _on_visible(visible: str | None, driver: str) -> Iterator[Note]:
    if visible is not None and driver != NO_DRIVER:
        text = f"{VISIBLE}={visible!r} is set: it holds for programs started here, not for containers"
        yield Note(kind="info", text=text)


def _on_jetson(board: str) -> str:
    return f"{board}: its driver is numbered otherwise than those in the tables, so it is not judged"
