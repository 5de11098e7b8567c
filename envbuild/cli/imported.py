"""What `import` made, to standard output and its findings to standard error: text, or one JSON document."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from envbuild.cli.output import emit, emit_json

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Draft

_COUNTED = (
    ("apt", "Debian package", "Debian packages"),
    ("conda", "conda package", "conda packages"),
    ("pip", "Python requirement", "Python requirements"),
    ("env", "variable", "variables"),
    ("copy", "file or folder", "files or folders"),
    ("run", "shell step", "shell steps"),
)


def text_of(draft: Draft) -> str:
    """The spec that the draft says."""
    from envbuild.importers.write import spec_text

    return spec_text(draft)


def carried(draft: Draft) -> dict[str, int]:
    """How many values of each kind the spec holds."""
    return {key: len(getattr(draft, key)) for key, _, _ in _COUNTED}


def left(draft: Draft) -> int:
    """How many things could not be carried."""
    return sum(finding.kind == "left" for finding in draft.findings)


def show_findings(draft: Draft, *, quiet: bool) -> None:
    """One line each, on standard error; `quiet`: those alone that could not be carried."""
    for kind in ("left", "changed", "note"):
        for finding in draft.findings:
            if finding.kind == kind and (kind == "left" or not quiet):
                sys.stderr.write(f"{kind}: {finding}\n")


def show_result(draft: Draft, path: Path, *, quiet: bool) -> None:
    """What was written and what it holds; `quiet`: its path alone."""
    if quiet:
        emit(str(path))
        return
    counts = carried(draft)
    said = [f"Python {draft.python}", *([f"CUDA {draft.cuda}"] if draft.cuda else [])]
    said += [
        f"{counts[key]} {one if counts[key] == 1 else many}" for key, one, many in _COUNTED if counts[key]
    ]
    emit(f"{path}: written from {draft.format}: {', '.join(said)}")
    if count := left(draft):
        things = "thing" if count == 1 else "things"
        emit(f"{count} {things} could not be carried: see above, or the end of {path}")


def show_json(draft: Draft, text: str, path: Path | None) -> None:
    """All of it as data."""
    emit_json(
        {
            "path": None if path is None else str(path),
            "format": draft.format,
            "name": draft.name,
            "python": draft.python,
            "carried": carried(draft),
            "left": left(draft),
            "findings": draft.findings,
            "spec": text,
        }
    )
