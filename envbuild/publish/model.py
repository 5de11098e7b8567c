"""What is to be pushed, where to, and the result: a `Published`. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.engine.push import Pushed
    from envbuild.lock.model import Lock
    from envbuild.names import Reference
    from envbuild.registry.model import Index, Manifest
    from envbuild.smoke.model import SmokeReport
    from envbuild.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the user asks for: a spec file or an image's name; references, none for the image's own; whether
    smoke tests that nobody remembers are run.
    """

    target: str
    to: tuple[str, ...] = ()
    smoke: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """An image of the engine that envbuild made.

    name         as the user called it
    local        its names in the engine's store
    references   where it goes unless told otherwise (`repository:tag`)
    tags         what it is called in a repository that is named without a tag
    lock_text    the lock file as it lies in the image
    report       the smoke report that is remembered of it
    spec         with `spec_path`: only where the user named a spec
    """

    name: str
    image_id: str
    local: tuple[str, ...]
    references: tuple[str, ...]
    tags: tuple[str, ...]
    lock: Lock
    lock_name: str
    lock_text: bytes = field(repr=False)
    report: SmokeReport | None = None
    spec: Spec | None = None
    spec_path: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """A repository (a reference without tag and digest) and the tags to set there."""

    repository: Reference
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        """Host and path, as people write it."""
        return self.repository.familiar

    @property
    def references(self) -> tuple[Reference, ...]:
        """Each tag as a reference."""
        return tuple(replace(self.repository, tag=tag) for tag in self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a destination has before the push: each tag's digest ("" none), and the image, if it is there."""

    tags: Mapping[str, str]
    image: Manifest | Index | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attached:
    """An artifact that belongs to the image; `new` when this push brought it."""

    artifact_type: str
    digest: str
    new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """What came of one destination.

    pushed    what the engine had to do; None: the image was there
    set_tags  tags that were set or moved; the others named it already
    left      a tag that could not be taken away again; "" none
    """

    destination: Destination
    digest: str
    pushed: Pushed | None
    attached: tuple[Attached, ...]
    set_tags: tuple[str, ...]
    left: str = ""

    @property
    def up_to_date(self) -> bool:
        """Whether there was nothing to do."""
        return not (self.pushed or self.set_tags or any(item.new for item in self.attached))

    @property
    def pinned(self) -> str:
        """The image by its digest."""
        return f"{self.destination.name}@{self.digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """An image at all its destinations; `report` is None when it was not smoke-tested."""

    name: str
    image_id: str
    arrived: tuple[Arrived, ...]
    report: SmokeReport | None
    seconds: float
