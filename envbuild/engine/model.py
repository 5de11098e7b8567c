"""What an engine is, what it is asked to build, and what it hands back: data only, no docker import."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """PEM files for a TLS connection to an engine; `verify` False accepts any server certificate."""

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    verify: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where an engine listens: unix://, tcp:// or ssh:// `url`, which rule `found_by` named it, and TLS files
    if any.
    """

    url: str
    found_by: str
    tls: TlsFiles | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """A container engine as found.

    url        what it was reached at (`unix:///var/run/docker.sock`), `found_by` which rule found it
    context    how a build context is sent: as a tar body, by the session (filesync), or to the classic
    endpoint
    runtimes   names of registered OCI runtimes
    root       where it keeps images; `disk_free` bytes are left there (None: not on this machine, or unknown)
    clock_skew seconds by which its clock is ahead of ours
    cdi        whether it gives devices by CDI (Container Device Interface); None: unknown, or too old for it;
               `cdi_devices`: full names of those that it knows (`nvidia.com/gpu=all`), of any maker
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
    disk_free: int | None = None
    clock_skew: float = 0.0
    cdi: bool | None = None
    cdi_devices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuWay:
    """How GPUs are asked for: `how` and `why` so; `note` is what else to know of that way, "" for nothing.

    runtime    by the registered runtime nvidia
    requests   by a device request, which the engine hands to NVIDIA's hook
    cdi        by a device request for CDI devices
    """

    how: Literal["runtime", "requests", "cdi"]
    why: str
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """How to build a context, beside what is in it. Nothing here changes what the image is meant to be.

    secrets     id → content, mounted by `RUN --mount=type=secret`; never in a layer
    build_args  ARG values; proxies go here (engines keep the predefined ones out of the history)
    network     network of RUN steps: default, host or none
    tags        references that the image gets; none leaves it without a name
    uv_binary   the file put into the context as `uv`, when the context needs one
    pull        ask the registry for a newer base, even when the store has one
    spec        how messages name the spec that the context came from
    cache_from  images whose registry holds steps that need not be done again
    """

    secrets: Mapping[str, bytes] = field(default_factory=dict)
    build_args: Mapping[str, str] = field(default_factory=dict)
    network: Literal["default", "host", "none"] = "default"
    no_cache: bool = False
    tags: tuple[str, ...] = ()
    uv_binary: Path | None = None
    pull: bool = False
    spec: str = "spec.yml"
    cache_from: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltImage:
    """The result of stage 5. `id` names the image in the engine's store; `size` in bytes; `seconds` the build
    took.
    """

    id: str
    size: int
    layers: tuple[str, ...]
    seconds: float
    digest: str
