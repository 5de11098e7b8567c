"""Dead ends mended with a word: names that no longer work → what does, by facts/dead_ends.yml. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.mends.channels import mend_channels
from envbuild.importers.mends.cuda import mend_cuda
from envbuild.importers.mends.mending import Mending
from envbuild.importers.mends.pip import mend_pip
from envbuild.importers.mends.pytorch import mend_pytorch

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
