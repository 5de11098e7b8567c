"""Whether there are wheels of a framework's release for the Python, the build and the base's glibc. Pure.

Tables do not forbid what they do not know: where a release newer than the table or another index may have the
wheel, a finding is a warning at most.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.facts.cuda_packages import wheel_glibc
from envbuild.facts.jax import jax_releases
from envbuild.facts.tensorflow import tensorflow_release
from envbuild.facts.torch import torch_release, variant_cuda
from envbuild.facts.versions import numbers
from envbuild.gpu.asked import (
    TENSORFLOWS,
    Range,
    find,
    is_cuda,
    jax_range,
    other_index,
    python_minor,
    tensorflow_range,
    torch_asked,
    torch_range,
    variant_of,
)
from envbuild.gpu.finding import Finding, at_line

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.gpu.asked import Asked
    from envbuild.gpu.finding import Level
    from envbuild.spec.model import Spec

_STUB = "2.12.0"


def wheel_findings(spec: Spec, asked: Sequence[Asked], glibc: str) -> Iterator[Finding]:
    """What is wrong with the releases that `spec` asks for; `glibc` is the base's, "" unknown.

    The tables are of wheels for x86_64 on the default index.
    """
    if wish := torch_asked(asked):
        yield from _torch(spec, wish)
    for name in TENSORFLOWS:
        if tensorflow := find(asked, name):
            yield from _tensorflow(spec, tensorflow)
    if jax := find(asked, "jax", "jaxlib"):
        left = jax_range(jax)
        pythons = dict(jax_releases())
        yield from _python("jax-python", spec, jax, left, {v: pythons[v] for v in left.known})
    if glibc:
        yield from _glibc(spec, asked, glibc)


def torch_pythons(version: str) -> tuple[str, ...]:
    """The Pythons that a torch release has wheels for."""
    release = torch_release(version)
    return release.pythons if release else ()


def tensorflow_pythons(name: str, version: str) -> tuple[str, ...]:
    """The Pythons that a release of tensorflow or tensorflow-gpu has wheels for."""
    release = tensorflow_release(version)
    if release is None:
        return ()
    return release.gpu_pythons if name == "tensorflow-gpu" else release.pythons


def is_stub(wish: Asked) -> bool:
    """Whether a requirement of tensorflow-gpu takes its last release, which holds nothing."""
    return wish.specifier.contains(_STUB)


def has_variant(version: str, variant: str) -> bool | None:
    """Whether a torch release has that build for CUDA; None: it is named somewhere, not checked."""
    release = torch_release(version)
    if release is None:
        return None
    if variant in release.variants or variant == release.default:
        return True
    return None if variant in release.unverified else False


def _torch(spec: Spec, wish: Asked) -> Iterator[Finding]:
    left = torch_range(wish)
    pythons = {version: torch_pythons(version) for version in left.known}
    found = list(_python("torch-python", spec, wish, left, pythons))
    yield from found
    variant = variant_of(spec, wish)
    if spec.targets and not is_cuda(variant):
        what = f"torch is asked for as {variant}, which uses none of the GPUs under targets"
        problem = at_line(wish, what=what)
        yield Finding(rule="torch-variant", level="warning", problem=problem, subject="torch")
    if found or not left.known or not variant_cuda(variant):
        return
    fitting = [version for version in left.known if python_minor(spec) in pythons[version]]
    answers = {version: has_variant(version, variant) for version in fitting or left.known}
    if True in answers.values():
        return
    unsure = None in answers.values() or left.newer or left.older
    builds = torch_release(next(iter(answers)))
    listed = ", ".join(builds.variants) if builds else ""
    what = f"{_called('torch', left)} was not built for {variant}: its builds are {listed}"
    if None in answers.values():
        what = f"{_called('torch', left)} as {variant} is named somewhere, but no source has seen it"
    elif python_minor(spec) in pythons[left.known[0]] and len(answers) < len(left.known):
        what = (
            f"no release of torch that {wish.line.text} leaves has {variant} for Python {python_minor(spec)}"
        )
    yield Finding(
        rule="torch-variant",
        level=_level(spec, unsure=unsure),
        problem=at_line(wish, what=what),
        subject="torch",
    )


def _tensorflow(spec: Spec, wish: Asked) -> Iterator[Finding]:
    if wish.name == "tensorflow-gpu" and is_stub(wish):
        what = f"tensorflow-gpu ended with 2.11: {_STUB} is an empty package that cannot be installed"
        yield Finding(
            rule="tensorflow-gpu",
            level=_level(spec, unsure=False),
            problem=at_line(wish, what=what),
            subject="tensorflow-gpu",
        )
        return
    left = tensorflow_range(wish)
    pythons = {version: tensorflow_pythons(wish.name, version) for version in left.known}
    yield from _python("tensorflow-python", spec, wish, left, pythons)


def _python(
    rule: str, spec: Spec, wish: Asked, left: Range, pythons: Mapping[str, tuple[str, ...]]
) -> Iterator[Finding]:
    """A finding when no release that is left has wheels for the spec's Python."""
    python = python_minor(spec)
    if wish.url or not left.known or any(python in those for those in pythons.values()):
        return
    package = "torch" if rule == "torch-python" else wish.name
    newest, oldest = pythons[left.known[0]], pythons[left.known[-1]]
    too_new = numbers(python) > numbers(newest[-1])
    too_old = numbers(python) < numbers(oldest[0])
    unsure = (too_new and left.newer) or (too_old and left.older)
    span = _span(sorted({one for those in pythons.values() for one in those}, key=numbers))
    what = f"{_called(package, left)} has no wheel for Python {python}, only for {span}"
    if unsure:
        other = "newer" if too_new else "older"
        what = f"no known release of {package} has a wheel for Python {python}, only for {span}"
        what += f"; a {other} one may"
    yield Finding(
        rule=rule,
        level=_level(spec, unsure=unsure),
        problem=at_line(wish, what=what),
        subject=package,
    )


def _glibc(spec: Spec, asked: Sequence[Asked], glibc: str) -> Iterator[Finding]:
    needs: list[tuple[Asked, Range, dict[str, str]]] = []
    if wish := torch_asked(asked):
        left = torch_range(wish)
        known = {version: release.glibc for version in left.known if (release := torch_release(version))}
        needs.append((wish, left, known))
    if (wish := find(asked, "tensorflow")) and (left := tensorflow_range(wish)).known:
        needs.append((wish, left, {version: wheel_glibc("tensorflow", version) for version in left.known}))
    for wish, left, floors in needs:
        usable = {v: f for v, f in floors.items() if python_minor(spec) in _pythons(wish, v)} or floors
        if not usable or left.older or any(not f or numbers(f) <= numbers(glibc) for f in usable.values()):
            continue
        package = "torch" if wish.name != "tensorflow" else "tensorflow"
        least = min(usable.values(), key=numbers)
        what = f"wheels of {_called(package, left)} need glibc {least}, and the base image has {glibc}"
        yield Finding(
            rule="glibc",
            level=_level(spec, unsure=False),
            problem=at_line(wish, what=what),
            subject=package,
        )


def _pythons(wish: Asked, version: str) -> tuple[str, ...]:
    return tensorflow_pythons("tensorflow", version) if wish.name == "tensorflow" else torch_pythons(version)


def _level(spec: Spec, *, unsure: bool) -> Level:
    return "warning" if unsure or other_index(spec) else "error"


def _called(package: str, left: Range) -> str:
    """`torch 2.8.0`, or `torch 2.6.0 to 2.8.0` for several."""
    if len(left.known) == 1:
        return f"{package} {left.known[0]}"
    return f"{package} {left.known[-1]} to {left.known[0]}"


def _span(pythons: Sequence[str]) -> str:
    return pythons[0] if len(pythons) == 1 else f"{pythons[0]} to {pythons[-1]}"
