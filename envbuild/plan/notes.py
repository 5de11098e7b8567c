"""What a person should know about a plan: lock and layers in, sentences out. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.plan.model import BaseLayer, EnvLayer, PipLayer, UserLayer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.lock.model import Lock
    from envbuild.plan.model import Layer

_SHOWN = 5


def notes_of(lock: Lock, layers: Sequence[Layer], budget: int) -> tuple[str, ...]:
    """Notes in the order of the layers that they are about."""
    notes = []
    if not lock.base.pinned:
        notes.append(
            f"the base {lock.base.reference} is not pinned: another build may get another base; "
            "lock again where its registry can be reached"
        )
    if lock.apt and not lock.apt_resolved:
        notes.append(
            "the Debian packages are not locked, because the base was not at hand: "
            "each build takes what the mirror has then"
        )
    if any(isinstance(layer, UserLayer) and layer.uid == 0 for layer in layers):
        notes.append("the image runs as root, because the spec says so")
    built = [name for layer in layers if isinstance(layer, PipLayer) for name in layer.from_source]
    if built:
        notes.append(
            f"built from source: {_some(sorted(built))}; that takes longer, may need compilers (`apt:`), "
            "and what it is built with is not locked"
        )
    count = sum(not isinstance(layer, BaseLayer | EnvLayer) for layer in layers)
    if count > budget:
        notes.append(
            f"{count} layers on top of the base, more than the {budget} planned for (engines stop near 125): "
            "put steps of `run:` together"
        )
    return tuple(notes)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
