"""What an image says of itself: settings, labels, commands. Spec and lock in, the last layers out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.gpu.data import labels_of
from envbuild.lock.pylock import lock_path
from envbuild.plan.model import EnvLayer, MetadataLayer
from envbuild.plan.weights import is_cuda

if TYPE_CHECKING:
    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

DEFAULT_CMD = ("bash",)
PLAN_LABEL = "dev.envbuild.plan"

OWN_ENV = (
    ("PATH", "/opt/env/bin"),
    ("PYTHONNOUSERSITE", "1"),
    ("LANG", "C.UTF-8"),
)
"""What every image sets, besides VIRTUAL_ENV or CONDA_PREFIX. PATH goes before the base's own. Packages in
the ~/.local of whoever runs the image stay out: clusters mount homes."""


def metadata_layer(spec: Spec, lock: Lock, *, lock_text: str, version: str) -> MetadataLayer:
    """The last layer. An image whose spec names no command starts a shell: it is an environment to work in.

    The base's own entrypoint is never kept: those of CUDA images print a banner into the output of every
    command.
    """
    return MetadataLayer(
        labels=_labels(spec, lock, version),
        user=spec.user,
        workdir=spec.workdir,
        entrypoint=spec.entrypoint or (),
        cmd=spec.cmd if spec.cmd is not None else () if spec.entrypoint else DEFAULT_CMD,
        spec_text=spec.source.text,
        lock_text=lock_text,
        lock_name=lock_path(spec).name,
        why="spec and lock change with every edit: a tiny layer of their own, at the very end",
    )


def env_layer(spec: Spec, lock: Lock) -> EnvLayer:
    """What programs in the image see: our settings, then the spec's, which may replace all but PATH."""
    path, *others = OWN_ENV
    place = "CONDA_PREFIX" if lock.python.source == "conda" else "VIRTUAL_ENV"
    own = dict([path, (place, "/opt/env"), *others])
    if lock.cuda or any(map(is_cuda, lock.packages)) or any(map(is_cuda, lock.conda)):
        # CUDA base images say this themselves; on others NVIDIA's runtime and enroot give no GPU without it.
        own |= {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    return EnvLayer(
        env=tuple((own | dict(spec.env)).items()),
        why="no layer; the steps below see it, and a changed value leaves the packages cached",
    )


def home_of(user: str) -> str:
    """The home folder of the image's user."""
    return "/root" if user == "root" else f"/home/{user}"


def _labels(spec: Spec, lock: Lock, version: str) -> tuple[tuple[str, str], ...]:
    base = lock.base
    oci = {
        "org.opencontainers.image.title": spec.name,
        "org.opencontainers.image.base.name": base.reference,
        "org.opencontainers.image.base.digest": base.digest or "",
    }
    own = {
        "dev.envbuild.version": version,
        "dev.envbuild.name": spec.name,
        "dev.envbuild.spec": spec.source.digest,
        "dev.envbuild.lock": lock.digest,
        "dev.envbuild.platform": lock.platform,
        "dev.envbuild.base": base.build_reference,
        "dev.envbuild.base.id": base.image_id or "",
        "dev.envbuild.base.pinned": "true" if base.pinned else "false",
        "dev.envbuild.python": lock.python.version,
        "dev.envbuild.python.source": lock.python.source,
        "dev.envbuild.cuda": lock.cuda.get("version", ""),
        **labels_of(lock.gpu),
    }
    # The user's may replace those of OCI, never ours: other commands read them.
    given = dict(spec.image.labels)
    labels = {**oci, **given, **own}
    return tuple((key, value) for key, value in labels.items() if value or key in given)
