"""Which nvidia/cuda image answers a `cuda:` wish: the wish and what packages need in, the image out, or what
exists instead. Pure, from cuda_images.yml.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Protocol

from envbuild.facts.base import distribution_facts
from envbuild.facts.cuda_tags import (
    Release,
    as_of,
    cudnn_major,
    gone,
    nearest,
    other_system,
    releases,
    scheme_token,
    with_cudnn,
)
from envbuild.facts.drivers import all_toolkits, toolkits
from envbuild.facts.versions import is_dotted, numbers

if TYPE_CHECKING:
    from collections.abc import Mapping

Flavour = Literal["base", "runtime", "devel"]

_OLDEST_BY_DEFAULT = "22.04"  # older Ubuntus are used when asked for, or when nothing newer will do
OLDEST_MANAGED = (3, 8)
"""CPython that uv 0.13 brings; an older one comes from the base or not at all."""
_OWN_IMAGE = "or name an image yourself with base:"


class CudaWish(Protocol):
    """What `cuda_image` needs to know of a wish; the spec's `Cuda` has it."""

    @property
    def version(self) -> str:
        """X.Y or X.Y.Z."""

    @property
    def flavour(self) -> str:
        """auto, base, runtime or devel."""

    @property
    def cudnn(self) -> bool | None:
        """Whether cuDNN is wanted in the image; None: only as packages need it."""

    @property
    def os(self) -> str | None:
        """Such as ubuntu24.04; None: chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageNeed:
    """What packages ask of the CUDA image below them.

    flavour  the least that will do
    cudnn    whether they take cuDNN from it
    glibc    the least glibc of their wheels; "" any
    why      the reason for the flavour, for people
    """

    flavour: Flavour = "base"
    cudnn: bool = False
    glibc: str = ""
    why: str = "no package takes CUDA libraries from the image"


@dataclass(frozen=True, slots=True, kw_only=True)
class CudaImage:
    """The image that answers a wish.

    flavour  base, runtime or devel; `cudnn` its cuDNN major, "" when it has none
    known    whether the table lists it; else it is named by the scheme of the tags
    reasons  why it is this one, in sentences
    """

    reference: str
    release: str
    flavour: Flavour
    cudnn: str
    system: str
    reasons: tuple[str, ...]
    known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NoCudaImage:
    """There is no such image.

    key   what to change first: version, flavour, cudnn or os (under `cuda:`)
    what  what does not exist; `todo` what does
    near  the release to take instead, with all else as wished; "" when none will do
    glibc whether there is one, but with a glibc that is older than the wheels need
    """

    key: Literal["version", "flavour", "cudnn", "os"]
    what: str
    todo: str
    near: str = ""
    glibc: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A wish, completed by what packages need."""

    version: str
    flavour: Flavour
    cudnn: bool
    os: str | None
    glibc: str
    python: str
    why: str

    @property
    def called(self) -> str:
        """As in a message: `flavour devel with cuDNN`."""
        return f"flavour {self.flavour} with cuDNN" if self.cudnn else f"flavour {self.flavour}"


def cuda_image(cuda: CudaWish, python: str, need: ImageNeed | None = None) -> CudaImage | NoCudaImage:
    """The image for `cuda` with Python X.Y[.Z] and packages that need `need`, else what exists instead."""
    if cuda.flavour == "base" and cuda.cudnn:
        return NoCudaImage(
            key="cudnn",
            what="there is no nvidia/cuda image of flavour base with cuDNN",
            todo="ask for flavour runtime or devel, or leave cudnn out",
        )
    wanted = _wanted(cuda, python, need or ImageNeed())
    fitting = releases(cuda.version)
    if not fitting:
        return _by_scheme(wanted) if _may_be_newer(cuda.version) else _no_release(wanted)
    for release in fitting:
        if systems := _systems(release, wanted):
            return _image(release, systems, wanted)
    if cuda.os and not any(cuda.os in release.tags for release in releases()):
        return _on_other_system(cuda.os, fitting[0], wanted)
    return _no_combination(fitting, wanted)


def image_by_scheme(cuda: CudaWish, python: str, need: ImageNeed | None = None) -> CudaImage:
    """The image as the scheme of the tags names it, whether or not the table knows it."""
    return _by_scheme(_wanted(cuda, python, need or ImageNeed()))


def _wanted(cuda: CudaWish, python: str, need: ImageNeed) -> _Wanted:
    flavour, why = _flavour(cuda, need)
    cudnn = cuda.cudnn if cuda.cudnn is not None else need.cudnn and flavour != "base"
    return _Wanted(
        version=cuda.version,
        flavour=flavour,
        cudnn=cudnn,
        os=cuda.os,
        glibc=need.glibc,
        python=python,
        why=why,
    )


def _flavour(cuda: CudaWish, need: ImageNeed) -> tuple[Flavour, str]:
    if cuda.flavour in ("base", "runtime", "devel"):
        named: dict[str, Flavour] = {"base": "base", "runtime": "runtime", "devel": "devel"}
        return named[cuda.flavour], f"flavour {cuda.flavour}: as the spec says"
    if cuda.cudnn and need.flavour == "base":
        return "runtime", "flavour runtime: the smallest that comes with cuDNN"
    return need.flavour, f"flavour {need.flavour}: {need.why}"


def _systems(release: Release, wanted: _Wanted) -> dict[str, str]:
    """Systems that have the wished flavour, each with the token of its tag (`base`, `cudnn8-runtime`)."""
    found = {}
    for system, tags in release.tags.items():
        token = with_cudnn(tags, wanted.flavour) if wanted.cudnn else wanted.flavour
        if token in tags and _new_enough(system, wanted.glibc) and wanted.os in (None, system):
            found[system] = token
    return found


def _new_enough(system: str, glibc: str) -> bool:
    known = _glibc(system)
    return not glibc or not known or numbers(known) >= numbers(glibc)


def _image(release: Release, systems: Mapping[str, str], wanted: _Wanted) -> CudaImage:
    system, system_reason = _system(systems, wanted)
    exact = release.cuda == wanted.version
    newest = "as the spec says" if exact else f"the newest known image of {wanted.version}"
    if not exact and release.cuda != releases(wanted.version)[0].cuda:
        newest = f"the newest known image of {wanted.version} that has {wanted.called} on {system}"
    reasons = [f"CUDA {release.cuda}: {newest}", wanted.why, system_reason]
    if release.evidence:
        reasons.append(f"known of {release.cuda} as of {as_of()}: {release.evidence}")
    return CudaImage(
        reference=f"nvidia/cuda:{release.cuda}-{systems[system]}-{system}",
        release=release.cuda,
        flavour=wanted.flavour,
        cudnn=cudnn_major(systems[system]),
        system=system,
        reasons=tuple(reasons),
    )


def _system(systems: Mapping[str, str], wanted: _Wanted) -> tuple[str, str]:
    if wanted.os:
        return wanted.os, f"{wanted.os}: as the spec says"
    newest_first = sorted(systems, key=lambda name: numbers(name.removeprefix("ubuntu")), reverse=True)
    minor = ".".join(wanted.python.split(".")[:2])
    unmanaged = numbers(minor) < OLDEST_MANAGED
    for name in newest_first:
        if _own_python(name) != minor:
            continue
        if unmanaged:
            return name, f"{name}: its own Python is {minor}, which uv does not bring"
        if wanted.python == minor and numbers(name.removeprefix("ubuntu")) >= numbers(_OLDEST_BY_DEFAULT):
            return name, f"{name}: its own Python is {minor}"
    return newest_first[0], f"{newest_first[0]}: the newest Ubuntu with this CUDA"


def _own_python(system: str) -> str:
    known = distribution_facts(f"ubuntu:{system.removeprefix('ubuntu')}")
    return known.apt_python if known else ""


def _glibc(system: str) -> str:
    known = distribution_facts(f"ubuntu:{system.removeprefix('ubuntu')}")
    return known.glibc if known else ""


def _may_be_newer(version: str) -> bool:
    """Whether X.Y.Z is newer than all that the table lists: then it may well exist."""
    return version.count(".") == 2 and numbers(version) > numbers(releases()[0].cuda)


def _by_scheme(wanted: _Wanted) -> CudaImage:
    release = wanted.version if wanted.version.count(".") == 2 else f"{wanted.version}.0"
    like = nearest(wanted.version, lambda _: True) or releases()[0]
    system = wanted.os or _system(dict.fromkeys(like.tags, ""), wanted)[0]
    token = scheme_token(release, wanted.flavour, cudnn=wanted.cudnn)
    reason = f"not in the table of {as_of()}: named as other tags are; the registry knows whether it exists"
    return CudaImage(
        reference=f"nvidia/cuda:{release}-{token}-{system}",
        release=release,
        flavour=wanted.flavour,
        cudnn=cudnn_major(token),
        system=system,
        reasons=(f"CUDA {release}: {reason}", wanted.why),
        known=False,
    )


def _no_release(wanted: _Wanted) -> NoCudaImage:
    version = wanted.version
    near = nearest(version, lambda release: bool(_systems(release, wanted)))
    exists = (
        f"the nearest that exists is {near.cuda}; {_OWN_IMAGE}" if near else _OWN_IMAGE.removeprefix("or ")
    )
    return NoCudaImage(key="version", what=_why_none(version), todo=exists, near=near.cuda if near else "")


def _why_none(version: str) -> str:
    if gone(version):
        return f"the nvidia/cuda images of CUDA {version} were deleted from the registry (as of {as_of()})"
    newest = numbers(all_toolkits()[-1].cuda)
    oldest = numbers(all_toolkits()[0].cuda)
    if is_dotted(version) and not toolkits(version) and oldest < numbers(version) < newest[:2]:
        return f"CUDA {version} was never released"
    return f"no nvidia/cuda image of CUDA {version} is known (as of {as_of()})"


def _on_other_system(system: str, release: Release, wanted: _Wanted) -> CudaImage | NoCudaImage:
    other = other_system(system)
    if other is None:
        return NoCudaImage(
            key="os",
            what=f"there are no nvidia/cuda images on {system}",
            todo=f"those of CUDA {release.cuda} are on {_listed(release, wanted)}; {_OWN_IMAGE}",
        )
    if not other.has(release.cuda) or (wanted.cudnn and not other.cudnn):
        what = f"there is no nvidia/cuda:{release.cuda} image with {wanted.called} on {system}"
        return NoCudaImage(key="os", what=what, todo=f"it exists on {_listed(release, wanted)}; {_OWN_IMAGE}")
    return _by_scheme(replace(wanted, version=release.cuda))


def _no_combination(fitting: tuple[Release, ...], wanted: _Wanted) -> NoCudaImage:
    """The release exists, but not with this flavour, on this system, with this glibc."""
    release = fitting[0]
    near = nearest(wanted.version, lambda other: bool(_systems(other, wanted)))
    elsewhere = f"with {wanted.called} on {wanted.os}" if wanted.os else f"with {wanted.called}"
    other = f"the nearest CUDA {elsewhere} is {near.cuda}" if near else ""
    if wanted.os and (listed := _listed(release, wanted)):
        what = f"there is no nvidia/cuda:{release.cuda} image with {wanted.called} on {wanted.os}"
        old = bool(wanted.glibc) and not _new_enough(wanted.os, wanted.glibc)
        if old:
            what = f"{wanted.os} has glibc {_glibc(wanted.os)}, and the packages' wheels need {wanted.glibc}"
        todo = "; ".join(part for part in (f"it exists on {listed}", other, _OWN_IMAGE) if part)
        return NoCudaImage(key="os", what=what, todo=todo, near=near.cuda if near else "", glibc=old)
    what = f"there is no nvidia/cuda image with CUDA {release.cuda} and {wanted.called}"
    if wanted.glibc and any(_systems(each, replace(wanted, glibc="")) for each in fitting):
        what = f"no nvidia/cuda image of CUDA {release.cuda} has the glibc {wanted.glibc} that wheels need"
    if wanted.cudnn and near:
        other += "; or leave cudnn out: many Python packages bring their own"
    return NoCudaImage(
        key="version", what=what, todo=other or _OWN_IMAGE.removeprefix("or "), near=near.cuda if near else ""
    )


def _listed(release: Release, wanted: _Wanted) -> str:
    return ", ".join(sorted(_systems(release, replace(wanted, os=None))))
