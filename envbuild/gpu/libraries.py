"""Libraries → what a package serves: by its main library, and what the bulk of it is compiled for. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.facts.model import Code
from envbuild.gpu.serves import Served, serves

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.facts.model import Capability
    from envbuild.fatbin.read import DeviceCode

_BULK = 100
"""An architecture that fewer than one fat binary in so many has does not speak for the library."""


def main_library(libraries: Iterable[DeviceCode]) -> DeviceCode | None:
    """The library that a package is as good as: the one with the most device code; None: none has any.

    One whose code is unknown may be the main one; it weighs as much as its file.
    """
    found = [each for each in libraries if each.cubins is None or each.code]
    return max(found, key=_weight, default=None)


def bulk(code: DeviceCode) -> tuple[tuple[str, ...] | None, tuple[str, ...] | None]:
    """The architectures of cubins and of PTX that a library is compiled for throughout.

    libtorch_cuda has one kernel for sm_89 among 393 fat binaries, cuSPARSELt PTX for compute_52 in 1 of 795:
    not enough for the library to work there. cuobjdump lists them, and so do `cubins` and `ptx`.
    """

    def common(names: tuple[str, ...] | None, prefix: str) -> tuple[str, ...] | None:
        if names is None:
            return None
        return tuple(name for name in names if code.entries.get(prefix + name, 0) * _BULK >= code.containers)

    return common(code.cubins, "sm_"), common(code.ptx, "compute_")


def rare(code: DeviceCode) -> tuple[str, ...]:
    """What `bulk` leaves out: ("sm_89", "compute_52")."""
    cubins, ptx = bulk(code)
    left = [f"sm_{name}" for name in code.cubins or () if name not in (cubins or ())]
    return (*left, *(f"compute_{name}" for name in code.ptx or () if name not in (ptx or ())))


def served_by(code: DeviceCode, capability: Capability) -> Served:
    """What of a library runs on a device of `capability`."""
    return serves(*bulk(code), capability)


def code_of(libraries: Iterable[DeviceCode]) -> Code | None:
    """What a package is compiled for, as its main library says; None: it has no device code."""
    main = main_library(libraries)
    if main is None:
        return None
    cubins, ptx = bulk(main)
    return Code(cubins=cubins, ptx=ptx, source=f"read from {main.path.rpartition('/')[2]}")


def _weight(code: DeviceCode) -> int:
    return code.size if code.cubins is None else code.code
