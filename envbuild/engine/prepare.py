"""Before a build: the locked base image brought into the engine's store, under a name that FROM can say. Not
pure.

Input: `LockedBase`. Output: the reference for FROM on this engine. Raises BaseUnavailable, RegistryError,
EngineError.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.engine.cache import ARGUMENT, NO_CACHE, Cache
from envbuild.engine.model import BuildRequest
from envbuild.errors import BaseUnavailable
from envbuild.lock.uv import find_uv
from envbuild.site.carry import build_args, build_secrets

if TYPE_CHECKING:
    from envbuild.engine.engine import Engine
    from envbuild.events import Sink
    from envbuild.lock.model import LockedBase
    from envbuild.render.model import BuildContext
    from envbuild.site.model import Site

BASE_ARGUMENT = "ENVBUILD_BASE"
MICROMAMBA_ARGUMENT = "ENVBUILD_MICROMAMBA"


def ensure_base(engine: Engine, base: LockedBase, platform: str, lock_name: str, sink: Sink) -> str:
    """Have `base` in the store: look, else pull by digest; a base without a registry is named by its image
    id.
    """
    if base.digest:
        name = engine.local_reference(base.build_reference)
        if name is None:
            engine.pull(base.build_reference, platform, sink)
            name = engine.local_reference(base.build_reference)
        return name or base.build_reference
    if not base.image_id:
        return base.build_reference
    image_id = _local(engine, base)
    if image_id is None:
        made = f"it was made by {base.recipe['tool']}; " if base.recipe and "tool" in base.recipe else ""
        raise BaseUnavailable(
            f"the base {base.reference} ({base.image_id[:19]}) exists in no registry,"
            " and this engine does not have it",
            hint=f"{made}make it again: envbuild bootstrap {base.reference} --like {lock_name}"
            if base.recipe
            else "bring it here with `docker save` and `docker load`, or relock: envbuild lock --upgrade",
        )
    engine.tag(image_id, base.build_reference)
    return base.build_reference


def ensure_micromamba(engine: Engine, context: BuildContext, sink: Sink) -> str:
    """Have micromamba's image in the store, through the site's mirror if any; what FROM calls it there.

    "" for a build that needs none. Raises RegistryError, EngineError.
    """
    image = context.conda_image
    if not image:
        return ""
    if name := engine.local_reference(image):
        return name
    engine.pull(image, context.platform, sink)
    return engine.local_reference(image) or image


def _local(engine: Engine, base: LockedBase) -> str | None:
    """The id of the very image, or of one of that name with the very same layers (made again elsewhere)."""
    if base.image_id and (image := engine.image(base.image_id)):
        return image.id
    image = engine.image(base.reference)
    return image.id if image and base.diff_ids and image.layers == base.diff_ids else None


def build_request(
    site: Site,
    context: BuildContext,
    base: str,
    *,
    spec: str,
    no_cache: bool,
    cache: Cache = NO_CACHE,
    micromamba: str = "",
) -> BuildRequest:
    """How this site builds `context` on `base`; `spec` is what messages call the spec, `micromamba`
    its image as `ensure_micromamba` gave it.
    """
    return BuildRequest(
        secrets=build_secrets(site),
        build_args={
            **build_args(site),
            BASE_ARGUMENT: base,
            **({MICROMAMBA_ARGUMENT: micromamba} if micromamba else {}),
            **({ARGUMENT: "1"} if cache.inline else {}),
        },
        network="host" if site.build_network == "host" else "default",
        no_cache=no_cache,
        uv_binary=Path(find_uv()) if context.needs_uv else None,
        spec=spec,
        cache_from=cache.sources,
    )
