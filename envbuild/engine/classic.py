"""Builds on Podman: the classic POST /build, whose text stream is read back into steps. Not pure.

Secrets go as files in the tar, named by Podman's own `secrets` query: it moves them out of the context.
"""

from __future__ import annotations

import http.client
import json
import re
from typing import TYPE_CHECKING

from envbuild.engine.buildkit.request import TAR, BuildFailed, common_query
from envbuild.engine.context import context_entries, write_tar
from envbuild.engine.errors import short_reason
from envbuild.engine.tracker import Tracked

if TYPE_CHECKING:
    from envbuild.engine.credentials import Credentials
    from envbuild.engine.dockerfile import Steps
    from envbuild.engine.model import BuildRequest
    from envbuild.engine.tracker import Tracker
    from envbuild.engine.transport import Call, Transport
    from envbuild.render.model import BuildContext

_STEP = re.compile(r"^(?:\[(?P<stage>\d+)/\d+\] )?STEP (?P<number>\d+)/\d+: (?P<text>.*)$", re.DOTALL)
CACHED = "--> Using cache"
# In the root of the context: Podman moves the file to the folder above it, under the same path.
PREFIX = ".envbuild-secret-"


class ClassicBuild:
    """One build, told to `tracker`. The step at hand is the last one named: buildah runs one at a time."""

    def __init__(
        self, transport: Transport, credentials: Credentials, steps: Steps, tracker: Tracker
    ) -> None:
        self._transport = transport
        self._credentials = credentials
        self._steps = steps
        self._tracker = tracker
        self._step: Tracked | None = None
        self._cached = False
        self._rest = ""

    def run(self, context: BuildContext, request: BuildRequest) -> str:
        """Build; returns the image id. Raises BuildFailed, Refused, OSError.

        Closing the connection stops Podman between two steps only; nothing stops the step that it is at.
        """
        try:
            return self._build(context, request)
        except KeyboardInterrupt:
            self._tracker.notice("Podman still finishes the step that it is at, then stops")
            raise

    def _build(self, context: BuildContext, request: BuildRequest) -> str:
        extra = {f"{PREFIX}{name}": content for name, content in request.secrets.items()}
        entries = context_entries(context, request.uv_binary, extra)
        query = common_query(request, context.platform)
        if extra:
            query.append(
                ("secrets", json.dumps([f"id={name},src={PREFIX}{name}" for name in request.secrets]))
            )

        def send(call: Call) -> None:
            write_tar(entries, call)

        image = ""
        headers = (*TAR, *self._credentials.config_header(self._steps.registries()))
        with self._transport.stream("/build", query=query, headers=headers, send=send) as messages:
            for message in messages:
                if "error" in message:
                    raise BuildFailed(self._fail(str(message["error"])))
                if "stream" in message:
                    self._read(str(message["stream"]))
                if isinstance(message.get("aux"), dict):
                    image = str(message["aux"].get("ID") or image)
        self._end()
        if not image:
            raise http.client.IncompleteRead(b"")
        return image

    def _read(self, text: str) -> None:
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            if match := _STEP.match(line):
                self._end()
                self._begin(match)
            elif line.startswith(CACHED):
                self._cached = True
            elif self._step:
                self._tracker.log(self._step, 1, f"{line}\n".encode())

    def _begin(self, match: re.Match[str]) -> None:
        stage, number, text = int(match["stage"] or 1) - 1, int(match["number"]), match["text"]
        step = Tracked(place=self._steps.numbered(stage, number, text), name=text)
        self._step = self._tracker.add(f"{stage}.{number}", step)
        self._cached = False
        self._tracker.start(step)

    def _end(self) -> None:
        if self._step:
            self._tracker.done(self._step, cached=self._cached)
        self._step = None

    def _fail(self, text: str) -> str:
        if self._step:
            self._step.error = text
            self._tracker.failed(self._step, short_reason(text))
        return text
