"""NVML's answer and the kernel's in, a host and its notes out: exact words, no probing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from envbuild.gpu.model import NO_DRIVER, Gpu, Host
from envbuild.host.judge import look
from envbuild.host.model import Kernel, KernelGpu, Look, Note, NvmlAnswer, NvmlGpu, PciGpu

CARD = PciGpu(address="0000:01:00.0", bound="nvidia")
LOADED = Kernel(
    driver="550.54.15",
    source="/sys/module/nvidia/version",
    loaded=True,
    gpus=(KernelGpu(name="NVIDIA A100-SXM4-80GB", uuid="GPU-1"),),
    pci=(CARD,),
    device="open",
)
A100 = NvmlGpu(
    name="NVIDIA A100-SXM4-80GB", capability=(8, 0), memory=80 * 1024**3, uuid="GPU-1", persistence=True
)
ANSWER = NvmlAnswer(state="answered", driver="550.54.15", cuda=12040, gpus=(A100,), library="12.550.54.15")
ABSENT = NvmlAnswer(state="absent")
NOT_LOADED = NvmlAnswer(state="failed", code=9, text="Driver Not Loaded")
MISMATCH = NvmlAnswer(state="failed", code=18, text="mismatch", library="12.550.144.03")
FROM_KERNEL = Gpu(name="NVIDIA A100-SXM4-80GB", capability=(8, 0), data_center=True, uuid="GPU-1")


def only_note(seen: Look) -> Note:
    (note,) = seen.notes
    assert seen.host.notes == (str(note),)
    return note


def test_all_is_well() -> None:
    gpu = replace(FROM_KERNEL, memory=80 * 1024**3)
    host = Host(driver="550.54.15", gpus=(gpu,), cuda="12.4", source="NVML")
    assert look(ANSWER, LOADED, {}) == Look(host=host, persistence=(True,))


def test_no_driver_and_no_card() -> None:
    assert look(ABSENT, Kernel(), {}) == Look(host=Host(driver=NO_DRIVER, gpus=(), source="this machine"))


def test_without_a_driver_what_is_visible_is_nothing_to_note() -> None:
    assert look(ABSENT, Kernel(), {"CUDA_VISIBLE_DEVICES": ""}).notes == ()


@pytest.mark.parametrize(
    ("bound", "text"),
    [
        ("", "the machine has an NVIDIA GPU and no NVIDIA driver"),
        ("nouveau", "the machine has an NVIDIA GPU and no NVIDIA driver (nouveau is loaded)"),
    ],
)
def test_a_card_without_a_driver(bound: str, text: str) -> None:
    seen = look(ABSENT, Kernel(pci=(replace(CARD, bound=bound),)), {})
    assert (seen.host.driver, seen.host.gpus) == (NO_DRIVER, None)
    assert only_note(seen) == Note(
        kind="warning", text=text, todo="install one, then reboot: https://www.nvidia.com/drivers"
    )


@pytest.mark.parametrize(
    ("kernel", "kind", "todo"),
    [
        (Kernel(), "info", ""),
        (Kernel(pci=(CARD,)), "problem", "load it: sudo modprobe nvidia; if that fails, install it anew"),
        (Kernel(pci=(CARD,), container=True), "warning", "the machine under this container needs the driver"),
    ],
)
def test_libraries_without_a_driver(kernel: Kernel, kind: str, todo: str) -> None:
    seen = look(NOT_LOADED, kernel, {})
    assert seen.host.driver == NO_DRIVER
    note = only_note(seen)
    assert (note.kind, note.todo) == (kind, todo)
    assert note.text.startswith("NVIDIA's libraries are installed, but no NVIDIA driver is loaded")


def test_a_mismatch_leaves_the_kernels_driver_and_says_what_to_do() -> None:
    seen = look(MISMATCH, LOADED, {})
    assert seen.host == Host(
        driver="550.54.15",
        gpus=(FROM_KERNEL,),
        cuda="12.4",
        source="/sys/module/nvidia/version",
        notes=(
            (
                "Driver/library version mismatch: the kernel runs driver 550.54.15, the libraries are of"
                " another (550.144.03); no program can use a GPU: reboot, or end what uses the GPUs and"
                " reload it: sudo rmmod nvidia_uvm nvidia_drm nvidia_modeset nvidia && sudo modprobe nvidia"
            ),
        ),
    )
    assert only_note(seen).kind == "problem"
    assert only_note(look(MISMATCH, replace(LOADED, container=True), {})).todo == "start this container anew"


@pytest.mark.parametrize(
    ("answer", "kernel", "kind", "text", "todo"),
    [
        (
            NvmlAnswer(state="failed", code=4, text="Insufficient Permissions"),
            LOADED,
            "problem",
            "the device files of the GPU may not be opened (/dev/nvidia*)",
            "join the group they belong to: ls -l /dev/nvidia*",
        ),
        (
            NvmlAnswer(state="failed", code=999, text="Unknown Error"),
            replace(LOADED, device="closed"),
            "problem",
            "the device files of the GPU may not be opened (/dev/nvidia*)",
            "join the group they belong to: ls -l /dev/nvidia*",
        ),
        (
            NvmlAnswer(state="failed", code=999, text="Unknown Error"),
            LOADED,
            "problem",
            "NVML does not start: Unknown Error (error 999)",
            "look why: sudo dmesg | grep NVRM; often a reboot mends it",
        ),
        (
            NvmlAnswer(state="failed", code=999, text="Unknown Error"),
            replace(LOADED, container=True),
            "problem",
            (
                "NVML does not start: Unknown Error (error 999);"
                " a container loses its GPUs when systemd reloads its units"
            ),
            "start this container anew",
        ),
        (
            NOT_LOADED,
            replace(LOADED, device="missing"),
            "problem",
            "the driver is loaded, but its device files /dev/nvidia* are missing",
            "make them: sudo nvidia-modprobe -c 0 -u",
        ),
        (
            NOT_LOADED,
            replace(LOADED, device="missing", container=True),
            "warning",
            "NVIDIA's libraries are in this container, but not the GPUs' device files (/dev/nvidia*)",
            "start it with --gpus all",
        ),
        (
            ABSENT,
            LOADED,
            "warning",
            "the driver is loaded, but its library libnvidia-ml.so.1 is not found",
            "install the driver's libraries (nvidia-utils or libnvidia-compute of the same version)",
        ),
        (
            ABSENT,
            replace(LOADED, container=True),
            "info",
            (
                "this container was started without its GPUs: libnvidia-ml.so.1 is not in it;"
                " driver and GPUs are those of the machine"
            ),
            "",
        ),
        (
            NvmlAnswer(state="broken", text="asking it ended with signal 11"),
            LOADED,
            "problem",
            "NVML cannot be asked: asking it ended with signal 11",
            "see what nvidia-smi says",
        ),
    ],
)  # fmt: skip
def test_where_nvml_fails_the_kernel_is_believed(
    answer: NvmlAnswer, kernel: Kernel, kind: str, text: str, todo: str
) -> None:
    seen = look(answer, kernel, {})
    assert (seen.host.driver, seen.host.gpus, seen.host.cuda) == ("550.54.15", (FROM_KERNEL,), "12.4")
    assert only_note(seen) == Note(kind=kind, text=text, todo=todo)  # type: ignore[arg-type]


@pytest.mark.parametrize("code", [4, 18, 999])
def test_where_nobody_tells_the_driver_it_is_unknown_and_not_none(code: int) -> None:
    seen = look(NvmlAnswer(state="failed", code=code, text="x"), Kernel(), {})
    assert (seen.host.driver, seen.host.gpus, seen.host.cuda) == ("", None, "")
    assert only_note(seen).kind == "problem"


def test_a_stuck_driver() -> None:
    seen = look(NvmlAnswer(state="silent", text="no answer within 20 s"), replace(LOADED, gpus=None), {})
    assert (seen.host.driver, seen.host.gpus) == ("550.54.15", None)
    assert only_note(seen) == Note(
        kind="problem",
        text=(
            "NVML: no answer within 20 s; the driver is stuck,"
            " and every program that asks for a GPU will be, too"
        ),
        todo="look why: sudo dmesg | grep NVRM; if a GPU has failed, reboot",
    )


def test_a_version_that_nobody_tells_is_noted() -> None:
    seen = look(replace(ANSWER, driver=""), replace(LOADED, driver=""), {})
    assert (seen.host.driver, seen.host.cuda) == ("", "12.4")
    assert only_note(seen).text == "the driver does not tell its version"


@pytest.mark.parametrize(
    ("driver", "told", "cuda", "misled"),
    [
        ("535.129.03", 12020, "12.2", False),
        ("535.129.03", 13000, "12.2", True),  # cuda-compat 13.0 first on the library path
        ("535.129.03", 12000, "12.0", False),
        ("535.129.03", None, "12.2", False),  # libcuda is not there
        ("565.57.01", 12070, "12.7", False),
        ("585.10", 13000, "13.0", False),  # no branch of the tables: NVML's word
        ("585.10", 13010, "13.1", False),
        ("900.10", 14020, "14.2", False),  # newer than the tables
        ("900.10", None, "", False),
    ],
)
def test_the_newest_cuda(driver: str, told: int | None, cuda: str, misled: bool) -> None:
    seen = look(replace(ANSWER, driver=driver, cuda=told), LOADED, {})
    assert seen.host.cuda == cuda
    text = (
        "NVML says CUDA 13.0, but drivers of branch 535 support 12.2:"
        " a cuda-compat library comes first on the library path; 12.2 is taken"
    )
    assert [note.text for note in seen.notes] == ([text] if misled else [])


def test_what_nvml_leaves_out_the_tables_fill_in_by_name() -> None:
    gpus = (replace(A100, capability=None), NvmlGpu(name="NVIDIA HAL 9000"), NvmlGpu())
    seen = look(replace(ANSWER, gpus=gpus), LOADED, {})
    assert seen.host.gpus is not None
    assert [(gpu.name, gpu.capability, gpu.data_center) for gpu in seen.host.gpus] == [
        ("NVIDIA A100-SXM4-80GB", (8, 0), True),
        ("NVIDIA HAL 9000", None, None),
        ("GPU 2", None, None),
    ]
    assert [note.text for note in seen.notes] == [
        "GPU 1 (NVIDIA HAL 9000) does not tell its compute capability",
        "GPU 2 does not tell its compute capability",
    ]


def test_nvml_stands_above_a_name() -> None:
    seen = look(replace(ANSWER, gpus=(replace(A100, capability=(8, 6)),)), LOADED, {})
    assert seen.host.gpus is not None
    assert seen.host.gpus[0].capability == (8, 6)


def test_gpus_that_cannot_be_counted_are_the_kernels() -> None:
    assert look(replace(ANSWER, gpus=None), LOADED, {}).host.gpus == (FROM_KERNEL,)
    assert look(replace(ANSWER, gpus=None), replace(LOADED, gpus=None), {}).host.gpus is None


def test_a_lost_gpu_stays_in_the_list() -> None:
    seen = look(replace(ANSWER, gpus=(A100, NvmlGpu(trouble="GPU is lost"))), LOADED, {})
    assert seen.host.gpus is not None
    assert seen.host.gpus[1] == Gpu(name="GPU 1", capability=None)
    assert only_note(seen) == Note(
        kind="problem",
        text="GPU 1 does not answer (GPU is lost)",
        todo="look why: sudo dmesg | grep NVRM; a reset or a reboot may bring it back",
    )


def test_mig() -> None:
    seen = look(replace(ANSWER, gpus=(replace(A100, mig_mode=True, mig=("1g.10gb",)),)), LOADED, {})
    assert seen.host.gpus is not None
    assert (seen.host.gpus[0].mig, seen.notes) == (("1g.10gb",), ())
    seen = look(replace(ANSWER, gpus=(replace(A100, mig_mode=True),)), LOADED, {})
    note = only_note(seen)
    assert (
        note.text == "GPU 0 (NVIDIA A100-SXM4-80GB) is in MIG mode without an instance: nothing can run on it"
    )
    assert "nvidia-smi -i 0 -mig 0" in note.todo


@pytest.mark.parametrize(
    ("kernel", "kind", "text"),
    [
        (LOADED, "problem", "the machine has NVIDIA GPUs, but driver 550.54.15 takes none of them"),
        (
            replace(LOADED, container=True),
            "warning",
            "the machine has NVIDIA GPUs, but none was given to this container",
        ),
        (
            replace(LOADED, gpus=(), pci=(replace(CARD, bound="vfio-pci"),)),
            "warning",
            "the machine has NVIDIA GPUs, but they belong to the kernel's driver vfio-pci",
        ),
    ],
)
def test_cards_that_nvml_does_not_show(kernel: Kernel, kind: str, text: str) -> None:
    seen = look(replace(ANSWER, gpus=()), kernel, {})
    assert seen.host.gpus == ()
    assert (only_note(seen).kind, only_note(seen).text) == (kind, text)


def test_a_driver_without_cards_is_no_trouble() -> None:
    seen = look(replace(ANSWER, gpus=()), replace(LOADED, gpus=(), pci=()), {})
    assert (seen.host.gpus, seen.notes) == ((), ())


def test_visible_devices_are_reported_and_filter_nothing() -> None:
    seen = look(ANSWER, LOADED, {"CUDA_VISIBLE_DEVICES": "-1"})
    assert (seen.host.visible, len(seen.host.gpus or ())) == ("-1", 1)
    assert only_note(seen).text == (
        "CUDA_VISIBLE_DEVICES='-1' is set: it holds for programs started here, not for containers"
    )


def test_wsl() -> None:
    wsl = Kernel(wsl=True)
    seen = look(replace(ANSWER, driver="560.94"), wsl, {})
    assert (seen.host.driver, seen.host.source) == ("560.94", "NVML")
    assert only_note(seen).text.startswith("this is WSL: the driver is that of Windows")
    seen = look(ABSENT, wsl, {})
    assert (seen.host.driver, seen.host.gpus) == ("", None)
    assert only_note(seen).todo == "update WSL and the driver in Windows: wsl --update"
    seen = look(NvmlAnswer(state="failed", code=999, text="Unknown Error"), wsl, {})
    assert "wsl --shutdown" in only_note(seen).todo


def test_a_jetson_board_is_not_judged_by_the_tables_of_drivers() -> None:
    board = "NVIDIA Jetson AGX Orin Developer Kit"
    seen = look(
        ABSENT, Kernel(driver="540.4.0", source="/sys/module/nvidia/version", loaded=True, jetson=board), {}
    )
    assert seen.host.driver == ""
    assert seen.host.gpus == (Gpu(name=board, capability=(8, 7), data_center=None),)
    assert seen.notes[0].text == (
        f"{board}: its driver is numbered otherwise than those in the tables, so it is not judged"
    )
