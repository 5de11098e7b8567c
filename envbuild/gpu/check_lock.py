"""What only a lock shows: the CUDA of its wheels against the base's, and CUDA that is there twice. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.facts.cuda_packages import image_size
from envbuild.facts.drivers import cuda_of_wheel
from envbuild.facts.tensorflow import tensorflow_release
from envbuild.facts.versions import is_dotted, numbers
from envbuild.gpu.asked import TENSORFLOWS, find
from envbuild.gpu.finding import Finding, at_key, at_line
from envbuild.gpu.needed import need_of_locked, users_of_image

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.gpu.asked import Asked
    from envbuild.gpu.check_cuda import Below
    from envbuild.gpu.model import GpuNeeds
    from envbuild.gpu.needed import Package
    from envbuild.spec.model import Spec

# Libraries that runtime images hold as well; nvrtc, nvjitlink and the runtime alone are small.
_IN_RUNTIME = re.compile(
    r"nvidia-(?:cublas|cuda-nvrtc|cuda-runtime|cufft|curand|cusolver|cusparse|nccl|npp|nvjitlink|nvtx)(?:-cu\d+)?"
)
_CUDNN = re.compile(r"nvidia-cudnn(?:-cu\d+)?")
_HEAVY = re.compile(r"nvidia-(?:cublas|cudnn|cufft|cusolver|cusparse)(?:-cu\d+)?")
_RANK = ("base", "runtime", "devel")


def locked_mismatches(spec: Spec, asked: Sequence[Asked], needs: GpuNeeds, base: Below) -> Iterator[Finding]:
    """Packages whose CUDA is of another major than the base image's."""
    for use in needs.uses:
        if not base.major or not use.cuda or not is_dotted(use.cuda) or use.component.startswith("the CUDA"):
            continue
        if numbers(use.cuda)[0] == base.major:
            continue
        name = use.component.split()[0]
        says = f"`{base.key}:` says CUDA {base.said or base.release}"
        what = f"{use.component.partition(' (')[0]} uses CUDA {use.cuda}, and {says}"
        wish = find(asked, name)
        problem = at_line(wish, what=what) if wish else at_key(spec, base.key, what=what)
        yield Finding(rule="cuda-mismatch", level="error", problem=problem, subject=name)


def locked_cudnn(
    spec: Spec, asked: Sequence[Asked], packages: Sequence[Package], base: Below
) -> Iterator[Finding]:
    """A TensorFlow that loads another cuDNN major than the image has."""
    for package in users_of_image(packages):
        release = tensorflow_release(package.version) if package.name in TENSORFLOWS else None
        if release is None or not base.cudnn or numbers(release.cuda)[0] != base.major:
            continue
        if numbers(release.cudnn)[0] != int(base.cudnn):
            what = (
                f"{package.name} {package.version} loads cuDNN {release.cudnn} from the image,"
                f" and `{base.key}:` brings cuDNN {base.cudnn}"
            )
            wish = find(asked, package.name)
            problem = at_line(wish, what=what) if wish else at_key(spec, base.key, what=what)
            yield Finding(rule="cuda-mismatch", level="error", problem=problem, subject=package.name)


def two_cudas(
    spec: Spec, packages: Sequence[Package], sizes: Mapping[str, int], base: Below, reference: str
) -> Iterator[Finding]:
    """CUDA's libraries twice in one image: from the base and as wheels, or as wheels of two majors."""
    names = [package.name for package in packages]
    if base.flavour in ("runtime", "devel") and any(_HEAVY.fullmatch(name) for name in names):
        yield _twice(spec, packages, sizes, base, reference)
    by_major: dict[str, list[Package]] = {}
    for package in packages:
        if _HEAVY.fullmatch(package.name):
            major = cuda_of_wheel(package.name, package.version).split(".")[0]
            by_major.setdefault(major, []).append(package)
    if len(by_major) > 1 and "" not in by_major:
        totals = {major: sum(sizes.get(item.name, 0) for item in found) for major, found in by_major.items()}
        fewest = min(totals, key=lambda major: totals[major])
        listed = " and ".join(sorted(by_major))
        what = f"the packages bring CUDA's libraries as wheels of CUDA {listed}"
        if totals[fewest]:
            what += f": about {_human(totals[fewest])} would be spared with one"
        problem = at_key(spec, "pip", what=what, todo="take packages for one CUDA major")
        yield Finding(rule="two-cudas", level="warning", problem=problem, subject="wheels")


def without_cuda(spec: Spec, needs: GpuNeeds, base: Below, reference: str) -> Iterator[Finding]:
    """GPU packages on a base without CUDA: fine, and good to know."""
    uses = [use for use in needs.uses if use.cuda]
    if base.release != "" or not uses or spec.cuda:
        return
    names = " and ".join(dict.fromkeys(use.component for use in uses))
    minor = ".".join(uses[0].cuda.split(".")[:2])
    what = f"{names}: CUDA comes with the packages, and {reference} has none of its own"
    todo = (
        f"that is enough where the driver is new; with `cuda: {minor}` the image also holds cuda-compat,"
        " for older drivers of data-centre GPUs"
    )
    problem = at_key(spec, "conda" if spec.conda else "pip", what=what, todo=todo)
    yield Finding(rule="cuda-absent", level="note", problem=problem, subject="cuda")


def without_gpu(spec: Spec, needs: GpuNeeds) -> Iterator[Finding]:
    """Targets of an image in which nothing uses a GPU."""
    if spec.targets and not needs.uses:
        what = "nothing that was locked is known to use a GPU"
        problem = at_key(spec, "targets", what=what)
        yield Finding(rule="nothing-needs-gpu", level="note", problem=problem)


def _twice(
    spec: Spec, packages: Sequence[Package], sizes: Mapping[str, int], base: Below, reference: str
) -> Finding:
    same = [
        package.name
        for package in packages
        if _IN_RUNTIME.fullmatch(package.name) or (base.cudnn and _CUDNN.fullmatch(package.name))
    ]
    wasted = _spared(reference) or sum(sizes.get(name, 0) for name in same)
    exact = bool(_spared(reference))
    what = f"CUDA's libraries are in the image twice: in {reference}, and as {len(same)} nvidia wheels"
    if wasted:
        what += f": {'' if exact else 'about '}{_human(wasted)} wasted"
        what += "" if exact else " (the size of those wheels)"
    need = need_of_locked(spec, packages)
    avoidable = _RANK.index(need.flavour) < _RANK.index(base.flavour)
    if not avoidable:
        what += f"; it has to be so: {need.why}"
        problem = at_key(spec, base.key, what=what)
        return Finding(rule="two-cudas", level="note", problem=problem, subject="base")
    todo = f"flavour: {need.flavour} would do: {need.why}"
    if base.key == "base":
        todo = f"a base of flavour {need.flavour} would do: {need.why}"
    problem = at_key(spec, base.key, "flavour", what=what, todo=todo)
    return Finding(rule="two-cudas", level="warning", problem=problem, subject="base")


def _spared(reference: str) -> int:
    """Bytes by which the image is larger than its flavour base, where both sizes are known; else 0."""
    tag = reference.partition("@")[0].rpartition(":")[2]
    release, _, rest = tag.partition("-")
    token, _, system = rest.rpartition("-")
    whole, least = image_size(release, system, token), image_size(release, system, "base")
    return whole - least if whole and least else 0


def _human(size: int) -> str:
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{max(size / 1e6, 0.1):.3g} MB"
