"""How one image is made: is the last one still there, build, does the new one pass, keep it in mind.

Asks the engine; reads and writes state.
"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import state
from envbuild.errors import (
    BuildError,
    EngineError,
    GpuUnavailable,
    PreflightRefused,
    RegistryError,
    SmokeError,
)
from envbuild.events import Notice, StepDone, StepFailed, StepStarted
from envbuild.outcomes import ImageOutcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from envbuild.conda.source import CondaSource
    from envbuild.engine import conda
    from envbuild.engine.engine import Engine
    from envbuild.engine.model import BuiltImage
    from envbuild.lock.model import Lock
    from envbuild.outcomes import ImageOptions, Locked, Planned, Rendered, Request
    from envbuild.smoke.model import Check, SmokeReport
    from envbuild.spec.model import Spec

_MOST_MOVED = 12
"""Versions that are told of one by one when a lock was made on the way; `envbuild lock` tells all."""
FAILED_TAG = "failed"
"""The tag of an image that failed its smoke tests, instead of its own ones: so it can be looked into."""


def alone(request: Request) -> AbstractContextManager[None]:
    """Hold the only seat for work on the spec, and say so while somebody else has it."""
    busy = Notice(level="info", text="another envbuild works on this spec; waiting for it")
    return state.alone(request.spec_path, on_wait=lambda: request.sink(busy))


def told(request: Request, locked: Locked) -> Locked:
    """`locked`, after saying why its lock was made anew, and what moved with it."""
    from envbuild.lock.moved import moved

    name = locked.path.name
    if locked.changes:
        text = f"{name}: made anew, for the spec has changed: {'; '.join(locked.changes)}"
        request.sink(Notice(level="info", text=text))
    lines = moved(locked.previous, locked.lock)
    for line in lines[:_MOST_MOVED]:
        request.sink(Notice(level="info", text=f"{name}: {line}"))
    if more := len(lines[_MOST_MOVED:]):
        request.sink(Notice(level="info", text=f"{name}: and {more} versions more"))
    return locked


def recall_image(request: Request, *, smoke: bool, gpu: bool) -> state.Memory | None:
    """The last image of this spec, if all that it was made from is as it was, and all its names are its own.

    One question per name, none of which needs the docker SDK. Any doubt gives None: then the stages decide.
    """
    known = state.recall(request.spec_path, request.platform)
    if known is None or (smoke and known.report is None):
        return None
    if gpu and not (known.report and known.report.gpu):
        return None
    try:
        if not known.is_current(request.platform):
            return None
    except OSError:
        return None
    if not all(knows(request, name, known.image_id) for name in known.references):
        return None
    # As seen from here: the last run may have had another working directory.
    return replace(known, lock_path=str(request.spec_path.parent / Path(known.lock_path).name))


def knows(request: Request, reference: str, image_id: str) -> bool:
    """Whether the engine has that image by that name: one question, no docker SDK. In doubt: no."""
    from envbuild.engine.discover import find_endpoint
    from envbuild.engine.quick import quick_image_id

    url = find_endpoint(request.engine or request.site.engine, os.environ).url
    return quick_image_id(url, reference) == image_id


def offer_base(request: Request, locked: Locked) -> None:
    """Have the engine know the base by the name that the Dockerfile says, so that `docker build` finds it.

    A base with a registry needs no such help; where no engine has the base, a warning says so.
    """
    base = locked.lock.base
    if base.digest or not base.image_id or knows(request, base.build_reference, base.image_id):
        return
    from envbuild.engine.prepare import ensure_base

    try:
        ensure_base(request.connect(), base, request.platform, locked.path.name, request.sink)
    except (EngineError, RegistryError) as error:
        text = f"`docker build` will not find {base.build_reference}: {error.message}; {error.hint}"
        request.sink(Notice(level="warning", text=text))


def taken_from(request: Request, locked: Locked) -> str:
    """The fingerprint of all that the image is about to be made from; "" if that changed since it was read.

    Taken before the build, which may last: what is edited meanwhile must be seen as changed by the next run.
    """
    from envbuild.lock.pylock import read_lock
    from envbuild.spec.load import load_spec

    fingerprint = state.fingerprint(_watched(locked), request.platform)
    lock = read_lock(locked.path)
    same = load_spec(request.spec_path) == locked.spec and lock and lock.digest == locked.lock.digest
    return fingerprint if same else ""


def _watched(locked: Locked) -> tuple[str, ...]:
    """Files and folders that an image is made from, as absolute paths."""
    from envbuild.render.templates import find_templates

    spec = locked.spec
    folder = spec.source.folder.resolve()
    sources = (*spec.pip.files, *(item.source for item in spec.copy))
    return (
        str(spec.source.path.resolve()),
        str(locked.path.resolve()),
        str(find_templates()),
        *(str(folder / source) for source in sources),
    )


def conda_source(request: Request, planned: Planned, *, share: bool) -> CondaSource:
    """Where a build takes conda packages from, if it has any."""
    from envbuild.conda.source import CondaSource

    if not planned.plan.explicit:
        return CondaSource()
    from envbuild.engine.conda import conda_source as found

    return found(_conda_wanted(request, planned), share=share)


def have_conda(request: Request, rendered: Rendered) -> Rendered:
    """Have what the context takes of conda packages from this machine. Raises SiteError, LockError."""
    if rendered.planned.plan.explicit:
        from envbuild.engine import conda

        conda.have_conda(_conda_wanted(request, rendered.planned), rendered.context.conda)
    return rendered


def _conda_wanted(request: Request, planned: Planned) -> conda.Wanted:
    from envbuild.engine import conda

    return conda.Wanted(
        plan=planned.plan,
        lock=planned.locked.lock,
        folder=planned.locked.spec.source.folder,
        site=request.site,
        platform=request.platform,
        connect=request.connect,
        sink=request.sink,
    )


def build_image(request: Request, rendered: Rendered, options: ImageOptions) -> BuiltImage:
    """Have the base, and build on it. Raises BuildError, RegistryError, EngineError."""
    from envbuild.conda.failed import conda_failed
    from envbuild.engine.cache import ensure_cache
    from envbuild.engine.prepare import build_request, ensure_base, ensure_micromamba
    from envbuild.lock.reasons import not_installed

    locked = have_conda(request, rendered).planned.locked
    engine = request.connect()
    ensure_cache(options.cache, engine.info)
    base = ensure_base(engine, locked.lock.base, request.platform, locked.path.name, request.sink)
    spec_name = str(request.spec_path)
    wanted = build_request(
        request.site,
        rendered.context,
        base,
        spec=spec_name,
        no_cache=options.no_cache,
        cache=options.cache,
        micromamba=ensure_micromamba(engine, rendered.context, request.sink),
    )
    try:
        return engine.build(rendered.context, wanted, request.sink)
    except BuildError as error:
        told = conda_failed(error, locked.lock.conda)
        raise not_installed(told, locked.spec.pip.requirements) from error


def remember_image(
    request: Request, locked: Locked, built: BuiltImage, report: SmokeReport | None, *, fingerprint: str
) -> state.Memory:
    """Keep in mind what was made, and from what (`fingerprint` as `taken_from` gave it)."""
    memory = state.Memory(
        watched=_watched(locked),
        fingerprint=fingerprint,
        references=locked.spec.image.references,
        image_id=built.id,
        size=built.size,
        layers=len(built.layers),
        lock_path=str(locked.path),
        engine=_engine_name(request),
        report=report,
    )
    state.remember(request.spec_path, request.platform, memory)
    return memory


def outcome(memory: state.Memory, *, seconds: float, up_to_date: bool) -> ImageOutcome:
    """What `image` answers for a remembered image."""
    return ImageOutcome(
        references=memory.references,
        image_id=memory.image_id,
        size=memory.size,
        layers=memory.layers,
        report=memory.report,
        up_to_date=up_to_date,
        seconds=seconds,
        engine=memory.engine,
        lock_path=memory.lock_path,
    )


def ensure_fits(request: Request, locked: Locked, *, gpu: bool) -> None:
    """Refuse now what could not be smoke-tested later: a GPU is required, and this machine's does not do."""
    from envbuild import fits

    if not gpu and locked.spec.smoke.gpu != "required":
        return
    if why := fits.held_back(request, locked.lock):
        raise PreflightRefused(
            f"a GPU smoke test is required, and this machine cannot run the image: {why}",
            hint=f"see why: envbuild preflight {request.spec_path}\n"
            "make the image without that test: --smoke auto, and smoke: {gpu: auto} in the spec",
        )


def _checks(request: Request, spec: Spec, lock: Lock, *, gpu: bool) -> tuple[Check, ...]:
    """What to try; GPU checks that this machine's driver or GPU cannot run are left out, with the reason."""
    from envbuild import fits
    from envbuild.smoke.checks import plan_checks

    if gpu:
        spec = replace(spec, smoke=replace(spec.smoke, gpu="required"))
    checks = plan_checks(spec, lock)
    if not any(check.gpu and not check.skip for check in checks):
        return checks
    why = fits.held_back(request, lock)
    return tuple(replace(check, skip=check.skip or why) if check.gpu else check for check in checks)


def try_image(request: Request, image_id: str, spec: Spec, lock: Lock, *, gpu: bool = False) -> SmokeReport:
    """Run the smoke tests that spec and lock ask for; `gpu`: those on a GPU must not be left out."""
    from envbuild.smoke.run import run_smoke

    report = run_smoke(
        request.connect(),
        image_id,
        _checks(request, spec, lock, gpu=gpu),
        engine_name=_engine_name(request),
        memory=spec.smoke.memory,
        sink=request.sink,
    )
    return _with_device_code(request, image_id, spec, lock, report)


def _with_device_code(
    request: Request, image_id: str, spec: Spec, lock: Lock, report: SmokeReport
) -> SmokeReport:
    """The report with one check more, where device code was installed: what the files themselves say."""
    from envbuild.audit.built import check_built, needs_reading
    from envbuild.smoke.model import CheckResult

    if not needs_reading(spec, lock):
        return report
    begun, step = time.monotonic(), "smoke:device-code"
    request.sink(StepStarted(id=step, stage="smoke", name="device code"))
    status, detail = check_built(request.connect(), image_id, spec, lock)
    seconds = time.monotonic() - begun
    if status == "failed":
        request.sink(StepFailed(id=step, seconds=seconds, reason=detail))
    else:
        said = detail if status == "passed" else f"not run: {detail}"
        request.sink(StepDone(id=step, seconds=seconds, detail=said))
    result = CheckResult(
        name="device code",
        kind="builtin",
        status=status,
        seconds=seconds,
        detail=detail,
        path="targets" if spec.targets else "",
        line=spec.source.line(("targets",)) if spec.targets else 0,
    )
    return replace(report, results=(*report.results, result), seconds=report.seconds + seconds)


def try_and_name(
    request: Request, image_id: str, locked: Locked, *, smoke: bool, gpu: bool = False
) -> SmokeReport | None:
    """Give a new image its names, if it passes its smoke tests. Raises SmokeError, GpuUnavailable."""
    engine = request.connect()
    with _never_nameless(engine, image_id):
        report = try_image(request, image_id, locked.spec, locked.lock, gpu=gpu) if smoke else None
        if report and not report.passed:
            raise _refusal(request, image_id, locked.spec, report)
        for reference in locked.spec.image.references:
            engine.tag(image_id, reference)
    return report


@contextlib.contextmanager
def _never_nameless(engine: Engine, image_id: str) -> Iterator[None]:
    """Whatever ends the block early, Ctrl-C included, leaves no image behind that nobody could name."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(EngineError):  # what ended the block is what the user has to hear of
            image = engine.image(image_id)
            if image and not image.tags:
                engine.remove(image_id)
        raise


def _refusal(request: Request, image_id: str, spec: Spec, report: SmokeReport) -> SmokeError | GpuUnavailable:
    """The error for an image that failed; it is called `…:failed`, and the last good one keeps its names."""
    taken = FAILED_TAG in spec.image.tags
    reference = f"{spec.image.repository}:{FAILED_TAG}{'-smoke' if taken else ''}"
    request.connect().tag(image_id, reference)
    kept = f"the image is kept as {reference}, and {', '.join(spec.image.references)} was not touched"
    if report.missing_gpu:
        return GpuUnavailable(
            f"smoke.gpu is required, and no GPU could be had: {report.lacking}; {kept}",
            report=report,
            hint="make the image where there is a GPU (envbuild doctor), or say smoke: {gpu: auto}",
        )
    return SmokeError(
        f"{report.count('failed')} of {len(report.results)} smoke tests did not pass; {kept}",
        report=report,
        hint=f"look inside: docker run --rm -it --entrypoint sh {reference}",
    )


def _engine_name(request: Request) -> str:
    info = request.connect().info
    return f"{info.kind} {info.version}"
