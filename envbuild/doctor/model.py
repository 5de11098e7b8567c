"""What a look at the machine found: data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from envbuild.engine.model import EngineInfo
    from envbuild.host.model import Look
    from envbuild.site.model import Site

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """Why something could not be had, and what to do about it."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """How much room is left where `folder` lies, in bytes."""

    folder: str
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """The default base image and where it was found; `mirror` is asked instead of its own registry, or ""."""

    reference: str
    source: Literal["engine", "registry", "nowhere"]
    mirror: str = ""
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A program of nvidia-container-toolkit: its version, "" when it does not tell."""

    name: str
    path: str
    version: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CdiSpec:
    """A file that describes devices to container engines (CDI).

    kind     what it describes ("nvidia.com/gpu"), "" when it does not parse: `trouble` says why
    devices  their names ("0", "all")
    drivers  the versions of the NVIDIA driver whose libraries it names
    """

    path: str
    kind: str = ""
    devices: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuSide:
    """All that was seen of NVIDIA's side of this machine. `tools` are those on PATH."""

    look: Look
    tools: tuple[Tool, ...] = ()
    specs: tuple[CdiSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """All that was seen, before anything is said about it.

    index          seconds that uv took to resolve one small package, or why it could not
    certificates   how many the CA bundle holds, or why it does not parse; None when there is no bundle
    """

    site: Site
    engine: EngineInfo | Trouble
    cache: Disk | None
    uv: str | Trouble
    index: float | Trouble
    certificates: int | Trouble | None
    base: Base | None
    mmdebstrap: str | None
    gpu: GpuSide


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at.

    subject  what (`engine`, `disk space`); `what` is how it is, in one line
    todo     how to mend it; empty when there is nothing to mend
    """

    subject: str
    level: Level
    what: str
    todo: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """All findings, in the order in which they matter."""

    findings: tuple[Finding, ...] = field(default=())

    @property
    def level(self) -> Level:
        """The worst level of all findings."""
        levels = {finding.level for finding in self.findings}
        return "problem" if "problem" in levels else "warning" if "warning" in levels else "ok"
