"""The smoke checks' probes on this machine's own GPUs, with what frameworks its Python has."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
from support.need import missing

from envbuild.smoke.checks import GPU_DEVICES
from envbuild.smoke.probes import probe

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.gpu

MOST_MEMORY = 1024
"""MiB of each GPU's memory that a probe may take, its context included."""
Smi = list[dict[str, str]]


def run(name: str, device: str = "gpu", environ: Mapping[str, str] | None = None) -> tuple[str, str]:
    """(status, detail) of a probe, as a sandbox would run it."""
    ran = subprocess.run(
        [sys.executable, "-c", probe(name), device, *GPU_DEVICES],
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
    )
    said = json.loads(ran.stdout.splitlines()[-1])
    sys.stdout.write(f"{said['detail']}\n")  # `pytest -rP` shows what was seen on this machine
    return said["status"], said["detail"]


def used_memory() -> list[int]:
    """MiB in use on each GPU."""
    argv = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    said = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True).stdout
    return [int(line) for line in said.split()]


class Watch:
    """The most memory in use on each GPU while the context lasts, above what was in use before."""

    def __enter__(self) -> Watch:
        self.before = self.most = used_memory()
        self.ended = threading.Event()
        self.thread = threading.Thread(target=self._look)
        self.thread.start()
        return self

    def _look(self) -> None:
        while not self.ended.wait(0.1):
            self.most = [max(pair) for pair in zip(self.most, used_memory(), strict=True)]

    def __exit__(self, *error: object) -> None:
        self.ended.set()
        self.thread.join()

    @property
    def taken(self) -> int:
        return max(most - before for most, before in zip(self.most, self.before, strict=True))


@pytest.mark.parametrize("package", ["torch", "tensorflow", "jax", "cupy", "nvcc", "driver"])
def test_every_gpu_computes_rightly(smi: Smi, package: str) -> None:
    if package == "nvcc" and not shutil.which("nvcc"):
        missing("nvcc", "this machine has no nvcc on PATH")
    if package not in {"nvcc", "driver"} and importlib.util.find_spec(package) is None:
        missing(package, "this Python has it not installed")
    with Watch() as watch:
        status, detail = run("cuda_driver" if package == "driver" else f"{package}_kernel")
    assert status == "passed", detail
    for row in smi:
        assert f"{row['name']} ({row['compute_cap']})" in detail
    assert f"driver {smi[0]['driver_version']} (CUDA " in detail
    assert watch.taken < MOST_MEMORY


def test_a_hidden_gpu_is_told_as_hidden(smi: Smi) -> None:
    assert smi
    status, detail = run("cuda_driver", environ={"CUDA_VISIBLE_DEVICES": ""})
    assert status == "failed"
    assert "CUDA_ERROR_NO_DEVICE" in detail or "sees no GPU" in detail
    assert "CUDA_VISIBLE_DEVICES" in detail


def test_nvcc_compiles_without_looking_at_the_gpu() -> None:
    if not shutil.which("nvcc"):
        missing("nvcc", "this machine has no nvcc on PATH")
    status, detail = run("nvcc_kernel", "cpu")
    assert (status, "compiles a kernel in " in detail) == ("passed", True)
