"""Conda packages → what they need of a GPU machine, as far as names and builds say. Pure.

A channel's build says whether it uses CUDA (`cuda124_py312_0`, `gpu_py36`), and `cuda-version` beside it
which. For which GPUs it was compiled, nobody says: that stays a doubt until its files are read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from envbuild.gpu.model import CudaUse
from envbuild.spec.matchspec import matchspec_name, parse_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from envbuild.gpu.model import GpuNeeds
    from envbuild.spec.model import Spec

# In order: what says most of the runtime first.
_RELEASE = ("cuda-version", "cuda-cudart", "cudatoolkit", "pytorch-cuda", "cuda-runtime", "cuda-toolkit")
_USES = re.compile(r"(?:^|[_.+])(?:cuda|gpu|cu(?=1[0-9][0-9]))", re.IGNORECASE)
# What stands in the name of another package here: libraries below it, empty packages, what follows it.
_PART_OF = {
    "libtorch": "pytorch",
    "pytorch-gpu": "pytorch",
    "pytorch-mutex": "pytorch",
    "torchvision": "pytorch",
    "torchaudio": "pytorch",
    "torchtriton": "pytorch",
    "libtensorflow": "tensorflow",
    "libtensorflow_cc": "tensorflow",
    "libtensorflow_framework": "tensorflow",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "jax": "jaxlib",
    "libxgboost": "xgboost",
    "py-xgboost": "xgboost",
    "magma": "pytorch",
}
_CUDA_LIBRARIES = re.compile(
    r"cudatoolkit|cudatoolkit-dev|cuda-[a-z0-9-]+|cudnn|nccl|lib(?:cublas|cufft|curand|cusolver|cusparse|nvjitlink|npp)"
    r"(?:-dev|-static)?"
)
_KNOWN_USERS = re.compile(
    r"(?:py)?torch(?:-gpu)?|tensorflow(?:-gpu)?|jaxlib|cupy|pytorch-cuda|cudatoolkit|cuda-.*|cudnn|nccl"
)


class Built(Protocol):
    """A conda package, as far as this looks at it (`conda.model.CondaRecord`)."""

    @property
    def name(self) -> str:
        """As its channel says."""

    @property
    def version(self) -> str:
        """As its channel says."""

    @property
    def build(self) -> str:
        """As its channel says."""


def conda_uses(records: Iterable[Built]) -> Iterator[CudaUse]:
    """What uses CUDA among `records`: packages built for it, else CUDA's own libraries alone."""
    found = {record.name: record for record in records}
    release = _release(found)
    users = [record for record in found.values() if _is_user(record, found)]
    for record in users:
        yield CudaUse(
            component=f"{record.name} {record.version} (conda{f', CUDA {release}' if release else ''})",
            cuda=release or _of_build(record.build),
            found_by=f"its build {record.build}",
        )
    runtime = next((found[name] for name in _RELEASE[1:] if name in found), None)
    if not users and runtime is not None:
        component = f"{runtime.name} {runtime.version} (conda)"
        yield CudaUse(component=component, cuda=release, kernels=False, found_by="its version")


def with_conda(needs: GpuNeeds, records: Sequence[Built]) -> GpuNeeds:
    """`needs` and those of `records`."""
    return replace(needs, uses=(*needs.uses, *conda_uses(records)))


def brings_cuda(spec: Spec) -> bool:
    """Whether `conda:` names CUDA's own libraries."""
    return any(_CUDA_LIBRARIES.fullmatch(name) for name in _names(spec))


def may_use_cuda(spec: Spec) -> tuple[str, ...]:
    """The names under `conda:` that may use CUDA: only a lock tells which builds come."""
    if spec.conda is None:
        return ()
    matches = [parse_match(text) for text in spec.conda.packages]
    return tuple(
        match.name
        for match in matches
        if _KNOWN_USERS.fullmatch(match.name) and not match.build.lower().startswith("cpu")
    )


def _names(spec: Spec) -> tuple[str, ...]:
    return tuple(matchspec_name(text) for text in spec.conda.packages) if spec.conda else ()


def _release(found: dict[str, Built]) -> str:
    """The CUDA that is installed, X.Y; "" none, or unknown."""
    for name in _RELEASE:
        if record := found.get(name):
            return ".".join(record.version.split(".")[:2])
    return ""


def _of_build(build: str) -> str:
    """`cuda124_py312_0` → `12.4`, `cuda12.1_cudnn9` → `12.1`; "" when it does not say."""
    dotted = re.search(r"cuda_?(\d{1,2}\.\d)", build)
    digits = re.search(r"cuda_?(\d{2})(\d)(?!\d)", build)
    return dotted[1] if dotted else f"{digits[1]}.{digits[2]}" if digits else ""


def _is_user(record: Built, found: dict[str, Built]) -> bool:
    if _CUDA_LIBRARIES.fullmatch(record.name) or record.name in _RELEASE or not _USES.search(record.build):
        return False
    whole = _PART_OF.get(record.name)
    return whole not in found or not _USES.search(found[whole].build) if whole else True
