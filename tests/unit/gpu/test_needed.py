"""What packages ask of the CUDA image below them, and what their requirements leave."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.gpu.asked import asked_of, jax_range, range_of, tensorflow_range, torch_range, variant_of
from envbuild.gpu.compiled import compile_steps
from envbuild.gpu.needed import Package, need_of_locked, need_of_spec, users_of_image
from envbuild.spec.parse import parse_spec


def spec(text: str):
    return parse_spec(f"name: x\n{text}".encode(), Path("spec.yml"), look=False)


def of_pip(packages: str, more: str = ""):
    return spec(f"python: 3.12\ncuda: 12.8\npip: {{packages: [{packages}]{more}}}\n")


@pytest.mark.parametrize(
    ("packages", "flavour", "cudnn", "why"),
    [
        ("numpy", "base", False, "no package takes CUDA libraries from the image"),
        ("torch", "base", False, "torch brings its own CUDA libraries"),
        ("torch, transformers", "base", False, "torch brings its own CUDA libraries"),
        ("'jax[cuda12]'", "base", False, "jax brings its own CUDA libraries"),
        ("'tensorflow[and-cuda]==2.21.*'", "base", False, "tensorflow brings its own CUDA libraries"),
        ("'cupy-cuda12x[ctk]'", "base", False, "no package takes CUDA libraries from the image"),
        ("nvidia-cublas-cu12", "base", False, "nvidia-cublas-cu12 brings its own CUDA libraries"),
        ("tensorflow==2.21.*", "runtime", True, "tensorflow takes CUDA and cuDNN from the image"),
        ("tensorflow==2.13.*", "runtime", True, "tensorflow takes CUDA and cuDNN from the image"),
        ("'tensorflow[and-cuda]==2.13.*'", "runtime", True, "tensorflow takes CUDA and cuDNN from the image"),
        ("tensorflow-gpu==2.10.1", "runtime", True, "tensorflow-gpu takes CUDA and cuDNN from the image"),
        ("cupy-cuda12x", "runtime", True, "cupy-cuda12x takes CUDA and cuDNN from the image"),
        ("onnxruntime-gpu", "runtime", True, "onnxruntime-gpu takes CUDA and cuDNN from the image"),
        (
            "tensorflow-gpu==2.10.1, cupy-cuda12x",
            "runtime",
            True,
            "tensorflow-gpu and cupy-cuda12x take CUDA and cuDNN from the image",
        ),
        ("torch, cupy-cuda12x", "base", False, "torch brings its own CUDA libraries"),
        ("torch, tensorflow==2.13.1", "runtime", True, "tensorflow takes CUDA and cuDNN from the image"),
        ("torch, flash-attn", "devel", False, "flash-attn compiles for CUDA, and devel alone has nvcc"),
        (
            "'jax[cuda12_local]'",
            "devel",
            True,
            "jax takes CUDA from the image, ptxas and libdevice too, which devel alone has",
        ),
    ],
)
def test_requirements_say_what_image_they_need(packages, flavour, cudnn, why):
    need = need_of_spec(of_pip(packages))
    assert (need.flavour, need.cudnn, need.why) == (flavour, cudnn, why)


def test_builds_of_torch_for_the_cpu_bring_nothing():
    need = need_of_spec(of_pip("torch", ", torch_backend: cpu"))
    assert need.why == "no package takes CUDA libraries from the image"


def locked(**versions: str) -> list[Package]:
    return [
        Package(name=name.replace("_", "-"), version=version, built=False)
        for name, version in versions.items()
    ]


@pytest.mark.parametrize(
    ("packages", "flavour"),
    [
        (locked(numpy="2.0"), "base"),
        (locked(torch="2.8.0", nvidia_cublas_cu12="12.8.4.1"), "base"),
        (locked(tensorflow="2.21.0"), "runtime"),
        (locked(tensorflow="2.21.0", nvidia_cuda_runtime_cu12="12.9.79"), "base"),
        (locked(tensorflow="2.13.1", nvidia_cuda_runtime_cu12="12.9.79"), "runtime"),
        (locked(cupy_cuda12x="14.2.0"), "runtime"),
        (locked(cupy_cuda12x="14.2.0", nvidia_cuda_runtime_cu12="12.9.79"), "runtime"),
        (locked(cupy_cuda12x="14.2.0", nvidia_cublas_cu12="12.9.2.10"), "base"),
        (locked(jax="0.10.2", jax_cuda12_plugin="0.10.2", nvidia_cuda_runtime_cu12="12.9.79"), "base"),
        (locked(jax="0.10.2", jax_cuda12_plugin="0.10.2"), "devel"),
        ([Package(name="flash-attn", version="2.8.3", built=True)], "devel"),
        ([Package(name="xformers", version="0.0.30", built=True)], "devel"),
        ([Package(name="xformers", version="0.0.30", built=False)], "base"),
    ],
)
def test_what_was_locked_says_what_image_it_needs(packages, flavour):
    assert need_of_locked(of_pip("numpy"), packages).flavour == flavour


@pytest.mark.parametrize(
    ("step", "compiles"),
    [
        ("nvcc -o a a.cu", True),
        ("/usr/local/cuda/bin/nvcc --version", True),
        ("cmake -DCMAKE_CUDA_ARCHITECTURES=80 .", True),
        ("TORCH_CUDA_ARCH_LIST=8.0 pip install .", True),
        ("pip install nvidia-cuda-nvcc-cu12", False),
        ("git lfs install", False),
    ],
)
def test_steps_that_compile_ask_for_devel(step, compiles):
    assert compile_steps(["true", step]) == ((1,) if compiles else ())
    need = need_of_spec(spec(f"python: 3.12\ncuda: 12.8\nrun: ['{step}']\n"))
    assert need.flavour == ("devel" if compiles else "base")
    if compiles:
        assert need.why == "run[0] compiles for CUDA, and devel alone has nvcc"


@pytest.mark.parametrize(
    ("packages", "glibc"),
    [
        ("torch==2.8.0", "2.28"),
        ("torch", ""),
        ("torch==2.6.0", ""),
        ("'torch>=2.7'", "2.28"),
        ("tensorflow==2.21.0", "2.27"),
        ("torch==2.8.0, tensorflow==2.21.0", "2.28"),
    ],
)
def test_wheels_ask_for_a_glibc(packages, glibc):
    assert need_of_spec(of_pip(packages)).glibc == glibc
    (need,) = [need_of_locked(of_pip("numpy"), locked(torch="2.8.0", numpy="2.0"))]
    assert need.glibc == "2.28"


def test_users_of_the_image_are_named():
    packages = locked(tensorflow_gpu="2.10.1", cupy_cuda12x="13.6.0", torch="2.8.0", numpy="2.0")
    assert [package.name for package in users_of_image(packages)] == ["tensorflow-gpu", "cupy-cuda12x"]


@pytest.mark.parametrize(
    ("text", "known", "newer", "older"),
    [
        ("torch==2.8.0", ("2.8.0",), False, False),
        ("torch==2.8", ("2.8.0",), False, False),
        ("torch==2.7.*", ("2.7.1", "2.7.0"), False, False),
        ("torch~=2.7.0", ("2.7.1", "2.7.0"), False, False),
        ("torch>=2.14.1", ("2.15.0", "2.14.1"), True, False),
        ("torch==2.15.*", ("2.15.0",), False, False),
        ("torch==2.99.0", (), True, False),
        ("torch==1.0.0", (), False, True),
        ("torch==2.8.0+cu126", ("2.8.0",), False, False),
        ("torch @ https://example.org/torch-2.8.0-cp312-cp312-linux_x86_64.whl", ("2.8.0",), False, False),
        ("torch @ https://example.org/mine.whl", (), True, True),
        ("torchvision==0.23.0", ("2.8.0",), False, False),
    ],
)
def test_a_requirement_leaves_releases_of_torch(text, known, newer, older):
    (wish,) = asked_of(spec(f"python: 3.12\npip: {{packages: ['{text}']}}\n"))
    left = torch_range(wish)
    assert (left.known, left.newer, left.older) == (known, newer, older)


def test_a_requirement_leaves_releases_of_others():
    one, two, three = asked_of(of_pip("tensorflow-gpu<2.1, 'jax[cuda12]==0.10.*', numpy<2"))
    assert tensorflow_range(one).known[:2] == ("2.0.4", "2.0.3")
    assert jax_range(two).known == ("0.10.2", "0.10.1", "0.10.0")
    assert range_of(three, ["1.0", "2.0"]).known == ("1.0",)


@pytest.mark.parametrize(
    ("more", "variant"),
    [
        ("", ""),
        (", torch_backend: cu126", "cu126"),
        (", extra_index_urls: ['https://example.org/whl/cu118']", "cu118"),
        (", index_url: 'https://example.org/whl/cpu'", "cpu"),
        (", extra_index_urls: ['https://example.org/simple']", ""),
    ],
)
def test_the_build_of_torch_is_told_in_several_ways(more, variant):
    wanted = of_pip("torch==2.8.0", more)
    assert variant_of(wanted, asked_of(wanted)[0]) == variant
    local = of_pip("torch==2.8.0+cu129", more)
    assert variant_of(local, asked_of(local)[0]) == "cu129"
