"""One question to the engine without the docker SDK, for when there is nothing to do. Not pure."""

from __future__ import annotations

import http.client
import json
import urllib.parse
from typing import TYPE_CHECKING

from envbuild.engine.inspected import image_info
from envbuild.engine.model import Endpoint
from envbuild.engine.transport import Transport

if TYPE_CHECKING:
    from envbuild.images import ImageInfo

TIMEOUT = 5


def quick_image_id(url: str, reference: str) -> str | None:
    """The id of the image that has this name in the engine at `url`; None as for `quick_image`."""
    image = quick_image(url, reference)
    return image.id if image else None


def quick_image(url: str, reference: str) -> ImageInfo | None:
    """The image that has this name in the engine at `url`.

    None when there is none, and when this way cannot tell (ssh, TLS, no answer): then ask `connect`.
    """
    if urllib.parse.urlsplit(url).scheme not in {"unix", "tcp", "http"}:
        return None
    transport = Transport(Endpoint(url=url, found_by="quick"))
    path = f"/images/{urllib.parse.quote(reference, safe='/:@')}/json"
    try:
        status, body = transport.ask("GET", path, timeout=TIMEOUT)
        found = json.loads(body)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    if status != 200 or not isinstance(found, dict) or "Id" not in found:
        return None
    return image_info(found)
