"""The result of stage 3: a `Plan`, the typed layers of an image in order. Pure data.

Each layer says `why` it is where it is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayer:
    """The base image. `reference` is what FROM says; `pinned` whether its bytes are fixed."""

    reference: str
    name: str
    pinned: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AptLayer:
    """Debian packages, as `name=version` (or bare names when not `resolved`).

    `size` in bytes of the .debs, None: unknown.
    `key` is the part of the spec that asks for them: apt, or python when only Python needs any.
    """

    packages: tuple[str, ...]
    size: int | None
    why: str
    key: str = "apt"
    resolved: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonLayer:
    """The interpreter and the empty environment in /opt/env.

    `request` is a path in the image, or a version that uv installs. With source conda the environment is
    there already, in the layers of conda packages: this one checks it.
    """

    source: Literal["base", "apt", "managed", "conda"]
    version: str
    request: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaLayer:
    """One group of conda packages: `name` such as cuda, framework, large, rest; packages as
    `name=version=build`.

    `records` are their files' names in conda-meta, without .json: by these the environment is divided into
    groups after it was installed as a whole. `size` is the sum of the packages' files in bytes; None:
    unknown.
    """

    name: str
    names: tuple[str, ...]
    packages: tuple[str, ...]
    records: tuple[str, ...]
    size: int | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PipLayer:
    """One group of Python packages: `name` such as cuda, framework, large, rest; packages as `name==version`.

    `names` are normalised names (keys into the lock); `size` is the sum of known file sizes in bytes.
    `lock_toml` is the group's own PEP 751 file, cut from the lock.
    """

    name: str
    names: tuple[str, ...]
    packages: tuple[str, ...]
    size: int | None
    from_source: tuple[str, ...]
    lock_toml: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserLayer:
    """The account that the image runs as, its home and the working directory. `uid` 0 for root."""

    user: str
    uid: int
    workdir: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvLayer:
    """Settings of the environment, in order, as (name, value), for the steps that follow and in the image.

    The value of PATH is what goes before the base's own.
    """

    env: tuple[tuple[str, str], ...]
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLayer:
    """One `run:` step of the spec, as written, run as root; `index` is its place in the spec's list."""

    command: str
    index: int
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyLayer:
    """One `copy:` item.

    `source` is its path in the build context, `origin` the one in the spec; `uid` will own the copy.
    """

    source: str
    target: str
    index: int
    why: str
    origin: str = ""
    uid: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class MetadataLayer:
    """The last, tiny layer: spec and lock in /opt/envbuild, and what the image says of itself.

    `labels` are in order; that of the build context's own digest is added when rendering.
    An empty `entrypoint` or `cmd` clears the base's own.
    """

    labels: tuple[tuple[str, str], ...]
    user: str
    workdir: str
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    spec_text: str
    lock_text: str
    lock_name: str
    why: str


Layer: TypeAlias = (
    BaseLayer
    | AptLayer
    | CondaLayer
    | PythonLayer
    | PipLayer
    | UserLayer
    | EnvLayer
    | RunLayer
    | CopyLayer
    | MetadataLayer
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The layers of one image, from stable to volatile.

    `platform` such as linux/amd64; `digest` over everything here but its own label.
    `explicit` is the text of the `@EXPLICIT` list of all conda packages, "" when there are none.
    `source` is the file name of the spec, `reference` the image's main name, `version` that of envbuild.
    """

    name: str
    platform: str
    layers: tuple[Layer, ...]
    notes: tuple[str, ...] = field(default=())
    digest: str = ""
    explicit: str = ""
    source: str = "spec.yml"
    reference: str = ""
    version: str = ""
