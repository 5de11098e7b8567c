"""What an engine is and what it hands back: data only, no docker import."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """A container engine as found.

    url        what it was reached at (`unix:///var/run/docker.sock`), `found_by` which rule found it
    context    how a build context is sent: as a tar body, by the session (filesync), or to the classic endpoint
    runtimes   names of registered OCI runtimes
    """

    kind: Literal["docker", "podman"]
    version: str
    api_version: str
    platform: str
    url: str
    found_by: str
    buildkit: bool
    containerd_store: bool
    context: Literal["tar", "filesync", "classic"]
    runtimes: tuple[str, ...] = ()
    root: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """The result of stage 5. `id` names the image in the engine's store; `size` in bytes; `seconds` the build took."""

    id: str
    size: int
    layers: tuple[str, ...]
    seconds: float
    digest: str
