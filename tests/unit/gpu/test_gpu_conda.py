"""What conda packages need of a GPU machine, by their names and builds."""

# ruff: noqa: E501  a table has one row for each case

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest
from support import planned

from envbuild.conda.model import CondaRecord
from envbuild.facts.model import Code
from envbuild.fits import fit
from envbuild.gpu.checks import Resolved, check_locked
from envbuild.gpu.conda import conda_uses, members_of, with_conda
from envbuild.gpu.describe import parse_host
from envbuild.gpu.model import GpuNeeds
from envbuild.gpu.needed import need_of_locked, need_of_spec
from envbuild.gpu.summary import gpu_table
from envbuild.gpu.verdict import preflight_any
from envbuild.gpu.wishes import needs_of_spec
from envbuild.lock.pylock import write_lock
from envbuild.outcomes import Request
from envbuild.site.model import Site
from envbuild.spec.load import load_spec
from envbuild.spec.model import Spec


def records(text: str) -> tuple[CondaRecord, ...]:
    """`name=version=build` each."""
    rows = [item.split("=") for item in text.split()]
    return tuple(
        CondaRecord(
            name=name, version=version, build=build, subdir="linux-64", channel="c", url="u", sha256="0"
        )
        for name, version, build in rows
    )


@pytest.fixture
def spec(tmp_path: Path):
    def make(text: str) -> Spec:
        path = tmp_path / "spec.yml"
        path.write_text(f"name: x\npython: 3.12\n{text}")
        return load_spec(path)

    return make


TORCH = "cuda-version=12.4=h0_3 libtorch=2.4.0=cuda124_h0_200 pytorch=2.4.0=cuda124_py312_200 torchvision=0.19=cuda124_py_0 libcublas=12.4.5.8=h0_0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("numpy=2.1.0=py312_0 python=3.12.4=h0_cpython", []),
        ("pytorch=2.4.0=cpu_py312_0 cuda-version=12.4=h0_3", []),
        (TORCH, [("pytorch 2.4.0 (conda, CUDA 12.4)", "12.4", True)]),
        ("pytorch=2.5.1=py3.11_cuda12.1_cudnn9.1.0_0", [("pytorch 2.5.1 (conda)", "12.1", True)]),
        ("pytorch=2.5.1=py3.11_cuda12.1_cudnn9.1.0_0 cuda-cudart=12.1.105=0", [("pytorch 2.5.1 (conda, CUDA 12.1)", "12.1", True)]),
        ("libtorch=2.4.0=cuda118_h0_200", [("libtorch 2.4.0 (conda)", "11.8", True)]),
        ("tensorflow=2.1.0=gpu_py36_0 tensorflow-base=2.1.0=gpu_py36_0 cudatoolkit=10.1.243=h0_0", [("tensorflow 2.1.0 (conda, CUDA 10.1)", "10.1", True)]),
        ("jaxlib=0.4.31=cuda120py312_200 cuda-version=12.6=h0", [("jaxlib 0.4.31 (conda, CUDA 12.6)", "12.6", True)]),
        ("cudatoolkit=10.1.243=h0_0 cudnn=7.6.5=cuda10.1_0", [("cudatoolkit 10.1.243 (conda)", "10.1", False)]),
        ("cuda-cudart=12.4.127=h0_0 cuda-version=12.4=h0_3", [("cuda-cudart 12.4.127 (conda)", "12.4", False)]),
        ("cupy=13.3.0=py312_2 cupy-core=13.3.0=py312_2 cuda-version=12.4=h0_3", [("cupy 13.3.0 (conda, CUDA 12.4)", "12.4", True)]),
        ("cupy=13.3.0=py312_2", []),
        ("libcublas=12.4.5.8=h0_0 cuda-version=12.4=h0_3 libnvjitlink=12.4=h0_0", [("libcublas 12.4.5.8 (conda)", "12.4", False)]),
        ("libcufft=11.2=h0_0", [("libcufft 11.2 (conda)", "", False)]),
    ],
)  # fmt: skip
def test_what_uses_cuda(text: str, expected: list[tuple[str, str, bool]]) -> None:
    assert [(use.component, use.cuda, use.kernels) for use in conda_uses(records(text))] == expected


def test_what_depends_on_cuda_is_a_doubt_where_no_build_tells() -> None:
    found = records("cuda-version=12.4=h0_3 libcublas=12.4=h0 mine=1.0=h1_0 tool=2.0=h1_0")
    depends = {"libcublas": ("cuda-version >=12.4",), "mine": ("libcublas >=12.4,<13.0a0", "a bad ; one")}
    found = tuple(replace(record, depends=depends.get(record.name, ())) for record in found)
    (use,) = conda_uses(found)
    assert (use.component, use.kernels, use.cubins) == ("mine 1.0 (conda, CUDA 12.4)", True, None)
    assert use.found_by == "the CUDA libraries beside it"
    verdict = preflight_any((with_conda(GpuNeeds(), found),), parse_host("driver=550.54.15,gpu=A100"))
    assert verdict.verdict == "unknown"


def test_what_was_read_of_the_files_stands() -> None:
    codes = {"pytorch": Code(cubins=("80", "90"), ptx=(), source="read from libtorch_cuda.so")}
    needs = with_conda(GpuNeeds(), records(TORCH), codes)
    verdicts = {
        gpu: preflight_any((needs,), parse_host(f"driver=550.54.15,gpu={gpu}")).verdict
        for gpu in ("A100", "T4")
    }
    assert verdicts == {"A100": "ok", "T4": "refused"}


def test_parts_of_a_package() -> None:
    assert [each.name for each in members_of("pytorch", records(TORCH))] == ["libtorch", "pytorch"]


def test_preflight_knows_the_driver_floor_and_doubts_the_gpus() -> None:
    needs = with_conda(GpuNeeds(), records(TORCH))
    old = preflight_any((needs,), parse_host("driver=470.57.02,gpu=A100"))
    assert old.verdict == "refused"
    new = preflight_any((needs,), parse_host("driver=550.54.15,gpu=A100"))
    assert new.verdict == "unknown"
    doubts = [reason for reason in new.reasons if reason.rule == "architectures-unknown"]
    assert [(reason.text, reason.source) for reason in doubts] == [
        (
            (
                "pytorch 2.4.0 (conda, CUDA 12.4) on A100 (capability 8.0): it is not known which GPUs it was compiled for; "
                "`envbuild gpu-audit` reads it from the files"
            ),
            "its build cuda124_py312_200",
        )
    ]


def test_the_least_cuda_image_does_beside_conda(spec) -> None:
    text = "cuda: 12.8\nconda: {packages: [pytorch]}\n"
    for need in (need_of_spec(spec(text)), need_of_locked(spec(text), [])):
        assert (need.flavour, need.why) == ("base", "conda brings its own CUDA libraries")
    compiling = need_of_spec(spec(f"{text}run: [nvcc x.cu]\n"))
    assert compiling.flavour == "devel"


def test_without_a_lock_what_conda_brings_is_a_doubt(spec) -> None:
    (needs,) = needs_of_spec(spec("conda: {packages: [pytorch, numpy, 'tensorflow=*=cpu*']}\n"))
    assert [doubt.text for doubt in needs.doubts] == [
        "what pytorch from conda needs of a GPU machine is known once it is locked"
    ]
    (plain,) = needs_of_spec(spec("conda: {packages: [numpy]}\n"))
    assert plain.doubts == ()


def test_a_lock_without_any_cuda_below_says_where_cuda_comes_from(spec) -> None:
    asked = spec("conda: {packages: [pytorch]}\n")
    resolved = Resolved(packages={}, reference="debian:bookworm-slim", conda=records(TORCH))
    (finding,) = check_locked(asked, resolved)
    assert (finding.rule, finding.level) == ("cuda-absent", "note")
    assert finding.problem.path == "conda"
    assert finding.problem.what.startswith("pytorch 2.4.0 (conda, CUDA 12.4): CUDA comes with the packages")


def test_conda_of_another_cuda_than_the_image_is_refused(spec) -> None:
    asked = spec("cuda: 11.8\nconda: {packages: [pytorch]}\n")
    reference = "nvidia/cuda:11.8.0-base-ubuntu22.04"
    findings = check_locked(asked, Resolved(packages={}, reference=reference, conda=records(TORCH)))
    assert [(finding.rule, finding.problem.what) for finding in findings if finding.level == "error"] == [
        ("cuda-mismatch", "pytorch 2.4.0 uses CUDA 12.4, and `cuda:` says CUDA 11.8 [cuda-mismatch]")
    ]


def test_a_lock_alone_is_judged_by_what_it_says(tmp_path: Path) -> None:
    needs = gpu_table(with_conda(GpuNeeds(), records(TORCH)))
    path = tmp_path / "pylock.x.toml"
    write_lock(path, planned.lock([], gpu=needs))
    request = Request(spec_path=path, site=Site(), platform="linux/amd64", connect=not_asked)
    found = fit(request, str(path), parse_host("driver=470.57,gpu=A100"))
    assert (found.judged_by, found.verdict.verdict) == ("the lock", "refused")


def not_asked() -> NoReturn:
    raise AssertionError("no engine is asked about a lock")
