"""The result of a look at an image in a registry: a `RemoteImage`. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.model import Lock

LayerKind: TypeAlias = Literal[
    "base", "apt", "user", "python", "conda", "pip", "workdir", "run", "copy", "metadata", "added", "other"
]
"""base: of the base image; workdir: the empty working directory; metadata: spec and lock; added: put on top
by somebody else; other: of an image that envbuild did not make. The rest is as in a plan."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of an image's history that left a layer, or would have (`empty`).

    what    what it holds, for people: package names, a command, where files went
    name    of a group of packages ("cuda", "rest"), "" otherwise
    index   of a step of the spec's own (`run[1]`), None otherwise
    words   apt: `name=version` of each package; pip: `name==version`; conda:
            `name=version=build`; nothing otherwise
    """

    kind: LayerKind
    what: str
    name: str = ""
    index: int | None = None
    words: tuple[str, ...] = ()
    empty: bool = False

    @property
    def group(self) -> str:
        """The group whose sizes belong together: `pip: cuda`, `apt`, …"""
        return f"{self.kind}: {self.name}" if self.name else self.kind


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteLayer:
    """One layer: `size` in bytes as the registry has it (compressed), and the step that made it."""

    digest: str
    size: int
    media_type: str
    diff_id: str
    step: Step


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteBase:
    """The base image by the image's own word: its name, its digest ("" unknown), whether it is pinned."""

    name: str
    digest: str = ""
    pinned: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contained:
    """What an image carries of spec and lock; `lock` is None when absent or not to be trusted.

    doubts  why something is not there, or does not fit what the labels say, in sentences
    """

    spec_text: str = ""
    lock_text: str = ""
    lock: Lock | None = None
    doubts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """Something that belongs to the image: `digest` of its manifest, `size` of its files in bytes.

    file     the first file's digest
    created  as annotated, "" when it does not say
    """

    artifact_type: str
    digest: str
    size: int
    file: str = ""
    title: str = ""
    created: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeSaid:
    """The newest smoke report that is attached.

    run       False when the tests were left out, and `why`
    counts    status → how many checks
    where     engine, driver and GPU that it was made with, as far as it tells, for people
    report    all of it, as JSON says it
    reports   how many are attached
    """

    run: bool
    passed: bool | None = None
    why: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    seconds: float | None = None
    where: tuple[str, ...] = ()
    created: str = ""
    report: Mapping[str, Any] = field(default_factory=dict)
    reports: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteImage:
    """An image in a registry, as it and its registry tell.

    reference   as it was asked for; `digest` is that of its manifest, `config` that of its config (the image
                id of most engines), `index` that of the index which led to it ("" none)
    created     as the config says (RFC 3339), "" when it does not
    made_by     the version of envbuild that made it; "" for an image made by something else
    python      X.Y.Z, "" unknown
    cuda        its release, "" none or unknown
    attached    None: the registry did not say
    doubts      what could not be read or does not fit together, in sentences
    """

    reference: str
    digest: str
    config: str
    media_type: str
    platform: str
    layers: tuple[RemoteLayer, ...]
    base: RemoteBase
    needs: GpuNeeds
    index: str = ""
    created: str = ""
    made_by: str = ""
    python: str = ""
    cuda: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    contained: Contained = field(default_factory=Contained)
    smoke: SmokeSaid | None = None
    attached: tuple[Attached, ...] | None = ()
    doubts: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all layers, as they would be transferred."""
        return sum(layer.size for layer in self.layers)
