"""A spec without a lock → what its image may need: from its own pins and the tables alone. Pure.

A package that is not pinned stands for every known release that its specifier, the Python and the build of
torch leave; each gives one alternative, and equal ones are told once.
"""

from __future__ import annotations

import re
from itertools import islice, product
from typing import TYPE_CHECKING, TypeAlias

from envbuild.facts.base import base_facts
from envbuild.facts.images import newest_image
from envbuild.facts.tensorflow import tensorflow_release, tensorflow_releases
from envbuild.facts.torch import torch_for, torch_releases, variant_cuda
from envbuild.gpu.asked import TENSORFLOWS, asked_of, jax_majors, python_minor, torch_asked, variant_of
from envbuild.gpu.conda import may_use_cuda
from envbuild.gpu.model import CudaUse, GpuNeeds
from envbuild.gpu.needs import (
    doubt,
    image_release,
    image_use,
    jax_uses,
    needs_of,
    newest_of,
    tensorflow_uses,
    torch_uses,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from packaging.specifiers import SpecifierSet

    from envbuild.gpu.asked import Asked
    from envbuild.gpu.model import Reason
    from envbuild.spec.model import Spec

_MOST = 400  # alternatives; beyond it they are told apart no more
# Packages that bring torch in a release that only a lock tells.
_BRING_TORCH = frozenset(
    [
        *(
            "accelerate",
            "bitsandbytes",
            "botorch",
            "deepspeed",
            "easyocr",
            "fastai",
            "flash-attn",
            "gpytorch",
        ),
        *("kornia", "lightning", "monai", "open-clip-torch", "openai-whisper", "peft", "pyro-ppl"),
        *(
            "pytorch-lightning",
            "segment-anything",
            "sentence-transformers",
            "timm",
            "torchmetrics",
            "torchtune",
        ),
        *("torchaudio", "torchvision", "trl", "ultralytics", "vllm", "xformers"),
    ]
)
_Choice: TypeAlias = "tuple[list[tuple[CudaUse, ...]], Reason | None]"


def needs_of_spec(spec: Spec, machine: str = "x86_64") -> tuple[GpuNeeds, ...]:
    """What the image of `spec` may need, one for each way it may turn out; one when the pins say it all."""
    image, doubts = _image(spec)
    choices: list[list[tuple[CudaUse, ...]]] = []
    for options, why in _choices(spec, image, machine):
        if why:
            doubts.append(why)
        if options:
            choices.append(_unlike(options))
    if names := may_use_cuda(spec):
        text = f"what {', '.join(names)} from conda needs of a GPU machine is known once it is locked"
        doubts.append(doubt("package-unknown", text, "the spec"))
    pinned = needs_of(_plain(spec), "", machine).uses
    always = ((image_use(image),) if image else ()) + pinned
    return tuple(
        GpuNeeds(
            uses=(*always, *(use for part in combination for use in part)),
            compat=image,
            doubts=tuple(doubts),
            accepted=spec.accept,
        )
        for combination in islice(product(*choices), _MOST)
    )


def _image(spec: Spec) -> tuple[str, list[Reason]]:
    """The release of the CUDA image that the spec stands on, and what is not known of another base."""
    if spec.base:
        if release := image_release(spec.base):
            return release, []
        if base_facts(spec.base) is None:
            text = f"what CUDA the base {spec.base} brings is not known: envbuild preflight {spec.base}"
            return "", [doubt("package-unknown", text, "the spec")]
        return "", []
    if spec.cuda:
        return newest_image(spec.cuda.version) or spec.cuda.version, []
    return "", []


def _unlike(options: Sequence[tuple[CudaUse, ...]]) -> list[tuple[CudaUse, ...]]:
    """Options that differ in more than names; the first of each kind."""
    seen: dict[tuple[object, ...], tuple[CudaUse, ...]] = {}
    for uses in options:
        key = tuple((use.cuda, use.made_with, use.kernels, use.cubins, use.ptx, use.oldest) for use in uses)
        seen.setdefault(key, uses)
    return list(seen.values())


def _choices(spec: Spec, image: str, machine: str) -> Iterator[_Choice]:
    """For each framework that the spec names: its alternatives, and a doubt if there are none."""
    asked = asked_of(spec)
    beside = False
    if torch := _torch_wish(asked):
        options, why = _torch(spec, *torch, machine)
        beside = any(options)
        yield options, why
    for wish in asked:
        if wish.name in TENSORFLOWS:
            yield _tensorflow(spec, wish, image, beside=beside)
        elif wish.name.startswith("jax"):
            yield _jax(wish, image)


def _plain(spec: Spec) -> dict[str, str]:
    """Packages that the tables know by name and version alone, at their pins; no frameworks."""
    frameworks = ("torch", *TENSORFLOWS)
    return {
        wish.name: wish.pin
        for wish in asked_of(spec)
        if wish.name not in frameworks and not wish.name.startswith("jax")
    }


def _torch_wish(asked: tuple[Asked, ...]) -> tuple[str, SpecifierSet] | None:
    """Pin and specifier of the torch that comes: by its own line, or one that pins or brings it."""
    from packaging.specifiers import SpecifierSet

    own = torch_asked(asked)
    if own and own.name == "torch":
        return own.pin, own.specifier
    if own:
        public, plus, local = own.pin.partition("+")
        return f"{torch_for(own.name, public)}{plus}{local}", SpecifierSet()
    brought = any(wish.name in _BRING_TORCH for wish in asked)
    return ("", SpecifierSet()) if brought else None


def _torch(spec: Spec, pin: str, specifier: SpecifierSet, machine: str) -> _Choice:
    variant = pin.partition("+")[2] or variant_of(spec, None)
    if pin:
        version = pin if "+" in pin or not variant else f"{pin}+{variant}"
        return [tuple(torch_uses(version, machine=machine))], None
    python = python_minor(spec)
    found = [
        release
        for release in torch_releases()
        if specifier.contains(release.version)
        and python in release.pythons
        and (not variant or not variant_cuda(variant) or variant in (*release.variants, *release.unverified))
    ]
    if not found:
        build = f" as {variant}" if variant else ""
        text = f"no known release of torch fits torch{specifier}{build} with Python {python}; a lock tells"
        return [], doubt("package-unknown", text, "facts/torch.yml")
    suffix = f"+{variant}" if variant else ""
    return [tuple(torch_uses(f"{release.version}{suffix}", machine=machine)) for release in found], None


def _tensorflow(spec: Spec, wish: Asked, image: str, *, beside: bool) -> _Choice:
    with_cuda = "and-cuda" in wish.extras or beside  # it finds the CUDA wheels that torch brings, too
    python = python_minor(spec)
    versions = [wish.pin] if wish.pin else []
    for release in tensorflow_releases() if not wish.pin else ():
        pythons = release.gpu_pythons if wish.name == "tensorflow-gpu" else release.pythons
        releases = release.gpu_releases if wish.name == "tensorflow-gpu" else release.releases
        if python in pythons:
            versions += [version for version in releases if wish.specifier.contains(version)]
    if not versions:
        text = f"no known release of {wish.name}{wish.specifier} has wheels for Python {python}; a lock tells"
        return [], doubt("package-unknown", text, "facts/tensorflow.yml")
    options = [_tensorflow_uses(wish.name, version, image, with_cuda=with_cuda) for version in versions]
    return options, None


def _tensorflow_uses(name: str, version: str, image: str, *, with_cuda: bool) -> tuple[CudaUse, ...]:
    if with_cuda and tensorflow_release(version) is None:
        return (CudaUse(component=f"{name} {version}", cuda="", found_by="no table knows this release"),)
    return tuple(tensorflow_uses(name, version, _brought(version) if with_cuda else "", image))


def _brought(version: str) -> str:
    """The CUDA of the extra `and-cuda`: its runtime wheel's pin, the newest of the major if it floats."""
    release = tensorflow_release(version)
    if release is None:
        return ""
    for line in release.brings:
        if found := re.match(r"nvidia-cuda-runtime(?:-cu\d+)?(==)?\D*(\d+)\.(\d+)", line):
            if found[1]:
                return f"{found[2]}.{found[3]}"
            return newest_of(release.cuda.split(".")[0])
    return release.cuda


def _jax(wish: Asked, image: str) -> _Choice:
    majors, of_system = jax_majors(wish)
    local = (image or "-") if of_system else ""
    uses = tuple(use for major in sorted(majors) for use in jax_uses(major, "", wish.pin, local))
    return ([uses] if uses else []), None
