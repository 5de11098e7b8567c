"""Whether builds of frameworks and images agree with the tables of toolkits and GPUs: tables in, sentences
about faults out. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envbuild.facts import jax as jax_rows
from envbuild.facts import tensorflow as tensorflow_rows
from envbuild.facts import torch as torch_rows
from envbuild.facts.compat import read_compat
from envbuild.facts.drivers import cuda_of_wheel
from envbuild.facts.known import Known, minor
from envbuild.facts.versions import is_dotted, minor_of, numbers, variant_cuda

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from envbuild.facts.model import TensorflowRelease, TorchRelease

_FIRST_CUDA_WITHOUT_OWN_BRANCH = (
    11  # from here on an image's cuda-compat is only for older branches than its own
)


def torch(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Faults of torch.yml."""
    releases = [torch_rows.read_release(row, data["glibc"]["from"]) for row in data["releases"]["rows"]]
    yield from _twice([release.version for release in releases])
    for row, release in zip(data["releases"]["rows"], releases, strict=True):
        yield from (f"{release.version}: {fault}" for fault in _torch_release(row, release, known))
    for package in ("torchvision", "torchaudio"):
        made = {getattr(release, package) for release in releases}
        yield from (
            f"unpinned: {package} {v} is in no row" for v in data["unpinned"][package] if v not in made
        )
    yield from _torch_architectures(data, releases, known)
    by_version = {release.version: release for release in releases}
    for version, row in data["measured"]["releases"].items():
        if version in by_version:
            cuda = variant_cuda(by_version[version].default)
            yield from _codes(f"measured: {version}", row, [cuda], known)
            yield from _against_rows(version, cuda, row, data["architectures"]["rows"])
        else:
            yield f"measured: {version} is no release of the table"


def _torch_release(row: Mapping[str, Any], release: TorchRelease, known: Known) -> Iterator[str]:
    for variant in (*release.variants, *release.unverified):
        if not known.releases_of(variant_cuda(variant) or "none"):
            yield f"variant {variant} names no toolkit"
    cudas = [numbers(variant_cuda(v)) for v in release.variants if variant_cuda(v)]
    if cudas != sorted(set(cudas)):
        yield "variants are not oldest CUDA first, or twice"
    if release.default not in release.variants:
        yield f"default {release.default} is none of its variants"
    if both := set(release.variants) & set(release.unverified):
        yield f"{', '.join(sorted(both))}: a variant, and unverified"
    yield from _pythons(release.pythons)
    for wheel in row.get("brings", ()):
        name, _, version = wheel.partition("==")
        cuda = cuda_of_wheel(name, version)
        if not _agree(cuda, variant_cuda(release.default)):
            yield f"brings {wheel}, which is of CUDA {cuda or '?'}, but its default is {release.default}"


def _torch_architectures(
    data: Mapping[str, Any], releases: Sequence[TorchRelease], known: Known
) -> Iterator[str]:
    seen: set[tuple[str, str]] = set()
    for row in data["architectures"]["rows"]:
        where = f"architectures: {row['torch'][0]} to {row['torch'][1]}"
        span = [release for release in releases if _within(release.version, row["torch"])]
        if not row["evidence"]:
            yield f"{where}: no evidence"
        for cuda in row["cuda"]:
            built = [r for r in span if cuda in map(variant_cuda, (*r.variants, *r.unverified))]
            if not built:
                yield f"{where}: no release of these has a build for CUDA {cuda}"
            pairs = {(release.version, cuda) for release in built}
            yield from (f"{where}: {v} with CUDA {c} is in two rows" for v, c in sorted(pairs & seen))
            seen |= pairs
        for machine in ("x86_64", "aarch64"):
            code = {"cubins": row.get(machine), "ptx": row["ptx"]}
            yield from _codes(f"{where} ({machine})", code, row["cuda"], known, machine)


def _against_rows(
    version: str, cuda: str, measured: Mapping[str, Any], rows: Iterable[Mapping[str, Any]]
) -> Iterator[str]:
    """What was read out of a wheel against what a script or a person says of such builds."""
    for row in rows:
        if cuda not in row["cuda"] or not _within(version, row["torch"]):
            continue
        for said, kind in ((row["x86_64"], "cubins"), (row["ptx"], "ptx")):
            if said is not None and said != measured[kind]:
                yield f"measured: {version}: {kind} {measured[kind]}, but a row of architectures says {said}"


def _codes(
    where: str, code: Mapping[str, Any], cudas: Iterable[str], known: Known, machine: str = "x86_64"
) -> Iterator[str]:
    """Architectures of device code against what these toolkits compile for."""
    for name in {*(code["cubins"] or ()), *(code["ptx"] or ())}:
        found = re.fullmatch(r"([0-9]{1,2})([0-9])[af]?", name)
        capability = (int(found[1]), int(found[2])) if found else (0, 0)
        architecture = known.architectures.get(capability)
        if architecture is None:
            yield f"{where}: {name} is no architecture of gpus.yml"
            continue
        if architecture.jetson and machine != "aarch64":
            yield f"{where}: {name} is a Jetson board's, which has no x86_64"
        for cuda in cudas:
            last = architecture.last_toolkit
            too_new = is_dotted(last) and minor(cuda) > minor(str(last))
            if minor(cuda) < minor(architecture.first_toolkit) or too_new:
                yield f"{where}: CUDA {cuda} does not compile for {name}"


def tensorflow(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Faults of tensorflow.yml."""
    rows = data["releases"]["rows"]
    releases = [tensorflow_rows.read_release(row) for row in rows]
    minors = {release.minor for release in releases}
    yield from _twice([release.minor for release in releases])
    for row, release in zip(rows, releases, strict=True):
        where = release.minor
        if not known.releases_of(release.cuda):
            yield f"{where}: CUDA {release.cuda} is no toolkit"
        if not is_dotted(release.cudnn):
            yield f"{where}: cuDNN {release.cudnn} is no version"
        yield from (f"{where}: {fault}" for fault in _pythons(release.pythons))
        yield from (f"{where}: {fault}" for fault in _pythons(release.gpu_pythons or ("0.0",)))
        others = {
            version for version in (*release.releases, *release.gpu_releases) if minor_of(version) != where
        }
        yield from (f"{where}: {version} is not of this minor" for version in sorted(others))
        if bool(release.gpu_pythons) != bool(release.gpu_releases):
            yield f"{where}: gpu_pythons without gpu_releases, or the reverse"
        if release.brings and not release.and_cuda:
            yield f"{where}: brings CUDA, but has no extra and-cuda"
        if "brings_of" in row and row["brings_of"] not in release.releases:
            yield f"{where}: brings_of {row['brings_of']} is no release of it"
        yield from (f"{where}: {fault}" for fault in _brought(release.brings, release.cuda))
    spans = [end for row in data["code"]["rows"] for end in row["tensorflow"]]
    named = [*spans, *data["gpu_package"]["only_tensorflow_gpu"]]
    yield from (f"{name} is in code or gpu_package, but no release" for name in named if name not in minors)
    for row in data["code"]["rows"]:
        major, number = numbers(row["oldest"])
        if (major, number) not in known.architectures:
            yield f"code: oldest {row['oldest']} is no architecture of gpus.yml"
    yield from _tensorflow_measured(data, {release.minor: release for release in releases}, known)


def _tensorflow_measured(
    data: Mapping[str, Any], releases: Mapping[str, TensorflowRelease], known: Known
) -> Iterator[str]:
    for version, row in data["measured"]["releases"].items():
        release = releases.get(minor_of(version))
        if release is None or version not in (*release.releases, *release.gpu_releases):
            yield f"measured: {version} is no release of the table"
            continue
        if minor_of(release.cuda):
            yield from _codes(f"measured: {version}", row, [release.cuda], known)
        least = min(row["cubins"], key=int)
        for span in data["code"]["rows"]:
            if _within(version, span["tensorflow"]) and span["oldest"].replace(".", "") != least:
                yield f"measured: {version}: its oldest is {least}, code says {span['oldest']}"


def _within(version: str, span: Sequence[str]) -> bool:
    first, last = span
    return numbers(first) <= minor(version) <= numbers(last)


def _brought(wheels: Iterable[str], cuda: str) -> Iterator[str]:
    """Pinned runtime wheels of another CUDA than the release was built with."""
    for wheel in wheels:
        name, _, version = wheel.partition("==")
        if version and re.match(r"nvidia-cuda-(runtime|cupti|nvcc|nvrtc)", name):
            own = cuda_of_wheel(name, version)
            if not _agree(own, cuda):
                yield f"brings {wheel}, which is of CUDA {own or '?'}, but it was built with {cuda}"


def jax(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Faults of jax.yml."""
    versions = [row["jaxlib"] for row in data["releases"]["rows"]]
    yield from _twice(versions)
    for row in data["releases"]["rows"]:
        numbers(row["jaxlib"])
        yield from (f"{row['jaxlib']}: {fault}" for fault in _pythons(row["pythons"]))
    for row in data["plugins"]["rows"]:
        plugin = jax_rows.read_plugin(row)
        family = known.families.get(plugin.major)
        if family is None or family.floor is None:
            yield f"plugins: CUDA {plugin.major} has no floor in cuda_toolkits.yml"
        elif numbers(plugin.driver) < numbers(family.floor):
            yield f"plugins: {plugin.major}: driver {plugin.driver} is below the floor {family.floor}"
        architecture = known.architectures.get(plugin.oldest)
        if architecture is None:
            yield f"plugins: {plugin.major}: {row['oldest']} is no architecture of gpus.yml"
        elif (
            is_dotted(architecture.last_toolkit) and numbers(str(architecture.last_toolkit))[0] < plugin.major
        ):
            yield f"plugins: CUDA {plugin.major} does not compile for {row['oldest']}"
        if row["first"] not in versions:
            yield f"plugins: {plugin.major}: {row['first']} is no release of the table"


def images(data: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Faults of cuda_images.yml."""
    names = [row["cuda"] for row in data["images"]]
    gone: list[str] = data["gone"]
    yield from _twice([*names, *gone])
    for name in (*names, *gone):
        if not known.releases_of(name):
            yield f"{name} is no toolkit"
    yield from (f"gone_compat: {name} is not in gone" for name in data["gone_compat"] if name not in gone)
    for row in data["images"]:
        if not row["tags"]:
            yield f"{row['cuda']}: no tags"
        if row.get("listed", "supported") not in {"supported", "unsupported"}:
            yield f"{row['cuda']}: listed: {row['listed']}"
        if "listed" not in row and not row.get("evidence"):
            yield f"{row['cuda']}: neither listed nor evidence"
    for name, branches in read_compat(data).items():
        own = [toolkit.branch for toolkit in known.releases_of(name) if toolkit.branch]
        for branch in branches or ():
            if branch not in known.branches:
                yield f"{name}: compat: {branch} is no driver branch"
            if own and not _older(branch, max(own), numbers(name)[0]):
                yield f"{name}: compat: {branch} is not older than its own branch {max(own)}"


def _older(branch: int, own: int, major: int) -> bool:
    """Before CUDA 11 updates came within a branch, so that compat may carry the image's own."""
    return branch < own or (branch == own and major < _FIRST_CUDA_WITHOUT_OWN_BRANCH)


def _agree(one: str, other: str) -> bool:
    """Whether two CUDA versions agree as far as both go; an unknown one agrees with none."""
    if not one or not other:
        return False
    return all(a == b for a, b in zip(numbers(one), numbers(other), strict=False))


def _pythons(pythons: Iterable[str]) -> Iterator[str]:
    wrong = [python for python in pythons if not re.fullmatch(r"[0-9]\.[0-9]{1,2}", python)]
    yield from (f"{python!r} is no Python version X.Y" for python in wrong)
    if not list(pythons):
        yield "no Python at all"


def _twice(names: Sequence[str]) -> Iterator[str]:
    yield from (f"{name} is there twice" for name in sorted({n for n in names if names.count(n) > 1}))
