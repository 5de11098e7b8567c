"""The verb: image reference → base image in the engine, `Bootstrapped`. Not pure: it runs mmdebstrap.

It writes into a temporary folder, which goes away however it ends.
"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Protocol

from envbuild.bootstrap.archive import diff_id, docker_archive, installed_packages
from envbuild.bootstrap.model import Bootstrapped
from envbuild.bootstrap.recipe import compare, make_recipe
from envbuild.bootstrap.target import parse_target
from envbuild.bootstrap.tool import find_mmdebstrap
from envbuild.errors import EnvbuildError, UsageError
from envbuild.events import StepDone, StepFailed, StepLog, StepStarted, ignore

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.bootstrap.model import Recipe, Target
    from envbuild.events import Sink
    from envbuild.images import ImageInfo
    from envbuild.site.model import Site

SOURCE_DATE_EPOCH = 1735689600
"""2025-01-01 00:00 UTC: no file in a base is younger, so the same packages give the same bytes."""

STEP = "bootstrap"
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


class Loader(Protocol):
    """Whoever takes a docker archive into an image store."""

    def load(self, stream: IO[bytes]) -> ImageInfo:
        """Read the archive and say what came of it."""
        ...


def bootstrap(
    reference: str, *, site: Site, engine: Loader, like: Recipe | None = None, sink: Sink = ignore
) -> Bootstrapped:
    """Make the base `reference` from a mirror and load it into `engine` under that name.

    With `like`, a recipe from a lock, the result says whether it came out the same.
    Raises UsageError for what is no plain release, BaseUnavailable when it cannot be made, EngineError.
    """
    begun = time.monotonic()
    target = parse_target(reference)
    _check_like(target, like)
    sink(
        StepStarted(
            id=STEP, stage="bootstrap", name=f"bootstrap {reference} ({target.suite}, {target.variant})"
        )
    )
    try:
        made = _make(target, site, engine, like, sink)
    except BaseException as error:
        reason = error.message.splitlines()[0] if isinstance(error, EnvbuildError) else "stopped"
        sink(StepFailed(id=STEP, seconds=time.monotonic() - begun, reason=reason))
        raise
    recipe, image = made
    seconds = time.monotonic() - begun
    sink(StepDone(id=STEP, seconds=seconds, detail=f"{len(recipe['packages'])} packages"))
    differences = compare(like, recipe) if like else ()
    return Bootstrapped(
        reference=reference,
        image_id=image.id,
        diff_id=recipe["diff_id"],
        recipe=recipe,
        seconds=seconds,
        same_as_recipe=not differences if like else None,
        differences=differences,
    )


def _make(
    target: Target, site: Site, engine: Loader, like: Recipe | None, sink: Sink
) -> tuple[Recipe, ImageInfo]:
    tool = find_mmdebstrap(target, site, os.environ, lambda line: sink(StepLog(id=STEP, line=line)))
    epoch = int((like or {}).get("source_date_epoch") or _epoch(os.environ))
    with tempfile.TemporaryDirectory(prefix="envbuild-bootstrap-") as folder:
        layer = Path(folder) / "layer.tar"
        tool.make(target, layer, epoch)
        recipe = make_recipe(
            target,
            tool=tool.version,
            architecture=_ARCHITECTURES.get(platform.machine(), platform.machine()),
            epoch=epoch,
            packages=installed_packages(layer),
            diff_id=diff_id(layer),
        )
        with docker_archive(layer, target.reference, recipe) as stream:
            return recipe, engine.load(stream)


def _epoch(environ: Mapping[str, str]) -> int:
    text = environ.get("SOURCE_DATE_EPOCH", "").strip()
    if text and not text.isdecimal():
        raise UsageError(
            f"SOURCE_DATE_EPOCH: {text!r} is not a number of seconds", hint="unset it, or write digits"
        )
    return int(text) if text else SOURCE_DATE_EPOCH


def _check_like(target: Target, like: Recipe | None) -> None:
    """A recipe can only be followed for the base that it is of."""
    wanted = {"distribution": target.distribution, "suite": target.suite, "variant": target.variant}
    for key, value in wanted.items():
        if like and like.get(key, value) != value:
            raise UsageError(
                f"{target.reference}: the recipe is for another base: its {key} is {like[key]}, not {value}"
            )
