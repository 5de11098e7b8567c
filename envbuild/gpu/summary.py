"""Needs in a few words: the drivers and architectures that they come to. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.gpu.data import needs_data
from envbuild.gpu.driver import numbers, stand

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.gpu.model import GpuNeeds


def gpu_table(needs: GpuNeeds) -> dict[str, Any]:
    """What a lock says of `needs`: the words below for people, then all of it."""
    full, least = drivers(needs)
    words = {"driver": full, "least-driver": least, "architectures": architectures(needs)}
    return {key: value for key, value in words.items() if value} | needs_data(needs)


def drivers(needs: GpuNeeds) -> tuple[str, str]:
    """(driver with all features, least driver) for everything that uses CUDA; "" when one is not known."""
    answers = [stand("0", use.cuda) for use in needs.uses]
    full = [answer.full for answer in answers]
    least = [answer.floor for answer in answers]
    return _newest(full), _newest(least)


def architectures(needs: GpuNeeds) -> str:
    """Architectures that all its kernels were compiled for, such as "80 86 90 +PTX 90"; "" when unknown."""
    with_code = [use for use in needs.uses if use.kernels and not use.oldest]
    if not with_code or any(use.cubins is None for use in with_code):
        return ""
    common = [
        name for name in with_code[0].cubins or () if all(name in (use.cubins or ()) for use in with_code)
    ]
    ptx = [name for name in with_code[0].ptx or () if all(name in (use.ptx or ()) for use in with_code)]
    return " ".join([*common, *(f"+PTX {name}" for name in ptx)])


def _newest(versions: Sequence[str]) -> str:
    if not versions or not all(versions):
        return ""
    return max(versions, key=numbers)
