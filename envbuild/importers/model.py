"""What an importer makes: a `Draft` of a spec, and findings on what it does not say as its source did."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["left", "changed", "note"]
"""left: could not be carried; changed: carried in another way; note: carried, and worth a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that a draft does not say as its source did, and why.

    file, line  where in the source (line from 1, 0 unknown)
    key         the place in the source's own words (`dependencies[3]`, `tool.poetry.dependencies.torch`)
    """

    kind: Kind
    file: str
    line: int = 0
    key: str = ""
    what: str
    todo: str = ""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        key = f" {self.key}:" if self.key else ""
        todo = f"; {self.todo}" if self.todo else ""
        return f"{place}:{key} {self.what}{todo}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One value of a list, as a spec writes it, with the comments around it and where it came from.

    above    comment lines before it, comment  the one behind it, both without `#` and the blank after it
    """

    text: str
    comment: str = ""
    above: tuple[str, ...] = ()
    file: str = ""
    line: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyEntry:
    """One item of `copy:`; `source` relative to the folder of the spec."""

    source: str
    target: str
    file: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A spec in the making. Empty: not said by the source. Texts are not checked yet: `finish` does that.

    format     which importer made it (`environment.yml`), for people
    source     the file that was read, as messages call it; "" where it is none, or not one alone
    head       comment lines at the top of the source
    python     X.Y or X.Y.Z, or a range as the source says it (`>=3.10,<3.13`, `^3.11`): `finish` chooses
    cuda       X.Y; `cuda_flavour` base, runtime or devel, `cuda_os` as ubuntu22.04, where the source says so
    conda      MatchSpecs; `channels` in order, the most important first
    pip        PEP 508 requirements
    env        (name, value) pairs
    imports    modules for `smoke.imports`
    """

    format: str
    source: str = ""
    name: str = ""
    python: str = ""
    base: str = ""
    cuda: str = ""
    cuda_flavour: str = ""
    cuda_os: str = ""
    cudnn: bool | None = None
    targets: tuple[str, ...] = ()
    apt: tuple[Entry, ...] = ()
    channels: tuple[Entry, ...] = ()
    priority: str = ""
    conda: tuple[Entry, ...] = ()
    pip: tuple[Entry, ...] = ()
    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    torch_backend: str = ""
    env: tuple[tuple[str, str], ...] = ()
    copy: tuple[CopyEntry, ...] = ()
    run: tuple[Entry, ...] = ()
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    @property
    def place(self) -> str:
        """What findings without a line name: the source, else the format."""
        return self.source or self.format


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the person who imports says beside the source; "" or (): nothing.

    extras, groups  optional dependencies and dependency groups to take along
    environment     which of several environments (pixi, conda-lock categories)
    platform        conda's name of the platform that the image is for, `linux-64` or `linux-aarch64`
    """

    name: str = ""
    python: str = ""
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    environment: str = ""
    platform: str = "linux-64"
