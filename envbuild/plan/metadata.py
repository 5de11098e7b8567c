"""What an image says of itself: the last layer's settings and labels. Spec and lock in, `MetadataLayer` out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.plan.model import MetadataLayer
from envbuild.plan.weights import is_cuda

if TYPE_CHECKING:
    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

DEFAULT_CMD = ("bash",)


def metadata_layer(spec: Spec, lock: Lock, *, lock_text: str, lock_name: str, version: str) -> MetadataLayer:
    """The last layer. An image without `cmd` and `entrypoint` starts a shell: it stands for an environment to work in.

    The base's own entrypoint is never kept: those of the CUDA images print a banner into the output of every command.
    """
    return MetadataLayer(
        env=_env(spec, lock),
        labels=_labels(spec, lock, version),
        user=spec.user,
        workdir=spec.workdir,
        entrypoint=spec.entrypoint or (),
        cmd=spec.cmd if spec.cmd is not None else None if spec.entrypoint else DEFAULT_CMD,
        spec_text=spec.source.text,
        lock_text=lock_text,
        lock_name=lock_name,
        why="spec and lock change with every edit: in a tiny layer of their own, at the very end",
        line=0,
    )


def home_of(user: str) -> str:
    """The home folder of the image's user."""
    return "/root" if user == "root" else f"/home/{user}"


def _env(spec: Spec, lock: Lock) -> tuple[tuple[str, str], ...]:
    # Without the second, packages in ~/.local of whoever runs the image would come first (clusters mount homes).
    own = {"VIRTUAL_ENV": "/opt/env", "PYTHONNOUSERSITE": "1", "LANG": "C.UTF-8"}
    if lock.cuda or any(is_cuda(package) for package in lock.packages):
        # CUDA base images say this themselves; on others the NVIDIA runtime and enroot give no GPU without it.
        own |= {"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"}
    return tuple((own | dict(spec.env)).items())


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
        "dev.envbuild.python": lock.python.version,
        "dev.envbuild.python.source": lock.python.source,
        "dev.envbuild.cuda": lock.cuda.get("version", ""),
    }
    # The user's may replace those of OCI, never ours: other commands read them.
    labels = {**oci, **dict(spec.image.labels), **own}
    return tuple((key, value) for key, value in labels.items() if value or key in dict(spec.image.labels))
