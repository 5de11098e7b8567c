"""Compiled templates, kept in the user's cache folder: compiling a dozen takes longer than filling them in.

Like Python's own .pyc files: named by the hash of what they were compiled from, and worth nothing but time.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from jinja2 import FileSystemBytecodeCache

from envbuild.files import cache_folder

if TYPE_CHECKING:
    from jinja2.bccache import Bucket


class _Cache(FileSystemBytecodeCache):
    """One that a full or read-only disk does not break."""

    def load_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        with contextlib.suppress(OSError):
            super().dump_bytecode(bucket)


def compiled_templates() -> FileSystemBytecodeCache | None:
    """The cache, if it can be trusted: nobody but the user may be able to put code into it."""
    folder = cache_folder() / "templates"
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        status = folder.stat()
    except OSError:
        return None
    ours = status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return _Cache(str(folder)) if ours else None
