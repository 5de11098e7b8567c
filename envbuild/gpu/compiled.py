"""Which `run:` steps compile for CUDA: shell texts in, their places out. Pure, and quick to import."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# nvcc itself, not the wheel nvidia-cuda-nvcc-cu12; and what build systems are told when they are to use it
_COMPILES = re.compile(r"(?<![\w-])nvcc(?![\w-])|CMAKE_CUDA_|TORCH_CUDA_ARCH_LIST|-DGGML_CUDA=|USE_CUDA=1")


def compile_steps(run: Sequence[str]) -> tuple[int, ...]:
    """The indexes of the steps that compile for CUDA."""
    return tuple(index for index, step in enumerate(run) if _COMPILES.search(step))
