"""Events → the words that all renderers for people share. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.cli.output import human_seconds, human_size

if TYPE_CHECKING:
    from envbuild.events import StepDone, StepProgress


def ending(event: StepDone) -> str:
    """How a step ended well: `cached`, `done in 3.2 s`, each with its detail if there is one."""
    how = "cached" if event.cached else f"done in {human_seconds(event.seconds)}"
    return f"{how}, {event.detail}" if event.detail else how


def amount(event: StepProgress, seconds: float = 0.0) -> str:
    """How far a step is: `3.4 MB of 120 MB (3%)`, or `3.4 MB` when nobody knows the total; with the bytes per
    second so far, once it has lasted for a second.
    """
    rate = f", {human_size(round(event.current / seconds))}/s" if seconds >= 1 and event.current > 0 else ""
    if event.total <= 0:
        return f"{human_size(event.current)}{rate}"
    share = min(100, 100 * event.current // event.total)
    return f"{human_size(event.current)} of {human_size(event.total)} ({share}%){rate}"
