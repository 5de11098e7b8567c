"""This machine as it is read: pynvml in its own process, served by a stand-in for NVIDIA's library, with fake
roots for /sys, /proc and /dev.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support import nvml
from support.need import missing
from support.nvml import GIB, Standin, StandinGpu, standin_nvml

from envbuild.gpu.model import NO_DRIVER, Gpu, Host
from envbuild.host.model import NvmlAnswer, NvmlGpu
from envbuild.host.nvml import Question, read_answer
from envbuild.host.read import look_around, read_host

if TYPE_CHECKING:
    from support.fakeroot import FakeRoot

ROOT = Path(__file__).resolve().parents[3]
A100 = Gpu(
    name="NVIDIA A100-SXM4-80GB",
    capability=(8, 0),
    data_center=True,
    memory=80 * GIB,
    uuid="GPU-a1000000-0000-0000-0000-000000000000",
)
GTX_1080_TI = Gpu(
    name="NVIDIA GeForce GTX 1080 Ti",
    capability=(6, 1),
    data_center=False,
    memory=11 * GIB,
    uuid="GPU-10800000-0000-0000-0000-000000000000",
)
SHORT = 0.5


def read(machine: Standin, plain: dict[str, str], root: FakeRoot, patience: float = 60) -> Host:
    with standin_nvml(machine) as environ:
        return read_host(plain | environ, root=root.path, patience=patience)


def test_standin_a100(plain: dict[str, str], root: FakeRoot) -> None:
    assert read(nvml.A100, plain, root) == Host(driver="550.54.15", gpus=(A100,), cuda="12.4", source="NVML")


def test_standin_h100_with_mig(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.H100_MIG, plain, root)
    assert (host.driver, host.cuda, host.notes) == ("580.95.05", "13.0", ())
    assert host.gpus is not None
    (gpu,) = host.gpus
    assert (gpu.capability, gpu.data_center) == ((9, 0), True)
    assert gpu.mig == ("1g.10gb", "1g.10gb", "3g.40gb")


def test_standin_mig_mode_without_instances(plain: dict[str, str], root: FakeRoot) -> None:
    gpu = StandinGpu(name="NVIDIA H100 PCIe", capability="9.0", mig=())
    host = read(Standin(gpus=(gpu,)), plain, root)
    assert host.gpus is not None
    assert host.gpus[0].mig == ()
    assert "is in MIG mode without an instance" in host.notes[0]


def test_standin_gtx_1080_ti(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.GTX_1080_TI, plain, root)
    assert host == Host(driver="535.129.03", gpus=(GTX_1080_TI,), cuda="12.2", source="NVML")


def test_standin_two_gpus_and_their_persistence(plain: dict[str, str], root: FakeRoot) -> None:
    with standin_nvml(nvml.TWO_GPUS) as environ:
        seen = look_around(plain | environ, root=root.path)
    assert seen.host.gpus == (A100, GTX_1080_TI)
    assert seen.persistence == (True, False)


def test_standin_no_device(plain: dict[str, str], root: FakeRoot) -> None:
    assert read(nvml.NO_DEVICE, plain, root) == Host(driver="550.54.15", gpus=(), cuda="12.4", source="NVML")


def test_standin_version_mismatch(plain: dict[str, str], root: FakeRoot) -> None:
    root.driver("535.129.03").gpu("0000:01:00.0", "NVIDIA GeForce GTX 1080 Ti")
    host = read(nvml.MISMATCH, plain, root)
    assert (host.driver, host.cuda, host.source) == ("535.129.03", "12.2", "/sys/module/nvidia/version")
    assert host.gpus is not None
    assert [gpu.capability for gpu in host.gpus] == [(6, 1)]
    assert host.notes[0].startswith(
        "Driver/library version mismatch: the kernel runs driver 535.129.03, the libraries are of another"
        " (550.144.03); no program can use a GPU: reboot, or"
    )


def test_standin_that_hangs_keeps_nobody(plain: dict[str, str], root: FakeRoot) -> None:
    root.driver("550.54.15").gpu("0000:01:00.0", "NVIDIA A100-SXM4-80GB")
    host = read(nvml.HANG, plain, root, patience=SHORT)
    assert (host.driver, host.gpus) == ("550.54.15", None)  # the list of GPUs may hang as well: not read
    assert host.notes[0].startswith("NVML: no answer within 0.5 s; the driver is stuck")


def test_standin_that_hangs_is_ended(plain: dict[str, str]) -> None:
    with standin_nvml(nvml.HANG) as environ:
        question = Question(plain | environ)
        assert question.answer(SHORT).state == "silent"
    assert question._process is not None
    assert question._process.poll() is not None


def test_standin_that_crashes_takes_nobody_with_it(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.CRASH, plain, root.driver("550.54.15"))
    assert host.driver == "550.54.15"
    assert host.notes == ("NVML cannot be asked: asking it ended with signal 6: see what nvidia-smi says",)


def test_standin_unknown_error(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.UNKNOWN_ERROR, plain, root.driver("550.54.15"))
    assert host.driver == "550.54.15"
    assert host.notes[0].startswith("NVML does not start: Unknown Error (error 999): look why")


def test_standin_no_permission(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.NO_PERMISSION, plain, root.driver("550.54.15"))
    assert (host.driver, host.gpus) == ("550.54.15", None)
    assert "may not be opened" in host.notes[0]


def test_standin_libraries_without_a_driver(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.NOT_LOADED, plain, root)
    assert (host.driver, host.gpus) == (NO_DRIVER, ())


def test_standin_of_an_old_library(plain: dict[str, str], root: FakeRoot) -> None:
    """It knows neither capability nor CUDA: the name and the branch tell them."""
    host = read(nvml.OLD, plain, root)
    assert host == Host(driver="375.26", gpus=(GTX_1080_TI,), cuda="8.0", source="NVML")


def test_standin_without_libcuda(plain: dict[str, str], root: FakeRoot) -> None:
    """Version 2 of the question needs libcuda.so.1, the first guesses without."""
    assert read(Standin(cuda_v2=12, cuda=12040), plain, root).cuda == "12.4"


def test_standin_with_cuda_compat_first_on_the_path(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(Standin(driver="535.129.03", cuda=13000), plain, root)
    assert (host.driver, host.cuda) == ("535.129.03", "12.2")
    assert "cuda-compat" in host.notes[0]


def test_standin_with_a_lost_gpu(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(Standin(gpus=nvml.A100.gpus, lost=(15,)), plain, root)
    assert host.gpus == (A100, Gpu(name="GPU 1", capability=None))
    assert host.notes[0].startswith("GPU 1 does not answer (GPU is lost)")


def test_standin_that_tells_nothing_but_its_presence(plain: dict[str, str], root: FakeRoot) -> None:
    machine = Standin(driver="", cuda=0, gpus=(StandinGpu(name="", persistence=None),))
    host = read(machine, plain, root)
    assert (host.driver, host.cuda, host.gpus) == ("", "", (Gpu(name="GPU 0", capability=None),))
    assert host.notes == (
        "the driver does not tell its version: see nvidia-smi",
        "GPU 0 does not tell its compute capability",
    )


def test_visible_devices_and_containers(plain: dict[str, str], root: FakeRoot) -> None:
    host = read(nvml.A100, plain | {"CUDA_VISIBLE_DEVICES": "", "container": "podman"}, root)
    assert (host.visible, host.container, host.gpus) == ("", True, (A100,))


@pytest.mark.parametrize("content", [b"", b"\x7fELF", b"#!/bin/sh\n"])
def test_a_library_of_no_use_is_unknown_and_not_absent(
    plain: dict[str, str], root: FakeRoot, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "libnvidia-ml.so.1").write_bytes(content)
    host = read_host(plain | {"LD_LIBRARY_PATH": str(tmp_path)}, root=root.path)
    assert (host.driver, host.gpus) == ("", None)
    assert host.notes[0].startswith("NVML cannot be asked: ")


def test_a_machine_without_a_driver(plain: dict[str, str], root: FakeRoot) -> None:
    if Question(plain).answer().state != "absent":
        missing("a machine without NVIDIA's library", "this one has it")
    assert read_host(plain, root=root.path) == Host(driver=NO_DRIVER, gpus=(), source="this machine")


def test_without_a_library_the_kernel_tells(plain: dict[str, str], root: FakeRoot) -> None:
    if Question(plain).answer().state != "absent":
        missing("a machine without NVIDIA's library", "this one has it")
    root.put(
        "proc/driver/nvidia/version",
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  470.82.01  Wed Oct 27\n",
    )
    root.gpu("0000:3b:00.0", "Tesla T4", "GPU-7")
    host = read_host(plain, root=root.path)
    assert host.gpus == (Gpu(name="Tesla T4", capability=(7, 5), data_center=True, uuid="GPU-7"),)
    assert (host.driver, host.cuda, host.source) == ("470.82.01", "11.4", "/proc/driver/nvidia/version")


def test_this_machine_whatever_it_is_by_a_process_of_its_own(plain: dict[str, str]) -> None:
    """As a user's program would, with the stand-in found by the loader on LD_LIBRARY_PATH."""
    code = (
        "import dataclasses, json, os; from envbuild.host.read import read_host;"
        " print(json.dumps(dataclasses.asdict(read_host(os.environ))))"
    )
    with standin_nvml(nvml.TWO_GPUS) as environ:
        ran = subprocess.run(
            [sys.executable, "-c", code],
            env=plain | environ | {"PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        )
    host = json.loads(ran.stdout)
    assert (host["driver"], [gpu["name"] for gpu in host["gpus"]]) == (
        "570.124.06",
        ["NVIDIA A100-SXM4-80GB", "NVIDIA GeForce GTX 1080 Ti"],
    )


def test_pynvml_is_not_imported_here() -> None:
    code = (
        "import os, sys; from envbuild.host.read import read_host;"
        " read_host(os.environ); print('pynvml' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.strip() == "False"


@pytest.mark.parametrize(
    "said", ["", "\n", "[]", "{}", "null", '{"state": "answered", "more": 1}', '{"gpus": [3]}']
)
def test_answers_that_cannot_be_read_are_broken(said: str) -> None:
    answer = read_answer(said)
    assert answer.state == "broken"
    assert answer.text.startswith("its answer cannot be read: ")


def test_what_a_library_prints_is_no_answer() -> None:
    answer = '{"state": "answered", "driver": "550.54.15", "gpus": [{"capability": [8, 0]}]}'
    gpus = (NvmlGpu(capability=(8, 0)),)
    said = f"hello from the library\n{answer}\n"
    assert read_answer(said) == NvmlAnswer(state="answered", driver="550.54.15", gpus=gpus)
