"""Events → a tree of steps on a terminal: ended steps stay above as lasting lines, running ones move below.

The moving part holds running steps only, so it never outgrows the screen. Imported only for a terminal.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Self

from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from envbuild.cli.output import human_seconds, one_line
from envbuild.cli.renderers.wording import amount
from envbuild.events import Event, Notice, StepDone, StepFailed, StepLog, StepProgress, StepStarted

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from rich.console import Console, RenderableType

_WIDTH = 100  # wider than this, the times at the right are too far from their names
_MARGIN = 4  # the terminal's own echo of ^C must not wrap a full line: rich would then erase one line too few
_TAIL = 3  # log lines shown below a running step


class _Signs(NamedTuple):
    done: str
    failed: str
    bar: str
    frames: str


_UNICODE = _Signs("✓", "✗", "│", "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")
_ASCII = _Signs("+", "x", "|", "-\\|/")


@dataclass(slots=True)
class _Running:
    stage: str
    name: str
    begun: float
    moved: str = ""
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))


class LiveRenderer:
    """Draws on `console`. With `verbose`, log lines stay too. `clock` gives seconds, for running steps."""

    def __init__(
        self, console: Console, *, verbose: bool = False, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._console = console
        self._verbose = verbose
        self._clock = clock
        self._signs = _UNICODE if console.encoding.lower().startswith("utf") else _ASCII
        self._running: dict[str, _Running] = {}
        self._stage = ""
        # Two locks: rich calls `draw` while it holds its own, so ours must not be held while printing.
        self._state = threading.Lock()
        self._printing = threading.Lock()
        self._live = Live(
            console=console,
            get_renderable=self.draw,
            refresh_per_second=10,
            transient=True,
            redirect_stdout=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._state:
            left = [
                (step, self._ended(step.stage, self._signs.failed, "red", step.name, "stopped"))
                for step in self._running.values()
            ]
            self._running.clear()
        self._live.stop()
        if error is not None:
            for _, lasting in left:
                self._console.print(lasting)

    def __call__(self, event: Event) -> None:
        """Take one event; print what lasts of it."""
        with self._printing:
            with self._state:
                lasting = self._take(event)
            if lasting is not None:
                self._console.print(lasting)

    def draw(self) -> RenderableType:
        """The moving part: running steps with their last log lines."""
        now = self._clock()
        with self._state:
            room = max(1, self._console.height - 4)
            parts: list[RenderableType] = []
            used = 0
            stage = self._stage
            for number, step in enumerate(self._running.values()):
                tail = [] if self._verbose else list(step.tail)
                if used + 2 + len(tail) > room and number:
                    parts.append(Text(f"  … and {len(self._running) - number} more", style="dim"))
                    break
                if step.stage != stage:
                    stage = step.stage
                    parts.append(Text(stage, style="bold"))
                frame = self._signs.frames[int(now * 10) % len(self._signs.frames)]
                spent = human_seconds(max(0.0, now - step.begun))
                parts.append(self._row(frame, "cyan", step.name, step.moved, spent))
                parts.extend(self._log_line(line) for line in tail)
                used += 2 + len(tail)
            return Group(*parts)

    def _take(self, event: Event) -> RenderableType | None:
        match event:
            case StepStarted():
                self._running[event.id] = _Running(event.stage, one_line(event.name), self._clock())
            case StepProgress():
                if step := self._running.get(event.id):
                    step.moved = amount(event, self._clock() - step.begun)
            case StepLog():
                return self._take_log(event)
            case StepDone():
                step = self._running.pop(event.id, None) or _Running("", event.id, 0)
                spent = "cached" if event.cached else human_seconds(event.seconds)
                return self._ended(
                    step.stage, self._signs.done, "green", step.name, spent, one_line(event.detail)
                )
            case StepFailed():
                step = self._running.pop(event.id, None) or _Running("", event.id, 0)
                spent = human_seconds(event.seconds)
                return self._ended(
                    step.stage,
                    self._signs.failed,
                    "red",
                    step.name,
                    spent,
                    one_line(event.reason.rstrip(" :")),
                )
            case Notice():
                if event.level == "warning":
                    return Text.assemble(("warning: ", "bold yellow"), one_line(event.text, 2000))
                return Text(one_line(event.text, 2000))
        return None

    def _take_log(self, event: StepLog) -> RenderableType | None:
        step = self._running.get(event.id)
        if step is not None and event.line.strip():
            step.tail.append(one_line(event.line))
        return self._log_line(one_line(event.line, 2000), wrap=True) if self._verbose else None

    def _ended(
        self, stage: str, sign: str, style: str, name: str, spent: str, detail: str = ""
    ) -> RenderableType:
        row = self._row(sign, style, name, detail, spent)
        if not stage or stage == self._stage:
            return row
        self._stage = stage
        return Group(Text(stage, style="bold"), row)

    def _row(self, sign: str, style: str, name: str, detail: str, spent: str) -> Table:
        row = Table.grid(padding=(0, 1))
        row.width = min(self._console.width - _MARGIN, _WIDTH)
        row.add_column(width=3, justify="right", no_wrap=True)
        row.add_column(ratio=1, overflow="ellipsis", no_wrap=True)
        row.add_column(justify="right", overflow="ellipsis", no_wrap=True)
        row.add_column(min_width=8, justify="right", no_wrap=True)
        row.add_row(Text(sign, style=style), Text(name), Text(detail, style="dim"), Text(spent, style="dim"))
        return row

    def _log_line(self, line: str, *, wrap: bool = False) -> Text:
        text = Text(
            f"    {self._signs.bar} {line}",
            style="dim",
            no_wrap=not wrap,
            overflow="fold" if wrap else "ellipsis",
        )
        if not wrap:
            text.truncate(self._console.width - _MARGIN, overflow="ellipsis")
        return text
