"""Events → one line each, for pipes, log files and dumb terminals. Writes to the stream it is given."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Self, TextIO

from envbuild.cli.output import one_line
from envbuild.cli.renderers.wording import ending
from envbuild.events import Event, Notice, StepDone, StepFailed, StepLog, StepProgress, StepStarted

if TYPE_CHECKING:
    from types import TracebackType


class PlainRenderer:
    """Lines such as `build: apt packages: done in 12 s`. With `verbose`, every log line of every step too."""

    def __init__(self, stream: TextIO, *, verbose: bool = False) -> None:
        self._stream = stream
        self._verbose = verbose
        self._names: dict[str, str] = {}
        self._mutex = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        return None

    def __call__(self, event: Event) -> None:
        """Write the line of one event, if it has one."""
        with self._mutex:
            line = self._line(event)
            if line is not None:
                self._stream.write(line + "\n")
                self._stream.flush()

    def _line(self, event: Event) -> str | None:
        match event:
            case StepStarted():
                self._names[event.id] = one_line(f"{event.stage}: {event.name}")
                return self._names[event.id]
            case StepLog():
                return f"  | {one_line(event.line, 2000)}" if self._verbose else None
            case StepProgress():
                return None
            case StepDone():
                return f"{self._name(event.id)}: {one_line(ending(event))}"
            case StepFailed():
                return f"{self._name(event.id)}: failed: {one_line(event.reason.rstrip(' :'))}"
            case Notice():
                prefix = "warning: " if event.level == "warning" else ""
                return prefix + one_line(event.text, 2000)

    def _name(self, step: str) -> str:
        return self._names.pop(step, step)
