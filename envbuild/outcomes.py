"""What is asked of the pipeline and what it answers: data only."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.engine.cache import NO_CACHE, Cache
from envbuild.events import Sink, ignore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.engine.engine import Engine
    from envbuild.lock.model import Lock
    from envbuild.plan.model import Plan
    from envbuild.render.model import BuildContext
    from envbuild.site.model import Site
    from envbuild.smoke.model import SmokeReport
    from envbuild.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the user asks about: a spec, for a platform, at a site; who listens.

    `connect` reaches the engine (once, however often called); `engine` is its URL, if the user gave one.
    """

    spec_path: Path
    site: Site
    platform: str
    connect: Callable[[], Engine]
    engine: str | None = None
    sink: Sink = ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOptions:
    """How a lock is treated: `frozen` refuses a missing or stale one, `upgrade_packages` are renewed."""

    frozen: bool = False
    upgrade: bool = False
    upgrade_packages: tuple[str, ...] = ()
    allow_unpinned_base: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOptions:
    """How an image is made: `force` repeats all stages though nothing changed, `no_cache` all steps, too.

    gpu    its smoke tests on a GPU must not be left out, whatever the spec says
    cache  which registries' caches the build uses, and whether it leaves one
    """

    lock: LockOptions = field(default_factory=LockOptions)
    smoke: bool = True
    gpu: bool = False
    force: bool = False
    no_cache: bool = False
    cache: Cache = NO_CACHE


@dataclass(frozen=True, slots=True, kw_only=True)
class Locked:
    """A spec with its lock: `changes` made the old one stale, `written` says whether it was made anew.

    previous  the lock before, where there was one and another was made
    """

    spec: Spec
    lock: Lock
    path: Path
    changes: tuple[str, ...]
    written: bool = True
    previous: Lock | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A locked spec with its plan."""

    locked: Locked
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A planned spec with its build context."""

    planned: Planned
    context: BuildContext


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageOutcome:
    """An image that passed its tests, if it had to.

    `size` in bytes, `layers` a count, `up_to_date` when there was nothing to do.
    """

    references: tuple[str, ...]
    image_id: str
    size: int
    layers: int
    report: SmokeReport | None
    up_to_date: bool
    seconds: float
    engine: str
    lock_path: str
