"""The user's own files for `copy:`: where they are and what is in them. Reads files."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.files import digest_tree

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySource:
    """A file or folder of the user's, the digest of its content, and the spec's key and line that name it."""

    path: Path
    digest: str
    folder: bool


def read_copies(spec: Spec) -> dict[str, CopySource]:
    """Path in the build context → what is copied from there. Raises SpecError for what cannot be read."""
    found = {}
    for index, copy in enumerate(spec.copy):
        path = spec.source.folder / copy.source
        try:
            found[f"copy/{index}"] = CopySource(path=path, digest=digest_tree(path), folder=path.is_dir())
        except OSError as error:
            key = ("copy", index)
            what = f"{error.filename or copy.source} cannot be read: {error.strerror}"
            line = spec.source.line(key)
            raise SpecError([Problem(file=str(spec.source.path), line=line, path=f"copy[{index}]", what=what)]) from error
    return found
