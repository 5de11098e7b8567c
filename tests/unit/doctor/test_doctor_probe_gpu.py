"""Looking at NVIDIA's side: fake roots with CDI files, stand-ins for the toolkit's programs and for NVML."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support import nvml
from support.fakeroot import FakeRoot
from support.nvml import standin_nvml

from envbuild.doctor.model import CdiSpec, Tool
from envbuild.doctor.probe_gpu import see_gpu, see_specs, see_tools

if TYPE_CHECKING:
    from support.nvml import Standin

ROOT = Path(__file__).resolve().parents[3]
# As `nvidia-ctk cdi generate` writes it, shortened.
CDI = """---
cdiVersion: 0.5.0
containerEdits:
  deviceNodes:
  - path: /dev/nvidiactl
  mounts:
  - containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15
    hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.550.54.15
  - containerPath: /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.15
    hostPath: /usr/lib/x86_64-linux-gnu/libnvidia-ml.so.550.54.15
devices:
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: "0"
- containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
  name: all
kind: nvidia.com/gpu
"""
CTK = "NVIDIA Container Toolkit CLI version 1.17.8\ncommit: f202b80a9b9d0db00d9b1d73c0128c8962c55f4d\n"
CLI = "cli-version: 1.17.8\nlib-version: 1.17.8\nbuild date: 2025-05-30T13:47+00:00\nbuild platform: x86_64\n"


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\ncat <<'END'\n{says}END\nexit {code}\n")
    file.chmod(0o755)


def test_standin_toolkit(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    program(folder, "nvidia-ctk", CTK)
    program(folder, "nvidia-container-cli", CLI)
    program(folder, "nvidia-container-runtime-hook", "", code=9)
    assert list(see_tools({"PATH": str(folder) + ":/bin"})) == [
        Tool(name="nvidia-ctk", path=f"{folder}/nvidia-ctk", version="1.17.8"),
        Tool(name="nvidia-container-cli", path=f"{folder}/nvidia-container-cli", version="1.17.8"),
        Tool(name="nvidia-container-runtime-hook", path=f"{folder}/nvidia-container-runtime-hook"),
    ]


@pytest.mark.parametrize(("says", "code"), [("", 0), ("hello\n", 0), (CTK, 1), ("version one\n", 0)])
def test_standin_tools_that_tell_no_version(tmp_path: Path, says: str, code: int) -> None:
    program(tmp_path / "bin", "nvidia-ctk", says, code)
    (tool,) = see_tools({"PATH": f"{tmp_path}/bin:/bin"})
    assert tool.version == ""


def test_no_tools(tmp_path: Path) -> None:
    assert list(see_tools({"PATH": str(tmp_path)})) == []


def test_cdi_files_of_both_folders(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path).put("var/run/cdi/nvidia.yaml", CDI).put("etc/cdi/notes.txt", "mine")
    root.put("etc/cdi/net.json", json.dumps({"kind": "example.com/net", "devices": [{"name": "eth"}]}))
    assert list(see_specs(root.path)) == [
        CdiSpec(path="/etc/cdi/net.json", kind="example.com/net", devices=("eth",)),
        CdiSpec(
            path="/var/run/cdi/nvidia.yaml",
            kind="nvidia.com/gpu",
            devices=("0", "all"),
            drivers=("550.54.15",),
        ),
    ]


@pytest.mark.parametrize(
    ("content", "trouble"),
    [
        (b"kind: [", "is neither YAML nor JSON"),
        (b"", "is no CDI file: it names no kind or no devices"),
        (b"kind: x", "is no CDI file: it names no kind or no devices"),
        (b"- 1", "is no CDI file: it names no kind or no devices"),
        (b"kind: x\ndevices: [1]", "is no CDI file: it names no kind or no devices"),
        (b"\xff\xfe\x00", "is no CDI file: it names no kind or no devices"),
        (b"a: !!python/object/apply:os.system [true]", "is neither YAML nor JSON"),
    ],
)
def test_cdi_files_that_are_none(tmp_path: Path, content: bytes, trouble: str) -> None:
    root = FakeRoot(tmp_path).put("etc/cdi/nvidia.yaml", content)
    assert list(see_specs(root.path)) == [CdiSpec(path="/etc/cdi/nvidia.yaml", trouble=trouble)]


def test_a_cdi_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "etc/cdi/nvidia.yaml").mkdir(parents=True)
    assert list(see_specs(tmp_path)) == [CdiSpec(path="/etc/cdi/nvidia.yaml", trouble="is a directory")]


def test_no_cdi_folders(tmp_path: Path) -> None:
    assert list(see_specs(tmp_path)) == []


def test_standin_nvml_and_all_the_rest(tmp_path: Path) -> None:
    root = FakeRoot(tmp_path / "root").put("etc/cdi/nvidia.yaml", CDI)
    program(tmp_path / "bin", "nvidia-ctk", CTK)
    with standin_nvml(nvml.TWO_GPUS) as variables:
        seen = see_gpu({**variables, "PATH": f"{tmp_path}/bin:/bin"}, root.path)
    assert seen.look.host.driver == "570.124.06"
    assert seen.look.persistence == (True, False)
    assert [tool.version for tool in seen.tools] == ["1.17.8"]
    assert [spec.kind for spec in seen.specs] == ["nvidia.com/gpu"]


def doctor(machine: Standin, home: Path, code: int) -> dict[str, Any]:
    """`envbuild doctor --json` as a process, with no engine and an index that nobody serves."""
    with standin_nvml(machine) as variables:
        ran = subprocess.run(
            [sys.executable, "-m", "envbuild", "doctor", "--json"],
            env=os.environ
            | variables
            | {
                "PYTHONPATH": str(ROOT),
                "HOME": str(home),
                "XDG_CONFIG_HOME": str(home),
                "DOCKER_HOST": f"unix://{home}/nobody.sock",
                "UV_DEFAULT_INDEX": "http://127.0.0.1:9/simple",
                "NO_PROXY": "127.0.0.1",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == code, ran.stderr
    data: dict[str, Any] = json.loads(ran.stdout)
    return {finding["subject"]: finding for finding in data["findings"]}


def test_doctor_on_a_standin_machine(tmp_path: Path) -> None:
    """Exit code 8 for the missing engine."""
    said = doctor(nvml.TWO_GPUS, tmp_path, code=8)
    assert said["NVIDIA driver"]["what"] == "570.124.06, made for CUDA 12.8 (told by NVML)"
    assert said["GPU 0"]["what"].startswith("NVIDIA A100-SXM4-80GB (8.0, 80 GiB): CUDA up to 12.9")
    assert said["GPU 1"]["what"].startswith("NVIDIA GeForce GTX 1080 Ti (6.1, 11 GiB): CUDA up to 12.9")
    assert said["persistence"]["what"] == "off for GPU 1, as is usual on desktops and laptops"


def test_doctor_on_a_standin_machine_with_a_mismatch(tmp_path: Path) -> None:
    said = doctor(nvml.MISMATCH, tmp_path, code=8)
    assert said["NVIDIA driver"]["level"] == "problem"
    assert said["NVIDIA driver"]["what"].startswith("Driver/library version mismatch: ")
