"""The verb: a reference, a spec or a lock → `Reproduced`: pulled, found in the engine, or made from the lock.

The first that does is taken: the engine's image, the registry's, a new one. Of a new one the result says how
like the original it came out.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import made, pipeline, subjects
from envbuild.compare.contents import contents_of_spec
from envbuild.compare.diff import diff
from envbuild.engine.model import BuiltImage
from envbuild.errors import EngineError
from envbuild.events import Notice
from envbuild.names import read_reference
from envbuild.outcomes import ImageOptions, LockOptions
from envbuild.remote.look import look
from envbuild.reproduce.at_hand import Wanted, in_engine, in_registry
from envbuild.reproduce.compare import Original, change_line, held_against, held_against_lock
from envbuild.reproduce.judge import lock_fit, tell_limits
from envbuild.reproduce.model import Finding, PullOptions, Reproduced
from envbuild.reproduce.pull import pull
from envbuild.reproduce.specs import no_rebuild, spec_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.images import ImageInfo
    from envbuild.names import Reference
    from envbuild.outcomes import Locked, Request
    from envbuild.registry.client import RegistryClient
    from envbuild.reproduce.model import Pulled
    from envbuild.smoke.model import SmokeReport

_FROZEN = LockOptions(frozen=True)
_SHOWN = 10
"""Changes that are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How an environment is reproduced.

    smoke    run the smoke tests here
    accept   rules of preflight that the user overrides, by name
    rebuild  make it anew, with no cached step, though an image is at hand; and compare the two
    force    smoke-test it again, though nothing changed since it passed
    """

    smoke: bool = True
    accept: tuple[str, ...] = ()
    rebuild: bool = False
    force: bool = False


def reproduce(
    request: Request, client: Callable[[], RegistryClient], target: str, options: Options
) -> Reproduced:
    """Have the environment of `target` here. Raises what `pull` and `pipeline.image` raise."""
    begun = time.monotonic()
    file = subjects.find_file(request, target, strict=True)
    if file is None:
        if options.rebuild:
            raise no_rebuild(target)
        reference = read_reference(target.removeprefix(subjects.REGISTRY))
        asked = PullOptions(smoke=options.smoke, accept=options.accept, force=options.force)
        found = _pulled(target, pull(request, client(), reference, asked))
    else:
        here = replace(request, spec_path=spec_for(request, file))
        found = _Run(here, client, target, options).result()
    return replace(found, seconds=time.monotonic() - begun)


def _pulled(target: str, pulled: Pulled) -> Reproduced:
    return Reproduced(
        target=target,
        how="pulled",
        names=pulled.names,
        image_id=pulled.image_id,
        size=pulled.size,
        layers=pulled.layers,
        report=pulled.report,
        finding=Finding(
            verdict="identical",
            compared_with=f"{pulled.reference.partition('@')[0]} in its registry",
            why=f"the same digest, {pulled.digest}",
        ),
        engine=pulled.engine,
        seconds=pulled.seconds,
        digest=pulled.digest,
        pulled=pulled,
    )


class _Run:
    """One run, from a spec with its lock."""

    def __init__(
        self, request: Request, client: Callable[[], RegistryClient], target: str, options: Options
    ) -> None:
        self._request, self._client, self._target, self._options = request, client, target, options
        self._locked: Locked = pipeline.lock(request, _FROZEN)
        self._wanted = Wanted(self._locked, lambda: pipeline.render(request, _FROZEN).context.digest)

    def result(self) -> Reproduced:
        """What came of it."""
        fit = lock_fit(self._request, self._locked.lock, self._target, self._options.accept)
        local = in_engine(self._request, self._locked, self._wanted)
        remote = None if local else in_registry(self._request, self._client, self._locked, self._wanted)
        if (local or remote) and self._wanted.doubtful:
            text = "another envbuild made the image: whether its files of `copy:` are these was not compared"
            self._request.sink(Notice(level="warning", text=text))
        if remote and not self._options.rebuild:
            return self._pull(remote)  # which says itself what the machine will lack
        tell_limits(self._request, fit)
        if local and not self._options.rebuild:
            return self._take(*local)
        if not (local or remote):
            self._tell_former()
        return self._rebuild(self._original(local, remote))

    def _tell_former(self) -> None:
        """Say what changed since the image was made that has the spec's name, if there is one."""
        former, path = self._wanted.former, self._request.spec_path
        # Of a lock alone the spec is made up, and lies elsewhere: that was said.
        if former is None or path.parent != Path(self._target).parent:
            return
        original = self._original(former, None) if isinstance(former, tuple) else self._original(None, former)
        if original is None:
            return
        spec, lock = self._locked.spec, self._locked.lock
        here = contents_of_spec(spec, lock, name=str(path))
        lines = [change_line(change) for change in diff(subjects.contents_of(original.found), here).changes]
        more = f"; and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
        told = "; ".join(lines[:_SHOWN]) + more or "in smoke tests, comments or files of `copy:` only"
        text = f"{path} changed since its image was made, {original.name}: {told}"
        self._request.sink(Notice(level="warning", text=text))

    def _take(self, name: str, image: ImageInfo) -> Reproduced:
        """The engine's own image: tried here, and called by all the names of the spec."""
        known = None
        if not self._options.force:
            known = made.recall_image(self._request, smoke=self._options.smoke, gpu=False)
        report = known.report if known and known.image_id == image.id else self._try_and_name(image)
        finding = Finding(
            verdict="identical",
            compared_with=f"{name} in the engine",
            why="it is that image: its labels name this spec and this lock",
        )
        return self._reproduced("there", image, report, finding)

    def _try_and_name(self, image: ImageInfo) -> SmokeReport | None:
        fingerprint = made.taken_from(self._request, self._locked)
        report = made.try_and_name(self._request, image.id, self._locked, smoke=self._options.smoke)
        self._remember(image, report, fingerprint)
        return report

    def _remember(self, image: ImageInfo, report: SmokeReport | None, fingerprint: str) -> None:
        """So that `envbuild image` finds nothing to do."""
        built = BuiltImage(id=image.id, size=image.size, layers=image.layers, seconds=0.0, digest="")
        made.remember_image(self._request, self._locked, built, report, fingerprint=fingerprint)

    def _pull(self, reference: Reference) -> Reproduced:
        fingerprint = made.taken_from(self._request, self._locked)
        names = self._locked.spec.image.references
        asked = PullOptions(
            smoke=self._options.smoke, accept=self._options.accept, names=names, force=self._options.force
        )
        pulled = pull(self._request, self._client(), reference, asked)
        self._remember(self._image(pulled.image_id), pulled.report, fingerprint)
        return _pulled(self._target, pulled)

    def _original(self, local: tuple[str, ImageInfo] | None, remote: Reference | None) -> Original | None:
        if local:
            name, image = local
            return Original(found=subjects.local_image(self._request.connect(), image, name))
        if remote:
            found = look(self._client(), remote, self._request.platform, attachments=False)
            return Original(found=found, reference=remote)
        return None

    def _rebuild(self, original: Original | None) -> Reproduced:
        anew = self._options.rebuild
        asked = ImageOptions(
            lock=_FROZEN, smoke=self._options.smoke, force=anew or self._options.force, no_cache=anew
        )
        outcome = pipeline.image(self._request, asked)
        image = self._image(outcome.image_id)
        if original is None:
            finding = held_against_lock(self._request.connect(), image, self._locked.lock)
        else:
            client = self._client() if original.reference else None
            finding = held_against(self._request, client, image, original)
        return self._reproduced("rebuilt", image, outcome.report, finding)

    def _image(self, image_id: str) -> ImageInfo:
        image = self._request.connect().image(image_id)
        if image is None:
            raise EngineError(f"the image {image_id} has gone from the engine while it was looked at")
        return image

    def _reproduced(
        self, how: str, image: ImageInfo, report: SmokeReport | None, finding: Finding
    ) -> Reproduced:
        info = self._request.connect().info
        return Reproduced(
            target=self._target,
            how=how,  # type: ignore[arg-type]
            names=self._locked.spec.image.references,
            image_id=image.id,
            size=image.size,
            layers=len(image.layers),
            report=report,
            finding=finding,
            engine=f"{info.kind} {info.version}",
            seconds=0.0,
        )
