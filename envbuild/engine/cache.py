"""Build caches in registries: what is asked for and what the engine can do → a `Cache`, or why not. Pure.

By the endpoint that every Docker has, BuildKit reads caches out of images in registries, and writes one into
the image that it makes (inline); other kinds need buildx. Podman's Docker interface has neither.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.names import read_reference

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.engine.model import EngineInfo

INLINE = "inline"
ARGUMENT = "BUILDKIT_INLINE_CACHE"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """`sources`: images whose registry is asked for finished steps; `inline`: leave the like in the image."""

    sources: tuple[str, ...] = ()
    inline: bool = False


NO_CACHE = Cache()


def read_cache(sources: Iterable[str], targets: Iterable[str]) -> Cache:
    """`--cache-from` and `--cache-to` as typed. Raises UsageError for kinds that engines do not take."""
    wanted = tuple(targets)
    for text in wanted:
        if _kind(text) != INLINE:
            raise UsageError(
                f"--cache-to {text}: by its own interface an engine leaves a cache in the image only",
                hint="--cache-to inline, then push the image; other kinds need `docker buildx`, on the"
                " context that `envbuild render -o DIR` writes",
            )
    return Cache(sources=tuple(_source(text) for text in sources), inline=bool(wanted))


def ensure_cache(cache: Cache, info: EngineInfo) -> None:
    """Raise UsageError when the engine cannot do it."""
    if cache != NO_CACHE and not info.buildkit:
        raise UsageError(
            f"{info.kind} {info.version} builds without BuildKit: it takes and leaves no cache in registries",
            hint="leave --cache-from and --cache-to out, or use Docker 20.10 or newer",
        )


def _kind(text: str) -> str:
    found = re.search(r"(?:^|,)type=([^,]*)", text)
    return found[1] if found else text


def _source(text: str) -> str:
    """`REF`, or `type=registry,ref=REF` as buildx writes it."""
    parts = dict(part.split("=", 1) for part in text.split(",") if "=" in part)
    if parts.get("type", "registry") != "registry":
        raise UsageError(
            f"--cache-from {text}: an engine reads caches out of registries only",
            hint="name an image: --cache-from REF",
        )
    reference = parts.get("ref", "" if "=" in text else text)
    if not reference:
        raise UsageError(
            f"--cache-from {text}: it names no image", hint="--cache-from registry.example.org/lab/dl-env:1"
        )
    return str(read_reference(reference))
