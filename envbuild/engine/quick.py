"""One question to the engine without the docker SDK, for when there is nothing to do. Not pure."""

from __future__ import annotations

import http.client
import json
import urllib.parse

from envbuild.engine.model import Endpoint
from envbuild.engine.transport import Transport

TIMEOUT = 5


def quick_image_id(url: str, reference: str) -> str | None:
    """The id of the image that has this name in the engine at `url`.

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
    identifier = str(found["Id"])
    return identifier if ":" in identifier else f"sha256:{identifier}"
