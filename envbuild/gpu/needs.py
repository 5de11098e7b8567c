"""Packages by exact version → what they need of a GPU machine, as far as the tables know. Pure.

The build of torch is told by its local version ("2.8.0+cu126"), else by the CUDA wheels beside it, else it is
the default index's. What was read from a package's own binaries (`codes`) stands above the tables.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.facts.drivers import cuda_of_wheel, toolkits
from envbuild.facts.jax import jax_plugin, jax_releases
from envbuild.facts.tensorflow import tensorflow_code, tensorflow_release
from envbuild.facts.torch import torch_code, torch_release, variant_cuda
from envbuild.gpu.model import CudaUse, GpuNeeds, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.facts.model import Code

MAIN = ("torch", "tensorflow", "tensorflow-gpu", "jax")
"""Frameworks: the CUDA wheels beside one are its own."""

# NVIDIA's library wheels (until CUDA 12 with -cu12 and the like behind their names), and those with kernels.
_LIBRARIES = re.compile(
    r"(?:nvidia-(?:cublas|cuda-(?:runtime|nvrtc|cupti|nvcc)|cudnn|cufft|cufile|curand|cusolver"
    r"|cusparse|cusparselt|nccl|nvjitlink|nvshmem|nvtx|npp|nvjpeg|nvvm)|cuda-toolkit)(?:-cu\d+)?"
)
_WITH_KERNELS = re.compile(
    r"nvidia-(?:cublas|cudnn|cufft|curand|cusolver|cusparse|cusparselt|nccl|nvshmem|npp|nvjpeg)(?:-cu\d+)?"
)
_RUNTIME = re.compile(r"cuda-toolkit|nvidia-cuda-runtime(?:-cu\d+)?")
_CUPY = re.compile(r"cupy(?:-cuda(\d+)(x?))?")
# Made for a GPU, and in no table: what they were compiled for is not known.
_OTHERS = re.compile(
    r"onnxruntime-gpu|paddlepaddle-gpu|mxnet-cu\d+.*|dgl-cu\d+|(?:cudf|cuml|cugraph|rmm|cuvs|pylibraft)-cu\d+"
    r"|tensorrt(?:-cu\d+)?|tensorrt-cu\d+.*|spacy-cuda.*|faiss-gpu.*|torch-tensorrt|numba-cuda|pycuda"
)


def needs_of(
    packages: Mapping[str, str],
    cuda_image: str = "",
    machine: str = "x86_64",
    codes: Mapping[str, Code] | None = None,
    accepted: tuple[str, ...] = (),
) -> GpuNeeds:
    """What an image with `packages` (normalised name → version) needs.

    cuda_image  the release of the nvidia/cuda image that it stands on ("12.8.1"), "" for another base
    machine     x86_64 or aarch64
    codes       device code as read from a package's own files, by package name
    """
    uses = [*_image(cuda_image), *_frameworks(packages, cuda_image, machine)]
    if not any(use.kernels for use in uses):
        uses += _libraries(packages)
    uses += [*_cupy(packages), *_others(packages)]
    read = codes or {}
    uses = [_as_read(use, read) for use in uses]
    return GpuNeeds(uses=tuple(uses), compat=cuda_image, accepted=accepted)


def image_release(reference: str) -> str:
    """`nvidia/cuda:12.8.1-base-ubuntu24.04` → "12.8.1"; "" for what is no CUDA image of NVIDIA's."""
    found = re.search(r"(?:^|/)nvidia/cuda:(\d+\.\d+(?:\.\d+)?)", reference)
    return found[1] if found else ""


def image_use(release: str) -> CudaUse:
    """An nvidia/cuda image of that release: CUDA, and no code of its own."""
    return CudaUse(component=f"the CUDA {release} image", cuda=release, kernels=False, found_by="its tag")


def _image(release: str) -> Iterator[CudaUse]:
    if release:
        yield image_use(release)


def _frameworks(packages: Mapping[str, str], cuda_image: str, machine: str) -> Iterator[CudaUse]:
    brought = brought_cuda(packages)
    if version := packages.get("torch"):
        yield from torch_uses(version, brought, machine)
    for name in ("tensorflow", "tensorflow-gpu"):
        if version := packages.get(name):
            yield from tensorflow_uses(name, version, brought, cuda_image)
    plugins = {
        found[1] for name in packages if (found := re.fullmatch(r"jax-cuda(\d+)-(?:plugin|pjrt)", name))
    }
    for major in sorted(plugins, key=int):
        yield from jax_uses(int(major), brought, packages.get("jax", ""))


def brought_cuda(packages: Mapping[str, str]) -> str:
    """The CUDA of the wheels among `packages`: X.Y.Z, X.Y, or X when only that is known; "" without any."""
    wheels = {name: version for name, version in packages.items() if _LIBRARIES.fullmatch(name)}
    told = [cuda_of_wheel(name, version) for name, version in wheels.items()]
    runtime = [cuda_of_wheel(name, version) for name, version in wheels.items() if _RUNTIME.fullmatch(name)]
    # A toolkit's own version says most; the runtime comes before libraries with numbers of their own.
    return max(runtime or told, key=lambda text: (text.count("."), text), default="")


def torch_uses(version: str, brought: str = "", machine: str = "x86_64") -> Iterator[CudaUse]:
    """What torch `version` ("2.8.0", "2.8.0+cu126") uses; nothing when it is a build for the CPU."""
    public, _, local = version.partition("+")
    release = torch_release(public)
    if local.startswith("cpu"):
        return
    if local and not local.startswith("cu"):  # ROCm, XPU
        yield CudaUse(component=f"torch {version}", cuda="", found_by="a build for GPUs of another maker")
        return
    own = variant_cuda(release.default) if release else ""
    cuda = variant_cuda(local) if local else brought if "." in brought else own
    cuda = cuda if toolkits(cuda) else ""
    name = f"torch {version}" if local or not cuda else f"torch {version} (CUDA {cuda})"
    code = torch_code(public, ".".join(cuda.split(".")[:2]), machine)
    exact = brought if cuda and brought.startswith(cuda) else cuda
    yield CudaUse(component=name, cuda=exact, cubins=code.cubins, ptx=code.ptx, found_by=code.source)


def tensorflow_uses(name: str, version: str, brought: str, cuda_image: str) -> Iterator[CudaUse]:
    """What TensorFlow uses; nothing when no CUDA comes with it: then it runs on the CPU."""
    release = tensorflow_release(version)
    if not brought and not cuda_image and name != "tensorflow-gpu":
        return
    made_with = release.cuda if release else ""
    if name == "tensorflow-gpu" and release and not release.gpu_releases:
        yield CudaUse(component=f"{name} {version}", cuda="", found_by="a stub that installs nothing")
        return
    given = brought or cuda_image
    if given and made_with and given.split(".")[0] != made_with.split(".")[0]:
        component = f"{name} {version} (made with CUDA {made_with}, and finds {given})"
        yield CudaUse(component=component, cuda="", found_by="facts/tensorflow.yml")
        return
    code = tensorflow_code(version)
    yield CudaUse(
        component=f"{name} {version}",
        cuda=brought or made_with,
        made_with=made_with if brought and brought != made_with else "",
        cubins=code.cubins,
        ptx=code.ptx,
        found_by=code.source,
    )


def jax_uses(major: int, brought: str, version: str = "", local: str = "") -> Iterator[CudaUse]:
    """What JAX's plugin for CUDA `major` uses: it compiles for the GPU when it runs.

    local  the CUDA of the image, for the plugin that brings none (`cuda12-local`); "-" when there is none
    """
    plugin = jax_plugin(major)
    # Its wheels are bounded below only: a lock tells the release, without one it is the newest.
    cuda = brought if brought.split(".")[0] == str(major) else newest_of(str(major))
    if local:
        cuda = local if local.split(".")[0] == str(major) else ""
    known = not version or version in {release for release, _ in jax_releases()}
    yield CudaUse(
        component=f"jax {version} with its CUDA {major} plugin".replace("  ", " "),
        cuda=cuda if known or brought else "",
        oldest=".".join(str(part) for part in plugin.oldest) if plugin and known else "",
        cubins=None,
        found_by="facts/jax.yml: JAX's installation page" if known else "no table knows this release",
    )


def newest_of(cuda: str) -> str:
    """The newest X.Y of a CUDA major."""
    rows = toolkits(cuda)
    return ".".join(rows[-1].cuda.split(".")[:2]) if rows else cuda


def _cupy(packages: Mapping[str, str]) -> Iterator[CudaUse]:
    for name, version in sorted(packages.items()):
        if found := _CUPY.fullmatch(name):
            digits = found[1] or ""  # plain cupy is compiled for whatever CUDA is there
            cuda = digits if found[2] or not digits else f"{digits[:-1]}.{digits[-1]}"
            yield CudaUse(component=f"{name} {version}".strip(), cuda=cuda, found_by="its name")


def _others(packages: Mapping[str, str]) -> Iterator[CudaUse]:
    for name, version in sorted(packages.items()):
        if _OTHERS.fullmatch(name):
            major = re.search(r"-cu(\d\d)", name)
            yield CudaUse(
                component=f"{name} {version}".strip(), cuda=major[1] if major else "", found_by="its name"
            )


def _libraries(packages: Mapping[str, str]) -> list[CudaUse]:
    """NVIDIA's wheels where no framework stands beside them."""
    wheels = sorted(name for name in packages if _LIBRARIES.fullmatch(name))
    if not wheels:
        return []
    with_kernels = [name for name in wheels if _WITH_KERNELS.fullmatch(name)]
    name = (with_kernels or wheels)[0]
    return [
        CudaUse(
            component=f"{name} {packages[name]}".strip(),
            cuda=brought_cuda(packages),
            kernels=bool(with_kernels),
            found_by="its name and version",
        )
    ]


def _as_read(use: CudaUse, codes: Mapping[str, Code]) -> CudaUse:
    code = codes.get(use.component.split()[0])
    if code is None or code.cubins is None or use.oldest:
        return use
    return replace(use, cubins=code.cubins, ptx=code.ptx, found_by=code.source)


def doubt(rule: str, text: str, source: str) -> Reason:
    """A reason of level unknown."""
    return Reason(rule=rule, text=text, source=source, level="unknown")
