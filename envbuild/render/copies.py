"""The user's own files for `copy:`: a spec → where they are and a digest of what is in them. Reads files.

Folders are taken whole: there is no `.dockerignore`, a spec names what it copies. Symlinks inside a folder
stay links; one that a spec names is followed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.files import digest_tree
from envbuild.plan.paths import copy_path
from envbuild.render.model import CopySource

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.spec.model import Spec


def read_copies(spec: Spec) -> dict[str, CopySource]:
    """Path in the build context → what is copied from there.

    Raises SpecError, with all problems: what is missing, unreadable, or outside the spec's folder.
    """
    found: dict[str, CopySource] = {}
    problems: list[Problem] = []
    for index, item in enumerate(spec.copy):
        try:
            found[copy_path(index, item.source)] = _read(spec.source.folder, item.source)
        except (OSError, ValueError) as error:
            what, todo = _said(error, item.source)
            line = spec.source.line(("copy", index))
            file = str(spec.source.path)
            problems.append(Problem(file=file, line=line, path=f"copy[{index}].from", what=what, todo=todo))
    if problems:
        raise SpecError(problems)
    return found


def _read(folder: Path, source: str) -> CopySource:
    path = (folder / source).resolve(strict=True)
    if not path.is_relative_to(folder.resolve()):
        raise ValueError("lies outside the spec's folder")
    if not (path.is_dir() or path.is_file()):
        raise ValueError("is neither a file nor a folder")
    return CopySource(path=path, digest=digest_tree(path), folder=path.is_dir())


def _said(error: Exception, source: str) -> tuple[str, str]:
    if isinstance(error, FileNotFoundError):
        return f"{source} does not exist", "correct the path, relative to the spec's folder"
    if isinstance(error, OSError):
        return f"{error.filename or source} cannot be read: {error.strerror}", "change its permissions"
    return f"{source} {error}", "copy what you need beside the spec"
