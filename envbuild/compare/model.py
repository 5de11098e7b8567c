"""Specs, locks and images in one form, `Contents`, and what differs, `Difference`. Pure data.

In `Contents`, None stands for what is not known, or what a thing of its kind does not tell.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envbuild.gpu.model import GpuNeeds
    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec

Kind: TypeAlias = Literal["spec", "lock", "image"]
Place: TypeAlias = Literal["file", "engine", "registry"]
How: TypeAlias = Literal["added", "removed", "upgraded", "downgraded", "changed"]
Judgement: TypeAlias = Literal["identical", "equivalent", "different"]
Verdict: TypeAlias = Literal["identical", "equivalent", "different", "unknown"]
"""unknown: no difference was found, and not all could be compared."""
Part: TypeAlias = Literal[
    "platform", "base", "python", "apt", "conda", "pip", "cuda", "gpu", "env", "run", "copy", "settings"
]
PARTS: tuple[Part, ...] = (
    "platform", "base", "python", "apt", "conda", "pip", "cuda", "gpu", "env", "run", "copy", "settings",
)  # fmt: skip
LOCKED: frozenset[Part] = frozenset(PARTS[:8])
"""What a lock tells of; the rest stands in the spec alone."""
Measure: TypeAlias = Literal["", "compressed", "unpacked", "downloads"]
"""What sizes count: layers as a registry has them, layers as an engine has them, files from the index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseIs:
    """A base image: by any of digest, image id and layers it can be known to be the same as another."""

    reference: str
    digest: str = ""
    image_id: str = ""
    diff_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """One side of a comparison.

    name       as the user named it
    digests    all by which it is known: of a manifest, a config (image id), a lock, a spec
    context    digest of all that an image was made from, "" unknown
    added      whether somebody put layers on top of what envbuild made: no lock tells of those
    apt, conda, pip   name → exact version; of conda `version build`
    files      of `pip`: name → hash of the file that gets installed; of conda: `conda:name` → sha256
    env        of the spec; `image_env` all that programs in the image see
    copy       `source → target`; `copied` the layers (diffIDs) that hold these files
    settings   user, workdir, entrypoint, cmd by the spec; `image_settings` by the image's config
    gpu        what it needs of a GPU machine, in words
    wishes     what the spec asks of a lock, as `lock.inputs` says it
    sizes      group of layers → bytes, which count `measure`
    diff_ids   of all layers of an image, () unknown
    notes      what could not be told, and why, in sentences
    """

    name: str
    kind: Kind
    place: Place = "file"
    digests: frozenset[str] = frozenset()
    context: str = ""
    added: bool = False
    platform: str | None = None
    base: BaseIs | None = None
    python: str | None = None
    apt: Mapping[str, str] | None = None
    conda: Mapping[str, str] | None = None
    pip: Mapping[str, str] | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    cuda: str | None = None
    gpu: Mapping[str, str] | None = None
    env: Mapping[str, str] | None = None
    image_env: Mapping[str, str] | None = None
    run: tuple[str, ...] | None = None
    copy: tuple[str, ...] | None = None
    copied: tuple[str, ...] = ()
    settings: Mapping[str, str] | None = None
    image_settings: Mapping[str, str] | None = None
    wishes: Mapping[str, Any] | None = None
    sizes: Mapping[str, int] = field(default_factory=dict)
    measure: Measure = ""
    diff_ids: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that differs. `name` is "" where the part is one thing (base, python).

    before, after   None: it is not there
    """

    part: Part
    how: How
    name: str = ""
    before: str | None = None
    after: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeChange:
    """Bytes of a group of layers on both sides; None: that side has no such group."""

    group: str
    before: int | None
    after: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs from `a` to `b`.

    by_wishes     pins were not known on both sides: what the specs ask for was compared instead
    not_compared  what could not be compared and why, in sentences
    """

    a: str
    b: str
    verdict: Verdict
    why: str
    changes: tuple[Change, ...] = ()
    sizes: tuple[SizeChange, ...] = ()
    measure: Measure = ""
    by_wishes: bool = False
    not_compared: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageParts:
    """An image as its engine or registry tells of it: what `contents_of_image` makes comparable.

    base      as its labels say; the lock's own word stands above that
    settings  user, workdir, entrypoint, cmd as the image has them
    copy      `source → target` as its steps tell: they know whether a file went into a folder
    copied    diffIDs of the layers that hold what `copy:` brought
    added     whether there are layers on top of envbuild's: an image keeps the labels of the one it stands on
    """

    name: str
    place: Place
    digests: Iterable[str]
    platform: str
    labels: Mapping[str, str]
    env: Sequence[str]
    spec: Spec | None
    lock: Lock | None
    needs: GpuNeeds
    base: BaseIs | None
    settings: Mapping[str, Sequence[str] | str] | None
    sizes: Mapping[str, int]
    measure: Measure
    diff_ids: Sequence[str] = ()
    copy: Sequence[str] | None = None
    copied: Sequence[str] = ()
    added: bool = False
    notes: Sequence[str] = ()
