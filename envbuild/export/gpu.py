"""Whether an environment uses a GPU, as programs that start its image need to know. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

from envbuild.lock.needs import needs_of_lock

if TYPE_CHECKING:
    from envbuild.export.model import Source

Gpu: TypeAlias = Literal["", "optional", "required"]


def gpu_of(source: Source) -> Gpu:
    """required where the spec's smoke tests fail without one; optional where what is locked can use one."""
    spec = source.spec
    if spec.smoke.gpu == "required":
        return "required"
    if spec.cuda or spec.targets:
        return "optional"
    try:
        uses = needs_of_lock(source.lock).uses if source.lock else ()
    except (ValueError, TypeError, AttributeError):
        uses = ()
    return "optional" if uses else ""
