"""Events → JSON, one object on one line each, for programs. Writes to the stream it is given.

Each has `event` (step_started, step_progress, step_log, step_done, step_failed, notice, error) and the fields
of that event.
"""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Self, TextIO

from envbuild.cli.output import plain_data
from envbuild.events import Event, Notice, StepDone, StepFailed, StepLog, StepProgress, StepStarted

if TYPE_CHECKING:
    from types import TracebackType

_NAMES = {
    StepStarted: "step_started",
    StepProgress: "step_progress",
    StepLog: "step_log",
    StepDone: "step_done",
    StepFailed: "step_failed",
    Notice: "notice",
}


def event_line(event: Event) -> str:
    """One event as a line of JSON, without its line end."""
    return json_line(_NAMES[type(event)], plain_data(event))


def json_line(name: str, fields: dict[str, Any]) -> str:
    """A line of JSON, without its line end, for the event called `name`."""
    return json.dumps({"event": name, **fields}, ensure_ascii=False)


class JsonRenderer:
    """Writes every event, log lines included."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._mutex = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Write the line of one event."""
        with self._mutex:
            self._stream.write(event_line(event) + "\n")
            self._stream.flush()
