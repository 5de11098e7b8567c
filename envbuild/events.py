"""What happens while envbuild works, as data: one model for every stage, drawn by `cli/renderers/`. Pure.

A step has an id (unique within one command), starts once, and ends once as done or failed. Steps may overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, kw_only=True)
class StepStarted:
    """A step began. `stage` is one of lock, base, build, smoke, push, …; `name` is for people."""

    id: str
    stage: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepProgress:
    """A step moved. `current` and `total` are bytes; `total` is 0 when nobody knows it."""

    id: str
    current: int
    total: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """One whole line that a step printed, without its line end."""

    id: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StepDone:
    """A step ended well after `seconds`. `detail` is a short result for people (`17 packages`)."""

    id: str
    seconds: float
    cached: bool = False
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepFailed:
    """A step ended badly. `reason` is one line."""

    id: str
    seconds: float
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Something the user should know, outside any step."""

    level: Literal["info", "warning"]
    text: str


Event: TypeAlias = StepStarted | StepProgress | StepLog | StepDone | StepFailed | Notice
Sink: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """A sink for those who do not listen."""
    del event
