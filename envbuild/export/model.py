"""What is exported, and what comes out. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.lock.model import Lock
    from envbuild.spec.model import Spec


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """What is exported.

    name   as the user named it: a file or an image
    lock   None where only a spec is at hand
    lock_text  the lock file's own text, "" without a lock
    image  the reference of the image, where it came from one, or as the spec names it
    place  where that image is: in a registry, in an engine alone, or ("") nobody looked
    """

    name: str
    spec: Spec
    lock: Lock | None = None
    lock_text: str = ""
    image: str = ""
    place: Literal["", "engine", "registry"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """How to export.

    from_history  what the spec asks for, in place of what was locked
    md5           md5 in place of sha256, for older programs
    hashes        whether hashes are said where a format may do without
    """

    from_history: bool = False
    md5: bool = False
    hashes: bool = True


AS_LOCKED = Wishes()
"""Exactly what was locked, with all that the format can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Something of the source that the format cannot say; `key` in the spec's words (`apt`, `run[1]`)."""

    key: str
    what: str
    todo: str = ""

    def __str__(self) -> str:
        todo = f"; {self.todo}" if self.todo else ""
        return f"{self.key}: {self.what}{todo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The files of one export, by name (the first is the main one), and what they do not say."""

    files: Mapping[str, str]
    left: tuple[Left, ...] = ()
