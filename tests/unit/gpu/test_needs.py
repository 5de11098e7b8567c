"""Packages → what they need, and the way of needs through locks and labels."""

import json

import pytest

from envbuild.facts.model import Code
from envbuild.gpu.data import NEEDS, labels_of, needs_data, needs_from
from envbuild.gpu.labels import needs_of_image
from envbuild.gpu.model import CudaUse, GpuNeeds, Reason
from envbuild.gpu.needs import brought_cuda, image_release, needs_of
from envbuild.gpu.summary import architectures, drivers, gpu_table

CUDA_12_8 = {"nvidia-cuda-runtime-cu12": "12.8.90", "nvidia-cudnn-cu12": "9.10.2.21"}


@pytest.mark.parametrize(
    ("packages", "image", "cuda"),
    [
        ({"numpy": "2.1.0"}, "", []),
        ({"torch": "2.8.0+cpu"}, "", []),
        ({"torch": "2.8.0+cu126"}, "", ["12.6"]),
        ({"torch": "2.8.0"}, "", ["12.8"]),  # what the default index has
        ({"torch": "2.8.0", **CUDA_12_8}, "", ["12.8"]),
        ({"torch": "2.13.0", "cuda-toolkit": "13.0.2"}, "", ["13.0.2"]),
        ({"torch": "2.8.0", **CUDA_12_8}, "12.8.1", ["12.8.1", "12.8"]),
        ({"tensorflow": "2.15.1"}, "", []),  # no CUDA comes with it: it runs on the CPU
        ({"tensorflow": "2.15.1", "nvidia-cuda-runtime-cu12": "12.2.140"}, "", ["12.2"]),
        ({"tensorflow": "2.12.1"}, "11.8.0", ["11.8.0", "11.8"]),
        ({"tensorflow-gpu": "2.1.0"}, "", ["10.1"]),
        ({"jax": "0.6.2", "jaxlib": "0.6.2"}, "", []),
        ({"jax": "0.6.2", "jax-cuda12-plugin": "0.6.2", **CUDA_12_8}, "", ["12.8"]),
        ({"cupy-cuda12x": "13.4.0"}, "", ["12"]),
        ({"cupy-cuda112": "10.6.0"}, "", ["11.2"]),
        ({"onnxruntime-gpu": "1.20.0"}, "", [""]),
        (CUDA_12_8, "", ["12.8"]),
        ({}, "12.4.1", ["12.4.1"]),
        ({"nvidia-ml-py": "13.580.82"}, "", []),  # a look at the GPU, no use of it
    ],
)
def test_which_cuda_is_used(packages: dict[str, str], image: str, cuda: list[str]) -> None:
    assert [use.cuda for use in needs_of(packages, image).uses] == cuda


def test_wheels_of_nvidia_beside_a_framework_are_its_own() -> None:
    assert [use.component for use in needs_of({"torch": "2.8.0", **CUDA_12_8}).uses] == [
        "torch 2.8.0 (CUDA 12.8)"
    ]


def test_a_runtime_alone_has_no_kernels() -> None:
    (use,) = needs_of({"nvidia-cuda-runtime-cu12": "12.8.90"}).uses
    assert not use.kernels
    (use,) = needs_of({"nvidia-cublas-cu12": "12.8.4.1"}).uses
    assert use.kernels
    assert use.cubins is None


def test_what_was_read_stands_above_the_tables() -> None:
    read = Code(cubins=("99",), ptx=(), source="read from libtorch_cuda.so")
    (use,) = needs_of({"torch": "2.8.0"}, codes={"torch": read}).uses
    assert (use.cubins, use.ptx, use.found_by) == (("99",), (), "read from libtorch_cuda.so")


def test_the_runtime_says_more_than_libraries_with_numbers_of_their_own() -> None:
    assert brought_cuda({"nvidia-cufft": "12.0.0.61", "nvidia-cuda-runtime": "13.0.96"}) == "13.0"
    assert brought_cuda({"rich": "14"}) == ""


@pytest.mark.parametrize(
    ("reference", "release"),
    [
        ("nvidia/cuda:12.8.1-base-ubuntu24.04", "12.8.1"),
        ("docker.io/nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04@sha256:00", "11.8.0"),
        ("nvcr.io/nvidia/cuda:13.0.2-devel-ubuntu24.04", "13.0.2"),
        ("debian:bookworm-slim", ""),
        ("example.org/not-nvidia/cuda-like:12.8.1", ""),
    ],
)
def test_the_release_of_a_cuda_image(reference: str, release: str) -> None:
    assert image_release(reference) == release


def full_needs() -> GpuNeeds:
    reason = Reason(rule="package-unknown", text="x", source="y", level="unknown")
    torch = CudaUse(component="torch 2.8.0", cuda="12.8", cubins=("80", "90a"), ptx=(), found_by='a "table"')
    jax = CudaUse(component="jax", cuda="12.9", oldest="5.2")
    return GpuNeeds(uses=(torch, jax), compat="12.8.1", doubts=(reason,), accepted=("cubin",))


def test_needs_survive_a_lock_and_a_label() -> None:
    needs = full_needs()
    assert needs_from(json.loads(json.dumps(needs_data(needs)))) == needs
    labels = labels_of(gpu_table(needs))
    assert needs_of_image(labels, ()) == needs
    assert labels["dev.envbuild.driver.least"] == "525.60.13"
    assert labels["dev.envbuild.driver"] == "575.51.03"
    assert labels["dev.envbuild.gpu.architectures"] == "80 90a"
    assert labels["dev.envbuild.gpu.found-by"] == 'a "table"'
    assert labels_of({}) == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"uses": [{"wrong": 1}]}', '{"uses": 3}', "null"])
def test_a_label_of_somebody_else_is_unknown_not_a_crash(text: str) -> None:
    needs = needs_of_image({NEEDS: text}, ())
    assert [doubt.rule for doubt in needs.doubts] == ["package-unknown"]


@pytest.mark.parametrize(
    ("env", "cuda", "compat"),
    [
        (
            ["CUDA_VERSION=12.4.1", "NVIDIA_REQUIRE_CUDA=cuda>=12.4 brand=tesla,driver>=470,driver<471"],
            "12.4.1",
            "12.4.1",
        ),
        (["CUDA_VERSION=10.1.243", "NVIDIA_REQUIRE_CUDA=cuda>=10.1"], "10.1", "10.1"),
        (["CUDA_VERSION=12.4.1"], "12.4.1", ""),
        (["NVIDIA_REQUIRE_CUDA=cuda>=11.8 brand=tesla"], "11.8", "11.8"),
    ],
)
def test_images_of_others_tell_their_cuda(env: list[str], cuda: str, compat: str) -> None:
    needs = needs_of_image({}, env)
    assert ([use.cuda for use in needs.uses], needs.compat, needs.doubts) == ([cuda], compat, ())


def test_an_image_that_says_nothing_is_unknown() -> None:
    assert [doubt.level for doubt in needs_of_image({}, ["PATH=/bin"]).doubts] == ["unknown"]


def test_the_code_that_all_share() -> None:
    one = CudaUse(component="a", cuda="12.8", cubins=("75", "80", "90"), ptx=("90",))
    other = CudaUse(component="b", cuda="12.6", cubins=("80", "90"), ptx=("90",))
    assert architectures(GpuNeeds(uses=(one, other))) == "80 90 +PTX 90"
    assert architectures(GpuNeeds(uses=(one, CudaUse(component="c", cuda="12")))) == ""
    assert drivers(GpuNeeds(uses=(one, other))) == ("570.26", "525.60.13")
    assert drivers(GpuNeeds(uses=(one, CudaUse(component="c", cuda="")))) == ("", "")
    assert drivers(GpuNeeds()) == ("", "")
