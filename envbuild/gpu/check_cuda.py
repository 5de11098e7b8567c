"""The CUDA of the spec and its base against the CUDA of packages, in a spec or in what was locked. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envbuild.facts.base import base_facts
from envbuild.facts.cuda import CudaImage, NoCudaImage, cuda_image, image_by_scheme
from envbuild.facts.cuda_packages import takes_from_image
from envbuild.facts.cuda_tags import cudnn_major, gone
from envbuild.facts.tensorflow import tensorflow_release
from envbuild.facts.torch import torch_release, variant_cuda
from envbuild.facts.versions import numbers
from envbuild.gpu.asked import (
    TENSORFLOWS,
    find,
    jax_majors,
    python_minor,
    tensorflow_range,
    torch_asked,
    torch_range,
    variant_of,
)
from envbuild.gpu.conda import brings_cuda
from envbuild.gpu.finding import Finding, at_key, at_line
from envbuild.gpu.needed import Package, users_of_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.facts.cuda import ImageNeed
    from envbuild.gpu.asked import Asked
    from envbuild.spec.model import Spec

_TAG = re.compile(
    r"(?:^|/)nvidia/cuda:(?P<release>\d+\.\d+(?:\.\d+)?)-(?P<token>(?:cudnn\d?-)?(?P<flavour>base|runtime|devel))"
)
_SUFFIX = re.compile(r"-(?:cu|cuda)(1[0-9])\d?x?(?:-|$)")
_INSTALLS_CUDA = re.compile(r"cuda|nvidia|cudnn", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Below:
    """The CUDA of the base image.

    release  X.Y[.Z], "" when the base has none; None: not known
    flavour  base, runtime, devel, "" not known; `cudnn` its major, "" none, None not known
    key      where the spec says it: cuda or base; `said` as it says it (12.8)
    """

    release: str | None
    said: str = ""
    flavour: str = ""
    cudnn: str | None = ""
    key: str = "cuda"

    @property
    def major(self) -> int:
        """0 when there is none, or none is known."""
        return numbers(self.release)[0] if self.release else 0


def below(spec: Spec, image: CudaImage | NoCudaImage | None) -> Below:
    """What CUDA the base of `spec` holds; `image`: what was looked for by its `cuda:`.

    The base's own reference counts first; of a base that nothing is known of, `cuda:` is taken at its word.
    """
    said = spec.cuda.version if spec.cuda else ""
    if isinstance(image, CudaImage):
        return Below(release=image.release, said=said, flavour=image.flavour, cudnn=image.cudnn)
    held = below_reference(spec.base) if spec.base else Below(release=None)
    if spec.cuda and held.release is None:
        return Below(release=said, said=said, cudnn=None)
    return held if spec.base else Below(release="")


def below_reference(reference: str) -> Below:
    """The CUDA of an image by its reference: NVIDIA's own by the tag; others in the table have none."""
    if found := _TAG.search(reference):
        token = cudnn_major(found["token"])
        return Below(release=found["release"], flavour=found["flavour"], cudnn=token, key="base")
    known = base_facts(reference)
    return Below(release="" if known else None, cudnn=None if known is None else "", key="base")


def image_of(spec: Spec, need: ImageNeed) -> CudaImage | NoCudaImage:
    """The image for the `cuda:` of `spec`; by the scheme of the tags if need be, where that is accepted."""
    if spec.cuda is None:
        raise ValueError("the spec has no cuda")
    found = cuda_image(spec.cuda, spec.python, need)
    if isinstance(found, NoCudaImage) and found.glibc and "glibc" in spec.accept:
        found = cuda_image(spec.cuda, spec.python, replace(need, glibc=""))
    if isinstance(found, NoCudaImage) and found.key != "cudnn" and "cuda-image" in spec.accept:
        return image_by_scheme(spec.cuda, spec.python, need)
    if isinstance(found, NoCudaImage) and spec.cuda.flavour == "auto" and need.flavour != "base":
        return replace(found, what=f"{found.what} ({need.why})")
    return found


def image_finding(spec: Spec, missing: NoCudaImage) -> Finding:
    """There is no image as `cuda:` asks for it."""
    problem = at_key(spec, "cuda", missing.key, what=missing.what, todo=missing.todo)
    rule = "glibc" if missing.glibc else "cuda-image"
    return Finding(rule=rule, level="error", problem=problem, subject="cuda")


def base_findings(spec: Spec) -> Iterator[Finding]:
    """A base of NVIDIA's whose tag was deleted: a mirror, or the engine's store, may still have it."""
    found = _TAG.search(spec.base or "")
    if found and gone(found["release"]):
        what = f"the nvidia/cuda images of CUDA {found['release']} were deleted from the registry"
        problem = at_key(spec, "base", what=what, todo="a mirror or this engine's store may still have one")
        yield Finding(rule="cuda-image", level="warning", problem=problem, subject="base")


def mismatches(spec: Spec, asked: Sequence[Asked], base: Below) -> Iterator[Finding]:
    """Packages that bring another CUDA major than the image's, or want another one from it."""
    if not base.major:
        return
    if wish := torch_asked(asked):
        yield from _torch(spec, wish, base)
    for name in TENSORFLOWS:
        if wish := find(asked, name):
            yield from _tensorflow(wish, base, python_minor(spec))
    for wish in asked:
        majors, _ = jax_majors(wish)
        if majors and base.major not in majors:
            yield _jax(wish, majors, base)
        elif wish.name not in TENSORFLOWS and not wish.name.startswith("jax-"):
            yield from _suffixed(wish, base)


def installs_cuda(spec: Spec) -> bool:
    """Whether Debian packages, `run:` steps or conda packages look as if they brought CUDA."""
    return brings_cuda(spec) or any(_INSTALLS_CUDA.search(text) for text in (*spec.apt, *spec.run))


def missing(
    spec: Spec, asked: Sequence[Asked], packages: Sequence[Package], base: Below
) -> Iterator[Finding]:
    """Packages that take CUDA from the image, and find none, or too little of it."""
    if base.release is None or installs_cuda(spec):
        return
    wanted = spec.targets or spec.smoke.gpu == "required" or spec.cuda
    for package in users_of_image(packages):
        if package.name == "tensorflow" and not wanted:
            continue  # it may be meant for the CPU
        if base.flavour == "base" or base.release == "":
            yield _missing(spec, asked, package, base)
        elif finding := _headers(spec, asked, packages, package, base):
            yield finding


def _torch(spec: Spec, wish: Asked, base: Below) -> Iterator[Finding]:
    left = torch_range(wish)
    variant = variant_of(spec, wish)
    if variant and not variant_cuda(variant):
        return
    brought = {
        version: variant_cuda(variant or release.default)
        for version in left.known
        if (release := torch_release(version)) and python_minor(spec) in release.pythons
    }
    if variant_cuda(variant) and not left.known:
        brought = {wish.pin.partition("+")[0]: variant_cuda(variant)}
    if (
        not brought
        or (left.newer and not variant)
        or any(_major(cuda) == base.major for cuda in brought.values())
    ):
        return
    version, cuda = next(iter(brought.items()))
    which = f"its {variant} build" if variant else "its default build"
    name = f"torch {version}" if version else "torch"
    what = f"{name} brings CUDA {cuda} ({which}), and {_says(base)}"
    yield _mismatch(wish, "torch", what)


def _tensorflow(wish: Asked, base: Below, python: str) -> Iterator[Finding]:
    left = tensorflow_range(wish)
    releases = [(version, release) for version in left.known if (release := tensorflow_release(version))]
    releases = [pair for pair in releases if python in pair[1].pythons] or releases
    if not releases or left.newer:
        return
    brings = "and-cuda" in wish.extras
    fitting = []
    for _, release in releases:
        same = _major(release.cuda) == base.major
        own = brings and release.and_cuda
        fitting.append(same and (own or not base.cudnn or _major(release.cudnn) == int(base.cudnn)))
    if any(fitting):
        return
    version, release = releases[0]
    if brings and release.and_cuda:
        what = f"{wish.name}[and-cuda] {version} brings CUDA {release.cuda}, and {_says(base)}"
    else:
        what = (
            f"{wish.name} {version} loads CUDA {release.cuda} and cuDNN {release.cudnn} from the image,"
            f" and {_says(base)}"
        )
        if _major(release.cuda) == base.major:
            what += f" and cuDNN {base.cudnn}"
    yield _mismatch(wish, wish.name, what)


def _jax(wish: Asked, majors: set[int], base: Below) -> Finding:
    listed = " and ".join(str(major) for major in sorted(majors))
    name = wish.name if wish.name != "jax" else f"jax[{','.join(sorted(wish.extras))}]"
    return _mismatch(wish, "jax", f"{name} is for CUDA {listed}, and {_says(base)}")


def _suffixed(wish: Asked, base: Below) -> Iterator[Finding]:
    found = _SUFFIX.search(wish.name)
    if found and int(found[1]) != base.major:
        yield _mismatch(wish, wish.name, f"{wish.name} is for CUDA {found[1]}, and {_says(base)}")


def _mismatch(wish: Asked, subject: str, what: str) -> Finding:
    return Finding(rule="cuda-mismatch", level="error", problem=at_line(wish, what=what), subject=subject)


def _missing(spec: Spec, asked: Sequence[Asked], package: Package, base: Below) -> Finding:
    has = "flavour base holds no CUDA libraries" if base.release else "the base image has none"
    what = f"{package.name} takes CUDA from the base image, and {has}: it would not use a GPU"
    wish = find(asked, package.name)
    problem = at_line(wish, what=what) if wish else at_key(spec, "pip", what=what)
    return Finding(rule="cuda-missing", level="error", problem=problem, subject=package.name)


def _headers(
    spec: Spec, asked: Sequence[Asked], packages: Sequence[Package], package: Package, base: Below
) -> Finding | None:
    row = takes_from_image(package.name, package.extras)
    if row is None or not row.headers or not base.release or base.flavour == "devel":
        return None
    if numbers(base.release)[:2] < numbers(row.headers):
        return None
    wheel = f"nvidia-cuda-runtime-cu{base.major}" if base.major < 13 else "nvidia-cuda-runtime"
    if any(other.name == wheel for other in packages):
        return None
    minor = ".".join(base.release.split(".")[:2])
    what = (
        f"{package.name} compiles its kernels when it runs and needs CUDA's headers, which only devel holds"
    )
    todo = f'add "{wheel}=={minor}.*" under pip.packages, which brings them, or write flavour: devel'
    wish = find(asked, package.name)
    problem = at_line(wish, what=what, todo=todo) if wish else at_key(spec, "pip", what=what, todo=todo)
    return Finding(rule="cuda-headers", level="warning", problem=problem, subject=package.name)


def _says(base: Below) -> str:
    return f"`{base.key}:` says CUDA {base.said or base.release}"


def _major(cuda: str) -> int:
    return numbers(cuda)[0] if cuda else 0
