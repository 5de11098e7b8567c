"""The result of stage 2: a `Lock`, everything that an image is made of, by name, version and digest. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.conda.model import CondaRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedBase:
    """The base image.

    reference     as named in the spec or derived from it (`debian:bookworm-slim`)
    digest        manifest digest in its registry (`sha256:…`); None when it has none or none is known
    image_id      the engine's image id, for a base that exists in an engine's store only
    diff_ids      digests of its uncompressed layers, when the image was at hand
    recipe        how a bootstrapped base was made (suite, packages with versions, …), as its label says
    distribution  `debian:12`, `ubuntu:24.04`; "" when unknown
    glibc         `2.36`; "" when unknown
    """

    reference: str
    digest: str | None = None
    image_id: str | None = None
    diff_ids: tuple[str, ...] = ()
    recipe: Mapping[str, Any] | None = None
    distribution: str = ""
    glibc: str = ""

    @property
    def pinned(self) -> bool:
        """Whether the bytes of the base are fixed."""
        return bool(self.digest or self.image_id)

    @property
    def build_reference(self) -> str:
        """What FROM says: by digest, by a tag made from the image id, or (unpinned) as written."""
        if self.digest:
            return self.reference if "@" in self.reference else f"{self.reference}@{self.digest}"
        if self.image_id:
            return f"envbuild-base:{self.image_id.removeprefix('sha256:')[:16]}"
        return self.reference


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPython:
    """Which Python the environment stands on.

    source   base: in the base image already; apt: the distribution's package; managed: uv's own build;
             conda: one of the conda packages
    version  X.Y.Z when known, else X.Y
    request  what is asked of uv: an absolute path (base, apt, conda) or `3.12.16` (managed)
    packages the apt packages that bring it (source apt), with exact versions in `Lock.apt`
    reason   one sentence, for people
    """

    version: str
    source: Literal["base", "apt", "managed", "conda"]
    request: str
    packages: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedApt:
    """One Debian package: exact version ("" when unresolved); `size` in bytes of the .deb, 0 when the base
    has it already; `requested` when the spec (or Python) names it."""

    name: str
    version: str
    size: int | None = None
    requested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LockedPackage:
    """One Python package: normalised name, version, the file that gets installed and its size in bytes."""

    name: str
    version: str
    file: str
    size: int | None = None
    from_source: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """A lock.

    inputs     the parts of the spec that it answers, canonical and JSON-like: `drift` compares them
    document   the whole PEP 751 document as parsed from TOML (`packages` in it are handed to uv unchanged)
    packages   the same packages, as the planner wants them, sorted by name
    conda      conda packages, sorted by name; () when the spec has no `conda`
    cuda       what the CUDA choice was and why, as strings; empty when the spec has none
    gpu        what it needs of a GPU machine and how that was found, as `gpu.labels.needs_data` says it
    tools      versions of the tools that made it: `{"envbuild": …, "uv": …}`
    apt_resolved  False when apt packages could not be resolved because the base was not at hand
    digest     over everything in the file but itself
    """

    name: str
    platform: str
    inputs: Mapping[str, Any]
    base: LockedBase
    python: LockedPython
    apt: tuple[LockedApt, ...] = ()
    apt_resolved: bool = True
    packages: tuple[LockedPackage, ...] = ()
    conda: tuple[CondaRecord, ...] = ()
    cuda: Mapping[str, str] = field(default_factory=dict)
    gpu: Mapping[str, Any] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""
