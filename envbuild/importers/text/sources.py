"""What every importer needs of a source: its bytes or text within limits, and errors in exact words.

Looks at the file system; opens nothing but the file it is asked for.
"""

from __future__ import annotations

import codecs
import errno
import os
import re
import stat
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.site.urls import redact_url

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES = 100 * 1000 * 1000
"""Locks of large projects have some 30 MB."""
HEAD_BYTES = 8192

_CHANNEL_TOKEN = re.compile(r"/t/[^/\s'\"]+(?=/|$)")
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def shown_path(path: Path) -> str:
    """`path` as messages call it: as it was given, with bytes that are no text replaced."""
    return os.fsencode(str(path)).decode("utf-8", "replace")


def hidden(text: str) -> str:
    """`text` without the credentials of URLs in it, conda's `/t/<token>/` among them."""
    return _CHANNEL_TOKEN.sub("/t/***", redact_url(text)) if "/" in text else text


def refused(file: str, what: str, todo: str = "", *, line: int = 0, path: str = "") -> SpecError:
    """A SpecError of one problem."""
    return SpecError([Problem(file=file, line=line, path=path, what=what, todo=todo)])


def lies_there(path: Path) -> bool:
    """Whether there is a file or folder at `path`, a name that a source may say: too long a one is none."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def source_head(path: Path) -> bytes:
    """The first bytes of the file, for telling formats apart. SpecError as `source_bytes`."""
    return _read(path, HEAD_BYTES)


def source_bytes(path: Path, *, limit: int = MAX_BYTES) -> bytes:
    """The file's bytes as UTF-8 without byte order mark (PowerShell's UTF-16 is turned into it).

    SpecError when it is missing, no regular file, unreadable, binary, no UTF-8, or larger than `limit` bytes.
    """
    file = shown_path(path)
    data = _read(path, limit + 1)
    if len(data) > limit:
        raise refused(file, f"is larger than {limit // 1_000_000} MB", "name the file of one environment")
    if data.startswith(_UTF16):
        try:
            data = data.decode("utf-16").encode()
        except UnicodeError as error:
            raise refused(
                file, "is not the UTF-16 text that it begins as", "save the file as UTF-8"
            ) from error
    data = data.removeprefix(codecs.BOM_UTF8)
    if b"\0" in data:
        line = data.count(b"\n", 0, data.index(b"\0")) + 1
        raise refused(file, "is a binary file", "name a text file", line=line)
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        what = f"is not UTF-8 text: byte 0x{data[error.start]:02x}"
        raise refused(file, what, "save the file as UTF-8", line=line) from error
    return data


def source_text(path: Path, *, limit: int = MAX_BYTES) -> str:
    """The same as text."""
    return source_bytes(path, limit=limit).decode("utf-8")


def _read(path: Path, count: int) -> bytes:
    file = shown_path(path)
    try:
        # O_NONBLOCK: opening a named pipe that nobody writes to would wait for ever
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise refused(file, "is no regular file", "name a text file")
            return stream.read(count)
    except (OSError, ValueError) as error:
        raise _explain(error, file) from error


def _explain(error: OSError | ValueError, file: str) -> SpecError:
    number = getattr(error, "errno", None)
    if number in {errno.ENOENT, errno.ENOTDIR}:
        return refused(file, "there is no such file or folder", "correct the name")
    if number in {errno.EACCES, errno.EPERM}:
        return refused(file, "may not be read by you", "ask its owner, or change its permissions")
    if number == errno.EISDIR:
        return refused(file, "is a folder", "name the file in it")
    reason = (getattr(error, "strerror", None) or str(error)).lower()
    return refused(file, f"cannot be read: {reason}", "name another file")
