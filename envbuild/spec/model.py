"""The result of stage 1: a `Spec`, checked and complete. Frozen, with small lookups only. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

KeyPath = tuple[str | int, ...]
"""Where in the file: `("pip", "packages", 2)`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpecSource:
    """Where a spec came from: file, text, digest (`sha256:…` of its bytes), each key path's line (from 1)."""

    path: Path
    text: str
    digest: str
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder that relative paths in the spec start from."""
        return self.path.parent

    def line(self, path: KeyPath) -> int:
        """Line of `path`, or of its nearest parent that has one; 0 when none has."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 0

    def line_of(self, key: str) -> int:
        """Line of a key as people write it (`run[1]`); 0 when the file does not have that key."""
        name, _, index = key.rstrip("]").partition("[")
        return self.lines.get((name, int(index)) if index else (name,), 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cuda:
    """`cuda:`; `version` is X.Y or X.Y.Z; `cudnn` None means: as the packages need."""

    version: str
    flavour: Literal["auto", "base", "runtime", "devel"] = "auto"
    cudnn: bool | None = None
    os: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Conda:
    """`conda:`; packages are MatchSpecs as written."""

    channels: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    priority: Literal["strict", "flexible", "disabled"] = "strict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirement:
    """One PEP 508 requirement as written, and where: in the spec itself, or in a requirements file.

    `name` is normalised. `file` is as messages show it: it depends on how the spec was named, so no digest
    may hold it. `path` is empty for a line of a requirements file.
    """

    text: str
    name: str
    file: str
    line: int
    path: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pip:
    """`pip:`. `requirements` holds those of `packages` and of all requirements files, in order.

    `files` are the requirements files that were read, relative to the spec's folder, in POSIX form.
    """

    requirements: tuple[Requirement, ...] = ()
    files: tuple[str, ...] = ()
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    torch_backend: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    """One `copy:` item: `source` relative to the spec's folder (POSIX), `target` absolute in the image."""

    source: str
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Smoke:
    """`smoke:`; `timeout` in seconds for each check, `memory` in bytes for its container."""

    imports: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    gpu: Literal["required", "auto", "none"] = "auto"
    timeout: int = 300
    memory: int = 8 * 1024**3


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageName:
    """`image:`; `repository` is the spec's name unless given."""

    repository: str
    tags: tuple[str, ...] = ("latest",)
    labels: tuple[tuple[str, str], ...] = ()

    @property
    def references(self) -> tuple[str, ...]:
        """All `repository:tag`, the first being the image's main name."""
        return tuple(f"{self.repository}:{tag}" for tag in self.tags)


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A checked spec.

    `base` is as written (None: by `cuda`, else the default base); `python` is X.Y or X.Y.Z.
    """

    name: str
    python: str
    base: str | None = None
    cuda: Cuda | None = None
    targets: tuple[str, ...] = ()
    accept: tuple[str, ...] = ()
    apt: tuple[str, ...] = ()
    conda: Conda | None = None
    pip: Pip = field(default_factory=Pip)
    env: tuple[tuple[str, str], ...] = ()
    copy: tuple[Copy, ...] = ()
    run: tuple[str, ...] = ()
    user: str = "app"
    workdir: str = "/workspace"
    entrypoint: tuple[str, ...] | None = None
    cmd: tuple[str, ...] | None = None
    smoke: Smoke = field(default_factory=Smoke)
    image: ImageName
    source: SpecSource
