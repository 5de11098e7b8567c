"""A build context on disk, for plain `docker build`, for another builder, or to be read. Writes files."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

from envbuild.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.render.model import BuildContext


MARK = ": made by envbuild "
"""What the first line of every Dockerfile of ours holds (dockerfiles/head.j2)."""


def write_context(context: BuildContext, folder: Path, uv: Path | None) -> None:
    """Write `context` into `folder` (made if missing, refused if something else is in it); `uv` is the binary that it may need.

    Raises UsageError; OSError when the folder cannot be written.
    """
    if folder.exists() and not _is_ours(folder):
        raise UsageError(f"{folder}: holds other things than a build context of envbuild", hint="name a new or an empty folder")
    if folder.exists():
        for name in ("scripts", "pip", "envbuild", "copy"):
            shutil.rmtree(folder / name, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in {"Dockerfile": context.dockerfile.encode(), **context.files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, source in context.copies.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, folder / name, symlinks=True)
        else:
            shutil.copy2(source, folder / name)
    if context.needs_uv and uv is not None:
        shutil.copy2(uv, folder / "uv")
        (folder / "uv").chmod(0o755)


def _is_ours(folder: Path) -> bool:
    """Whether `folder` is empty or was written by envbuild before: nothing of the user's may be lost."""
    if not folder.is_dir():
        return False
    dockerfile = folder / "Dockerfile"
    if dockerfile.is_file():
        return MARK in dockerfile.read_text(encoding="utf-8", errors="replace").partition("\n")[0]
    return not any(folder.iterdir())
