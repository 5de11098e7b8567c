"""TensorFlow releases whose CUDA has no image any more: what is possible all the same, and why. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.facts.base import base_facts
from envbuild.facts.cuda import OLDEST_MANAGED, NoCudaImage, cuda_image
from envbuild.facts.cuda_tags import gone
from envbuild.facts.tensorflow import tensorflow_release, tensorflow_releases
from envbuild.facts.versions import numbers
from envbuild.gpu import change
from envbuild.gpu.asked import TENSORFLOWS, asked_of, find, python_minor, tensorflow_range
from envbuild.gpu.check_cuda import installs_cuda
from envbuild.gpu.check_wheels import tensorflow_pythons
from envbuild.gpu.finding import Finding, at_line, errors
from envbuild.spec.model import Cuda

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envbuild.facts.model import TensorflowRelease
    from envbuild.gpu.asked import Asked
    from envbuild.spec.model import Spec


def stranded(spec: Spec, asked: Sequence[Asked]) -> Finding | None:
    """The one finding about a TensorFlow that takes a CUDA from the image whose images were deleted."""
    wish = find(asked, *TENSORFLOWS)
    if wish is None or not _looks_for_an_image(spec, wish):
        return None
    left = tensorflow_range(wish)
    releases = [(version, release) for version in left.known if (release := tensorflow_release(version))]
    if not releases or any(_has_image(release) for _, release in releases):
        return None
    version, release = releases[0]
    what = (
        f"{wish.name} {version} loads CUDA {release.cuda} and cuDNN {release.cudnn} from the image,"
        f" and the nvidia/cuda images of CUDA {release.cuda} were deleted from the registry"
    )
    return Finding(rule="cuda-image", level="error", problem=at_line(wish, what=what), subject=wish.name)


def ways_on(spec: Spec, finding: Finding, check: Callable[[Spec], Sequence[Finding]]) -> str:
    """What is possible where `finding` came from `stranded`."""
    wish = find(asked_of(spec), *TENSORFLOWS)
    release = tensorflow_release(tensorflow_range(wish).known[0]) if wish else None
    if wish is None or release is None:
        return finding.problem.todo
    python = python_minor(spec)
    old = numbers(python) < OLDEST_MANAGED
    holds = f"CUDA {release.cuda}, cuDNN {release.cudnn}"
    own = f"`base:` with an image of your own that holds {holds}" + (
        f" and Python {python}, which uv does not bring" if old else ""
    )
    conda = (
        f"`conda: {{packages: [cudatoolkit={release.cuda}, cudnn={release.cudnn}]}}`"
        f" on `base: debian:bookworm-slim`"
    )
    moves = [move for move in (_same_python(spec, wish, check), _newest()) if move]
    return f"two ways keep it: {conda}, or {own}; if you can move, {'; '.join(moves)}"


def _looks_for_an_image(spec: Spec, wish: Asked) -> bool:
    """Whether the spec wants a GPU, and leaves it to envbuild where CUDA comes from."""
    if installs_cuda(spec):
        return False
    if spec.base:
        known = base_facts(spec.base)
        if known is None or "nvidia/cuda" in spec.base:
            return False
    wanted = spec.cuda or spec.targets or spec.smoke.gpu == "required"
    return wish.name == "tensorflow-gpu" or bool(wanted)


def _has_image(release: TensorflowRelease) -> bool:
    """Whether its CUDA comes as wheels, or there is an image of it; so too where that is not known."""
    return release.and_cuda or not gone(release.cuda)


def _same_python(spec: Spec, wish: Asked, check: Callable[[Spec], Sequence[Finding]]) -> str:
    """The newest release that runs on the spec's own Python with an image that exists; "" none."""
    python = python_minor(spec)
    for step in change.tensorflow_minors(spec):
        release = tensorflow_release(step.text.rpartition("==")[2].removesuffix(".*"))
        if release is None or python not in tensorflow_pythons(wish.name, f"{release.minor}.0"):
            continue
        cuda = Cuda(version=release.cuda)
        moved = change.replace_cuda(step.spec, cuda)
        image = cuda_image(cuda, spec.python)
        if isinstance(image, NoCudaImage) or errors(check(moved)):
            continue
        if numbers(python) < OLDEST_MANAGED and f"its own Python is {python}" not in " ".join(image.reasons):
            continue
        return f"`{step.text}` with `cuda: {release.cuda}` runs on Python {python} too"
    return ""


def _newest() -> str:
    release = tensorflow_releases()[0]
    span = f"{release.pythons[0]} to {release.pythons[-1]}"
    return f"`tensorflow[and-cuda]=={release.minor}.*` brings its own CUDA, on Python {span}"
