"""What the image of a lock needs of a GPU machine: `Lock` → `GpuNeeds`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.gpu.data import needs_from
from envbuild.gpu.needs import image_release, needs_of

if TYPE_CHECKING:
    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.model import Lock

MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


def needs_of_lock(lock: Lock) -> GpuNeeds:
    """As the lock says, else (an older lock) by the packages in it.

    Raises ValueError when what the lock says makes no sense.
    """
    if lock.gpu:
        return needs_from(lock.gpu)
    packages = {package.name: package.version for package in lock.packages}
    return needs_of(packages, image_release(lock.base.reference), MACHINES.get(lock.platform, "x86_64"))
