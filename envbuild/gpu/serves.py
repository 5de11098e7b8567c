"""Whether device code serves a GPU: `serves(cubins, ptx, capability)`. Pure.

The rules are NVIDIA's (CUDA programming guide, compute capabilities; `rules:` of facts/gpus.yml):

- a cubin runs on devices of its own major whose minor is no less;
- but chips on Jetson boards run their very own cubins only, and nobody else runs those;
- the suffix `a` ties code to exactly one capability, `f` to its family: the same major, a minor no less;
- a driver that is new enough compiles PTX for any capability no less than the PTX's own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envbuild.facts.model import Capability

Served = Literal["cubin", "ptx", "none", "unknown"]

JETSON: frozenset[Capability] = frozenset({(5, 3), (6, 2), (7, 2), (8, 7), (8, 8), (10, 1), (11, 0)})
"""Chips on boards of their own (`jetson: true` in facts/gpus.yml)."""

_THOR_BEFORE_13: Capability = (10, 1)
_THOR: Capability = (11, 0)
_ARCHITECTURE = re.compile(r"([1-9][0-9]{1,3})([af]?)")


def serves(cubins: tuple[str, ...] | None, ptx: tuple[str, ...] | None, capability: Capability) -> Served:
    """What of the code runs on a device: a cubin at once, PTX after the driver has compiled it, or nothing.

    `cubins` and `ptx` are architectures without prefix ("86", "90a", "100f"); None means that they are not
    known, and so does an entry that cannot be read. "unknown" wherever what is not known might decide.
    """
    if cubins is None:
        return "unknown"
    of_cubins = [cubin_serves(architecture, capability) for architecture in cubins]
    if True in of_cubins:
        return "cubin"
    if None in of_cubins or ptx is None:
        return "unknown"
    of_ptx = [ptx_serves(architecture, capability) for architecture in ptx]
    if True in of_ptx:
        return "ptx"
    return "unknown" if None in of_ptx else "none"


def cubin_serves(architecture: str, capability: Capability) -> bool | None:
    """Whether a cubin of `architecture` runs on a device of `capability`; None: it cannot be read."""
    read = read_architecture(architecture)
    if read is None:
        return None
    made_for, suffix = read
    if suffix == "a":
        return _chip(made_for) == _chip(capability)
    return _same_family(made_for, capability)


def ptx_serves(architecture: str, capability: Capability) -> bool | None:
    """Whether PTX of `architecture` can be compiled for a device of `capability`; None: it cannot be read."""
    read = read_architecture(architecture)
    if read is None:
        return None
    made_for, suffix = read
    if suffix == "a":
        return _chip(made_for) == _chip(capability)
    if suffix == "f":
        return _same_family(made_for, capability)
    return made_for <= capability


def read_architecture(text: str) -> tuple[Capability, str] | None:
    """ "86" → (8, 6), ""; "100f" → (10, 0), "f"; None for anything else."""
    found = _ARCHITECTURE.fullmatch(text)
    if found is None:
        return None
    major, minor = divmod(int(found[1]), 10)
    return (major, minor), found[2]


def _same_family(made_for: Capability, capability: Capability) -> bool:
    if made_for in JETSON or capability in JETSON:
        return _chip(made_for) == _chip(capability)
    return made_for[0] == capability[0] and made_for[1] <= capability[1]


def _chip(capability: Capability) -> Capability:
    """Thor was 10.1 in CUDA 12.8 and 12.9, and is 11.0 from CUDA 13.0 on."""
    return _THOR if capability == _THOR_BEFORE_13 else capability
