"""`cudatoolkit`, `cuda-version` and their like → `cuda:`, without which no GPU build is taken. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.facts.tables import table
from envbuild.importers.conda.exports import cuda_of_build
from envbuild.importers.mends.mending import facts, is_below, match_of, minor_version

if TYPE_CHECKING:
    from envbuild.importers.mends.mending import Mending
    from envbuild.importers.model import Entry

_SAY_CUDA = ("cuda-version", "cuda-toolkit", "cuda", "cuda-runtime", "cuda-nvcc")
_ASK_CUDA = ("pytorch-gpu", "tensorflow-gpu", "jaxlib-cuda", "cupy")
_NO_CUDA = "is for GPUs, and the source names no CUDA"
_SAY = "say `cuda:` in the spec, such as `cuda: 12.8`"
PLAIN_BASE = "debian:bookworm-slim"


def mend_cuda(draft: Mending) -> None:
    """Write the CUDA that the packages name."""
    for entry, match in draft.named("cudatoolkit"):
        _cudatoolkit(draft, entry, minor_version(match.version))
    for entry, match in draft.named(*_SAY_CUDA):
        cuda = minor_version(match.version)
        if cuda and not draft.cuda:
            draft.cuda = cuda
            draft.say("changed", entry, f"{entry.text} needs a GPU: `cuda: {cuda}` is written too")
    _of_builds(draft)
    for entry, match in draft.named(*_ASK_CUDA):
        if not draft.cuda:
            draft.say("note", entry, f"{match.name} {_NO_CUDA}", _SAY)
    if draft.cuda in table("cuda_images")["gone"] and not draft.base and draft.conda:
        draft.base = PLAIN_BASE
        what = (
            f"the images of CUDA {draft.cuda} were deleted: the base is {PLAIN_BASE}, and conda brings CUDA"
        )
        draft.say("changed", None, what)


def _of_builds(draft: Mending) -> None:
    """The CUDA that a build names, as locks and lists do (`pytorch=2.2.1=cuda120_py311h…`)."""
    if draft.cuda:
        return
    for entry in draft.conda:
        match = match_of(entry)
        if match is None or "cuda" not in match.build or match.name in _ASK_CUDA:
            continue
        if cuda := cuda_of_build(match.build):
            draft.cuda = cuda
            draft.say("changed", entry, f"{entry.text} is built with CUDA: `cuda: {cuda}` is written too")
            return
        draft.say("note", entry, f"{entry.text} {_NO_CUDA}", _SAY)
        return


def _cudatoolkit(draft: Mending, entry: Entry, cuda: str) -> None:
    if not cuda:
        what = f"{entry.text} names no one CUDA"
        draft.say("note", entry, what, "say `cuda:` in the spec, such as `cuda: 11.8`")
        return
    known: list[str] = facts("conda")["cudatoolkit"]["versions"]
    if draft.cuda and draft.cuda != cuda:
        what = f"{entry.text} is another CUDA than `cuda: {draft.cuda}`, which is written"
        draft.say("note", entry, what, "keep one of them")
        return
    draft.cuda = cuda
    if not is_below(f"={cuda}", "12"):
        at = draft.conda.index(entry)
        draft.conda[at] = replace(entry, text=f"cuda-version={cuda}")
        what = f"cudatoolkit ends with {known[-1]}: `cuda: {cuda}` and cuda-version={cuda} are written"
        draft.say("changed", entry, what)
    elif cuda in known:
        draft.say("changed", entry, f"{entry.text} needs a GPU: `cuda: {cuda}` is written too")
    else:
        what = f"conda-forge has no cudatoolkit {cuda}: `cuda: {cuda}` is written too"
        draft.say("changed", entry, what, f"it has {', '.join(known)}")
