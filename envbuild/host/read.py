"""This machine → Host. Starts one process to ask NVML; reads /sys, /proc and /dev. Never raises for what is
missing or out of order: that becomes an unknown and a note.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.host.judge import look
from envbuild.host.kernel import kernel_gpus, read_kernel
from envbuild.host.nvml import PATIENCE, Question

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.gpu.model import Host
    from envbuild.host.model import Look

_ROOT = Path("/")


def read_host(environ: Mapping[str, str], *, root: Path = _ROOT, patience: float = PATIENCE) -> Host:
    """What this machine has for CUDA; parts that cannot be known are "" or None, with a note.

    root      where /sys, /proc and /dev are looked for
    patience  seconds that NVML is given
    """
    return look_around(environ, root=root, patience=patience).host


def look_around(environ: Mapping[str, str], *, root: Path = _ROOT, patience: float = PATIENCE) -> Look:
    """As `read_host`, with what `envbuild doctor` says beside it."""
    question = Question(environ)
    kernel = read_kernel(root, environ)
    nvml = question.answer(patience)
    if nvml.state != "silent":  # a driver that is stuck would keep us here, too
        kernel = replace(kernel, gpus=kernel_gpus(root))
    return look(nvml, kernel, environ)
