"""What packages ask of the CUDA image below them: a spec or what was locked in, an `ImageNeed` out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.facts.cuda import ImageNeed
from envbuild.facts.cuda_packages import compiles_cuda, takes_from_image, wheel_glibc
from envbuild.facts.tensorflow import tensorflow_release
from envbuild.facts.torch import torch_release
from envbuild.facts.versions import numbers
from envbuild.gpu.asked import (
    TENSORFLOWS,
    asked_of,
    is_cuda,
    python_minor,
    tensorflow_range,
    torch_asked,
    torch_range,
    variant_of,
)
from envbuild.gpu.compiled import compile_steps

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from envbuild.gpu.asked import Asked
    from envbuild.spec.model import Spec

_RUNTIME = re.compile(r"cuda-toolkit|nvidia-cuda-runtime(-cu\d+)?")
_CUBLAS = re.compile(r"nvidia-cublas(-cu\d+)?")
_JAX_PLUGIN = re.compile(r"jax-cuda\d+-plugin")
_BRINGS = re.compile(
    r"torch|jax-cuda\d+-plugin|nvidia-cublas(-cu\d+)?|tensorflow|(cudf|cuml|cugraph|cuvs)-cu\d+"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package as far as it is known: by a spec (version "" when open), or locked (without extras).

    built  whether it was locked as a source; None: nothing is locked yet
    """

    name: str
    version: str = ""
    extras: frozenset[str] = frozenset()
    built: bool | None = None


def need_of_spec(spec: Spec) -> ImageNeed:
    """What the requirements and `run:` steps of `spec` ask of the image, as far as they say."""
    asked = asked_of(spec)
    return _need(packages_of(asked, spec), spec, _glibc(spec, asked))


def packages_of(asked: Iterable[Asked], spec: Spec) -> list[Package]:
    """The packages that requirements name, each at the newest known release that its line leaves."""
    return [Package(name=wish.name, version=_version(spec, wish), extras=wish.extras) for wish in asked]


def need_of_locked(spec: Spec, packages: Iterable[Package]) -> ImageNeed:
    """What was locked, and the `run:` steps of `spec`, ask of the image."""
    found = list(packages)
    return _need(found, spec, _newest(needed_glibc(package.name, package.version) for package in found))


def users_of_image(packages: Iterable[Package]) -> tuple[Package, ...]:
    """The packages whose wheels hold no CUDA and that find none in other wheels: they take the image's."""
    found = tuple(packages)
    names = {package.name for package in found}
    cuda_wheels = any(_RUNTIME.fullmatch(name) for name in names)
    cublas_wheels = any(_CUBLAS.fullmatch(name) for name in names) or any(_brings(each) for each in found)
    return tuple(
        package
        for package in found
        if (package.name in TENSORFLOWS and not _tensorflow_brings(package, cuda_wheels))
        or (_is_local_jax(package, cuda_wheels))
        or (takes_from_image(package.name, package.extras) and not cublas_wheels)
    )


def may_bring(package: Package) -> bool:
    """Whether CUDA as wheels can serve a TensorFlow, from 2.14 on: others may bring them."""
    release = tensorflow_release(package.version)
    return package.name == "tensorflow" and (release is None or release.and_cuda)


def needed_glibc(name: str, version: str) -> str:
    """The least glibc of a release's wheels; "" any, or unknown."""
    if name == "torch":
        release = torch_release(version)
        return release.glibc if release else ""
    return wheel_glibc(name, version)


def _need(packages: Sequence[Package], spec: Spec, glibc: str) -> ImageNeed:
    compiled = [package.name for package in packages if compiles_cuda(package.name, built=package.built)]
    compiled += [f"run[{index}]" for index in compile_steps(spec.run)]
    users = users_of_image(packages)
    if compiled:
        why = f"{_listed(compiled)} {_verb(compiled, 'compile')} for CUDA, and devel alone has nvcc"
        return ImageNeed(flavour="devel", cudnn=bool(users), glibc=glibc, why=why)
    local = [
        package.name for package in users if package.name == "jax" or _JAX_PLUGIN.fullmatch(package.name)
    ]
    if local:
        why = f"{_listed(local)} takes CUDA from the image, ptxas and libdevice too, which devel alone has"
        return ImageNeed(flavour="devel", cudnn=True, glibc=glibc, why=why)
    if users:
        names = [package.name for package in users]
        why = f"{_listed(names)} {_verb(names, 'take')} CUDA and cuDNN from the image"
        return ImageNeed(flavour="runtime", cudnn=True, glibc=glibc, why=why)
    if spec.conda:
        return ImageNeed(glibc=glibc, why="conda brings its own CUDA libraries")
    bring = [package.name for package in packages if _BRINGS.fullmatch(package.name) and not _cpu(package)]
    bring += [package.name for package in packages if any(e.startswith("cuda") for e in package.extras)]
    if bring:
        frameworks = [name for name in bring if not name.startswith("nvidia-")]
        names = list(dict.fromkeys(frameworks or bring))
        own = "its" if len(names) == 1 else "their"
        why = f"{_listed(names)} {_verb(names, 'bring')} {own} own CUDA libraries"
        return ImageNeed(glibc=glibc, why=why)
    return ImageNeed(glibc=glibc)


def _brings(package: Package) -> bool:
    """Whether a package that is asked for brings CUDA's libraries; once locked, those are seen themselves."""
    if package.built is not None:
        return False
    by_extra = any(re.fullmatch(r"cuda\d*(-pip)?|and-cuda|ctk", extra) for extra in package.extras)
    return by_extra or (package.name == "torch" and not _cpu(package))


def _cpu(package: Package) -> bool:
    """Whether it is a build of torch for something else than CUDA."""
    return package.name == "torch" and not is_cuda(package.version.partition("+")[2])


def _tensorflow_brings(package: Package, cuda_wheels: bool) -> bool:
    """Whether CUDA comes as wheels that this TensorFlow loads: with the extra, or beside it, from 2.14 on."""
    release = tensorflow_release(package.version)
    can = release.and_cuda if release else package.name == "tensorflow"
    return can and (cuda_wheels or "and-cuda" in package.extras)


def _is_local_jax(package: Package, cuda_wheels: bool) -> bool:
    if package.name == "jax":
        return any(extra.endswith("-local") for extra in package.extras)
    return bool(_JAX_PLUGIN.fullmatch(package.name)) and package.built is not None and not cuda_wheels


def _version(spec: Spec, wish: Asked) -> str:
    """The newest known release that a requirement leaves; of torch with its build, when that is asked for."""
    if wish.name == "torch" and (variant := variant_of(spec, wish)):
        return f"{wish.pin.partition('+')[0]}+{variant}"
    if wish.pin:
        return wish.pin
    if wish.name in TENSORFLOWS:
        known = tensorflow_range(wish).known
        return known[0] if known else ""
    return ""


def _glibc(spec: Spec, asked: Sequence[Asked]) -> str:
    """The least glibc that some known release of every framework runs with."""
    found = []
    if wish := torch_asked(asked):
        left = torch_range(wish)
        needs = [
            release.glibc
            for version in left.known
            if (release := torch_release(version)) and python_minor(spec) in release.pythons
        ]
        found.append("" if left.older or "" in needs or not needs else min(needs, key=numbers))
    found += [wheel_glibc(wish.name, wish.pin) for wish in asked if wish.pin]
    return _newest(found)


def _newest(versions: Iterable[str]) -> str:
    return max((version for version in versions if version), key=numbers, default="")


def _listed(names: Sequence[str]) -> str:
    unique = list(dict.fromkeys(names))
    return unique[0] if len(unique) == 1 else f"{', '.join(unique[:-1])} and {unique[-1]}"


def _verb(names: Sequence[str], verb: str) -> str:
    return verb if len(set(names)) > 1 else f"{verb}s"
