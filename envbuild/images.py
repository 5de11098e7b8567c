"""Images and commands run in them, as data: the words that lock, engine, smoke and bootstrap share. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageInfo:
    """An image in an engine's store: `size` in bytes, `layers` as diffIDs, `created` as the engine says.

    `user`, `workdir`, `entrypoint` and `cmd` are those of its config.
    """

    id: str
    tags: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    layers: tuple[str, ...] = ()
    size: int = 0
    platform: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    env: tuple[str, ...] = ()
    created: str = ""
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command in a container did. `code` is None when it was stopped by the time limit."""

    code: int | None
    stdout: str
    stderr: str
    seconds: float
    oom_killed: bool = False
