"""One BuildKit build: POST /build?version=2 with a session beside it; its trace is fed to `Progress`. Not
pure.

Input: entries, `BuildRequest`. Output: the image id. Raises BuildFailed, Refused, OSError.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import secrets as random
from typing import TYPE_CHECKING

from envbuild.engine.buildkit.proto import decode_status
from envbuild.engine.buildkit.session import Session
from envbuild.engine.context import write_tar
from envbuild.engine.transport import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from envbuild.engine.buildkit.proto import StatusResponse
    from envbuild.engine.context import Entry
    from envbuild.engine.model import BuildRequest
    from envbuild.engine.transport import Call, Query, Transport

TRACE, IMAGE = "moby.buildkit.trace", "moby.image.id"
TAR = (("Content-Type", "application/x-tar"),)


class BuildFailed(Exception):  # noqa: N818  the engine's verdict, made into a BuildError by build.py
    """The engine ended the build with an error; `text` is all that it says."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


def common_query(request: BuildRequest, platform: str) -> Query:
    """What BuildKit's and the classic endpoint have in common."""
    query = [("dockerfile", "Dockerfile"), ("platform", platform), *(("t", tag) for tag in request.tags)]
    if request.build_args:
        query.append(("buildargs", json.dumps(dict(request.build_args))))
    if request.network != "default":
        query.append(("networkmode", request.network))
    if request.no_cache:
        query.append(("nocache", "1"))
    if request.pull:
        query.append(("pull", "1"))
    return query


class BuildkitBuild:
    """One build; `filesync` sends the context through the session instead of as a tar."""

    def __init__(
        self, transport: Transport, pair: Callable[[str], tuple[str, str]], *, filesync: bool
    ) -> None:
        self.id = f"envbuild-{random.token_hex(8)}"
        self._transport = transport
        self._pair = pair
        self._filesync = filesync

    def run(
        self,
        entries: Sequence[Entry],
        request: BuildRequest,
        *,
        platform: str,
        digest: str,
        listen: Callable[[StatusResponse], None],
    ) -> str:
        """Build, telling `listen` of everything on the way; stopping (Ctrl-C) closes the connection and says
        cancel.
        """
        session = Session(
            self._transport,
            secrets=request.secrets,
            pair=self._pair,
            entries=entries if self._filesync else (),
            shared_key=digest,
        )
        query = [
            *common_query(request, platform),
            ("version", "2"),
            ("buildid", self.id),
            ("session", session.id),
        ]
        if request.cache_from:
            query.append(("cachefrom", json.dumps(list(request.cache_from))))
        if self._filesync:
            query.append(("remote", "client-session"))

        def send(call: Call) -> None:
            write_tar(entries, call)

        with session:
            try:
                return self._listen(query, None if self._filesync else send, listen)
            except BuildFailed:
                if session.failure:
                    raise session.failure from None
                raise
            except BaseException:
                self._cancel()
                raise

    def _listen(
        self, query: Query, send: Callable[[Call], None] | None, listen: Callable[[StatusResponse], None]
    ) -> str:
        image = ""
        with self._transport.stream("/build", query=query, headers=TAR, send=send) as messages:
            for message in messages:
                if "error" in message:
                    raise BuildFailed(
                        str((message.get("errorDetail") or {}).get("message") or message["error"])
                    )
                if message.get("id") == TRACE:
                    listen(decode_status(base64.b64decode(message["aux"])))
                elif message.get("id") == IMAGE:
                    image = str(message["aux"]["ID"])
        if not image:
            raise http.client.IncompleteRead(b"")
        return image

    def _cancel(self) -> None:
        """The second way to stop a build, should the closed connection not have been enough."""
        with contextlib.suppress(OSError, http.client.HTTPException, Refused):
            self._transport.ask("POST", "/build/cancel", query=[("id", self.id)], timeout=2)
