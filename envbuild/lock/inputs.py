"""Which parts of a spec a lock answers: a `Spec` → a JSON-like dict in canonical order. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.gpu.compiled import compile_steps
from envbuild.site.urls import redact_url

if TYPE_CHECKING:
    from envbuild.spec.model import Cuda, Spec


def inputs_of(spec: Spec) -> dict[str, Any]:
    """What the lock of `spec` answers, without credentials. Order and spaces do not count; never None."""
    pip, conda = spec.pip, spec.conda
    wishes: dict[str, Any] = {
        "python": spec.python,
        "base": spec.base,
        "cuda": _cuda(spec.cuda, spec) if spec.cuda else None,
        "targets": sorted(set(spec.targets)),
        "accept": sorted(set(spec.accept)),
        "apt": sorted(set(spec.apt)),
        "pip": requirement_texts(spec),
        "index_url": redact_url(pip.index_url) if pip.index_url else None,
        "extra_index_urls": [redact_url(url) for url in pip.extra_index_urls],
        "torch_backend": pip.torch_backend,
        "conda": {
            "channels": list(conda.channels),
            "packages": sorted(set(conda.packages)),
            "priority": conda.priority,
        }
        if conda
        else None,
    }
    return {key: value for key, value in wishes.items() if value not in (None, [])}


def requirement_texts(spec: Spec) -> list[str]:
    """The requirements of `spec` with single spaces and without credentials, sorted, each once."""
    return sorted({redact_url(" ".join(wish.text.split())) for wish in spec.pip.requirements})


def _cuda(cuda: Cuda, spec: Spec) -> dict[str, Any]:
    wishes: dict[str, Any] = {"version": cuda.version}
    if cuda.flavour != "auto":
        wishes["flavour"] = cuda.flavour
    elif compile_steps(spec.run) and not spec.base:  # they decide about the flavour
        wishes["compiles"] = True
    if cuda.cudnn is not None:
        wishes["cudnn"] = cuda.cudnn
    if cuda.os:
        wishes["os"] = cuda.os
    return wishes
