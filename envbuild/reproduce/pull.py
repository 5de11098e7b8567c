"""The verb: a reference → `Pulled`. Preflight, the engine's pull by digest, digest and lock, smoke, names.

The image gets its names last: whatever ends this early moves no tag. What the engine has brought by then is
an image by its digest, and the next pull goes on there.
"""

from __future__ import annotations

import contextlib
import os
import time
import urllib.parse
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import made, state, subjects
from envbuild.errors import EngineError, GpuUnavailable, RegistryError, SmokeError
from envbuild.events import Event, Notice, StepProgress, StepStarted
from envbuild.remote.contained import spec_in
from envbuild.reproduce.judge import judge, tell_room
from envbuild.reproduce.model import Pulled

if TYPE_CHECKING:
    from envbuild.engine.engine import Engine
    from envbuild.events import Sink
    from envbuild.images import ImageInfo
    from envbuild.names import Reference
    from envbuild.outcomes import Request
    from envbuild.registry.client import RegistryClient
    from envbuild.remote.model import Contained
    from envbuild.reproduce.model import Judged, PullOptions
    from envbuild.smoke.model import SmokeReport

_MADE = "dev.envbuild.name"
_LOCK = "dev.envbuild.lock"


def pull(request: Request, client: RegistryClient, reference: Reference, options: PullOptions) -> Pulled:
    """Have the image here as its registry has it, tried and named.

    Raises RegistryError, PreflightRefused (nothing was pulled then), EngineError, SmokeError, GpuUnavailable.
    """
    begun = time.monotonic()
    if not (reference.tag or reference.digest):
        reference = replace(reference, tag="latest")
    busy = Notice(level="info", text="another envbuild pulls this image; waiting for it")
    seat = _seat(request, reference)
    with state.alone(seat, on_wait=lambda: request.sink(busy)):
        judged = judge(request, client, reference, options.accept)
        names = tuple(dict.fromkeys((*_tagged(reference), *options.names)))
        known = None if options.force else _recall(request, seat, judged, names, smoke=options.smoke)
        here = known or _bring(request, judged, names, smoke=options.smoke)
        if known is None:
            state.remember(seat, request.platform, here)
    return Pulled(
        reference=str(reference),
        names=names,
        digest=judged.manifest.digest,
        index=judged.manifest.index,
        image_id=here.image_id,
        platform=judged.platform,
        size=here.size,
        layers=here.layers,
        transfer=judged.size,
        preflight=judged.fit.verdict.verdict if judged.fit else "",
        lock=judged.labels.get(_LOCK, ""),
        report=here.report,
        up_to_date=known is not None,
        moved=_moved(request, client, judged),
        engine=here.engine,
        seconds=time.monotonic() - begun,
    )


def _tagged(reference: Reference) -> tuple[str, ...]:
    return (f"{reference.familiar}:{reference.tag}",) if reference.tag else ()


def _seat(request: Request, reference: Reference) -> Path:
    """What is remembered is kept by a path; an image that was pulled has none, so its name stands for one."""
    from envbuild.engine.discover import find_endpoint

    url = find_endpoint(request.engine or request.site.engine, os.environ).url
    return Path("/pulled", urllib.parse.quote(url, safe=""), str(reference))


def _recall(
    request: Request, seat: Path, judged: Judged, names: tuple[str, ...], *, smoke: bool
) -> state.Memory | None:
    """The last pull, if the registry still has the same and the engine calls it by all its names."""
    known = state.recall(seat, request.platform)
    if known is None or known.fingerprint != judged.manifest.digest:
        return None
    if smoke and known.report is None and _MADE in judged.labels:
        return None
    there = all(made.knows(request, name, known.image_id) for name in names or (judged.pinned,))
    return known if there else None


def _bring(request: Request, judged: Judged, names: tuple[str, ...], *, smoke: bool) -> state.Memory:
    engine = request.connect()
    had = engine.image(judged.pinned) is not None
    if not had:
        tell_room(request, engine, judged.size, "still packed")
    image = engine.pull(judged.pinned, request.platform, _as_pull(request.sink, judged))
    try:
        pinned = _checked(engine, judged, image)
        held = _whole(engine, judged, image)
    except RegistryError:
        if not had and not image.tags:
            with contextlib.suppress(EngineError):  # what is wrong with it is what the user has to hear of
                for name in image.digests:
                    engine.remove(name)
        raise
    report = _tried(request, judged, image, held, pinned, names) if smoke else None
    for name in names:
        engine.tag(image.id, name)
    return state.Memory(
        watched=(),
        fingerprint=judged.manifest.digest,
        references=names or (pinned,),
        image_id=image.id,
        size=image.size,
        layers=len(image.layers),
        lock_path="",
        engine=f"{engine.info.kind} {engine.info.version}",
        report=report,
    )


def _as_pull(sink: Sink, judged: Judged) -> Sink:
    """The engine's events, under the name that the user knows, and with what is to come in all."""

    def tell(event: Event) -> None:
        if isinstance(event, StepStarted):
            event = replace(event, stage="pull", name=str(judged.reference))
        elif isinstance(event, StepProgress):
            event = replace(event, total=max(event.total, judged.size))
        sink(event)

    return tell


def _checked(engine: Engine, judged: Judged, image: ImageInfo) -> str:
    """The name by digest that the engine gave the image, which is the one that was judged."""
    digest = judged.manifest.digest
    pinned = next((name for name in image.digests if name.endswith(f"@{digest}")), "")
    # An engine of the classic kind calls an image by its config; one with containerd's store by its manifest.
    by_config = engine.info.kind == "docker" and not engine.info.containerd_store
    if not pinned or (by_config and image.id != judged.manifest.config.digest):
        has = ", ".join(image.digests) or image.id
        raise RegistryError(
            f"{judged.reference}: the engine pulled something else: {has}, and not {digest}", trouble="wrong"
        )
    return pinned


def _whole(engine: Engine, judged: Judged, image: ImageInfo) -> Contained | None:
    """Spec and lock in the image, which are those that its labels name; None for one of somebody else's."""
    if _MADE not in judged.labels:
        return None
    held = subjects.local_image(engine, image, str(judged.reference)).contained
    if held.doubts:
        raise RegistryError(
            f"{judged.reference}: was not named, for it is not what it says: {'; '.join(held.doubts)}",
            trouble="wrong",
            hint="ask who pushed it; with docker pull you get it as it is",
        )
    return held


def _tried(
    request: Request,
    judged: Judged,
    image: ImageInfo,
    held: Contained | None,
    pinned: str,
    names: tuple[str, ...],
) -> SmokeReport | None:
    """The report of an image that passed here; None where nobody knows what to try."""
    spec, why_not = spec_in(held, str(judged.reference)) if held else (None, "envbuild did not make it")
    if held is None or held.lock is None or spec is None:
        request.sink(Notice(level="warning", text=f"{judged.reference}: was not smoke-tested: {why_not}"))
        return None
    report = made.try_image(request, image.id, spec, held.lock)
    if not report.passed:
        raise _failed(judged, report, pinned, names)
    return report


def _failed(
    judged: Judged, report: SmokeReport, pinned: str, names: tuple[str, ...]
) -> SmokeError | GpuUnavailable:
    kept = f"the image is here as {pinned}" + (f"; {', '.join(names)} was not touched" if names else "")
    anyway = f"name it all the same: envbuild pull {judged.reference} --no-smoke"
    if report.missing_gpu:
        return GpuUnavailable(
            f"smoke.gpu is required, and no GPU could be had: {report.lacking}; {kept}",
            report=report,
            hint=f"pull it where there is a GPU (envbuild doctor)\n{anyway}",
        )
    return SmokeError(
        f"{report.count('failed')} of {len(report.results)} smoke tests did not pass on this machine; {kept}",
        report=report,
        hint=f"look inside: docker run --rm -it --entrypoint sh {pinned}\n{anyway}",
    )


def _moved(request: Request, client: RegistryClient, judged: Judged) -> str:
    """The digest that the tag has by now, if it is another one. What was judged is what was pulled."""
    if judged.reference.digest:
        return ""
    try:
        now = client.head(judged.reference)
    except RegistryError:
        return ""
    if now is None or now.digest in {judged.manifest.digest, judged.manifest.index}:
        return ""
    text = (
        f"{judged.reference} was moved to {now.digest} meanwhile; here is what it was before,"
        f" {judged.manifest.digest}: pull again for the new one"
    )
    request.sink(Notice(level="warning", text=text))
    return now.digest
