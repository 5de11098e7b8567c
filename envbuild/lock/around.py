"""What every step of one locking needs besides the spec. Data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.lock.steps import step

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from envbuild.events import Sink
    from envbuild.lock.model import Lock
    from envbuild.lock.pip import Upgrade
    from envbuild.lock.steps import Note
    from envbuild.lock.store import BaseStore
    from envbuild.site.model import Site

MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What every step of one locking needs besides the spec. `again`: on another base, a second time."""

    site: Site
    store: BaseStore
    platform: str
    previous: Lock | None
    upgrade: Upgrade
    environ: Mapping[str, str]
    sink: Sink
    allow_unpinned_base: bool = False
    again: bool = False

    @property
    def kept(self) -> Lock | None:
        """The previous lock, unless all of it is to be renewed."""
        return None if self.upgrade.everything else self.previous

    @property
    def machine(self) -> str:
        """x86_64 or aarch64."""
        return MACHINES.get(self.platform, "x86_64")

    def step(self, name: str, text: str) -> AbstractContextManager[Note]:
        """Report a block as the step `lock:<name>`, which has a name of its own when it is done again."""
        return step(self.sink, f"{name}-again" if self.again else name, text)
