"""What is asked of `pull` and `reproduce`, and what they answer. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.archive.model import Artifact
    from envbuild.compare.model import Judgement
    from envbuild.fits import Fit
    from envbuild.names import Reference
    from envbuild.registry.model import Manifest
    from envbuild.smoke.model import SmokeReport

How: TypeAlias = Literal["pulled", "there", "rebuilt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PullOptions:
    """How an image is pulled.

    smoke    run the smoke tests here
    accept   rules of preflight that the user overrides, by name
    names    what to call it besides the reference's tag
    force    smoke-test it again, though nothing changed since it passed
    """

    smoke: bool = True
    accept: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    force: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An image in its registry, and whether this machine runs it: known before any layer moves.

    config  the image's config; `size` the bytes of its layers as they would be transferred
    fit     None where the engine is on another machine, which nobody looked at
    """

    reference: Reference
    manifest: Manifest
    platform: str
    labels: Mapping[str, str]
    env: tuple[str, ...]
    fit: Fit | None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def size(self) -> int:
        """Bytes of all layers, as they would be transferred."""
        return sum(layer.size for layer in self.manifest.layers)

    @property
    def pinned(self) -> str:
        """The image by its digest."""
        return f"{self.reference.familiar}@{self.manifest.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """An image that came from a registry, and is what it was there.

    names       what it is called in the engine; () where only its digest names it
    digest      of its manifest; `index` of the index that led there, "" for none
    size        bytes in the engine; `transfer` those of its layers in the registry
    preflight   the verdict, "" when nobody looked
    lock        digest of the lock in it, "" for an image that envbuild did not make
    up_to_date  it was here, under this name, and had passed
    moved       the digest that the tag has meanwhile, "" when it stayed
    """

    reference: str
    names: tuple[str, ...]
    digest: str
    index: str
    image_id: str
    platform: str
    size: int
    layers: int
    transfer: int
    preflight: str
    lock: str
    report: SmokeReport | None
    up_to_date: bool
    moved: str
    engine: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Whether what is here now is what it should be.

    compared_with  what it was held against, in words
    why            one sentence
    differences    a line each
    """

    verdict: Judgement
    compared_with: str
    why: str
    differences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduced:
    """An environment that is here now.

    how      pulled; there: the engine had it; rebuilt from its lock
    names    what the image is called
    pulled   what the pull said, for `how` pulled
    """

    target: str
    how: How
    names: tuple[str, ...]
    image_id: str
    size: int
    layers: int
    report: SmokeReport | None
    finding: Finding
    engine: str
    seconds: float
    digest: str = ""
    pulled: Pulled | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """An image that came from an archive into the engine.

    preflight  the verdict; "" when nobody looked
    artifacts  what was kept with it
    extracted  files that were written
    was_there  the engine had it
    """

    path: Path
    names: tuple[str, ...]
    digest: str
    image_id: str
    platform: str
    size: int
    layers: int
    preflight: str
    lock: str
    artifacts: tuple[Artifact, ...]
    extracted: tuple[Path, ...]
    was_there: bool
    engine: str
    seconds: float
