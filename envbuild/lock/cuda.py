"""The base image that a spec stands on: its own, by `cuda:` and what packages need, or the default. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.errors import LockError
from envbuild.facts.cuda import NoCudaImage
from envbuild.gpu.check_cuda import image_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.facts.cuda import ImageNeed
    from envbuild.spec.model import Spec

DEFAULT_BASE = "debian:bookworm-slim"


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """A base by reference, and what the lock says of the choice, empty without `cuda:`."""

    reference: str
    cuda: Mapping[str, str] = field(default_factory=dict)


def choose_base(spec: Spec, need: ImageNeed) -> Chosen:
    """The base of `spec`, whose packages need `need` of a CUDA image. Raises LockError when there is none."""
    if spec.cuda is None:
        return Chosen(reference=spec.base or DEFAULT_BASE)
    if spec.base:
        return Chosen(reference=spec.base, cuda={"version": spec.cuda.version})
    image = image_of(spec, need)
    if isinstance(image, NoCudaImage):
        raise LockError(f"cuda: {image.what}", hint=image.todo)
    cuda = {
        "version": spec.cuda.version,
        "reference": image.reference,
        "reasons": "; ".join(image.reasons),
    }
    return Chosen(reference=image.reference, cuda=cuda)
