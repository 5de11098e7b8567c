"""NVML's answer, whatever state the driver is in: `Question(environ).answer() → NvmlAnswer`.

NVML is asked in a process of its own (`ask_nvml.py`), as a driver in trouble can keep a call for ever, or
crash it. Measured: 0.02 s without a library, 0.04 s and the driver's own time with one.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.host.model import NvmlAnswer, NvmlGpu

if TYPE_CHECKING:
    from collections.abc import Mapping

PATIENCE = 20.0
"""Seconds. A machine with eight GPUs and no persistence mode may take ten to wake them."""

WSL_LIBRARIES = "/usr/lib/wsl/lib"
"""Where WSL keeps the NVIDIA libraries of Windows' driver."""

_END = 1.0  # seconds to die in; a process that the kernel holds does not


class Question:
    """A question put to NVML: asked when made, so that other things can be looked at meanwhile."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._process: subprocess.Popen[str] | None = None
        self._why_not = ""
        if sys.platform != "linux":
            return
        found = find_spec("pynvml")
        if found is None or found.origin is None:
            self._why_not = "the package nvidia-ml-py is not installed"
            return
        argv = [sys.executable, "-I", "-S", str(Path(__file__).with_name("ask_nvml.py"))]
        try:
            self._process = subprocess.Popen(
                [*argv, str(Path(found.origin).parent)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
                env=_environment(environ),
            )
        except OSError as error:
            self._why_not = f"Python does not start: {error}"

    def answer(self, patience: float = PATIENCE) -> NvmlAnswer:
        """What NVML says, within `patience` seconds."""
        process = self._process
        if process is None:
            return NvmlAnswer(state="broken" if self._why_not else "absent", text=self._why_not)
        try:
            said, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            _end(process)
            return NvmlAnswer(state="silent", text=f"no answer within {patience:g} s")
        if process.returncode:
            how = f"signal {-process.returncode}" if process.returncode < 0 else f"code {process.returncode}"
            return NvmlAnswer(state="broken", text=f"asking it ended with {how}")
        return read_answer(said)


def read_answer(said: str) -> NvmlAnswer:
    """The line of `ask_nvml.py` as data; what cannot be read is a broken answer."""
    try:
        data: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
        gpus = data.pop("gpus", None)
        return NvmlAnswer(**data, gpus=None if gpus is None else tuple(_gpu(row) for row in gpus))
    except (ValueError, TypeError, IndexError, AttributeError) as error:
        return NvmlAnswer(state="broken", text=f"its answer cannot be read: {error}")


def _gpu(row: dict[str, Any]) -> NvmlGpu:
    capability = row.pop("capability", None)
    mig = tuple(row.pop("mig", ()))
    return NvmlGpu(**row, capability=(capability[0], capability[1]) if capability else None, mig=mig)


def _environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The user's, with the place of WSL's libraries behind the user's own."""
    if not Path(WSL_LIBRARIES).is_dir():
        return dict(environ)
    own = environ.get("LD_LIBRARY_PATH", "")
    return {**environ, "LD_LIBRARY_PATH": f"{own}:{WSL_LIBRARIES}" if own else WSL_LIBRARIES}


def _end(process: subprocess.Popen[str]) -> None:
    """Kill it, and leave it to the kernel when even that does not end it: nothing may hang for it."""
    process.kill()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=_END)
