"""A build context → files in a folder, for plain `docker build`, for another builder, or to be read. Writes
files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.errors import UsageError

if TYPE_CHECKING:
    from envbuild.render.model import BuildContext

MARK = "# Made by envbuild "
"""How the first line of every Dockerfile of ours begins (dockerfiles/head.j2)."""

_OURS = ("Dockerfile", "uv", "scripts", "pip", "conda", "micromamba", "envbuild", "copy")


def write_context(context: BuildContext, folder: Path, uv: Path | None) -> None:
    """Write `context` into `folder`, which is made if missing and replaced if it holds an older context.

    `uv` is the binary for the context's platform, when `context.needs_uv`. The user's files keep their
    executable bit; else everybody may read them and only the owner write, as an image wants it.

    Raises UsageError; OSError that names a file when the folder cannot be written: then it is emptied again.
    """
    if context.needs_uv and uv is None:
        raise UsageError("this build context needs the uv binary, and there is none for its platform")
    _ensure_free(context, folder)
    folder.mkdir(parents=True, exist_ok=True)
    _empty(folder)
    try:
        _fill(context, folder, uv)
    except OSError as error:
        _empty(folder)
        if error.filename is None:  # a full disk: what writes knows no name
            error.filename = str(folder)
        raise


def _empty(folder: Path) -> None:
    for name in _OURS:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _fill(context: BuildContext, folder: Path, uv: Path | None) -> None:
    for name, content in {"Dockerfile": context.dockerfile.encode(), **context.files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    for name, source in context.copies.items():
        _copy(source, folder / name)
    if context.needs_uv and uv is not None:
        shutil.copyfile(uv, folder / "uv")
        (folder / "uv").chmod(0o755)


def _ensure_free(context: BuildContext, folder: Path) -> None:
    """Nothing of the user's may be lost or copied into itself."""
    if not _is_ours(folder):
        raise UsageError(
            f"{folder}: holds other things than a build context of envbuild",
            hint="name a new or an empty folder",
        )
    for source in context.copies.values():
        if folder.resolve().is_relative_to(source.resolve()):
            raise UsageError(
                f"{folder}: lies in {source}, which is copied into the build context",
                hint="name a folder outside",
            )


def _is_ours(folder: Path) -> bool:
    """Whether `folder` is new, empty, or was written by envbuild before."""
    if not folder.exists():
        return True
    if not folder.is_dir():
        return False
    dockerfile = folder / "Dockerfile"
    if dockerfile.is_file():
        return dockerfile.read_text(encoding="utf-8", errors="replace").startswith(MARK)
    return not any(folder.iterdir())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, symlinks=True, copy_function=_copy_file)
        for path in (target, *target.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)
    else:
        _copy_file(source, target)


def _copy_file(source: str | Path, target: str | Path) -> None:
    shutil.copyfile(source, target, follow_symlinks=False)
    if not Path(target).is_symlink():
        Path(target).chmod(0o755 if Path(source).stat().st_mode & 0o100 else 0o644)
