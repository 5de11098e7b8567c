"""The result of stage 4: a `BuildContext`, all that an engine needs to build. Pure data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.conda.source import CondaSource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Which Dockerfile lines (from 1, both ends included) came from which part of the spec.

    `key` is a key path in the user's words (`apt`, `run[1]`, `pip`), `line` its line in the spec (0: none).
    """

    title: str
    first: int
    last: int
    key: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CopySource:
    """What one `copy:` item takes: the file or folder on this machine, and the digest of its content."""

    path: Path
    digest: str
    folder: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildContext:
    """A Dockerfile and the files beside it.

    dockerfile  its text
    files       path in the context → content, for what envbuild makes itself
    copies      path in the context → file or folder of the user's, for `copy:`
    steps       from Dockerfile lines back to the spec
    digest      over everything that changes the image (user's files by content)
    conda_image what the build argument ENVBUILD_MICROMAMBA stands for unless given, "" without such a stage
    conda       where conda packages come from; what it names of this machine need not be there yet
    needs_uv    whether the context must also hold the uv binary for `platform`, as `uv`
    """

    dockerfile: str
    files: Mapping[str, bytes]
    copies: Mapping[str, Path] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    digest: str
    platform: str
    needs_uv: bool = False
    conda_image: str = ""
    conda: CondaSource = field(default_factory=CondaSource)
