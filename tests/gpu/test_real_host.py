"""This machine's own driver and GPUs, as envbuild reads them and as NVIDIA's tools do."""

from __future__ import annotations

import ctypes
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.need import missing

from envbuild.facts.gpus import find_gpu
from envbuild.host.read import look_around, read_host

if TYPE_CHECKING:
    from envbuild.gpu.model import Host

pytestmark = pytest.mark.gpu

ROOT = Path(__file__).resolve().parents[2]
Smi = list[dict[str, str]]


@pytest.fixture(scope="module")
def host(smi: Smi) -> Host:
    return read_host(os.environ)


def test_driver(host: Host, smi: Smi) -> None:
    assert (host.driver, host.source) == (smi[0]["driver_version"], "NVML")


def test_gpus(host: Host, smi: Smi) -> None:
    assert host.gpus is not None
    told = [
        (gpu.name, f"{gpu.capability[0]}.{gpu.capability[1]}", gpu.uuid)
        for gpu in host.gpus
        if gpu.capability
    ]
    assert told == [(row["name"], row["compute_cap"], row["uuid"]) for row in smi]


def test_memory(host: Host, smi: Smi) -> None:
    assert [round((gpu.memory or 0) / 1024**2) for gpu in host.gpus or ()] == [
        pytest.approx(float(row["memory.total"]), rel=0.05) for row in smi
    ]


def test_the_tables_know_the_gpu_by_its_name(host: Host) -> None:
    """A name that is in no table is no failure of the machine, but a row that is missing."""
    for gpu in host.gpus or ():
        known = find_gpu(gpu.name)
        assert known is not None, f"facts/gpus.yml does not know {gpu.name}"
        assert known.capability == gpu.capability


def test_newest_cuda_is_what_libcuda_says(host: Host) -> None:
    """Unless cuda-compat stands first on the library path: then the driver's own is told, with a note."""
    version = ctypes.c_int()
    try:
        libcuda = ctypes.CDLL("libcuda.so.1")
    except OSError as error:
        missing("gpu", f"the driver's libcuda, which the answer is held against: {error}")
    assert libcuda.cuDriverGetVersion(ctypes.byref(version)) == 0
    said = f"{version.value // 1000}.{version.value % 1000 // 10}"
    assert host.cuda == said or any("cuda-compat" in note for note in host.notes)


def test_persistence(smi: Smi) -> None:
    seen = look_around(os.environ)
    assert seen.persistence == tuple(row["persistence_mode"] == "Enabled" for row in smi)


def test_the_kernels_files_tell_the_same_driver(host: Host) -> None:
    file = Path("/sys/module/nvidia/version")
    if file.exists():
        assert file.read_text().strip() == host.driver
    else:  # some sandboxes and WSL have none
        assert host.source == "NVML"


def test_doctor(host: Host) -> None:
    """With no engine and no index, so that it says only what is of the GPU; exit code 8 for those."""
    ran = subprocess.run(
        [sys.executable, "-m", "envbuild", "doctor", "--json"],
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "DOCKER_HOST": "unix:///nobody/listens.sock",
            "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 8, ran.stderr
    said = {finding["subject"]: finding for finding in json.loads(ran.stdout)["findings"]}
    assert said["NVIDIA driver"]["what"].startswith(host.driver)
    gpus = [finding["what"] for subject, finding in said.items() if subject.startswith("GPU")]
    assert host.gpus
    assert any(line.startswith(host.gpus[0].name) and "CUDA up to " in line for line in gpus), gpus
