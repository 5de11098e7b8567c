"""What an image needs by its own word: our labels, or what CUDA images say in their environment. Pure."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from envbuild.gpu.data import NEEDS, needs_from
from envbuild.gpu.driver import numbers
from envbuild.gpu.model import CudaUse, GpuNeeds
from envbuild.gpu.needs import doubt

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def needs_of_image(labels: Mapping[str, str], env: Sequence[str]) -> GpuNeeds:
    """What an image needs by its own word: ours by the label, others by what CUDA images say."""
    if NEEDS in labels:
        try:
            return needs_from(json.loads(labels[NEEDS]))
        except ValueError:
            text = f"this envbuild did not write the label {NEEDS}"
            return GpuNeeds(doubts=(doubt("package-unknown", text, "the image's labels"),))
    values = dict(item.split("=", 1) for item in env if "=" in item)
    cuda = _release(values)
    if not cuda:
        text = "the image does not say what it needs: it has no label of envbuild, and no CUDA_VERSION"
        return GpuNeeds(doubts=(doubt("package-unknown", text, "the image's labels and environment"),))
    use = CudaUse(
        component=f"CUDA {cuda} of the image", cuda=cuda, kernels=False, found_by="CUDA_VERSION in the image"
    )
    doubts = [
        doubt(
            "architectures-unknown",
            f"which GPUs its {name} was compiled for is not told",
            "the image's environment",
        )
        for name in (
            "PYTORCH_VERSION",
            "NVIDIA_PYTORCH_VERSION",
            "NVIDIA_TENSORFLOW_VERSION",
            "TENSORFLOW_VERSION",
        )
        if values.get(name)
    ]
    # NVIDIA_REQUIRE_CUDA marks NVIDIA's own images and what was made from them: they hold cuda-compat.
    return GpuNeeds(
        uses=(use,), compat=cuda if "NVIDIA_REQUIRE_CUDA" in values else "", doubts=tuple(doubts[:1])
    )


def _release(values: Mapping[str, str]) -> str:
    """CUDA as an image's environment tells it; "10.1.243" is 10.1: until 10 the last part was a build."""
    told = values.get("CUDA_VERSION", "")
    if not numbers(told):
        required = re.search(r"cuda>=(\d+\.\d+)", values.get("NVIDIA_REQUIRE_CUDA", ""))
        told = required[1] if required else ""
    if told and numbers(told)[0] <= 10:
        return ".".join(told.split(".")[:2])
    return told
