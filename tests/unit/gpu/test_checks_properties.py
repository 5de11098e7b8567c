"""Whatever a spec asks for: the checks answer, with rules that have a name, and what they offer mends."""

# ruff: noqa: SIM905  words are easier to read than lists of them

from __future__ import annotations

from pathlib import Path

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envbuild.facts.rules import RULES
from envbuild.gpu.checks import Resolved, check_locked, check_spec
from envbuild.spec.parse import parse_spec

VERSIONS = [
    "",
    "==2.8.0",
    "==2.8",
    "==2.*",
    ">=2.14",
    "<1.13",
    "~=2.7.0",
    "!=2.8.0",
    "==2.99.0",
    "==0.1",
    "===odd",
]
VERSIONS += ["==2.8.0+cu126", "==2.8.0.dev20250101+cu129", "==2.8.0rc1", ">=2,<2.5", "==2.15.0.post1"]
TORCH = st.sampled_from(
    [f"torch{version}" for version in VERSIONS] + ["torchvision==0.23.0", "torchaudio==2.8.0"]
)
TENSORFLOW = st.builds(
    "{}{}".format,
    st.sampled_from(["tensorflow", "tensorflow[and-cuda]", "tensorflow-gpu", "tensorflow-cpu"]),
    st.sampled_from(
        ["", "==2.1", "==2.6.*", "==2.13.1", "==2.15.0.post1", "==2.21.0", ">=2.20", "==1.4", "<2"]
    ),
)
JAX = st.builds(
    "jax{}{}".format,
    st.sampled_from(["", "[cuda12]", "[cuda13]", "[cuda]", "[cuda12-local]", "[cuda12_pip]"]),
    st.sampled_from(["", "==0.4.30", "==0.12.*", ">=0.10", "<0.4"]),
)
OTHERS = st.sampled_from(
    """
    numpy cupy-cuda12x cupy-cuda11x cupy-cuda12x[ctk] flash-attn onnxruntime-gpu vllm nvidia-cublas-cu12
    nvidia-cublas jax-cuda12-plugin==0.10.0 mxnet-cu112 cudf-cu12
    """.split()
) | st.just("torch @ https://example.org/torch-2.8.0-cp312-cp312-linux_x86_64.whl")
GPUS = [
    "A100",
    "H100",
    "GTX 1080 Ti",
    "RTX 5090",
    "K80",
    "GB10",
    "TITAN X",
    "Jetson Nano",
    "8.6",
    "sm_70",
    "13.0",
    "odd",
    "9",
]
CUDAS = [
    "12.8",
    "12.8.1",
    "11.8",
    "13.0",
    "12.7",
    "10.1",
    "10.2",
    "9.0",
    "12.5.0",
    "13.9",
    "13.9.1",
    "99.9",
    "1.0",
]
BASES = ["debian:bookworm-slim", "ubuntu:18.04", "alpine:3.20", "example.org/mine:1", "python:3.12-slim"]
BASES += [
    f"nvidia/cuda:{tag}"
    for tag in ("12.8.1-base-ubuntu24.04", "10.1-devel", "12.4.1-cudnn-runtime-rockylinux9")
]


@st.composite
def specs(draw: st.DrawFn) -> str:
    """A spec's YAML with odd and plain wishes."""
    data: dict[str, object] = {
        "name": "x",
        "python": draw(st.sampled_from(["3.6", "3.7", "3.9.1", "3.11", "3.12", "3.14", "3.19"])),
        "pip": {"packages": draw(st.lists(st.one_of(TORCH, TENSORFLOW, JAX, OTHERS), max_size=3))},
    }
    wishes = data["pip"]
    assert isinstance(wishes, dict)
    if draw(st.booleans()):
        wishes["torch_backend"] = draw(
            st.sampled_from(["cpu", "cu118", "cu126", "cu128", "cu132", "cu999", "rocm6.4"])
        )
    if draw(st.booleans()):
        data["cuda"] = {
            "version": draw(st.sampled_from(CUDAS)),
            "flavour": draw(st.sampled_from(["auto", "base", "runtime", "devel"])),
            "cudnn": draw(st.sampled_from([True, False, None])),
            "os": draw(
                st.sampled_from([None, "ubuntu18.04", "ubuntu24.04", "ubuntu26.04", "rockylinux9", "odd1"])
            ),
        }
    if draw(st.integers(0, 3)) == 0:
        data["base"] = draw(st.sampled_from(BASES))
    if draw(st.booleans()):
        data["targets"] = draw(st.lists(st.sampled_from(GPUS), max_size=2))
    if draw(st.integers(0, 3)) == 0:
        data["accept"] = draw(st.lists(st.sampled_from(sorted(RULES)), max_size=3))
    if draw(st.integers(0, 4)) == 0:
        data["smoke"] = {"gpu": "required"}
    return yaml.safe_dump(data)


SLOW = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@given(specs())
@SLOW
def test_every_spec_gets_an_answer(text):
    spec = parse_spec(text.encode(), Path("spec.yml"), look=False)
    findings = check_spec(spec)
    assert findings == check_spec(spec)
    for finding in findings:
        assert finding.rule in RULES
        assert finding.problem.what
        assert finding.problem.line > 0
        assert finding.level != "error" or finding.rule not in spec.accept
    order = [("error", "warning", "note").index(finding.level) for finding in findings]
    assert order == sorted(order)


PACKAGES = st.dictionaries(
    st.sampled_from(
        """
        torch tensorflow tensorflow-gpu jax jax-cuda12-plugin jax-cuda13-plugin cupy-cuda12x flash-attn numpy
        nvidia-cublas-cu12 nvidia-cublas nvidia-cudnn-cu12 nvidia-cuda-runtime-cu12 cuda-toolkit
        """.split()
    ),
    st.sampled_from("2.8.0 2.8.0+cu126 2.13.1 0.10.2 12.8.90 13.1.0.3 9.10.2.21 1.0.dev1 0".split()),
    max_size=6,
)


@given(specs(), PACKAGES, st.sampled_from([*BASES, "nvidia/cuda:11.8.0-cudnn8-devel-ubuntu20.04"]))
@SLOW
def test_everything_that_was_locked_gets_an_answer(text, packages, reference):
    spec = parse_spec(text.encode(), Path("spec.yml"), look=False)
    sizes = dict.fromkeys(packages, 1_000_000)
    findings = check_locked(spec, Resolved(packages=packages, reference=reference, sizes=sizes))
    for finding in findings:
        assert finding.rule in RULES
        assert finding.problem.what
        assert finding.level != "error" or finding.rule not in spec.accept
