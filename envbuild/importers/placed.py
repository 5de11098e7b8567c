"""A draft whose spec is written into another folder than that of its source: `copy` follows, or is left."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from envbuild.importers.model import CopyEntry, Draft, Finding


def placed(draft: Draft, source: Path, target: Path) -> Draft:
    """`draft` with the sources of `copy`, relative to the folder `source`, made relative to `target`.

    What would lie outside of `target` is left, with a finding.
    """
    if not draft.copy:
        return draft
    try:
        here, there = source.resolve(), target.resolve()
    except (OSError, RuntimeError):
        return draft
    if here == there:
        return draft
    kept: list[CopyEntry] = []
    left: list[Finding] = []
    for entry in draft.copy:
        name = Path(os.path.relpath(here / entry.source, there)).as_posix()
        if name == ".." or name.startswith("../"):
            what = f"{entry.source} does not lie below the folder of the spec"
            todo = "write the spec beside it, or move it"
            left.append(
                Finding(kind="left", file=entry.file, line=entry.line, key="copy", what=what, todo=todo)
            )
        else:
            kept.append(replace(entry, source=name))
    return replace(draft, copy=tuple(kept), findings=(*draft.findings, *left))


def project_folder(source: Path) -> Path:
    """The folder that `copy` in a draft of `source` is relative to: a folder itself, that of a file, and the
    one above `.devcontainer` (or above `.devcontainer/NAME`).
    """
    folder = source if source.is_dir() else source.parent
    there = folder.absolute()  # the name of `.` is told by where it is
    near = (folder, folder.parent, there, there.parent)  # as it was given, where that tells
    above = next((each for each in near if each.name == ".devcontainer"), None)
    return above.parent if above is not None else folder
