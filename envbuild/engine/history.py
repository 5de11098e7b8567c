"""How an image came to be, as the engine tells: reference → `Made`s, oldest first. Asks the engine."""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.engine.errors import translated
from envbuild.engine.transport import Refused

if TYPE_CHECKING:
    from envbuild.engine.transport import Transport

_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """One step: the command as the builder wrote it, and the bytes that it added, unpacked."""

    command: str
    comment: str
    size: int


def history(transport: Transport, reference: str) -> tuple[Made, ...]:
    """The steps of an image of the engine. Raises EngineError, also when there is no such image."""
    doing = f"asking for the history of {reference}"
    with translated(doing, transport.endpoint):
        status, body = transport.ask("GET", f"/images/{urllib.parse.quote(reference, safe='/:@')}/history")
        if status != _OK:
            raise Refused(status, body)
    return tuple(
        Made(
            command=str(row.get("CreatedBy") or ""),
            comment=str(row.get("Comment") or ""),
            size=int(row.get("Size") or 0),
        )
        for row in reversed(json.loads(body))
    )
