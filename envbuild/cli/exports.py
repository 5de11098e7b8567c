"""What `export` writes, where, and what it says of it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.cli.output import emit, emit_json
from envbuild.errors import UsageError
from envbuild.events import Notice
from envbuild.export.formats import FORMATS, export
from envbuild.export.model import Exported
from envbuild.files import is_special, write_atomically

if TYPE_CHECKING:
    from envbuild.export.formats import Format
    from envbuild.export.model import Source, Wishes
    from envbuild.outcomes import Request


def ensure_sensible(chosen: Format, wishes: Wishes) -> None:
    """Raise UsageError for an option that means nothing to the format."""
    histories = [each.name for each in FORMATS if each.history]
    for option, given, formats in (
        ("--from-history", wishes.from_history, histories),
        ("--md5", wishes.md5, ["explicit"]),
        ("--no-hashes", not wishes.hashes, ["requirements.txt"]),
    ):
        if given and chosen.name not in formats:
            raise UsageError(
                f"{option} means nothing to {chosen.name}", hint=f"it belongs to {', '.join(formats)}"
            )


def place(chosen: Format, output: str | None, *, force: bool) -> Path | None:
    """Where to write; None: to standard output. Raises UsageError for what is there already."""
    if output in {None, "-"}:
        if not chosen.file:
            raise UsageError(f"{chosen.name} is a folder, not one file", hint="say which: -o DIR")
        return None
    path = Path(str(output))
    if not chosen.file:
        return path
    pattern, names = chosen.named
    try:
        if str(output).endswith("/") or path.is_dir():
            path /= chosen.file
        if not re.fullmatch(pattern, path.name, re.DOTALL):
            raise UsageError(
                f"{path}: programs read a {chosen.name} by no other name than {names}", hint="call it so"
            )
        if is_special(path):
            raise UsageError(f"{path}: is no file that could be replaced", hint="standard output: -o -")
        if (path.exists() or path.is_symlink()) and not force:
            raise UsageError(f"{path}: is there already", hint="write over it: --force")
        if not path.parent.is_dir():
            raise UsageError(f"{path}: there is no folder {path.parent}", hint="make it, or name another")
    except OSError as error:
        raise _not_writable(path, error) from error
    return path


def write(request: Request, chosen: Format, source: Source, wishes: Wishes, path: Path | None) -> Exported:
    """Export, write it to `path` if there is one, and tell what is left out. Raises UsageError, LockError."""
    if chosen.file:
        done = export(chosen, source, wishes)
        if path is not None:
            _write_files(done, path)
    else:
        done = _write_context(request, source, path or Path())
    for left in done.left:
        request.sink(Notice(level="warning", text=f"not in {path or chosen.file}: {left}"))
    return done


def show(chosen: Format, done: Exported, path: Path | None, *, as_json: bool, quiet: bool) -> None:
    """Print the file itself, or where it lies and what to do with it."""
    if as_json:
        emit_json(
            {
                "format": chosen.name,
                "written": path,
                "files": done.files,
                "left": done.left,
            }
        )
    elif path is None:
        sys.stdout.write(next(iter(done.files.values())))
    elif not quiet:
        emit(f"{path}: written")
        emit(f"use it: {chosen.use.format(file=path)}")


def _write_files(done: Exported, path: Path) -> None:
    for number, (name, text) in enumerate(done.files.items()):
        file = path if number == 0 else path.parent / name
        try:
            write_atomically(file, text.encode())
        except OSError as error:
            raise _not_writable(file, error) from error


def _not_writable(path: Path, error: OSError) -> UsageError:
    return UsageError(f"{path}: cannot be written: {error.strerror}")


def _write_context(request: Request, source: Source, folder: Path) -> Exported:
    """As `render -o` does."""
    from envbuild import pipeline
    from envbuild.cli.sources import folder_of
    from envbuild.outcomes import LockOptions

    with folder_of(request, source) as asked:
        context = pipeline.write(asked, LockOptions(frozen=True), folder).context
    return Exported(files={"Dockerfile": context.dockerfile})
