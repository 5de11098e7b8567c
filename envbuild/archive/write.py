"""A file that is there whole or not at all, however large and whatever happens. Writes files."""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

from envbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


@contextlib.contextmanager
def whole(path: Path) -> Iterator[IO[bytes]]:
    """A file to fill, which takes the place of `path` when the block ends well, and else is gone.

    Raises UsageError for what the disk refuses.
    """
    if path.is_dir():
        raise UsageError(f"{path}: is a folder", hint="name a file")
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:
        raise refused(path, error) from error
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise refused(path, error) from error
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def refused(path: Path, error: OSError) -> UsageError:
    """The error for a file that cannot be written."""
    if error.errno in _FULL:
        return UsageError(
            f"{path}: no space left to write it",
            hint="free some space, take another folder, or a name that ends in .oci.tar.zst: that is smaller",
        )
    if error.errno == errno.ENOENT:
        return UsageError(f"{path}: there is no folder {path.parent}", hint="make it, or name another")
    return UsageError(f"{path}: cannot be written: {error.strerror or error}")


def room_for(path: Path, size: int) -> None:
    """Refuse now what cannot fit. Raises UsageError."""
    with contextlib.suppress(OSError):
        found = os.statvfs(path.parent)
        free = found.f_bavail * found.f_frsize
        if free < size:
            raise UsageError(
                f"{path}: there is no room for it: it takes {size / 1e6:.0f} MB, and {free / 1e6:.0f} MB are"
                " free",
                hint="free some space, or take another folder",
            )
