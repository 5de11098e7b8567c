"""`push(request, wish, …) → Published`: an image and what belongs to it, to all its destinations.

The order: may we push there at all; is the image tested; the image and its artifacts, everywhere; and only
then tags, so that no tag names what is not wholly there. Asks engine and registries; reads and writes state.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from envbuild import __version__, state
from envbuild.errors import EnvbuildError, GpuUnavailable, SmokeError
from envbuild.events import Notice
from envbuild.publish.model import Arrived, Published
from envbuild.publish.place import Place
from envbuild.publish.subject import ensure_pinned, find_subject
from envbuild.publish.targets import destinations

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envbuild.lock.model import Lock
    from envbuild.outcomes import Request
    from envbuild.publish.model import Subject, Wish
    from envbuild.smoke.model import SmokeReport
    from envbuild.spec.model import Spec

TryImage: TypeAlias = "Callable[[Request, str, Spec, Lock], SmokeReport]"
"""Runs the smoke tests of an image: `made.try_image`."""


def push(
    request: Request, wish: Wish, *, try_image: TryImage, report: SmokeReport | None = None
) -> Published:
    """Push an image with its lock, smoke report and SBOM, and set its tags when all of it is there.

    report  the image's smoke report, where the caller has it

    Raises UsageError, SpecError, LockError, SmokeError, GpuUnavailable, RegistryError, EngineError. No tag is
    set then, unless the error is about one of several tags: it names those that are.
    """
    from envbuild.logins import Logins
    from envbuild.registry.client import RegistryClient

    begun = time.monotonic()
    subject = find_subject(request, wish.target)
    if report and report.image_id == subject.image_id:
        subject = replace(subject, report=report)
    ensure_pinned(subject)
    targets = destinations(wish.to, own=subject.references, tags=subject.tags, name=subject.name)
    # What a mirror has does not count: it is the registry itself that gets the image.
    site = replace(request.site, registry_mirrors={})
    logins = Logins(os.environ)
    with RegistryClient(site, logins) as client:
        places = [Place(client, target, subject, request.sink) for target in targets]
        for place in places:
            place.look()
            place.check(site, logins)
        tested = _tested(request, subject, wish, try_image)
        arrived = _bring(request, subject, places, tested)
    return Published(
        name=subject.name,
        image_id=subject.image_id,
        arrived=arrived,
        report=tested,
        seconds=time.monotonic() - begun,
    )


def ensure_may_push(request: Request, to: Sequence[str]) -> None:
    """Refuse a spec whose image has nowhere to go, or may not go there: before it is built.

    Raises SpecError, UsageError, RegistryError.
    """
    from envbuild.logins import Logins
    from envbuild.registry.rights import check_push
    from envbuild.spec.load import load_spec

    spec = load_spec(request.spec_path)
    own, name = spec.image.references, str(request.spec_path)
    for target in destinations(to, own=own, tags=spec.image.tags, name=name):
        check_push(request.site, Logins(os.environ), target.repository)


def _bring(
    request: Request, subject: Subject, places: Sequence[Place], report: SmokeReport | None
) -> tuple[Arrived, ...]:
    from envbuild.publish.attachments import artifacts

    left: dict[Place, str] = {}
    belongs = artifacts(subject, report, version=__version__)
    busy = Notice(level="info", text="another envbuild pushes this image; waiting for it")
    seat = Path(
        "/push", subject.image_id.partition(":")[2]
    )  # of the image: it has one name while it is pushed
    with state.alone(seat, on_wait=lambda: request.sink(busy)):
        try:
            for place in places:
                place.bring(request.connect)
                place.attach(belongs)
            done: list[str] = []
            set_tags = [place.set_tags(done) for place in places]
        finally:
            for place in places:
                left[place] = place.take_away()
    return tuple(
        Arrived(
            destination=place.destination,
            digest=place.digest,
            pushed=place.pushed,
            attached=place.attached,
            set_tags=tags,
            left=left[place],
        )
        for place, tags in zip(places, set_tags, strict=True)
    )


def _tested(request: Request, subject: Subject, wish: Wish, try_image: TryImage) -> SmokeReport | None:
    """The report of smoke tests that passed: remembered, or run now; None where the user leaves them out."""
    if subject.report and subject.report.passed:
        return subject.report
    if not wish.smoke:
        return None
    spec, lock = _spec_of(request, subject, wish.target)
    report = try_image(request, subject.image_id, spec, lock)
    if not report.passed:
        raise _refusal(subject, report)
    state.remember_report(subject.image_id, report)
    return report


def _spec_of(request: Request, subject: Subject, target: str) -> tuple[Spec, Lock]:
    if subject.spec is not None:
        return subject.spec, subject.lock
    from envbuild.smoke.subject import find_subject as find_tested

    _, spec, lock = find_tested(request.connect(), target)
    return spec, lock


def _refusal(subject: Subject, report: SmokeReport) -> EnvbuildError:
    if report.missing_gpu:
        return GpuUnavailable(
            f"{subject.name}: was not pushed: smoke.gpu is required, and no GPU could be had:"
            f" {report.lacking}",
            report=report,
            hint="push it from where there is a GPU; with --no-smoke it is pushed as not tested",
        )
    return SmokeError(
        f"{subject.name}: was not pushed: {report.count('failed')} of {len(report.results)} smoke tests"
        " did not pass",
        report=report,
        hint="mend the spec and make the image anew; with --no-smoke it is pushed as not tested",
    )
