"""Stage 5: `build(context, request) → BuiltImage` on one engine, whichever way it takes builds. Not pure.

Raises BuildError (step, last lines, place in Dockerfile and spec), BaseUnavailable, EngineError.
"""

from __future__ import annotations

import secrets as random
import time
from typing import TYPE_CHECKING

from envbuild.engine.buildkit.progress import METADATA, Progress, culprit
from envbuild.engine.buildkit.request import BuildFailed, BuildkitBuild
from envbuild.engine.classic import ClassicBuild
from envbuild.engine.context import context_entries
from envbuild.engine.dockerfile import Steps
from envbuild.engine.errors import DISK_HINT, exit_code, is_disk_full, translated
from envbuild.engine.model import BuiltImage
from envbuild.engine.tracker import Tracker
from envbuild.errors import BaseUnavailable, BuildError, EngineError, EnvbuildError, Problem

if TYPE_CHECKING:
    from envbuild.engine.credentials import Credentials
    from envbuild.engine.images import Images
    from envbuild.engine.model import BuildRequest, EngineInfo
    from envbuild.engine.tracker import Tracked
    from envbuild.engine.transport import Transport
    from envbuild.events import Sink
    from envbuild.render.model import BuildContext

WHAT = "building the image"
KILLED = 137


class Builder:
    """Builds on one engine."""

    def __init__(
        self, transport: Transport, info: EngineInfo, images: Images, credentials: Credentials
    ) -> None:
        self._transport = transport
        self._info = info
        self._images = images
        self._credentials = credentials

    def build(self, context: BuildContext, request: BuildRequest, sink: Sink) -> BuiltImage:
        """Build `context`. Ctrl-C, or any exception of the sink's, stops the build on the engine."""
        began = time.monotonic()
        tracker = Tracker(f"build-{random.token_hex(4)}", sink)
        try:
            with translated(WHAT, self._transport.endpoint):
                image_id = self._run(context, request, tracker)
        except BuildFailed as failure:
            tracker.close("stopped")
            raise build_error(failure.text, culprit(tracker, failure.text), request.spec) from failure
        except BaseException as error:
            tracker.close("stopped" if isinstance(error, KeyboardInterrupt) else str(error) or "stopped")
            raise
        tracker.close("the engine did not say how it ended")
        image = self._images.image(image_id)
        if image is None:
            raise EngineError(f"{WHAT}: the engine says that it built {image_id}, and does not have it")
        return BuiltImage(
            id=image.id,
            size=image.size,
            layers=image.layers,
            seconds=time.monotonic() - began,
            digest=context.digest,
        )

    def _run(self, context: BuildContext, request: BuildRequest, tracker: Tracker) -> str:
        steps = Steps(context)
        if self._info.context == "classic":
            return ClassicBuild(self._transport, self._credentials, steps, tracker).run(context, request)
        build = BuildkitBuild(
            self._transport, self._credentials.pair, filesync=self._info.context == "filesync"
        )
        return build.run(
            context_entries(context, request.uv_binary),
            request,
            platform=context.platform,
            digest=context.digest,
            listen=Progress(tracker, steps.vertex).feed,
        )


def build_error(text: str, step: Tracked | None, spec: str) -> EnvbuildError:
    """What the engine's final `text` about a build means, and `step`, the one at fault if there is one."""
    log = tuple(step.lines) if step else ()
    title = step.place.title if step else ""
    if is_disk_full(text) or any(is_disk_full(line) for line in log):
        return EngineError(f"the engine's disk is full (at the step: {title or 'export'})", hint=DISK_HINT)
    if step and (step.name.startswith(METADATA) or step.place.keyword == "FROM"):
        reference = step.name.removeprefix(METADATA).split("FROM ")[-1].split()[0]
        return BaseUnavailable(
            f"the base image {reference} cannot be had: {(step.error or text).strip()}",
            hint="log in to its registry (`docker login`), or name a mirror for it in the site config",
        )
    code = exit_code(text)
    reason = f"its command ended with exit code {code}" if code is not None else text.strip()
    if step is None:
        return BuildError(f"the build failed: {reason}")
    problem = None
    if step.place.step and step.place.step.key:
        problem = Problem(
            file=spec, line=step.place.step.line, path=step.place.step.key, what=f"its step failed: {reason}"
        )
    return BuildError(
        f"the step `{title}` failed: {reason}",
        step=title,
        log=log,
        dockerfile_line=step.place.line,
        problem=problem,
        hint="the step was killed, most likely for want of memory" if code == KILLED else "",
    )
