"""How heavy a package (Python's or conda's) is and how often it changes: a locked package in, bytes and a
kind out. Pure.

Sizes come from the lock. Where nobody told one, a rough guess by name stands in: it decides about layers
only.
"""

from __future__ import annotations

from typing import Literal, Protocol


class Weighed(Protocol):
    """What is asked of a package here: LockedPackage and CondaRecord have it. `size` in bytes of its file."""

    @property
    def name(self) -> str:
        """As its index or channel says."""

    @property
    def version(self) -> str:
        """The same."""

    @property
    def size(self) -> int | None:
        """None: unknown."""


Kind = Literal["cuda", "framework", "large", "medium", "rest"]
KINDS: tuple[Kind, ...] = ("cuda", "framework", "large", "medium", "rest")
"""From those that change least to those that change most."""

MB = 1_000_000
LARGE = 4 * MB
MEDIUM = MB // 2

_CUDA_PREFIXES = (
    *("nvidia-", "cuda-"),
    *("cudatoolkit", "cudnn", "nccl"),  # these and the following: as conda channels name them
    *("libcublas", "libcudnn", "libcufft", "libcurand", "libcusolver", "libcusparse", "libcufile"),
    *("libcutensor", "libnvjitlink", "libnvjpeg", "libnpp", "libnvrtc"),
)
_FRAMEWORK_PREFIXES = ("jax-cuda", "jax-rocm", "cupy-", "tensorrt", "pytorch-triton", "tensorflow-")
_FRAMEWORKS = frozenset(
    [
        *("torch", "torchvision", "torchaudio", "triton", "xformers", "flash-attn"),
        *("jax", "jaxlib", "tensorflow", "cupy", "onnxruntime-gpu", "paddlepaddle", "paddlepaddle-gpu"),
        *("pytorch", "libtorch", "libtensorflow", "libtensorflow_cc", "libtensorflow_framework"),
        *("libmagma", "libmagma_sparse", "magma", "mkl"),
    ]
)
# Large, and released every week or two: below the large ones that stay for months, to leave those cached.
_RESTLESS = frozenset(
    [
        *(
            "accelerate",
            "boto3",
            "botocore",
            "datasets",
            "diffusers",
            "huggingface-hub",
            "langchain",
            "litellm",
        ),
        *("openai", "peft", "ray", "transformers", "unsloth", "vllm", "wandb"),
    ]
)
_KNOWN_LARGE = frozenset(
    [
        *(
            "numpy",
            "scipy",
            "pandas",
            "polars",
            "pyarrow",
            "scikit-learn",
            "scikit-image",
            "matplotlib",
            "pillow",
        ),
        *(
            "opencv-python",
            "opencv-python-headless",
            "h5py",
            "numba",
            "llvmlite",
            "jupyterlab",
            "plotly",
            "bokeh",
        ),
        *(
            "onnxruntime",
            "xgboost",
            "lightgbm",
            "duckdb",
            "spacy",
            "statsmodels",
            "sympy",
            "babel",
            "pyspark",
        ),
    ]
)


def weight(package: Weighed) -> int:
    """Bytes of the package's file: as locked, else guessed by its name."""
    if package.size is not None:
        return package.size
    name = package.name
    if name.startswith(_CUDA_PREFIXES):
        return 100 * MB
    if _is_framework(name):
        return 200 * MB
    return 15 * MB if name in _KNOWN_LARGE | _RESTLESS else 300_000


def kind(package: Weighed) -> Kind:
    """Which group a package belongs to.

    By size first: a small package costs nothing to install again, whatever its name, and a change of it
    must not take a heavy layer along.
    """
    bytes_, name = weight(package), package.name
    if bytes_ < MEDIUM:
        return "rest"
    if name.startswith(_CUDA_PREFIXES):
        return "cuda"
    if _is_framework(name):
        return "framework"
    if bytes_ >= LARGE and name not in _RESTLESS:
        return "large"
    return "medium"


def is_cuda(package: Weighed) -> bool:
    """Whether the package brings a part of CUDA with it."""
    return package.name.startswith((*_CUDA_PREFIXES, "jax-cuda"))


def _is_framework(name: str) -> bool:
    return name in _FRAMEWORKS or name.startswith(_FRAMEWORK_PREFIXES)


def said(bytes_: int) -> str:
    """A size for people, in the units that package indexes use."""
    if bytes_ >= 1000 * MB:
        return f"{bytes_ / (1000 * MB):.1f} GB"
    return f"{bytes_ / MB:.0f} MB" if bytes_ >= 10 * MB else f"{bytes_ / MB:.1f} MB"
