"""The order of the stages, in one place: spec → lock → plan → render → build → smoke → tag.

Each verb takes a `Request` and returns one frozen result. What a stage needs is imported when it begins.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.outcomes import ImageOptions, ImageOutcome, Locked, LockOptions, Planned, Rendered, Request

if TYPE_CHECKING:
    from envbuild.smoke.model import SmokeReport


def lock(request: Request, options: LockOptions) -> Locked:
    """Read the spec; use its lock if fresh, else make one. Raises SpecError, LockError, RegistryError."""
    from envbuild.lock.drift import drift, refusal
    from envbuild.lock.pylock import lock_path, read_lock, write_lock
    from envbuild.spec.load import load_spec

    spec = load_spec(request.spec_path)
    path = lock_path(spec)
    previous = read_lock(path)
    changes = drift(spec, previous, request.platform) if previous else ()
    if options.frozen and (changes or previous is None):
        raise refusal(path.name, changes)
    if previous and not changes and not options.upgrade and not options.upgrade_packages:
        return Locked(spec=spec, lock=previous, path=path, changes=(), written=False)
    from envbuild.engine.lazy import LazyStore
    from envbuild.lock.make import Upgrade, make_lock

    new = make_lock(
        spec,
        site=request.site,
        store=LazyStore(request.connect),
        platform=request.platform,
        previous=previous,
        upgrade=Upgrade(everything=options.upgrade, packages=options.upgrade_packages),
        allow_unpinned_base=options.allow_unpinned_base,
        sink=request.sink,
    )
    write_lock(path, new)
    return Locked(spec=spec, lock=read_lock(path) or new, path=path, changes=changes, previous=previous)


def plan(request: Request, options: LockOptions) -> Planned:
    """Lock if needed, then plan the layers."""
    from envbuild import made
    from envbuild.plan.make import make_plan

    locked = made.told(request, lock(request, options))
    text = locked.path.read_text(encoding="utf-8")
    planned = make_plan(locked.spec, locked.lock, lock_text=text, version=__version__)
    return Planned(locked=locked, plan=planned)


def render(request: Request, options: LockOptions, *, share: bool = False) -> Rendered:
    """Lock and plan if needed, then render a build context (`share`: with nothing of this machine in it)."""
    from envbuild import made
    from envbuild.lock.uv import uv_image
    from envbuild.render.copies import read_copies
    from envbuild.render.render import render as render_plan
    from envbuild.render.templates import find_templates

    planned = plan(request, options)
    spec = planned.locked.spec
    context = render_plan(
        planned.plan,
        find_templates(),
        copies=read_copies(spec),
        line_of=spec.source.line_of,
        uv_image=uv_image(request.platform, planned.locked.lock.tools["uv"], share=share),
        conda=made.conda_source(request, planned, share=share),
    )
    return Rendered(planned=planned, context=context)


def write(request: Request, options: LockOptions, folder: Path, *, share: bool = False) -> Rendered:
    """Render a build context into `folder`: plain `docker build` makes an image of it."""
    from envbuild import made
    from envbuild.lock.uv import find_uv
    from envbuild.render.write import write_context

    rendered = made.have_conda(request, render(request, options, share=share))
    write_context(rendered.context, folder, Path(find_uv()) if rendered.context.needs_uv else None)
    made.offer_base(request, rendered.planned.locked)
    return rendered


def image(request: Request, options: ImageOptions) -> ImageOutcome:
    """Make the image of a spec, unless it is there already: build, smoke-test, and only then name it."""
    from envbuild import made

    begun = time.monotonic()
    with made.alone(request):
        anew = options.force or options.no_cache
        if not anew and (known := made.recall_image(request, smoke=options.smoke, gpu=options.gpu)):
            return made.outcome(known, seconds=time.monotonic() - begun, up_to_date=True)
        rendered = render(request, options.lock)
        locked = rendered.planned.locked
        made.ensure_fits(request, locked, gpu=options.gpu)
        fingerprint = made.taken_from(request, locked)
        built = made.build_image(request, rendered, options)
        report = made.try_and_name(request, built.id, locked, smoke=options.smoke, gpu=options.gpu)
        known = made.remember_image(request, locked, built, report, fingerprint=fingerprint)
        return made.outcome(known, seconds=time.monotonic() - begun, up_to_date=False)


def smoke(request: Request, target: str, *, gpu: bool = False) -> SmokeReport:
    """Smoke-test an image again: the one of a spec, or any of envbuild's. Raises EngineError, UsageError."""
    from envbuild import made
    from envbuild.smoke.subject import find_subject

    image_id, spec, locked = find_subject(request.connect(), target)
    return made.try_image(request, image_id, spec, locked, gpu=gpu)
