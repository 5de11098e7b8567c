"""An audit as data: packages, their libraries, and the GPUs that it was asked about. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envbuild.facts.model import Capability, Code
    from envbuild.fatbin.read import DeviceCode

Kind = Literal["file", "wheel", "folder", "image", "spec"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A GPU to serve: as it was named ("RTX 4090", "8.6"); `capability` None: the tables do not know it."""

    name: str
    capability: Capability | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditedPackage:
    """One package, or what else holds libraries together: a folder.

    file       its wheel or conda package, "" when there is none
    libraries  those that have device code, or may have; the most code first
    others     how many libraries without any it has besides
    table      what the tables say, where nothing could be read
    found_by   where this is known from, for people ("read from the wheel", "table"); "" nowhere
    """

    name: str
    version: str = ""
    file: str = ""
    libraries: tuple[DeviceCode, ...] = ()
    others: int = 0
    table: Code | None = None
    found_by: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What `gpu-audit` found.

    target     what it was asked about, as it was named
    targets    the GPUs to serve; `asked`: somebody named them, else they are all that the tables know
    packages   those with device code, with code that is not known, or (in a lock) likely to have some
    unread     packages of a lock whose wheels are not at hand and that no table knows, the largest first
    unread_conda  its conda packages whose files are not at hand and that are not known to use CUDA
    notes      what else is to say, in sentences
    """

    target: str
    kind: Kind
    targets: tuple[Target, ...]
    asked: bool
    packages: tuple[AuditedPackage, ...]
    unread: tuple[str, ...] = ()
    unread_conda: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
