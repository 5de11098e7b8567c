"""The uv program as a subprocess: finds it, runs it, says its version. Arguments in, status and text out."""

from __future__ import annotations

import platform as host
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from envbuild.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class UvRan:
    """How a call of uv ended: 0 fine, 1 it found no answer, 2 it could not work."""

    code: int
    stdout: str
    stderr: str


# sysconfig, which uv asks, hands out half-filled tables to a second thread (CPython before 3.12).
_ONE_AT_A_TIME = threading.Lock()


@cache
def find_uv() -> str:
    """The path of uv: the one that came with envbuild, else from PATH. Raises LockError."""
    try:
        from uv import find_uv_bin

        with _ONE_AT_A_TIME:
            return find_uv_bin()
    except (ImportError, FileNotFoundError):
        found = shutil.which("uv")
    if not found:
        raise LockError("uv is not installed", hint="install it beside envbuild: pip install uv")
    return found


def run_uv(argv: Sequence[str], *, environment: Mapping[str, str], folder: Path | None = None) -> UvRan:
    """Run uv with `environment` alone, in `folder`. Credentials belong into `environment`, never `argv`."""
    command = [find_uv(), "--no-config", "--color", "never", "--no-progress", *argv]
    ran = subprocess.run(
        command, env=dict(environment), cwd=folder, capture_output=True, stdin=subprocess.DEVNULL, check=False
    )
    out, err = (part.decode(errors="replace") for part in (ran.stdout, ran.stderr))
    return UvRan(code=ran.returncode, stdout=out, stderr=err)


def public_uv(version: str) -> str:
    """The image that uv's makers publish, with the binary as /uv."""
    return f"ghcr.io/astral-sh/uv:{version}"


def uv_image(platform: str, version: str, *, share: bool) -> str | None:
    """The image that a build takes uv from; None: this machine's own uv does (not to be shared)."""
    return None if runs_on(platform) and not share else public_uv(version)


def runs_on(platform: str) -> bool:
    """Whether the uv of this machine can run in containers of `platform` (linux/amd64, linux/arm64)."""
    machine = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}.get(platform)
    return sys.platform == "linux" and host.machine() == machine


@cache
def uv_version() -> str:
    """Such as `0.13.8`."""
    words = run_uv(["--version"], environment={}).stdout.split()
    return words[1] if len(words) > 1 else "unknown"
