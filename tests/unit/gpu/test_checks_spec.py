"""What is wrong with a spec by its pins and the tables alone, and what mends it."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from envbuild.facts.rules import RULES
from envbuild.gpu.checks import check_spec
from envbuild.spec.parse import parse_spec

if TYPE_CHECKING:
    from envbuild.gpu.finding import Finding
    from envbuild.spec.model import Spec

ROOT = Path(__file__).parents[3]


def spec(text: str) -> Spec:
    return parse_spec(f"name: x\n{text}".encode(), Path("spec.yml"), look=False)


def found(text: str, machine: str = "x86_64") -> list[Finding]:
    return list(check_spec(spec(text), machine))


def said(text: str) -> list[tuple[str, str, str]]:
    return [(finding.level, finding.rule, str(finding.problem)) for finding in found(text)]


def changed(text: str, mend: str) -> str:
    """The spec's YAML with a mend written into it, as its reader would do."""
    data = yaml.safe_load(text)
    mend, _, base = mend.partition(" in place of base: ")
    if base:
        assert data.pop("base") == base
    for part in mend.split(" with "):
        key, sign, value = part.partition(": ")
        if not sign:
            name = re.match(r"[a-z-]*", part)[0].removesuffix("-cuda")
            packages = data["pip"]["packages"]
            same = [wish for wish in packages if re.match(rf"{name}(?![a-z])(-gpu|-cuda)?", wish)]
            assert len(same) == 1, (part, packages)
            packages[packages.index(same[0])] = part
        elif key == "torch_backend":
            data["pip"][key] = value
        elif key in ("flavour", "os"):
            data["cuda"][key] = value
        elif key == "cuda" and isinstance(data.get("cuda"), dict):
            data["cuda"]["version"] = value
        else:
            data[key] = value
    return yaml.safe_dump(data)


PIP = 'python: "{}"\npip: {{packages: ["{}"]}}\n'
CUDA = 'python: "{}"\ncuda: "{}"\npip: {{packages: ["{}"]}}\n'

# (spec, level, rule, message with its place, mends)
CASES = [
    # torch: release and Python
    (
        PIP.format("3.14", "torch==2.8.*"),
        "error",
        "torch-python",
        "spec.yml:3: pip.packages[0]: torch 2.8.0 has no wheel for Python 3.14, only for 3.9 to 3.13",
        ("torch==2.15.*", "python: 3.13"),
    ),
    (
        PIP.format("3.9", "torch>=2.9"),
        "error",
        "torch-python",
        "spec.yml:3: pip.packages[0]: torch 2.9.0 to 2.15.0 has no wheel for Python 3.9, only for 3.10 to 3.15",
        ("torch==2.8.*", "python: 3.10"),
    ),
    (
        PIP.format("3.12", "torchvision==0.14.1"),
        "error",
        "torch-python",
        "spec.yml:3: pip.packages[0]: torch 1.13.1 has no wheel for Python 3.12, only for 3.7 to 3.11",
        ("torchvision==0.29.*", "python: 3.11"),
    ),
    (
        PIP.format("3.19", "torch"),
        "warning",
        "torch-python",
        "spec.yml:3: pip.packages[0]: no known release of torch has a wheel for Python 3.19, only for 3.6 to 3.15; a newer one may",
        ("python: 3.15",),
    ),
    # torch: build
    (
        'python: "3.12"\npip: {packages: ["torch==2.8.0"], torch_backend: cu130}\n',
        "error",
        "torch-variant",
        "spec.yml:3: pip.packages[0]: torch 2.8.0 was not built for cu130: its builds are cu126, cu128, cu129",
        ("torch_backend: cu129", "torch==2.14.*"),
    ),
    (
        'python: "3.12"\npip: {packages: ["torch==2.15.0"], torch_backend: cu126}\n',
        "warning",
        "torch-variant",
        "spec.yml:3: pip.packages[0]: torch 2.15.0 as cu126 is named somewhere, but no source has seen it",
        ("torch_backend: cu132", "torch==2.14.*"),
    ),
    (
        'python: "3.14"\npip: {packages: ["torch>=2.8,<2.11"], torch_backend: cu129}\n',
        "error",
        "torch-variant",
        "spec.yml:3: pip.packages[0]: no release of torch that torch>=2.8,<2.11 leaves has cu129 for Python 3.14",
        ("torch_backend: cu130", "torch==2.11.*", "python: 3.13"),
    ),
    # TensorFlow
    (
        PIP.format("3.14", "tensorflow==2.21.0"),
        "error",
        "tensorflow-python",
        "spec.yml:3: pip.packages[0]: tensorflow 2.21.0 has no wheel for Python 3.14, only for 3.10 to 3.13",
        ("python: 3.13",),
    ),
    (
        PIP.format("3.14", "tensorflow"),
        "warning",
        "tensorflow-python",
        "spec.yml:3: pip.packages[0]: no known release of tensorflow has a wheel for Python 3.14, only for 3.6 to 3.13; a newer one may",
        ("python: 3.13",),
    ),
    (
        PIP.format("3.12", "tensorflow==2.15.1"),
        "error",
        "tensorflow-python",
        "spec.yml:3: pip.packages[0]: tensorflow 2.15.1 has no wheel for Python 3.12, only for 3.9 to 3.11",
        ("tensorflow==2.21.*", "python: 3.11"),
    ),
    (
        PIP.format("3.11", "tensorflow-gpu"),
        "error",
        "tensorflow-gpu",
        "spec.yml:3: pip.packages[0]: tensorflow-gpu ended with 2.11: 2.12.0 is an empty package that cannot be installed",
        ("tensorflow[and-cuda]==2.21.*",),
    ),
    (
        CUDA.format("3.11", "11.8", "tensorflow-gpu==2.12.0"),
        "error",
        "tensorflow-gpu",
        "spec.yml:4: pip.packages[0]: tensorflow-gpu ended with 2.11: 2.12.0 is an empty package that cannot be installed",
        ("tensorflow[and-cuda]==2.14.*",),
    ),
    # JAX
    (
        PIP.format("3.10", "jax[cuda12]==0.12.*"),
        "error",
        "jax-python",
        "spec.yml:3: pip.packages[0]: jax 0.12.0 to 0.12.0.1 has no wheel for Python 3.10, only for 3.12 to 3.15",
        ("jax[cuda12]==0.6.*", "python: 3.12"),
    ),
    # glibc
    (
        'python: "3.9"\nbase: ubuntu:18.04\npip: {packages: ["torch==2.7.1"]}\n',
        "error",
        "glibc",
        "spec.yml:4: pip.packages[0]: wheels of torch 2.7.1 need glibc 2.28, and the base image has 2.27",
        ("base: ubuntu:24.04", "torch==2.6.*"),
    ),
    (
        'python: "3.12"\nbase: ubuntu:16.04\npip: {packages: ["tensorflow==2.21.0"]}\n',
        "error",
        "glibc",
        "spec.yml:4: pip.packages[0]: wheels of tensorflow 2.21.0 need glibc 2.27, and the base image has 2.23",
        ("base: ubuntu:24.04", "tensorflow==2.20.*"),
    ),
    (
        'python: "3.9"\ncuda: {version: "12.1", os: ubuntu18.04}\npip: {packages: ["torch==2.8.0"]}\n',
        "error",
        "glibc",
        "spec.yml:3: cuda.os: ubuntu18.04 has glibc 2.27, and the packages' wheels need 2.28",
        ("os: ubuntu22.04", "torch==2.6.*"),
    ),
    # targets
    (
        'python: "3.12"\ntargets: [A100, GTX 1080 Ti]\npip: {packages: ["torch==2.8.0"]}\n',
        "error",
        "target",
        "spec.yml:3: targets[1]: torch 2.8.0 (CUDA 12.8) has no code for GeForce GTX 1080 Ti (capability 6.1): it was compiled for 70 75 80 86 90 100 120, without PTX",
        ("torch_backend: cu126", "torch==2.7.*"),
    ),
    (
        'python: "3.12"\ntargets: [GTX 1080 Ti]\npip: {packages: ["torch==2.15.0"]}\n',
        "error",
        "target",
        "spec.yml:3: targets[0]: torch 2.15.0 (CUDA 13.2) has no code for GeForce GTX 1080 Ti (capability 6.1): it was compiled for 75 80 86 90 100 120, without PTX",
        ("torch==2.7.*", "torch==2.14.* with torch_backend: cu126"),
    ),
    (
        'python: "3.12"\ntargets: [RTX 5090]\npip: {packages: ["torch==2.6.0", "torchvision==0.21.0"]}\n',
        "error",
        "target",
        "spec.yml:3: targets[0]: torch 2.6.0 (CUDA 12.4) has no code for GeForce RTX 5090 (capability 12.0): it was compiled for 50 60 70 75 80 86 90, without PTX",
        ("torch==2.15.* with torchvision==0.29.*",),
    ),
    (
        'python: "3.12"\ntargets: [sm_61]\npip: {packages: ["torch==2.8.0+cu128"], torch_backend: cu128}\n',
        "error",
        "target",
        "spec.yml:3: targets[0]: torch 2.8.0+cu128 has no code for sm_61 (capability 6.1): it was compiled for 70 75 80 86 90 100 120, without PTX",
        ("torch==2.8.0 with torch_backend: cu126",),
    ),
    (
        'python: "3.12"\ntargets: [GTX 980]\npip: {packages: ["jax[cuda13]==0.10.*"]}\n',
        "error",
        "target",
        "spec.yml:3: targets[0]: jax with its CUDA 13 plugin needs compute capability 7.5 or newer; GeForce GTX 980 has 5.2",
        ("jax[cuda12]==0.10.*",),
    ),
    (
        'python: "3.12"\ncuda: "13.0"\ntargets: [GTX 1080 Ti]\n',
        "error",
        "target",
        "spec.yml:4: targets[0]: CUDA 13.0.3 makes no code for GeForce GTX 1080 Ti (capability 6.1): 12.9 was the last that did",
        ("cuda: 12.9",),
    ),
    (
        'python: "3.12"\ntargets: [GTX 980]\npip: {packages: ["tensorflow[and-cuda]==2.18.0"]}\n',
        "error",
        "target",
        None,
        ("tensorflow[and-cuda]==2.16.*",),
    ),
    # a release that no table knows may serve it: not certain
    (
        'python: "3.12"\ntargets: ["3.7"]\npip: {packages: ["torch>=2.6"]}\n',
        "warning",
        "target",
        "spec.yml:3: targets[0]: torch 2.15.0 (CUDA 13.2) has no code for sm_37 (capability 3.7): it was compiled for 75 80 86 90 100 120, without PTX",
        ("torch==2.6.* with torch_backend: cu118",),
    ),
    (
        'python: "3.12"\ntargets: [A10O]\npip: {packages: ["torch==2.8.0"]}\n',
        "warning",
        "target-unknown",
        "spec.yml:3: targets[0]: 'A10O' is no GPU that the tables know for certain, so it is not checked; did you mean A10 or A10G or A100? else write its compute capability, such as 8.6",
        (),
    ),
    (
        'python: "3.12"\ntargets: [9]\npip: {packages: ["torch==2.8.0"]}\n',
        "warning",
        "target-unknown",
        "spec.yml:3: targets[0]: '9' is no GPU that the tables know for certain, so it is not checked; did you mean the compute capability 9.0?",
        (),
    ),
    (
        'python: "3.12"\ntargets: [A100]\npip: {packages: ["torch==2.8.0"], torch_backend: cpu}\n',
        "warning",
        "torch-variant",
        "spec.yml:4: pip.packages[0]: torch is asked for as cpu, which uses none of the GPUs under targets",
        ("torch_backend: cu129",),
    ),
    # CUDA of the spec against CUDA of the packages
    (
        CUDA.format("3.12", "12.8", "torch==2.11.*"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: torch 2.11.0 brings CUDA 13.0 (its default build), and `cuda:` says CUDA 12.8",
        ("torch_backend: cu128", "torch==2.10.*", "cuda: 13.0"),
    ),
    (
        'python: "3.12"\ncuda: {version: "13.0"}\npip: {packages: ["torch==2.9.1"], torch_backend: cu126}\n',
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: torch 2.9.1 brings CUDA 12.6 (its cu126 build), and `cuda:` says CUDA 13.0",
        ("torch_backend: cu130", "cuda: 12.6"),
    ),
    (
        CUDA.format("3.12", "11.8", "torch==2.8.0"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: torch 2.8.0 brings CUDA 12.8 (its default build), and `cuda:` says CUDA 11.8",
        ("cuda: 12.8",),
    ),
    (
        CUDA.format("3.12", "12.8", "jax[cuda13]"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: jax[cuda13] is for CUDA 13, and `cuda:` says CUDA 12.8",
        ("jax[cuda12]", "cuda: 13.1"),
    ),
    (
        CUDA.format("3.12", "11.8", "cupy-cuda12x"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: cupy-cuda12x is for CUDA 12, and `cuda:` says CUDA 11.8",
        ("cupy-cuda11x", "cuda: 12.9"),
    ),
    (
        CUDA.format("3.12", "11.8", "cudf-cu12"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: cudf-cu12 is for CUDA 12, and `cuda:` says CUDA 11.8",
        ("cuda: 12.9",),
    ),
    (
        'python: "3.12"\nbase: nvidia/cuda:12.8.1-base-ubuntu24.04\npip: {packages: ["torch==2.11.*"]}\n',
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: torch 2.11.0 brings CUDA 13.0 (its default build), and `base:` says CUDA 12.8.1",
        (
            "torch_backend: cu128",
            "torch==2.10.*",
            "cuda: 13.0 in place of base: nvidia/cuda:12.8.1-base-ubuntu24.04",
        ),
    ),
    (
        'python: "3.12"\nbase: example.org/mine:1\ncuda: "12.8"\npip: {packages: ["torch==2.11.*"]}\n',
        "error",
        "cuda-mismatch",
        "spec.yml:5: pip.packages[0]: torch 2.11.0 brings CUDA 13.0 (its default build), and `cuda:` says CUDA 12.8",
        ("torch_backend: cu128", "torch==2.10.*", "cuda: 13.0 in place of base: example.org/mine:1"),
    ),
    (
        CUDA.format("3.10", "12.2", "tensorflow==2.13.1"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: tensorflow 2.13.1 loads CUDA 11.8 and cuDNN 8.6 from the image, and `cuda:` says CUDA 12.2",
        ("tensorflow==2.17.*", "cuda: 11.8"),
    ),
    (
        CUDA.format("3.11", "12.8", "tensorflow==2.15.1"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: tensorflow 2.15.1 loads CUDA 12.2 and cuDNN 8.9 from the image, and `cuda:` says CUDA 12.8 and cuDNN 9",
        ("tensorflow[and-cuda]==2.15.1", "tensorflow==2.21.*", "cuda: 12.2"),
    ),
    (
        CUDA.format("3.12", "13.0", "tensorflow[and-cuda]==2.21.*"),
        "error",
        "cuda-mismatch",
        "spec.yml:4: pip.packages[0]: tensorflow[and-cuda] 2.21.0 brings CUDA 12.5, and `cuda:` says CUDA 13.0",
        ("cuda: 12.5",),
    ),
    # CUDA that is missing
    (
        'python: "3.10"\nbase: debian:bookworm\ntargets: [A100]\npip: {packages: ["tensorflow==2.13.1"]}\n',
        "error",
        "cuda-missing",
        "spec.yml:5: pip.packages[0]: tensorflow takes CUDA from the base image, and the base image has none: it would not use a GPU",
        ("cuda: 11.8 in place of base: debian:bookworm",),
    ),
    (
        PIP.format("3.9", "tensorflow-gpu==2.6.5"),
        "error",
        "cuda-missing",
        "spec.yml:3: pip.packages[0]: tensorflow-gpu takes CUDA from the base image, and the base image has none: it would not use a GPU",
        ("cuda: 11.2",),
    ),
    (
        'python: "3.10"\ncuda: {version: "11.8", flavour: base}\npip: {packages: ["tensorflow==2.13.1"]}\n',
        "error",
        "cuda-missing",
        "spec.yml:4: pip.packages[0]: tensorflow takes CUDA from the base image, and flavour base holds no CUDA libraries: it would not use a GPU",
        ("flavour: auto",),
    ),
    # images
    (
        'python: "3.12"\ncuda: "12.7"\n',
        "error",
        "cuda-image",
        "spec.yml:3: cuda: CUDA 12.7 was never released; the nearest that exists is 12.6.3; or name an image yourself with base:",
        ("cuda: 12.6.3",),
    ),
    (
        'python: "3.12"\ncuda: {version: 12.5.1, cudnn: true, os: ubuntu24.04}\n',
        "error",
        "cuda-image",
        (
            "spec.yml:3: cuda.os: there is no nvidia/cuda:12.5.1 image with flavour runtime with cuDNN on ubuntu24.04;"
            " it exists on ubuntu20.04, ubuntu22.04; the nearest CUDA with flavour runtime with cuDNN on ubuntu24.04"
            " is 12.6.3; or name an image yourself with base:"
        ),
        ("cuda: 12.6.3", "os: ubuntu22.04"),
    ),
    (
        CUDA.format("3.10", "12.5.0", "tensorflow==2.18.0"),
        "error",
        "cuda-image",
        (
            "spec.yml:3: cuda: there is no nvidia/cuda image with CUDA 12.5.0 and flavour runtime with cuDNN"
            " (tensorflow takes CUDA and cuDNN from the image); the nearest CUDA with flavour runtime with cuDNN is"
            " 12.5.1; or leave cudnn out: many Python packages bring their own"
        ),
        ("cuda: 12.5.1",),
    ),
    (
        'python: "3.12"\nbase: nvidia/cuda:10.1-cudnn7-runtime-ubuntu18.04\n',
        "warning",
        "cuda-image",
        "spec.yml:3: base: the nvidia/cuda images of CUDA 10.1 were deleted from the registry; a mirror or this engine's store may still have one",
        (),
    ),
    (
        'python: "3.12"\ncuda: 13.9.0\n',
        "note",
        "cuda-image",
        "spec.yml:3: cuda: nvidia/cuda:13.9.0-base-ubuntu24.04 is in no table: it is named as other tags are, and the registry will tell",
        (),
    ),
]


@pytest.mark.parametrize(("text", "level", "rule", "message", "mends"), CASES)
def test_what_is_wrong_is_said_with_what_mends_it(text, level, rule, message, mends):
    assert [(finding.level, finding.rule, finding.mends) for finding in found(text)] == [(level, rule, mends)]
    problem = found(text)[0].problem
    if message is not None:
        if mends and rule != "cuda-image":
            message += f"; write {', or '.join(f'`{mend}`' for mend in mends)}"
        assert str(problem).replace(f" [{rule}]", "", 1) == message
    assert problem.what.endswith(f" [{rule}]") is (level != "note")


MENDED = [(text, rule, mend) for text, _, rule, _, mends in CASES for mend in mends]


@pytest.mark.parametrize(("text", "rule", "mend"), MENDED)
def test_what_is_offered_mends_it(text, rule, mend):
    """Written into the spec by its own words, with what is not pinned at the newest known release."""
    again = found(changed(text, mend))
    assert [finding for finding in again if finding.level == "error"] == []
    assert rule not in [finding.rule for finding in again if finding.level == "warning"]


@pytest.mark.parametrize(
    "text",
    [
        PIP.format("3.12", "numpy"),
        PIP.format("3.12", "torch"),
        PIP.format("3.12", "torch==2.99.0"),
        PIP.format("3.12", "torch==2.8.0.dev20250101"),
        PIP.format("3.15", "torch"),
        PIP.format("3.12", "torch @ https://example.org/torch-2.8.0-cp39-cp39-linux_x86_64.whl"),
        PIP.format("3.12", "torch==1.13.1; python_version < '3.12'"),
        PIP.format("3.12", "tensorflow"),
        PIP.format("3.12", "jax"),
        CUDA.format("3.12", "12.8", "torch"),
        CUDA.format("3.12", "12.8", "torch>=2.9"),
        CUDA.format("3.12", "12.4", "torch==2.8.0"),
        CUDA.format("3.12", "12.8", "torch==2.11.*+cu128").replace(".*", ".0"),
        CUDA.format("3.12", "12.0", "jax[cuda12]"),
        CUDA.format("3.12", "12.9", "tensorflow[and-cuda]==2.21.*"),
        CUDA.format("3.12", "12.5", "tensorflow==2.21.*"),
        CUDA.format("3.10", "11.8", "tensorflow==2.13.1"),
        CUDA.format("3.10", "11.2", "tensorflow-gpu==2.10.1"),
        CUDA.format("3.6", "11.2", "tensorflow-gpu==2.6.*"),
        CUDA.format("3.12", "12.8", "cupy-cuda12x"),
        CUDA.format("3.12", "12.8", "nvidia-cublas-cu12"),
        'python: "3.12"\ncuda: "12.8"\npip: {packages: ["torch==2.8.0"], torch_backend: cu126}\n',
        'python: "3.12"\ncuda: "12.8"\npip: {packages: ["torch==2.11.0"], torch_backend: cpu}\n',
        'python: "3.10"\nbase: example.org/mine:1\npip: {packages: ["tensorflow-gpu==2.1.0"]}\n'.replace(
            "3.10", "3.7"
        ),
        'python: "3.10"\napt: [nvidia-cuda-toolkit]\npip: {packages: ["tensorflow-gpu==2.10.0"]}\n',
        'python: "3.10"\npip: {packages: ["tensorflow==2.13.1"]}\n',  # on the CPU
        'python: "3.12"\ntargets: [A100, H100, "RTX 4090", "8.6"]\npip: {packages: ["torch==2.8.0"]}\n',
        'python: "3.12"\ntargets: [GTX 1080 Ti]\npip: {packages: ["torch==2.8.0"], torch_backend: cu126}\n',
        'python: "3.12"\ntargets: [GTX 1080 Ti]\npip: {packages: [torch]}\n',  # some release serves it
    ],
)
def test_what_may_work_is_left_alone(text):
    assert said(text) == []


@pytest.mark.parametrize("name", ["quickstart", "torch-gpu", "tensorflow-gpu", "jax-gpu"])
def test_the_examples_have_nothing_wrong(name):
    path = ROOT / "examples" / name / "spec.yml"
    assert check_spec(parse_spec(path.read_bytes(), path)) == ()


def test_ptx_alone_and_what_is_not_known_are_notes():
    ptx = found('python: "3.12"\ntargets: [GB10]\npip: {packages: ["torch==2.10.0"], torch_backend: cu130}\n')
    assert [(finding.level, finding.rule) for finding in ptx] == []  # sm_120 code runs on 12.1
    text = 'python: "3.12"\ntargets: [RTX 5090]\npip: {packages: ["tensorflow[and-cuda]==2.21.0"]}\n'
    (note,) = found(text)
    assert (note.level, note.rule) == ("note", "target")
    assert "has only PTX for GeForce RTX 5090" in note.problem.what
    (note,) = found('python: "3.12"\ntargets: [A100]\npip: {packages: [cupy-cuda12x]}\n')
    assert (note.level, note.rule) == ("note", "target")
    assert "it is not known which GPUs it was compiled for" in note.problem.what


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        (PIP.format("3.14", "torch==2.8.*"), "torch-python"),
        ('python: "3.12"\npip: {packages: ["torch==2.8.0"], torch_backend: cu130}\n', "torch-variant"),
        (PIP.format("3.14", "tensorflow==2.21.0"), "tensorflow-python"),
        (PIP.format("3.11", "tensorflow-gpu"), "tensorflow-gpu"),
    ],
)
def test_another_index_may_have_what_the_tables_do_not_know(text, rule):
    other = text.replace("pip: {", "pip: {extra_index_urls: [https://packages.example.org/simple], ")
    assert [(finding.level, finding.rule) for finding in found(other)] == [("warning", rule)]
    torchs = text.replace("pip: {", "pip: {extra_index_urls: [https://example.org/whl/cu126], ")
    assert ("error", rule) in [(finding.level, finding.rule) for finding in found(torchs)]


@pytest.mark.parametrize(("text", "level", "rule"), [row[:3] for row in CASES])
def test_an_accepted_rule_warns_and_says_so(text, level, rule):
    findings = found(f"accept: [{rule}]\n{text}")
    assert [finding for finding in findings if finding.level == "error"] == []
    lower = {"error": "warning", "warning": "note", "note": "note"}[level]
    if rule in ("cuda-image", "glibc") and findings and findings[0].level != lower:
        # the image is then named by the scheme of the tags, or taken with its glibc: that is what is said
        assert [finding.level for finding in findings] == ["note"]
        return
    if rule in ("cuda-image", "glibc") and not findings:
        return
    assert [(finding.level, finding.rule) for finding in findings] == [(lower, rule)]
    assert str(findings[0].problem).endswith(f" (accepted: {rule})")


def test_other_rules_stay_errors():
    text = (
        'accept: [torch-python]\npython: "3.12"\ntargets: [GTX 1080 Ti]\npip: {packages: ["torch==2.8.0"]}\n'
    )
    assert [finding.level for finding in found(text)] == ["error"]


def test_the_tables_of_wheels_are_for_x86_64():
    assert found(PIP.format("3.14", "torch==2.8.*"), "aarch64") == []


WAYS = (
    "two ways keep it: `conda: {packages: [cudatoolkit=10.1, cudnn=7.6]}` on `base: debian:bookworm-slim`,"
    " or `base:` with an image of your own"
    " that holds CUDA 10.1, cuDNN 7.6"
)
NEW = "`tensorflow[and-cuda]==2.21.*` brings its own CUDA, on Python 3.10 to 3.13"
GONE = "loads CUDA 10.1 and cuDNN 7.6 from the image, and the nvidia/cuda images of CUDA 10.1 were deleted from the registry"


class TestTensorflowOf2019:
    """Its images are gone: one message says what is possible, and why."""

    @pytest.mark.parametrize(
        "cuda", ["", 'cuda: "10.1"\n', 'cuda: "11.0"\n', 'cuda: {version: "10.1", cudnn: true}\n']
    )
    def test_on_its_own_python(self, cuda):
        text = f'python: "3.6"\n{cuda}pip:\n  packages:\n    - tensorflow-gpu==2.1\n'
        line = text.splitlines().index("    - tensorflow-gpu==2.1") + 2
        assert said(text) == [
            (
                "error",
                "cuda-image",
                (
                    f"spec.yml:{line}: pip.packages[0]: tensorflow-gpu 2.1.0 {GONE} [cuda-image]; {WAYS} and Python 3.6, which uv does not"
                    f" bring; if you can move, `tensorflow-gpu==2.6.*` with `cuda: 11.2` runs on Python 3.6 too; {NEW}"
                ),
            )
        ]

    def test_on_a_python_that_no_image_has(self):
        text = PIP.format("3.7", "tensorflow-gpu==2.1.0")
        assert said(text) == [
            (
                "error",
                "cuda-image",
                (
                    f"spec.yml:3: pip.packages[0]: tensorflow-gpu 2.1.0 {GONE} [cuda-image]; {WAYS} and Python 3.7, which uv does not"
                    f" bring; if you can move, {NEW}"
                ),
            )
        ]

    def test_on_a_python_that_uv_brings(self):
        text = CUDA.format("3.8", "10.1", "tensorflow==2.3.4")
        assert said(text) == [
            (
                "error",
                "cuda-image",
                (
                    f"spec.yml:4: pip.packages[0]: tensorflow 2.3.4 {GONE} [cuda-image]; {WAYS};"
                    f" if you can move, `tensorflow==2.13.*` with `cuda: 11.8` runs on Python 3.8 too; {NEW}"
                ),
            )
        ]

    def test_the_way_on_that_it_names_is_fine(self):
        assert said(CUDA.format("3.6", "11.2", "tensorflow-gpu==2.6.*")) == []
        assert said(CUDA.format("3.8", "11.8", "tensorflow==2.13.*")) == []
        assert said(PIP.format("3.10", "tensorflow[and-cuda]==2.21.*")) == []

    @pytest.mark.parametrize("cuda", ["", 'cuda: "10.1"\n', "targets: [V100]\n"])
    def test_the_way_of_conda_that_it_names_is_fine(self, cuda):
        conda = "base: debian:bookworm-slim\nconda: {packages: [cudatoolkit=10.1, cudnn=7.6]}\n"
        assert said(f'python: "3.6"\n{cuda}{conda}pip: {{packages: ["tensorflow-gpu==2.1"]}}\n') == []

    def test_an_own_base_is_the_users_to_know(self):
        assert (
            said('python: "3.6"\nbase: example.org/cuda:10.1\npip: {packages: ["tensorflow-gpu==2.1"]}\n')
            == []
        )

    def test_it_can_be_accepted(self):
        (finding,) = found('accept: [cuda-image]\npython: "3.6"\npip: {packages: ["tensorflow-gpu==2.1"]}\n')
        assert finding.level == "warning"
        assert finding.problem.what == f"tensorflow-gpu 2.1.0 {GONE} (accepted: cuda-image)"


def test_every_rule_that_speaks_can_be_accepted():
    rooms = (ROOT / "envbuild" / "gpu").glob("*.py")
    spoken = {name for path in rooms for name in re.findall(r'rule="([a-z-]+)"', path.read_text())}
    assert len(spoken) > 30
    assert spoken <= set(RULES)
