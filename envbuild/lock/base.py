"""The base image: a reference → `Base`, pinned by registry digest or by image id, and what it holds.

Asks the engine's store, then the registry through it; the image is read by running it, else a table answers.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from envbuild.errors import BaseUnavailable, EngineError, RegistryError
from envbuild.facts.base import base_facts, distribution_facts, short_name
from envbuild.lock.model import LockedBase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.images import ImageInfo
    from envbuild.lock.store import BaseStore

RECIPE_LABEL = "dev.envbuild.base.recipe"


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What a base image holds.

    apt         whether it has apt; `apt_python` the X.Y that its distribution's archive has ("" if unknown)
    pythons     complete Pythons in it, as (path, version), those first on PATH first
    """

    distribution: str = ""
    glibc: str = ""
    apt: bool = False
    apt_python: str = ""
    pythons: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """A base as found: what the lock says of it, the image if it is at hand, what it holds.

    `held` is None when neither the image nor the table says anything; `ran` whether the image itself said it.
    """

    locked: LockedBase
    image: ImageInfo | None = None
    held: Held | None = None
    ran: bool = False


def resolve_base(
    reference: str, *, store: BaseStore, platform: str, previous: LockedBase | None, allow_unpinned: bool
) -> Base:
    """Pin `reference`; a pin in `previous` (of the same reference) is kept while it can be had.

    Raises BaseUnavailable when nobody has it, EngineError when the store fails; neither if `allow_unpinned`.
    """
    kept = previous if previous and previous.reference == reference and previous.pinned else None
    try:
        return _pinned(reference, store, platform, kept)
    except (RegistryError, EngineError) as error:
        if allow_unpinned:
            return Base(locked=LockedBase(reference=reference))
        if isinstance(error, RegistryError):
            raise _unavailable(reference, error, store.image(reference)) from error
        raise


def inspect_base(base: Base, store: BaseStore) -> Base:
    """`base` with what it holds: read from the image if it can be run here, else from the table."""
    held = _probe(base.image, store) if base.image else None
    if held:
        return _with(base, held, ran=True)
    known = base_facts(base.locked.reference)
    if known is None:
        return base
    pythons = ((known.executable, known.python),) if known.python else ()
    table = Held(
        distribution=known.distribution,
        glibc=known.glibc,
        apt=known.apt,
        apt_python=known.apt_python,
        pythons=pythons,
    )
    return _with(base, table, ran=False)


def parse_probe(text: str) -> Held:
    """The output of probe.sh → what the image holds."""
    pairs = [line.split("=", 1) for line in text.splitlines() if "=" in line]
    values = dict(pairs)
    pythons = [
        (path, version) for key, value in pairs if key == "python" for path, version in [value.split(" ")]
    ]
    name = values.get("distribution", "").rstrip(":")
    known = distribution_facts(name) or distribution_facts(values.get("codename", ""))
    return Held(
        distribution=known.distribution if known else name,
        glibc=values.get("glibc", ""),
        apt="apt" in values,
        apt_python=known.apt_python if known else "",
        pythons=tuple(pythons),
    )


def _pinned(reference: str, store: BaseStore, platform: str, kept: LockedBase | None) -> Base:
    name, _, digest = reference.partition("@")
    if kept and kept.digest:
        digest = kept.digest
    exact = f"{name}@{digest}" if digest else reference
    image = None
    if kept and kept.image_id:
        image = _fitting(store.image(kept.image_id), platform)
    image = image or _fitting(store.image(exact), platform)
    if image is None and not digest:
        return Base(locked=LockedBase(reference=reference, digest=store.remote_digest(reference, platform)))
    if image is None:
        return Base(locked=replace(kept or LockedBase(reference=reference), digest=digest))
    digest = digest or _own_digest(reference, image)
    locked = LockedBase(
        reference=reference,
        digest=digest or None,
        image_id=None if digest else image.id,
        diff_ids=image.layers,
        recipe=_recipe(image.labels),
    )
    return Base(locked=locked, image=image)


def _fitting(image: ImageInfo | None, platform: str) -> ImageInfo | None:
    """`image` if it is for `platform`; a store may hold another architecture under the same name."""
    if image is None or not image.platform:
        return image
    return image if image.platform == platform or image.platform.startswith(f"{platform}/") else None


def _own_digest(reference: str, image: ImageInfo) -> str:
    """The digest that the registry of `reference` (or a mirror of it) gave the image; "" when it has none."""
    wanted = short_name(reference).rpartition(":")[0]
    for item in sorted(image.digests):
        repository, _, digest = item.partition("@")
        known = short_name(repository).removesuffix(":latest")
        if known == wanted or known.endswith((f"/{wanted}", f"/{wanted.partition('/')[2] or wanted}")):
            return digest
    return ""


def _recipe(labels: Mapping[str, str]) -> dict[str, Any] | None:
    """How a bootstrapped base was made; a label that is no JSON object says nothing."""
    with contextlib.suppress(ValueError):
        recipe = json.loads(labels.get(RECIPE_LABEL, "null"))
        if isinstance(recipe, dict):
            return recipe
    return None


def _probe(image: ImageInfo, store: BaseStore) -> Held | None:
    """Run the probe in `image`; None when it does not run here (another architecture, no shell)."""
    script = files("envbuild.lock").joinpath("scripts/probe.sh").read_text(encoding="utf-8")
    try:
        ran = store.run(image.id, ["/bin/sh", "-c", script], timeout=60, network=False)
    except EngineError:
        return None
    return parse_probe(ran.stdout) if ran.code == 0 else None


def _with(base: Base, held: Held, *, ran: bool) -> Base:
    locked = replace(base.locked, distribution=held.distribution, glibc=held.glibc)
    return replace(base, locked=locked, held=held, ran=ran)


def _unavailable(reference: str, error: RegistryError, other: ImageInfo | None) -> BaseUnavailable:
    """`other`: what the store has under this name, for another platform."""
    where = f"in the engine's store for {other.platform} only" if other else "not in the engine's store"
    make = f"make the base from a Debian mirror: envbuild bootstrap {reference}"
    if not short_name(reference).startswith(("debian:", "ubuntu:")):
        make = (
            "take a base that a Debian mirror can make: envbuild bootstrap debian:bookworm-slim,"
            " and base: debian:bookworm-slim in the spec"
        )
    return BaseUnavailable(
        f"base image {reference}: {where}, and its registry gives no answer:"
        f" {error.message.removeprefix(f'{reference}: ')}",
        hint="three ways on:\n"
        "- name a mirror of the registry in the site config (registry_mirrors)\n"
        f"- {make}\n"
        "- lock the rest now and pin the base later: --allow-unpinned-base",
    )
