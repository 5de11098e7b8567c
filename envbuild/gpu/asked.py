"""What requirements of a spec ask for: names, extras, pins, and the known releases that they leave. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envbuild.facts.jax import jax_releases
from envbuild.facts.tensorflow import tensorflow_releases
from envbuild.facts.torch import torch_for, torch_releases, variant_cuda
from envbuild.facts.versions import minor_of, numbers

if TYPE_CHECKING:
    from collections.abc import Iterable

    from packaging.requirements import Requirement
    from packaging.specifiers import SpecifierSet

    from envbuild.spec.model import Requirement as Line
    from envbuild.spec.model import Spec

_TORCH_INDEX = re.compile(r"/whl/(?:test/|nightly/)?(cu\d+|cpu|rocm[\d.]+|xpu)(?:/|$)")
_JAX_PLUGIN = re.compile(r"jax-cuda(\d+)-(?:plugin|pjrt)")
TENSORFLOWS = ("tensorflow", "tensorflow-gpu")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One requirement that applies to the spec's Python on Linux.

    pin   the exact version that it asks for, "" when it leaves a choice
    url   of a file, when it names one
    line  where it stands
    """

    name: str
    extras: frozenset[str]
    specifier: SpecifierSet
    pin: str
    url: str
    line: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    """Which releases of a package a requirement leaves.

    known  those that the table knows, newest first
    newer  whether it also takes releases newer than the table
    older  whether it also takes releases older than the table
    """

    known: tuple[str, ...]
    newer: bool
    older: bool


def asked_of(spec: Spec) -> tuple[Asked, ...]:
    """The requirements of `spec` in order. What does not parse was refused with the spec."""
    from packaging.requirements import InvalidRequirement, Requirement

    environment = _environment(spec.python)
    found = []
    for line in spec.pip.requirements:
        try:
            wish = Requirement(line.text)
        except InvalidRequirement:
            continue
        if not _has_version(_pin(wish)):
            continue  # `===` takes any text; nothing is known of it
        if wish.marker is None or wish.marker.evaluate(environment):
            found.append(
                Asked(
                    name=line.name,
                    extras=frozenset(_normal(extra) for extra in wish.extras),
                    specifier=wish.specifier,
                    pin=_pin(wish),
                    url=wish.url or "",
                    line=line,
                )
            )
    return tuple(found)


def find(asked: Iterable[Asked], *names: str) -> Asked | None:
    """The requirement of one of these names: of several the first that pins it, else the first."""
    found = [wish for wish in asked if wish.name in names]
    return next((wish for wish in found if wish.pin), found[0] if found else None)


def torch_asked(asked: Iterable[Asked]) -> Asked | None:
    """What decides which torch comes: its own line, else a line that pins torchvision or torchaudio."""
    wishes = tuple(asked)
    if own := find(wishes, "torch"):
        return own
    for wish in wishes:
        if wish.name in ("torchvision", "torchaudio") and torch_for(wish.name, wish.pin):
            return wish
    return None


def torch_range(wish: Asked) -> Range:
    """The releases of torch that `wish` (of torch or a companion) leaves."""
    if wish.name != "torch":
        return Range(known=(torch_for(wish.name, wish.pin),), newer=False, older=False)
    return range_of(wish, [release.version for release in torch_releases()])


def tensorflow_range(wish: Asked) -> Range:
    """The releases of tensorflow or tensorflow-gpu that `wish` leaves."""
    versions = [
        version
        for release in tensorflow_releases()
        for version in (release.gpu_releases if wish.name == "tensorflow-gpu" else release.releases)
    ]
    return range_of(wish, versions)


def jax_range(wish: Asked) -> Range:
    """The releases of jax or jaxlib that `wish` leaves, as far as jaxlib had the same."""
    return range_of(wish, [version for version, _ in jax_releases()])


def range_of(wish: Asked, versions: Iterable[str]) -> Range:
    """What `wish` leaves of `versions`, which are all that a table knows."""
    from packaging.version import Version

    ordered = sorted(versions, key=Version, reverse=True)
    if wish.url:
        pinned = tuple(version for version in ordered if version == wish.pin.partition("+")[0])
        return Range(known=pinned, newer=not pinned, older=not pinned)
    known = tuple(version for version in ordered if _takes(wish, version))
    return Range(known=known, newer=_takes_newer(wish, ordered[0]), older=_takes_older(wish, ordered[-1]))


def variant_of(spec: Spec, wish: Asked | None) -> str:
    """The build of torch that the spec asks for, by the pin, the backend or PyTorch's own index.

    "" the default index's.
    """
    if wish and "+" in wish.pin:
        return wish.pin.partition("+")[2]
    if spec.pip.torch_backend:
        return spec.pip.torch_backend
    for url in (*spec.pip.extra_index_urls, spec.pip.index_url or ""):
        if found := _TORCH_INDEX.search(url):
            return found[1]
    return ""


def other_index(spec: Spec) -> bool:
    """Whether packages may come from an index that the tables know nothing of."""
    urls = (*spec.pip.extra_index_urls, *([spec.pip.index_url] if spec.pip.index_url else []))
    return any(not _TORCH_INDEX.search(url) for url in urls)


def jax_majors(wish: Asked) -> tuple[set[int], bool]:
    """The CUDA majors that a requirement of JAX asks for; whether the machine's own CUDA is to be used."""
    if found := _JAX_PLUGIN.fullmatch(wish.name):
        return {int(found[1])}, False
    if wish.name != "jax":
        return set(), False
    majors = {int(found[1]) for extra in wish.extras if (found := re.match(r"cuda(\d\d)", extra))}
    if "cuda" in wish.extras:  # an alias until now
        majors.add(12)
    return majors, any(extra.endswith("-local") for extra in wish.extras)


def is_cuda(variant: str) -> bool:
    """Whether a build of torch is one for CUDA; "" is the default index's, which is."""
    return not variant or bool(variant_cuda(variant))


def python_minor(spec: Spec) -> str:
    """The X.Y of the spec's Python."""
    return minor_of(spec.python)


def _takes(wish: Asked, version: str) -> bool:
    if wish.pin:
        return wish.specifier.contains(wish.pin) and wish.pin.partition("+")[0] in (version, _short(version))
    return wish.specifier.contains(version)


def _short(version: str) -> str:
    """`2.8.0` may be pinned as `2.8`."""
    return version.removesuffix(".0")


def _takes_newer(wish: Asked, newest: str) -> bool:
    """Whether it takes a minor release to come; another patch of a known one is much like it."""
    major, minor, *_ = numbers(_final(newest))
    tries = [f"{major}.{minor + step}.0" for step in (1, 2, 3)]
    return _takes_any(wish, [*tries, f"{major + 1}.0.0", "9999"], above=newest)


def _takes_older(wish: Asked, oldest: str) -> bool:
    major, minor, *_ = numbers(_final(oldest))
    tries = [f"{major}.{less}.0" for less in range(minor)]
    return _takes_any(wish, [*tries, *(f"{less}.{minor}.0" for less in range(major)), "0.0.1"], below=oldest)


def _takes_any(wish: Asked, tries: list[str], *, above: str = "", below: str = "") -> bool:
    from packaging.version import Version

    if wish.pin:
        pin = Version(wish.pin.partition("+")[0])
        return bool(above and pin > Version(above)) or bool(below and pin < Version(below))
    return any(wish.specifier.contains(version) for version in tries)


def _final(version: str) -> str:
    """Numbers alone: `2.15.0.post1` → `2.15.0`."""
    return re.sub(r"[^0-9.].*$", "", version).rstrip(".")


def _environment(python: str) -> dict[str, str]:
    return {
        "python_version": minor_of(python),
        "python_full_version": python if python.count(".") == 2 else f"{python}.0",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "extra": "",
    }


def _pin(wish: Requirement) -> str:
    pins = [
        item.version for item in wish.specifier if item.operator in ("==", "===") and "*" not in item.version
    ]
    if pins:
        return pins[0]
    if wish.url:
        file = unquote(wish.url.rpartition("/")[2])
        name = re.escape(wish.name).replace(r"\-", "-").replace("-", "[-_.]")
        found = re.match(rf"{name}-([^-]+)-", file, re.IGNORECASE)
        return found[1] if found else ""
    return ""


def _has_version(pin: str) -> bool:
    from packaging.version import InvalidVersion, Version

    try:
        return not pin or bool(Version(pin))
    except InvalidVersion:
        return False


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
