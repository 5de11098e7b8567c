"""The probes as they run in an image: a subprocess, with stand-in frameworks that err on request."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from envbuild.smoke.probes import probe

STANDINS = Path(__file__).parent / "standins"
KERNELS = ("numpy", "torch", "tensorflow", "jax")


def run(kernel: str, *argv: str, fault: str = "", standins: bool = True) -> tuple[str, str]:
    environment = {"STANDIN_FAULT": fault, "PYTHONDONTWRITEBYTECODE": "1"}
    if standins:
        environment["PYTHONPATH"] = str(STANDINS)
    command = [sys.executable, *(() if standins else ("-I", "-S")), "-c", probe(kernel), *argv]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, ran.stderr
    last = json.loads(ran.stdout.splitlines()[-1])
    return last["status"], last["detail"]


@pytest.mark.parametrize(
    ("name", "detail"),
    [
        ("numpy", "numpy 0.stand-in: matrix product and linear system are right"),
        ("torch", "torch 0.stand-in: product, convolution and gradient are right on CPU"),
        ("tensorflow", "tensorflow 0.stand-in: product, convolution and gradient are right on CPU"),
        ("jax", "jax 0.stand-in: compiled product and gradient are right on CPU"),
    ],
)
def test_a_right_result_passes(name: str, detail: str) -> None:
    assert run(f"{name}_kernel", "cpu") == ("passed", detail)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("product", "computes a wrong matrix product"),
        ("convolution", "computes a wrong convolution"),
        ("gradient", "computes a wrong gradient"),
        ("solve", "solves a linear system wrongly"),
    ],
)
def test_a_wrong_result_fails(name: str, fault: str, words: str) -> None:
    known = {"numpy": {"product", "solve"}, "jax": {"product", "gradient"}}.get(
        name, {"product", "convolution", "gradient"}
    )
    status, detail = run(f"{name}_kernel", "cpu", fault=fault)
    if fault in known:
        assert status == "failed"
        assert words in detail
    else:
        assert status == "passed"


@pytest.mark.parametrize("name", KERNELS)
def test_an_error_is_the_verdict_in_one_line(name: str) -> None:
    found = run(f"{name}_kernel", "cpu", fault="explode")
    assert found == ("failed", "RuntimeError: libcudart.so.12: cannot open shared object file")


def test_a_package_that_exits_has_failed() -> None:
    assert run("torch_kernel", "cpu", fault="exit") == ("failed", "SystemExit: 3")


@pytest.mark.parametrize("name", KERNELS)
def test_a_missing_package_has_failed(name: str) -> None:
    status, detail = run(f"{name}_kernel", "cpu", standins=False)
    assert (status, detail) == ("failed", f"ModuleNotFoundError: No module named '{name}'")


@pytest.mark.parametrize("name", ["torch_kernel", "tensorflow_kernel", "jax_kernel", "cuda_driver"])
def test_without_a_device_file_nothing_is_tried(name: str, tmp_path: Path) -> None:
    assert run(name, "gpu", str(tmp_path / "nvidia[0-9]*")) == ("not run", "no GPU in the container")


@pytest.mark.parametrize(
    ("name", "fault", "verdict"),
    [
        (
            "torch",
            "",
            ("passed", "torch 0.stand-in: product, convolution and gradient are right on Stand-in GPU 0"),
        ),
        ("torch", "no-gpu", ("failed", "torch 0.stand-in (CUDA 12.8) cannot use the GPU")),
        ("torch", "cpu-build", ("failed", "torch 0.stand-in is a CPU build")),
        ("torch", "product", ("failed", "torch computes a wrong matrix product on cuda")),
        (
            "tensorflow",
            "",
            ("passed", "tensorflow 0.stand-in: product, convolution and gradient are right on GPU"),
        ),
        ("tensorflow", "no-gpu", ("failed", "tensorflow 0.stand-in cannot use the GPU")),
        ("tensorflow", "cpu-build", ("failed", "tensorflow 0.stand-in is a CPU build")),
        ("jax", "", ("passed", "jax 0.stand-in: compiled product and gradient are right on Stand-in GPU")),
        ("jax", "no-gpu", ("failed", "jax 0.stand-in cannot use the GPU: it runs on cpu")),
    ],
)
def test_with_a_device_file_the_framework_must_use_it(
    name: str, fault: str, verdict: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "nvidia0").touch()
    assert run(f"{name}_kernel", "gpu", str(tmp_path / "nvidia[0-9]*"), fault=fault) == verdict


@pytest.mark.parametrize(
    "name", ["numpy_kernel", "torch_kernel", "tensorflow_kernel", "jax_kernel", "cuda_driver"]
)
def test_probes_are_python_3_6(name: str) -> None:
    ast.parse(probe(name), feature_version=(3, 6))
    assert "from __future__" not in probe(name)
