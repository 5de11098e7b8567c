"""A folder out of an image, without running anything of it: → the bytes of a tar archive. Asks the engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.engine.containers import labels
from envbuild.engine.errors import translated
from envbuild.engine.transport import Call, Refused
from envbuild.errors import EngineError

if TYPE_CHECKING:
    from envbuild.engine.containers import Containers

_PATIENCE = 60  # seconds of silence
_OK, _MISSING = 200, 404


def folder(containers: Containers, image: str, path: str, limit: int) -> bytes | None:
    """The folder `path` of an image; its members' names begin with its own. None when there is none.

    A container is made of the image and not started: so images of other platforms can be read, too. Raises
    EngineError, also for a folder that takes more than `limit` bytes.
    """
    doing = f"reading {path} of {image}"
    transport = containers.transport
    with (
        translated(doing, transport.endpoint),
        containers.created(image=image, command=["-"], labels=labels("read")) as container,
    ):
        asked = transport.path(f"/containers/{container}/archive", [("path", path)])
        with Call(transport.endpoint, "GET", asked, timeout=_PATIENCE) as call:
            call.headers(())
            response = call.answer()
            data = response.read(limit + 1)
        if response.status == _MISSING:
            return None
        if response.status != _OK:
            raise Refused(response.status, data)
    if len(data) > limit:
        raise EngineError(f"{doing}: it has more than {limit} bytes")
    return data
