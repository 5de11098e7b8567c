"""Small changes of a spec, as a user would write them: a spec in, `Change`s of it out. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envbuild.facts.cuda import NoCudaImage, cuda_image
from envbuild.facts.cuda_tags import releases as cuda_releases
from envbuild.facts.jax import jax_releases
from envbuild.facts.tensorflow import tensorflow_release, tensorflow_releases
from envbuild.facts.torch import torch_release, torch_releases, variant_cuda
from envbuild.facts.versions import minor_of, numbers
from envbuild.gpu.asked import (
    TENSORFLOWS,
    asked_of,
    find,
    jax_majors,
    jax_range,
    python_minor,
    tensorflow_range,
    torch_asked,
    torch_range,
    variant_of,
)
from envbuild.gpu.check_wheels import has_variant, tensorflow_pythons, torch_pythons
from envbuild.gpu.needed import need_of_spec
from envbuild.gpu.needs import image_release
from envbuild.spec.model import Cuda, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.gpu.asked import Asked
    from envbuild.spec.model import Spec

_COMPANIONS = ("torchvision", "torchaudio")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change. `text`: what to write; `spec`: the spec as if it were written."""

    text: str
    spec: Spec


def variants(spec: Spec) -> Iterator[Change]:
    """Other builds of the torch that is asked for: nearest to the spec's own CUDA first, then the newest."""
    wish = torch_asked(asked_of(spec))
    if wish is None:
        return
    present = variant_of(spec, wish)
    names = {
        name
        for version in torch_range(wish).known
        if (release := torch_release(version))
        for name in release.variants
    }
    want = spec.cuda.version if spec.cuda else image_release(spec.base or "")
    for name in sorted(names, key=lambda name: _nearness(variant_cuda(name), want)):
        if name == present:
            continue
        changed = replace(spec, pip=replace(spec.pip, torch_backend=name))
        text = f"torch_backend: {name}"
        if "+" in wish.pin:
            public = wish.pin.partition("+")[0]
            changed = _rewrite(changed, wish, f"=={public}")
            text = f"torch=={public} with torch_backend: {name}"
        yield Change(text=text, spec=changed)


def torch_minors(spec: Spec) -> Iterator[Change]:
    """Other releases of torch, the newest first, with the torchvision and torchaudio made for them."""
    asked = asked_of(spec)
    wish = torch_asked(asked)
    if wish is None:
        return
    for minor in _minors(release.version for release in torch_releases()):
        if not _within(torch_range(wish).known, minor):
            yield _torch_change(spec, asked, wish, minor)


def torch_minors_with_variants(spec: Spec) -> Iterator[Change]:
    """Both at once."""
    for release in torch_minors(spec):
        for variant in variants(release.spec):
            yield Change(text=f"{release.text} with {variant.text}", spec=variant.spec)


def torch_of(text: str) -> tuple[int, ...]:
    """The release in the text of a change such as `torch==2.7.* with …`; () none."""
    found = re.search(r"\btorch==(\d+(?:\.\d+)+)", text)
    return numbers(found[1]) if found else ()


def tensorflow_minors(spec: Spec) -> Iterator[Change]:
    """Other releases of TensorFlow, the newest first."""
    wish = find(asked_of(spec), *TENSORFLOWS)
    if wish is None:
        return
    gpu = wish.name == "tensorflow-gpu"
    for release in tensorflow_releases():
        if (release.gpu_releases if gpu else release.releases) and not _within(
            tensorflow_range(wish).known, release.minor
        ):
            yield _pinned(spec, wish, release.minor)


def plain_tensorflow(spec: Spec) -> Iterator[Change]:
    """`tensorflow` in place of `tensorflow-gpu`, the newest first, with the extra that brings CUDA if any."""
    wish = find(asked_of(spec), "tensorflow-gpu")
    if wish is None:
        return
    for release in tensorflow_releases():
        extra = "[and-cuda]" if release.and_cuda else ""
        text = f"tensorflow{extra}=={release.minor}.*"
        yield Change(text=text, spec=_replace_line(spec, wish, text, "tensorflow"))


def with_cuda_extra(spec: Spec) -> Iterator[Change]:
    """TensorFlow with the extra that brings CUDA."""
    wish = find(asked_of(spec), "tensorflow")
    if wish and "and-cuda" not in wish.extras:
        text = f"tensorflow[{','.join(sorted(wish.extras | {'and-cuda'}))}]{wish.specifier}"
        yield Change(text=text, spec=_replace_line(spec, wish, text, "tensorflow"))


def jax_extras(spec: Spec) -> Iterator[Change]:
    """The same JAX for another CUDA major."""
    wish = find(asked_of(spec), "jax")
    if wish is None or not jax_majors(wish)[0]:
        return
    kept = {extra for extra in wish.extras if not extra.startswith("cuda")}
    for major in (13, 12):
        text = f"jax[{','.join(sorted(kept | {f'cuda{major}'}))}]{wish.specifier}"
        if major not in jax_majors(wish)[0]:
            yield Change(text=text, spec=_replace_line(spec, wish, text, "jax"))


def jax_minors(spec: Spec) -> Iterator[Change]:
    """Other releases of JAX, the newest first."""
    wish = find(asked_of(spec), "jax", "jaxlib")
    if wish is None:
        return
    for minor in _minors(version for version, _ in jax_releases()):
        if not _within(jax_range(wish).known, minor):
            yield _pinned(spec, wish, minor)


def cupy_names(spec: Spec) -> Iterator[Change]:
    """cupy for the CUDA of the spec."""
    for wish in asked_of(spec):
        if spec.cuda and wish.name.startswith("cupy-cuda"):
            text = f"cupy-cuda{spec.cuda.version.split('.')[0]}x"
            if text != wish.name:
                yield Change(text=text, spec=_replace_line(spec, wish, text, text))


def cudas(spec: Spec) -> Iterator[Change]:
    """Other `cuda:` releases X.Y that have images: those that the frameworks bring first, then the newest."""
    listed = sorted(cuda_releases(), key=lambda release: bool(release.evidence))  # the publisher's own first
    for minor in dict.fromkeys((*_brought(spec), *_minors(release.cuda for release in listed))):
        if spec.cuda and not spec.base and minor_of(spec.cuda.version) == minor:
            continue
        cuda = replace(spec.cuda, version=minor) if spec.cuda else Cuda(version=minor)
        text = f"cuda: {minor}" + (f" in place of base: {spec.base}" if spec.base else "")
        yield Change(text=text, spec=replace_cuda(spec, cuda))


def nearest_cuda(spec: Spec) -> Iterator[Change]:
    """The release nearest to the spec's that has the image that it asks for."""
    found = cuda_image(spec.cuda, spec.python, need_of_spec(spec)) if spec.cuda and not spec.base else None
    if spec.cuda and isinstance(found, NoCudaImage) and found.near:
        cuda = replace(spec.cuda, version=found.near)
        yield Change(text=f"cuda: {found.near}", spec=replace_cuda(spec, cuda))


def flavours(spec: Spec) -> Iterator[Change]:
    """Other flavours of the CUDA image."""
    if spec.cuda and spec.cuda.flavour in ("base", "runtime"):
        auto = replace(spec, cuda=replace(spec.cuda, flavour="auto"))
        yield Change(text="flavour: auto", spec=auto)


def systems(spec: Spec) -> Iterator[Change]:
    """Newer systems below: of the CUDA image, or a plain base."""
    if spec.cuda and spec.cuda.os and not spec.base:
        for name in ("ubuntu24.04", "ubuntu22.04", "ubuntu20.04"):
            yield Change(text=f"os: {name}", spec=replace(spec, cuda=replace(spec.cuda, os=name)))
    if spec.base:
        ubuntu = ("ubuntu:24.04", "ubuntu:22.04") if "ubuntu" in spec.base else ()
        for name in (*ubuntu, "debian:bookworm-slim"):
            yield Change(text=f"base: {name}", spec=replace(spec, base=name))


def pythons(spec: Spec) -> Iterator[Change]:
    """Other Pythons, the nearest first, newer before older."""
    known = {python for release in torch_releases() for python in release.pythons}
    known |= {python for release in tensorflow_releases() for python in release.pythons}
    present = numbers(python_minor(spec))
    order = sorted(known, key=lambda text: (abs(numbers(text)[1] - present[1]), -numbers(text)[1]))
    for python in order:
        if python != python_minor(spec):
            yield Change(text=f"python: {python}", spec=replace(spec, python=python))


def settled(spec: Spec) -> Spec:
    """`spec` with every framework at the newest known release that a resolver would take."""
    asked = asked_of(spec)
    if (wish := torch_asked(asked)) and wish.name == "torch" and not wish.pin:
        variant = variant_of(spec, wish)
        fitting = [
            version
            for version in torch_range(wish).known
            if python_minor(spec) in torch_pythons(version)
            and (not variant_cuda(variant) or has_variant(version, variant))
        ]
        if fitting:
            spec = _rewrite(spec, wish, f"=={fitting[0]}")
    if (wish := find(asked, *TENSORFLOWS)) and not wish.pin:
        left = tensorflow_range(wish).known
        named = [v for v in left if python_minor(spec) in tensorflow_pythons(wish.name, v)]
        if named:
            spec = _rewrite(spec, wish, f"=={named[0]}")
    return spec


def _brought(spec: Spec) -> list[str]:
    """The CUDA releases X.Y that the frameworks of `spec` are built with, as far as the tables know."""
    asked = asked_of(settled(spec))
    found = []
    if wish := torch_asked(asked):
        variant = variant_of(spec, wish)
        for version in torch_range(wish).known[:1]:
            release = torch_release(version)
            found.append(variant_cuda(variant or (release.default if release else "")))
    if wish := find(asked, *TENSORFLOWS):
        for version in tensorflow_range(wish).known[:1]:
            tensorflow = tensorflow_release(version)
            found.append(tensorflow.cuda if tensorflow else "")
    return [cuda for cuda in found if minor_of(cuda)]


def _torch_change(spec: Spec, asked: Sequence[Asked], wish: Asked, minor: str) -> Change:
    newest = next(release for release in torch_releases() if minor_of(release.version) == minor)
    texts: list[str] = []
    for name in ("torch", *_COMPANIONS):
        companion = find(asked, name)
        version = newest.version if name == "torch" else getattr(newest, name)
        if companion is None or not version:
            continue
        if name != "torch" and companion is not wish and companion.specifier.contains(version):
            continue
        change = _pinned(spec, companion, minor_of(version))
        spec, texts = change.spec, [*texts, change.text]
    return Change(text=" with ".join(texts), spec=spec)


def _pinned(spec: Spec, wish: Asked, minor: str) -> Change:
    extras = f"[{','.join(sorted(wish.extras))}]" if wish.extras else ""
    text = f"{wish.name}{extras}=={minor}.*"
    return Change(text=text, spec=_replace_line(spec, wish, text, wish.name))


def _rewrite(spec: Spec, wish: Asked, specifier: str) -> Spec:
    extras = f"[{','.join(sorted(wish.extras))}]" if wish.extras else ""
    return _replace_line(spec, wish, f"{wish.name}{extras}{specifier}", wish.name)


def _replace_line(spec: Spec, wish: Asked, text: str, name: str) -> Spec:
    lines = tuple(
        replace(line, text=text, name=name) if line == wish.line else line for line in spec.pip.requirements
    )
    return replace(spec, pip=replace(spec.pip, requirements=lines))


def with_line(spec: Spec, text: str) -> Spec:
    """`spec` with one more requirement."""
    line = Requirement(
        text=text, name=text.partition("=")[0], file=str(spec.source.path), line=0, path="pip.packages"
    )
    return replace(spec, pip=replace(spec.pip, requirements=(*spec.pip.requirements, line)))


def _minors(versions: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(minor_of(version) for version in versions))


def _within(known: Sequence[str], minor: str) -> bool:
    """Whether all that is left lies in `minor` already."""
    return bool(known) and {minor_of(version) for version in known} == {minor}


def _nearness(cuda: str, want: str) -> tuple[int, ...]:
    """Sorts the wanted CUDA first, then its major, then the newest."""
    have = numbers(cuda)
    wanted = numbers(want)[:2] if want else ()
    return (have != wanted, have[:1] != wanted[:1], *(-part for part in have))


def replace_cuda(spec: Spec, cuda: Cuda) -> Spec:
    """`spec` with another `cuda:`, and no base of its own."""
    return replace(spec, base=None, cuda=cuda)
