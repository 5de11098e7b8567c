"""Dead ends mended with a word: names that no longer work → what does, by facts/dead_ends.yml. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.mend_channels import mend_channels
from envbuild.importers.mend_cuda import mend_cuda
from envbuild.importers.mend_pip import mend_pip
from envbuild.importers.mend_pytorch import mend_pytorch
from envbuild.importers.mending import Mending

if TYPE_CHECKING:
    from envbuild.importers.model import Draft


def mend(draft: Draft) -> Draft:
    """The draft with dead ends written in a way that works, each with a finding that gives the reason."""
    mending = Mending.of(draft)
    mend_pytorch(mending)
    mend_channels(mending)
    mend_cuda(mending)
    mend_pip(mending)
    return replace(
        draft,
        channels=tuple(mending.channels),
        conda=tuple(mending.conda),
        pip=tuple(mending.pip),
        cuda=mending.cuda,
        base=mending.base,
        torch_backend=mending.torch_backend,
        findings=(*draft.findings, *mending.findings),
    )
