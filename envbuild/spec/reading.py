"""Bytes of a file that a user named, or a SpecError that says why not.

Reads one regular file of at most 1 MB.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 1024 * 1024


def read_limited(path: Path, file: str) -> bytes:
    """The bytes of `path`, called `file` in messages: at most one more than 1 MB, to show it is too long."""
    try:
        with open(path, "rb", opener=_open_at_once) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise SpecError([Problem(file=file, what="is no regular file", todo="name a text file")])
            return stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise SpecError([_problem(error, file)]) from error


def _open_at_once(path: str, flags: int) -> int:
    """Opening a named pipe that nobody writes to would wait for ever without O_NONBLOCK."""
    return os.open(path, flags | os.O_NONBLOCK)


def _problem(error: OSError | ValueError, file: str) -> Problem:
    number = getattr(error, "errno", None)
    if number == errno.ENOENT:
        return Problem(
            file=file, what="there is no such file", todo="`envbuild init` writes a spec to start from"
        )
    if number in {errno.EACCES, errno.EPERM}:
        return Problem(
            file=file, what="may not be read by you", todo="ask its owner, or change its permissions"
        )
    if number == errno.EISDIR:
        return Problem(file=file, what="is a folder", todo="name the file in it")
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return Problem(file=file, what=f"cannot be read: {reason}", todo="name another file")
