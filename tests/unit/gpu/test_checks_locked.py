"""What is wrong with what was locked: CUDA of packages and base, CUDA twice, targets."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.facts.model import Code
from envbuild.gpu.checks import Resolved, check_locked
from envbuild.spec.parse import parse_spec

if TYPE_CHECKING:
    from envbuild.gpu.finding import Finding

DEBIAN = "debian:bookworm-slim"
BASE = "nvidia/cuda:12.8.1-base-ubuntu24.04"
RUNTIME = "nvidia/cuda:12.8.1-runtime-ubuntu24.04"
TORCH = {
    "torch": "2.8.0",
    "nvidia-cuda-runtime-cu12": "12.8.90",
    "nvidia-cublas-cu12": "12.8.4.1",
    "nvidia-cudnn-cu12": "9.10.2.21",
}
SIZES = {
    "nvidia-cublas-cu12": 594_300_000,
    "nvidia-cudnn-cu12": 706_800_000,
    "nvidia-cuda-runtime-cu12": 954_000,
}
TORCH_13 = {
    "torch": "2.11.0",
    "cuda-toolkit": "13.0.2",
    "nvidia-cublas": "13.1.0.3",
    "nvidia-cuda-runtime": "13.0.96",
}


def found(text: str, packages: dict[str, str], reference: str, **more: object) -> list[Finding]:
    spec = parse_spec(f"name: x\n{text}".encode(), Path("spec.yml"), look=False)
    return list(check_locked(spec, Resolved(packages=packages, reference=reference, **more)))


def said(*arguments: object, **more: object) -> list[tuple[str, str, str]]:
    return [(finding.level, finding.rule, str(finding.problem)) for finding in found(*arguments, **more)]


@pytest.mark.parametrize(
    ("text", "packages", "reference"),
    [
        ("python: 3.12\npip: {packages: [numpy]}\n", {"numpy": "2.0"}, DEBIAN),
        ("python: 3.12\ncuda: 12.8\npip: {packages: [torch]}\n", TORCH, BASE),
        (
            "python: 3.12\ncuda: 12.4\npip: {packages: [torch]}\n",
            TORCH,
            "nvidia/cuda:12.4.1-base-ubuntu22.04",
        ),
        ("python: 3.12\nbase: example.org/mine:1\npip: {packages: [torch]}\n", TORCH, "example.org/mine:1"),
        ("python: 3.12\ntargets: [A100, RTX 5090]\ncuda: 12.8\npip: {packages: [torch]}\n", TORCH, BASE),
        (
            "python: 3.10\ncuda: 11.8\npip: {packages: [tensorflow]}\n",
            {"tensorflow": "2.13.1"},
            "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04",
        ),
        (
            "python: 3.12\ncuda: 12.8\npip: {packages: [cupy-cuda12x]}\n",
            {"cupy-cuda12x": "13.6.0"},
            "nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04",
        ),
    ],
)
def test_what_fits_is_left_alone(text, packages, reference):
    assert said(text, packages, reference) == []


def test_another_cuda_major_is_refused_with_what_fits():
    text = "python: 3.12\ncuda: 12.8\npip: {packages: [torch]}\n"
    (finding,) = found(text, TORCH_13, BASE)
    assert (finding.level, finding.rule) == ("error", "cuda-mismatch")
    assert str(finding.problem) == (
        "spec.yml:4: pip.packages[0]: torch 2.11.0 uses CUDA 13.0.2, and `cuda:` says CUDA 12.8 [cuda-mismatch];"
        " write `torch_backend: cu128`, or `torch==2.10.*`, or `cuda: 13.2`"
    )


def test_a_package_that_others_bring_is_told_at_cuda():
    text = "python: 3.12\ncuda: 12.8\npip: {packages: [transformers]}\n"
    (finding,) = found(text, {"transformers": "5.0"} | TORCH_13, BASE)
    assert (finding.rule, finding.problem.path, finding.problem.line) == ("cuda-mismatch", "cuda", 3)
    assert finding.mends[:2] == ("torch_backend: cu128", "torch==2.10.*")


def test_another_cudnn_than_tensorflow_loads_is_refused():
    text = "python: 3.11\ncuda: 12.8\npip: {packages: [tensorflow<2.16]}\n"
    (finding,) = found(text, {"tensorflow": "2.15.1"}, "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04")
    assert (finding.level, finding.rule) == ("error", "cuda-mismatch")
    assert finding.problem.what == (
        "tensorflow 2.15.1 loads cuDNN 8.9 from the image, and `cuda:` brings cuDNN 9 [cuda-mismatch]"
    )
    assert "tensorflow[and-cuda]<2.16" in finding.mends


class TestTwoCudas:
    """CUDA's libraries twice in one image."""

    def test_by_the_size_of_the_wheels(self):
        text = "python: 3.12\ncuda: {version: 12.8, flavour: runtime}\npip: {packages: [torch]}\n"
        assert said(text, TORCH, RUNTIME, sizes=SIZES) == [
            (
                "warning",
                "two-cudas",
                (
                    f"spec.yml:3: cuda.flavour: CUDA's libraries are in the image twice: in {RUNTIME}, and as 2 nvidia wheels:"
                    " about 595 MB wasted (the size of those wheels) [two-cudas]; flavour: base would do: torch brings"
                    " its own CUDA libraries"
                ),
            )
        ]

    def test_with_cudnn_there_is_more_of_it(self):
        text = "python: 3.12\ncuda: {version: 12.8, cudnn: true}\npip: {packages: [torch]}\n"
        reference = "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04"
        (finding,) = found(text, TORCH, reference, sizes=SIZES)
        assert "as 3 nvidia wheels: about 1.3 GB wasted" in finding.problem.what

    def test_by_the_size_of_the_image_where_it_is_known(self):
        packages = {"torch": "2.7.1+cu118", "nvidia-cublas-cu11": "11.11.3.6"}
        reference = "nvidia/cuda:11.8.0-runtime-ubuntu22.04"
        text = f"python: 3.12\nbase: {reference}\npip: {{packages: [torch], torch_backend: cu118}}\n"
        (finding,) = found(text, packages, reference)
        assert str(finding.problem) == (
            f"spec.yml:3: base: CUDA's libraries are in the image twice: in {reference}, and as 1 nvidia wheels:"
            " 2.1 GB wasted [two-cudas]; a base of flavour base would do: torch brings its own CUDA libraries"
        )

    def test_where_it_has_to_be_it_is_a_note(self):
        text = "python: 3.10\ncuda: 11.8\npip: {packages: [tensorflow, torch], torch_backend: cu118}\n"
        packages = {"tensorflow": "2.13.1", "torch": "2.7.1+cu118", "nvidia-cublas-cu11": "11.11.3.6"}
        (finding,) = found(text, packages, "nvidia/cuda:11.8.0-cudnn8-runtime-ubuntu22.04")
        assert (finding.level, finding.rule) == ("note", "two-cudas")
        assert finding.problem.what.endswith(
            "it has to be so: tensorflow takes CUDA and cuDNN from the image"
        )

    def test_wheels_of_two_majors(self):
        packages = TORCH | {"nvidia-cublas": "13.10.0.20", "onnxruntime-gpu": "1.31.1"}
        sizes = SIZES | {"nvidia-cublas": 400_000_000}
        text = "python: 3.12\ncuda: 12.8\npip: {packages: [torch, onnxruntime-gpu]}\n"
        (finding,) = found(text, packages, BASE, sizes=sizes)
        assert (finding.level, finding.rule) == ("warning", "two-cudas")
        assert str(finding.problem) == (
            "spec.yml:4: pip: the packages bring CUDA's libraries as wheels of CUDA 12 and 13: about 400 MB would be"
            " spared with one [two-cudas]; take packages for one CUDA major"
        )

    def test_the_small_libraries_alone_are_no_second_cuda(self):
        packages = {"cupy-cuda12x": "13.6.0", "nvidia-cuda-runtime-cu12": "12.8.90"}
        text = "python: 3.12\ncuda: 12.8\npip: {packages: [cupy-cuda12x, nvidia-cuda-runtime-cu12]}\n"
        assert said(text, packages, "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04") == []


class TestWithoutCuda:
    """GPU packages on a base without CUDA."""

    def test_what_brings_its_own_is_a_note(self):
        assert said("python: 3.12\npip: {packages: [torch]}\n", TORCH, DEBIAN) == [
            (
                "note",
                "cuda-absent",
                (
                    "spec.yml:3: pip: torch 2.8.0 (CUDA 12.8): CUDA comes with the packages, and debian:bookworm-slim has"
                    " none of its own; that is enough where the driver is new; with `cuda: 12.8` the image also holds"
                    " cuda-compat, for older drivers of data-centre GPUs"
                ),
            )
        ]

    def test_what_takes_it_from_the_image_is_refused(self):
        (finding,) = (
            item
            for item in found(
                "python: 3.12\npip: {packages: [cupy-cuda12x]}\n", {"cupy-cuda12x": "13.6.0"}, DEBIAN
            )
            if item.level == "error"
        )
        assert finding.rule == "cuda-missing"
        assert str(finding.problem) == (
            "spec.yml:3: pip.packages[0]: cupy-cuda12x takes CUDA from the base image, and the base image has none:"
            " it would not use a GPU [cuda-missing]; write `cuda: 12.9`"
        )

    def test_it_may_be_told_to_work_by_other_means(self):
        text = "python: 3.12\naccept: [cuda-missing]\npip: {packages: [cupy-cuda12x]}\n"
        levels = {item.rule: item.level for item in found(text, {"cupy-cuda12x": "13.6.0"}, DEBIAN)}
        assert levels["cuda-missing"] == "warning"

    def test_cupy_wants_headers_beside_the_runtime(self):
        text = "python: 3.12\ncuda: 12.8\npip: {packages: [cupy-cuda12x]}\n"
        reference = "nvidia/cuda:12.8.1-cudnn-runtime-ubuntu24.04"
        assert said(text, {"cupy-cuda12x": "13.6.0"}, reference) == [
            (
                "warning",
                "cuda-headers",
                (
                    "spec.yml:4: pip.packages[0]: cupy-cuda12x compiles its kernels when it runs and needs CUDA's headers,"
                    ' which only devel holds [cuda-headers]; add "nvidia-cuda-runtime-cu12==12.8.*" under pip.packages, which brings'
                    " them, or write flavour: devel"
                ),
            )
        ]
        old = text.replace("12.8", "12.1")
        assert said(old, {"cupy-cuda12x": "13.6.0"}, "nvidia/cuda:12.1.1-cudnn8-runtime-ubuntu22.04") == []


class TestTargets:
    """GPUs that the locked packages serve."""

    TEXT = "python: 3.12\ntargets: [GTX 1080 Ti]\ncuda: 12.8\npip: {packages: [torch]}\n"

    def test_what_was_locked_decides(self):
        (finding,) = found(self.TEXT, TORCH, BASE)
        assert (finding.level, finding.rule, finding.problem.line) == ("error", "target", 3)
        assert finding.mends[0] == "torch_backend: cu126"
        assert found(self.TEXT, TORCH | {"torch": "2.8.0+cu126"}, BASE) == []

    def test_torch_that_others_bring_is_mended_too(self):
        (finding,) = found(self.TEXT.replace("[torch]", "[vllm]"), TORCH | {"vllm": "0.10"}, BASE)
        assert finding.mends[0] == "torch_backend: cu126"

    def test_code_that_was_read_from_the_files_stands_above_the_tables(self):
        code = Code(cubins=("61",), ptx=(), source="read from libtorch_cuda.so")
        assert found(self.TEXT, TORCH, BASE, codes={"torch": code}) == []

    def test_targets_of_nothing_are_said(self):
        text = "python: 3.12\ntargets: [A100]\npip: {packages: [numpy]}\n"
        assert said(text, {"numpy": "2.0"}, DEBIAN) == [
            (
                "note",
                "nothing-needs-gpu",
                "spec.yml:3: targets: nothing that was locked is known to use a GPU",
            )
        ]
