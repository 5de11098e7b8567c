"""An exception nobody meant → a file with its traceback, and one line that says where it lies."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.cli.output import one_line
from envbuild.files import state_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def report_bug(error: BaseException, argv: Sequence[str], redact: Callable[[str], str]) -> str:
    """Write the traceback to a file that only its owner can read; returns the line to show."""
    what = redact(one_line(f"{type(error).__name__}: {error}"))
    text = redact(_report(error, argv))
    for folder in (state_folder(), Path(tempfile.gettempdir())):
        try:
            path = _write(folder, text)
        except OSError:
            continue
        return f"error: a bug in envbuild: {what}; the traceback is in {path}, please report it"
    return f"error: a bug in envbuild: {what}; its traceback could not be written anywhere"


def _write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stamp = time.strftime("%Y%m%d-%H%M%S")
    handle, name = tempfile.mkstemp(dir=folder, prefix=f"crash-{stamp}-", suffix=".txt")  # mode 0600
    with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
    return Path(name)


def _report(error: BaseException, argv: Sequence[str]) -> str:
    head = [
        f"envbuild {__version__}",
        f"Python {sys.version.split()[0]} on {platform.platform()}",
        f"arguments: {' '.join(argv)}",
        "",
    ]
    return "\n".join(head) + "\n" + "".join(traceback.format_exception(error))
