"""One step of a verb, as events: it starts once and ends once, and tells how far it is, but not too often."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from envbuild.events import StepDone, StepFailed, StepProgress, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.events import Sink

_OFTEN = 0.1
"""Seconds between two words about progress: a stream moves in pieces of some KiB."""


class Step:
    """A step that runs. `detail`: what came of it, for people."""

    def __init__(self, sink: Sink, identifier: str) -> None:
        self.detail = ""
        self._sink = sink
        self._id = identifier
        self._told = 0.0

    def moved(self, done: int, total: int) -> None:
        """`done` of `total` bytes."""
        now = time.monotonic()
        if now - self._told >= _OFTEN:
            self._told = now
            self._sink(StepProgress(id=self._id, current=done, total=total))


@contextlib.contextmanager
def step(sink: Sink, identifier: str, stage: str, name: str) -> Iterator[Step]:
    """A step as long as the block runs; failed if that raises."""
    began = time.monotonic()
    sink(StepStarted(id=identifier, stage=stage, name=name))
    running = Step(sink, identifier)
    try:
        yield running
    except BaseException as error:
        reason = (str(error) or "stopped").splitlines()[0]
        sink(StepFailed(id=identifier, seconds=time.monotonic() - began, reason=reason))
        raise
    sink(StepDone(id=identifier, seconds=time.monotonic() - began, detail=running.detail))
