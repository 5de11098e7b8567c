"""An image out of the engine's store, as `docker save` writes it: a tar archive as a stream. Not pure."""

from __future__ import annotations

import contextlib
import urllib.parse
from typing import TYPE_CHECKING

from envbuild.engine.errors import translated
from envbuild.engine.transport import Call, Refused

if TYPE_CHECKING:
    import http.client
    from collections.abc import Iterator

    from envbuild.engine.model import Endpoint
    from envbuild.engine.transport import Transport

_OK = 200


class SavedStream:
    """The archive's bytes. Reading raises EngineError when the engine goes away."""

    def __init__(self, response: http.client.HTTPResponse, doing: str, endpoint: Endpoint) -> None:
        self._response, self._doing, self._endpoint = response, doing, endpoint

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; b"" at the end."""
        with translated(self._doing, self._endpoint):
            return self._response.read(size)


@contextlib.contextmanager
def saved(transport: Transport, image: str) -> Iterator[SavedStream]:
    """The image of that name or id; by its id the archive tells no names. Raises EngineError."""
    doing = f"saving the image {image}"
    path = transport.path(f"/images/{urllib.parse.quote(image, safe='/:@')}/get")
    with contextlib.ExitStack() as stack:
        with translated(doing, transport.endpoint):
            call = stack.enter_context(Call(transport.endpoint, "GET", path))
            call.headers(())
            response = call.answer()
            if response.status != _OK:
                raise Refused(response.status, response.read())
        yield SavedStream(response, doing, transport.endpoint)
