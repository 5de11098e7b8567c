"""The steps of one build as events: each starts once and ends once, its output comes as whole lines. Calls
the sink only.

Input: what an engine says about steps. Output: events, and the last lines of each step.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.events import Notice, StepDone, StepFailed, StepLog, StepProgress, StepStarted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.engine.dockerfile import Place
    from envbuild.events import Sink

KEPT_LINES = 20
LONGEST_LINE = 1 << 16


@dataclass(slots=True)
class Tracked:
    """One step so far. `name`, `error`: in the engine's words; `id`: empty until it is shown."""

    place: Place
    name: str
    shown: bool = True
    id: str = ""
    began: float = 0.0
    ended: bool = False
    error: str = ""
    sizes: dict[str, tuple[int, int]] = field(default_factory=dict)
    pending: dict[int, bytes] = field(default_factory=dict)
    lines: deque[str] = field(default_factory=lambda: deque(maxlen=KEPT_LINES))


class Tracker:
    """The steps of the build named `build`, told to `sink`."""

    def __init__(self, build: str, sink: Sink) -> None:
        self._build = build
        self._sink = sink
        self._steps: dict[str, Tracked] = {}
        self._count = 0

    def __iter__(self) -> Iterator[Tracked]:
        return iter(self._steps.values())

    def get(self, key: str) -> Tracked | None:
        """The step known under `key`."""
        return self._steps.get(key)

    def add(self, key: str, step: Tracked) -> Tracked:
        """Know a step from now on."""
        self._steps[key] = step
        return step

    def start(self, step: Tracked) -> None:
        """The step runs. One that ended before begins anew, as a step of its own."""
        if step.ended:
            step.id, step.ended, step.sizes = "", False, {}
        if step.shown and not step.id:
            self._count += 1
            step.id = f"{self._build}:{self._count}"
            step.began = time.monotonic()
            self._sink(StepStarted(id=step.id, stage="build", name=step.place.title))

    def progress(self, step: Tracked, part: str, current: int, total: int) -> None:
        """`current` of `total` bytes of one part of a step; parts add up."""
        if step.id and not step.ended and total > 0:
            step.sizes[part] = (min(current, total), total)
            done, whole = (sum(column) for column in zip(*step.sizes.values(), strict=True))
            self._sink(StepProgress(id=step.id, current=done, total=whole))

    def done(self, step: Tracked, *, seconds: float | None = None, cached: bool = False) -> None:
        """The step ended well."""
        if self._end(step):
            self._sink(StepDone(id=step.id, seconds=self._seconds(step, seconds), cached=cached))

    def failed(self, step: Tracked, reason: str, *, seconds: float | None = None) -> None:
        """The step ended badly."""
        if self._end(step):
            self._sink(StepFailed(id=step.id, seconds=self._seconds(step, seconds), reason=reason))

    def _end(self, step: Tracked) -> bool:
        """Close the step's output; False when there is nothing to say about it."""
        if step.ended:
            return False
        for rest in step.pending.values():
            if rest:
                self._line(step, shown_text(rest))
        step.pending.clear()
        step.ended = True
        return bool(step.id)

    @staticmethod
    def _seconds(step: Tracked, seconds: float | None) -> float:
        return time.monotonic() - step.began if seconds is None else seconds

    def log(self, step: Tracked, stream: int, data: bytes) -> None:
        """The step printed something, cut anywhere."""
        lines, step.pending[stream] = cut_lines(step.pending.get(stream, b"") + data)
        for line in lines:
            self._line(step, line)

    def _line(self, step: Tracked, line: str) -> None:
        step.lines.append(line)
        if step.id:
            self._sink(StepLog(id=step.id, line=line))

    def notice(self, text: str) -> None:
        """Warn of something outside any step."""
        self._sink(Notice(level="warning", text=text))

    def close(self, reason: str) -> None:
        """End what has not ended: the build is over."""
        for step in self._steps.values():
            self.failed(step, reason)


def cut_lines(data: bytes) -> tuple[list[str], bytes]:
    """Whole lines, and what is left for later; a line without an end is cut when it grows too long."""
    *whole, rest = data.split(b"\n")
    if len(rest) > LONGEST_LINE:
        whole, rest = [*whole, rest], b""
    return [shown_text(line) for line in whole], rest


def shown_text(line: bytes) -> str:
    """A line as a terminal would end up showing it: what a bare CR overwrote is dropped."""
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", "replace")
