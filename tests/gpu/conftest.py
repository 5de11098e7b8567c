"""What runs on a real NVIDIA GPU only.

    python -m pytest tests/gpu       on a machine with driver and GPU; no engine is needed
    ENVBUILD_TEST_REQUIRE=gpu        a missing GPU is then a failure instead of a skip

Nothing here is a stand-in: envbuild's answers are held against those of the driver's own tools (nvidia-smi,
libcuda). Everywhere else the GPU's side is a stand-in, named as one (tests/support/nvml.py).
"""

from __future__ import annotations

import csv
import os
import shutil
import subprocess

import pytest
from support.need import missing

from envbuild.gpu.model import NO_DRIVER
from envbuild.host.read import read_host

_FIELDS = ("driver_version", "name", "compute_cap", "memory.total", "uuid", "persistence_mode")


@pytest.fixture(scope="session")
def smi() -> list[dict[str, str]]:
    """What nvidia-smi says of each GPU; memory in MiB."""
    host = read_host(os.environ)
    if host.driver in {"", NO_DRIVER} or not host.gpus:
        missing("gpu", "; ".join(host.notes) or "this machine has no NVIDIA GPU with a driver")
    if not shutil.which("nvidia-smi"):
        missing("gpu", "nvidia-smi, which the answers are held against, is not on PATH")
    ran = subprocess.run(
        ["nvidia-smi", f"--query-gpu={','.join(_FIELDS)}", "--format=csv,noheader,nounits"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return [
        dict(zip(_FIELDS, (cell.strip() for cell in row), strict=True))
        for row in csv.reader(ran.stdout.splitlines())
    ]
