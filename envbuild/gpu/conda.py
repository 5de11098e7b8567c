"""Conda packages → what they need of a GPU machine, as far as names and builds say. Pure.

A channel's build says whether it uses CUDA (`cuda124_py312_0`, `gpu_py36`), and `cuda-version` beside it
which. For which GPUs it was compiled, nobody says: that is a doubt until its files were read.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, TypeVar

from envbuild.gpu.model import CudaUse
from envbuild.spec.matchspec import matchspec_name, parse_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envbuild.facts.model import Code
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
    "cupy-core": "cupy",
}
# Of those, what has code of its own that says nothing of the whole's.
_OTHER_CODE = {"torchvision", "torchaudio", "torchtriton", "magma"}
# Their builds say nothing of CUDA, and they have code for it wherever CUDA is beside them.
_SILENT = {"cupy"}
_CUDA_LIBRARIES = re.compile(
    r"cudatoolkit|cudatoolkit-dev|cuda-[a-z0-9-]+|cudnn|nccl|lib(?:cublas|cufft|curand|cusolver|cusparse|nvjitlink|npp)"
    r"(?:-dev|-static)?"
)
_RUNS_ON_GPUS = re.compile(r"cudnn|nccl|lib(?:cublas|cudnn|cufft|curand|cusolver|cusparse|npp)")
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

    @property
    def depends(self) -> tuple[str, ...]:
        """MatchSpecs as its channel says."""


_Built = TypeVar("_Built", bound=Built)


def conda_uses(records: Iterable[Built], codes: Mapping[str, Code] | None = None) -> Iterator[CudaUse]:
    """What uses CUDA among `records`: packages built for it, else CUDA's own libraries alone.

    codes  device code as read from the files of a package and its parts (`members_of`), by package name
    """
    found = {record.name: record for record in records}
    release = _release(found)
    users = cuda_users(tuple(found.values()))
    for record in users:
        code = (codes or {}).get(record.name)
        by = f"its build {record.build}" if _USES.search(record.build) else "the CUDA libraries beside it"
        yield CudaUse(
            component=f"{record.name} {record.version} (conda{f', CUDA {release}' if release else ''})",
            cuda=release or _of_build(record.build),
            cubins=code.cubins if code else None,
            ptx=code.ptx if code else None,
            found_by=code.source if code else by,
        )
    libraries = [record for name, record in sorted(found.items()) if _RUNS_ON_GPUS.fullmatch(name)]
    runtime = next((found[name] for name in _RELEASE[1:] if name in found), next(iter(libraries), None))
    if not users and runtime is not None:
        component = f"{runtime.name} {runtime.version} (conda)"
        yield CudaUse(component=component, cuda=release, kernels=False, found_by="its version")


def with_conda(
    needs: GpuNeeds, records: Sequence[Built], codes: Mapping[str, Code] | None = None
) -> GpuNeeds:
    """`needs` and those of `records`."""
    return replace(needs, uses=(*needs.uses, *conda_uses(records, codes)))


def cuda_users(records: Sequence[_Built]) -> tuple[_Built, ...]:
    """Those of `records` that have device code of their own, as far as anybody can tell without their files.

    By their builds; where no build says it, what depends on CUDA's libraries.
    """
    found = {record.name: record for record in records}
    release = _release(found)
    by_build = tuple(record for record in records if _is_user(record, found, release))
    return by_build or tuple(record for record in records if _depends_on_cuda(record))


def members_of(name: str, records: Sequence[_Built]) -> tuple[_Built, ...]:
    """The package called `name` and those that hold parts of it: pytorch's code lies in libtorch."""
    return tuple(
        record
        for record in records
        if record.name == name or (_PART_OF.get(record.name) == name and record.name not in _OTHER_CODE)
    )


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


def _release(found: Mapping[str, Built]) -> str:
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


def _is_user(record: Built, found: Mapping[str, Built], release: str) -> bool:
    if _is_cuda(record.name) or not _says_so(record, release):
        return False
    whole = _PART_OF.get(record.name)
    return whole not in found or not _says_so(found[whole], release) if whole else True


def _says_so(record: Built, release: str) -> bool:
    return bool(_USES.search(record.build)) or bool(release and record.name in _SILENT)


def _is_cuda(name: str) -> bool:
    return bool(_CUDA_LIBRARIES.fullmatch(name)) or name in _RELEASE


def _depends_on_cuda(record: Built) -> bool:
    names = {re.split(r"[\s=<>!~\[]", text.rpartition("::")[2], maxsplit=1)[0] for text in record.depends}
    return not _is_cuda(record.name) and any(_is_cuda(name) or name == "__cuda" for name in names)
