"""One step of locking as events: started, then done with a detail or failed with a reason. Not pure."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.events import StepDone, StepFailed, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.events import Sink


@dataclass(slots=True)
class Note:
    """What the step says of its result when it is done."""

    detail: str = ""
    cached: bool = False


@contextlib.contextmanager
def step(sink: Sink, name: str, text: str) -> Iterator[Note]:
    """Report the block as the step `lock:<name>`; `text` is for people."""
    identity, begun, note = f"lock:{name}", time.monotonic(), Note()
    sink(StepStarted(id=identity, stage="lock", name=text))
    try:
        yield note
    except BaseException as error:
        reason = (str(error) or "stopped").partition("\n")[0]
        sink(StepFailed(id=identity, seconds=time.monotonic() - begun, reason=reason))
        raise
    seconds = time.monotonic() - begun
    sink(StepDone(id=identity, seconds=seconds, cached=note.cached, detail=note.detail))
