"""Images that were made: is the last one still there, does a new one pass, keep it in mind. Asks the engine; reads and writes state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild import state
from envbuild.errors import SmokeError
from envbuild.outcomes import ImageOutcome

if TYPE_CHECKING:
    from envbuild.engine.model import BuiltImage
    from envbuild.lock.model import Lock
    from envbuild.outcomes import Locked, Request
    from envbuild.smoke.model import SmokeReport
    from envbuild.spec.model import Spec

FAILED_TAG = "failed"
"""What an image that failed its smoke tests is called instead of its own tags, so that it can be looked into."""


def recall_image(request: Request, *, smoke: bool) -> state.Memory | None:
    """The last image of this spec, if nothing it was made from has changed and the engine has it under all its names.

    One question per name, and none of them needs the docker SDK. Any doubt gives None: then the stages decide.
    """
    known = state.recall(request.spec_path, request.platform)
    if known is None or (smoke and known.report is None):
        return None
    from envbuild.engine.discover import find_endpoint
    from envbuild.engine.quick import quick_image_id

    try:
        if not known.is_current(request.platform):
            return None
    except OSError:
        return None
    url = find_endpoint(request.engine or request.site.engine, os.environ).url
    if all(quick_image_id(url, name) == known.image_id for name in known.references):
        return known
    return None


def remember_image(
    request: Request, locked: Locked, built: BuiltImage, report: SmokeReport | None
) -> state.Memory:
    """Keep in mind what was made, and from which files."""
    from envbuild.render.templates import find_templates

    spec = locked.spec
    folder = spec.source.folder.resolve()
    sources = (*spec.pip.files, *(item.source for item in spec.copy))
    watched = (
        str(spec.source.path.resolve()),
        str(locked.path.resolve()),
        str(find_templates()),
        *(str(folder / source) for source in sources),
    )
    memory = state.Memory(
        watched=watched,
        fingerprint=state.fingerprint(watched, request.platform),
        references=spec.image.references,
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


def try_image(request: Request, image_id: str, spec: Spec, lock: Lock) -> SmokeReport:
    """Run the smoke tests that spec and lock ask for. An image that nobody can use because of Ctrl-C keeps no container."""
    from envbuild.smoke.checks import plan_checks
    from envbuild.smoke.run import run_smoke

    return run_smoke(
        request.connect(),
        image_id,
        plan_checks(spec, lock),
        engine_name=_engine_name(request),
        memory=spec.smoke.memory,
        sink=request.sink,
    )


def refuse_image(request: Request, image_id: str, spec: Spec, report: SmokeReport) -> SmokeError:
    """The error for an image that failed; it is called `…:failed`, and the names of the last good one stay where they are."""
    reference = f"{spec.image.repository}:{FAILED_TAG}"
    request.connect().tag(image_id, reference)
    bad = report.count("failed") or report.count("not run")
    kept = ", ".join(spec.image.references)
    return SmokeError(
        f"{bad} of {len(report.results)} smoke tests did not pass; the image is kept as {reference}, and {kept} was not touched",
        report=report,
        hint=f"look inside: docker run --rm -it --entrypoint sh {reference}",
    )


def _engine_name(request: Request) -> str:
    info = request.connect().info
    return f"{info.kind} {info.version}"
