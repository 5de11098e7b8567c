"""`plan_checks`: which checks a spec and a lock lead to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from support.planned import conda_record

from envbuild.lock.model import Lock, LockedBase, LockedPackage, LockedPython
from envbuild.smoke.checks import GPU_DEVICES, PYTHON, plan_checks
from envbuild.spec.model import Cuda, ImageName, Smoke, Spec, SpecSource

if TYPE_CHECKING:
    from envbuild.conda.model import CondaRecord


def make_spec(smoke: Smoke | None = None, cuda: Cuda | None = None) -> Spec:
    lines = {
        ("smoke",): 4,
        ("smoke", "imports", 0): 5,
        ("smoke", "imports", 1): 6,
        ("smoke", "commands", 0): 8,
    }
    return Spec(
        name="demo",
        python="3.12",
        cuda=cuda,
        smoke=smoke or Smoke(),
        image=ImageName(repository="demo"),
        source=SpecSource(path=Path("spec.yml"), text="", digest="", lines=lines),
    )


def make_lock(*packages: str, **more: Any) -> Lock:
    locked = [
        LockedPackage(name=name, version=version, file="")
        for name, _, version in (p.partition("==") for p in packages)
    ]
    return Lock(
        name="demo",
        platform="linux/amd64",
        inputs={},
        base=LockedBase(reference="debian:bookworm-slim"),
        python=LockedPython(version="3.12.1", source="managed", request="3.12.1"),
        packages=tuple(locked),
        **more,
    )


def names(spec: Spec, lock: Lock) -> list[str]:
    return [check.name for check in plan_checks(spec, lock)]


def test_nothing_asked_and_nothing_known_is_no_check() -> None:
    assert plan_checks(make_spec(), make_lock("rich==1")) == ()


def test_imports_and_commands_come_first_and_know_their_lines() -> None:
    smoke = Smoke(imports=("torch", "a.b"), commands=("git --version",), timeout=7)
    first, second, command = plan_checks(make_spec(smoke), make_lock())
    assert (first.name, first.kind, first.path, first.line, first.timeout) == (
        "import torch",
        "import",
        "smoke.imports[0]",
        5,
        7,
    )
    assert (second.argv[0], second.argv[-1], second.line) == (PYTHON, "a.b", 6)
    assert command.argv == ("/bin/sh", "-c", "git --version")
    assert (command.name, command.kind, command.path, command.line) == (
        "git --version",
        "command",
        "smoke.commands[0]",
        8,
    )


def test_a_long_command_is_named_by_its_beginning() -> None:
    smoke = Smoke(commands=("x" * 70, "one\ntwo"))
    assert names(make_spec(smoke), make_lock()) == ["x" * 59 + "…", "one…"]


def test_kernels_follow_what_is_locked() -> None:
    lock = make_lock("jax==0.6", "numpy==2.0", "tensorflow-cpu==2.20", "torch==2.8.0+cpu")
    assert names(make_spec(), lock) == [
        "numpy on the CPU",
        "torch on the CPU",
        "tensorflow on the CPU",
        "jax on the CPU",
    ]


@pytest.mark.parametrize(
    ("packages", "cuda", "gpu"),
    [
        (("torch==2.8.0+cpu",), "12.8", []),
        (("torch==2.8.0",), None, []),
        (("torch==2.8.0",), "12.8", ["torch on the GPU"]),
        (("torch==2.8.0+cu128",), None, ["torch on the GPU"]),
        (("torch==2.8.0", "nvidia-cublas-cu12==12.8"), None, ["torch on the GPU"]),
        (("tensorflow==2.20",), None, []),
        (("tensorflow==2.20", "nvidia-cuda-runtime-cu12==12.5"), None, ["tensorflow on the GPU"]),
        (("tensorflow-cpu==2.20", "nvidia-cublas-cu12==12.8"), None, []),
        (("jax==0.6", "jaxlib==0.6"), None, []),
        (("jax==0.6", "jax-cuda12-plugin==0.6"), None, ["jax on the GPU"]),
        (("cupy-cuda12x==13.6.0",), None, ["cupy on the GPU"]),
        (("cupy-cuda102==12.3.0",), None, ["cupy on the GPU"]),
        (("cupy==13.6.0",), "12.8", ["cupy on the GPU"]),
        (("cupy-rocm-5-0==13.6.0",), None, []),
        (("tensorflow-gpu==2.1.0",), "10.1", ["tensorflow on the GPU"]),
        (("tensorflow-gpu==1.15.5",), "10.0", ["tensorflow on the GPU"]),
        (("tensorflow-gpu==1.14.0",), "10.0", []),
        (
            ("torch==2.8.0+cu128", "cupy-cuda12x==13.6.0"),
            None,
            ["torch on the GPU", "cupy on the GPU"],
        ),
    ],
)
def test_a_gpu_check_for_builds_that_can_use_one(
    packages: tuple[str, ...], cuda: str | None, gpu: list[str]
) -> None:
    spec = make_spec(cuda=Cuda(version=cuda) if cuda else None)
    found = [check.name for check in plan_checks(spec, make_lock(*packages)) if check.gpu]
    assert [name for name in found if name != "CUDA driver"] == gpu


def brought(pypi: str, build: str, *depends: str, version: str = "2.4.0") -> CondaRecord:
    """A conda package with the distribution `pypi`."""
    return replace(conda_record(f"conda-{pypi}", version, build, depends=depends), pypi=pypi)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([brought("numpy", "py311_0")], ["numpy on the CPU", "CUDA driver"]),
        ([brought("torch", "cpu_py311_0")], ["torch on the CPU", "CUDA driver"]),
        ([brought("torch", "cuda124_py311_0", "__cuda")], ["torch on the CPU", "torch on the GPU"]),
        ([brought("torch", "py3.11_0", "pytorch-mutex 1.0 cpu")], ["torch on the CPU", "CUDA driver"]),
        ([brought("torch", "py3.11_0", "pytorch-mutex 1.0 cuda")], ["torch on the CPU", "torch on the GPU"]),
        ([brought("torch", "py3.11_0", "cudatoolkit 11.8.*")], ["torch on the CPU", "torch on the GPU"]),
        (
            [brought("tensorflow", "gpu_py36_0", version="2.1.0")],
            ["tensorflow on the CPU", "tensorflow on the GPU"],
        ),
        ([brought("tensorflow", "cpu_py311_0")], ["tensorflow on the CPU", "CUDA driver"]),
        (
            [brought("jax", "pyhd8ed1ab_0"), brought("jaxlib", "cuda120py311_0")],
            ["jax on the CPU", "jax on the GPU"],
        ),
        (
            [brought("jax", "pyhd8ed1ab_0"), brought("jaxlib", "cpu_py311_0")],
            ["jax on the CPU", "CUDA driver"],
        ),
        ([brought("cupy", "py311_0", "cuda-version >=12,<13")], ["cupy on the GPU"]),
        ([replace(brought("x", "0"), pypi="")], ["CUDA driver"]),
    ],
)
def test_what_conda_brings_is_checked_as_what_pip_brings(
    rows: list[CondaRecord], expected: list[str]
) -> None:
    """A spec with `cuda:` throughout: the build decides, not the wish."""
    found = names(make_spec(cuda=Cuda(version="12.4")), make_lock(conda=tuple(rows)))
    assert found == expected


def test_gpu_none_skips_with_the_reason() -> None:
    (check,) = [
        c for c in plan_checks(make_spec(Smoke(gpu="none")), make_lock("torch==2.8.0+cu128")) if c.gpu
    ]
    assert (check.skip, check.required) == ("smoke.gpu is none", False)
    assert check.argv[-len(GPU_DEVICES) - 1 :] == ("gpu", *GPU_DEVICES)


def test_gpu_required_makes_the_check_required_and_points_at_the_spec() -> None:
    (check,) = [
        c for c in plan_checks(make_spec(Smoke(gpu="required")), make_lock("torch==2.8.0+cu128")) if c.gpu
    ]
    assert (check.skip, check.required, check.path, check.line) == ("", True, "smoke.gpu", 4)


@pytest.mark.parametrize(("smoke", "cuda"), [(Smoke(gpu="required"), None), (Smoke(), Cuda(version="12.8"))])
def test_without_a_framework_the_driver_itself_is_asked(smoke: Smoke, cuda: Cuda | None) -> None:
    assert names(make_spec(smoke, cuda), make_lock("rich==1")) == ["CUDA driver"]


@pytest.mark.parametrize(
    ("version", "uses", "gpu"),
    [
        ("1.12.1", ["torch 1.12.1 (CUDA 10.2)"], ["torch on the GPU"]),
        ("1.12.1", ["CUDA 12.8 of the image"], []),
        ("1.12.1", [], []),
        ("1.12.1+cpu", ["torch 1.12.1 (CUDA 10.2)"], []),
        ("2.8.0", ["torch 2.8.0 (CUDA 12.8)"], []),
    ],
)
def test_wheels_of_torch_1_carry_cuda_inside(version: str, uses: list[str], gpu: list[str]) -> None:
    """From torch 2 on CUDA comes as wheels of its own: none locked, none there."""
    lock = make_lock(f"torch=={version}", gpu={"uses": [{"component": use, "cuda": ""} for use in uses]})
    assert [check.name for check in plan_checks(make_spec(), lock) if check.gpu] == gpu


def test_old_tensorflow_is_left_to_the_driver() -> None:
    spec, lock = make_spec(cuda=Cuda(version="10.0")), make_lock("tensorflow-gpu==1.14.0")
    assert names(spec, lock) == ["CUDA driver"]


@pytest.mark.parametrize(
    ("cuda", "base", "lock", "found"),
    [
        (Cuda(version="12.8", flavour="devel"), None, {}, True),
        (Cuda(version="12.8"), None, {"cuda": {"reference": "nvidia/cuda:12.8.1-devel-ubuntu22.04"}}, True),
        (Cuda(version="12.8"), None, {"cuda": {"reference": "nvidia/cuda:12.8.1-base-ubuntu22.04"}}, False),
        (None, "nvidia/cuda:12.8.1-cudnn-devel-ubuntu22.04", {}, True),
        (None, "some/cuda-thing:1", {}, False),
        (None, "alpine-devel:1", {}, False),
        # The flavour is of the image that `cuda` chooses; the user's own base is what its name says.
        (Cuda(version="12.8", flavour="devel"), "debian:bookworm-slim", {}, False),
    ],
)
def test_nvcc_is_tried_where_the_base_has_it(
    cuda: Cuda | None, base: str | None, lock: dict[str, Any], found: bool
) -> None:
    made = make_lock("rich==1", **lock)
    if base:
        made = replace(made, base=LockedBase(reference=base))
    spec = replace(make_spec(cuda=cuda), base=base)
    checks = {check.name: check for check in plan_checks(spec, made)}
    assert [name for name in checks if "nvcc" in name] == (
        ["nvcc compiles", "nvcc on the GPU"] if found else []
    )
    if found:
        assert checks["nvcc compiles"].argv[3:] == ("cpu",)
        assert (checks["nvcc compiles"].gpu, checks["nvcc on the GPU"].gpu) == (False, True)


def test_compiling_alone_is_no_gpu_check() -> None:
    """With `gpu: none` nvcc still compiles, and what would run is skipped."""
    spec = make_spec(Smoke(gpu="none", timeout=9), Cuda(version="12.8", flavour="devel"))
    checks = {check.name: check for check in plan_checks(spec, make_lock())}
    assert (checks["nvcc compiles"].skip, checks["nvcc compiles"].timeout) == ("", 9)
    assert checks["nvcc on the GPU"].skip == "smoke.gpu is none"


def test_every_gpu_check_is_required_and_knows_the_line() -> None:
    spec = make_spec(Smoke(gpu="required"), Cuda(version="12.8", flavour="devel"))
    checks = plan_checks(spec, make_lock("torch==2.8.0+cu128", "cupy-cuda12x==13.6.0"))
    found = [(check.name, check.path, check.line) for check in checks if check.gpu and check.required]
    assert found == [
        ("torch on the GPU", "smoke.gpu", 4),
        ("cupy on the GPU", "smoke.gpu", 4),
        ("nvcc on the GPU", "smoke.gpu", 4),
    ]
    assert not [check for check in checks if check.required and not check.gpu]
