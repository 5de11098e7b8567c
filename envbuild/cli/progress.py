"""Which renderer a command's events go to, by its flags and by what standard error is; hides credentials."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.events import Event, Notice, Sink, StepDone, StepFailed, StepLog, StepStarted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager


@contextlib.contextmanager
def progress(
    redact: Callable[[str], str], *, json: bool = False, quiet: bool = False, verbose: bool = False
) -> Iterator[Sink]:
    """A sink that draws on standard error while the block runs.

    It writes JSON lines, warnings only (`quiet`), a live tree on a terminal, or plain lines.
    """
    with _renderer(json, quiet, verbose) as sink:
        yield lambda event: sink(redacted(event, redact))


def redacted(event: Event, redact: Callable[[str], str]) -> Event:
    """The same event with its texts passed through `redact`."""
    match event:
        case StepStarted():
            return replace(event, name=redact(event.name))
        case StepLog():
            return replace(event, line=redact(event.line))
        case StepDone() if event.detail:
            return replace(event, detail=redact(event.detail))
        case StepFailed():
            return replace(event, reason=redact(event.reason))
        case Notice():
            return replace(event, text=redact(event.text))
    return event


def _renderer(json: bool, quiet: bool, verbose: bool) -> AbstractContextManager[Sink]:
    if json:
        from envbuild.cli.renderers.json_lines import JsonRenderer

        return JsonRenderer(sys.stderr)
    if quiet:
        from envbuild.cli.renderers.quiet import QuietRenderer

        return QuietRenderer(sys.stderr)
    if sys.stderr.isatty() and os.environ.get("TERM") != "dumb":
        return _live_when_needed(verbose)
    from envbuild.cli.renderers.plain import PlainRenderer

    return PlainRenderer(sys.stderr, verbose=verbose)


@contextlib.contextmanager
def _live_when_needed(verbose: bool) -> Iterator[Sink]:
    """The live tree, started by the first event: a command with nothing to do does not pay for rich."""
    mutex = threading.Lock()
    with contextlib.ExitStack() as stack:
        started: list[Sink] = []

        def sink(event: Event) -> None:
            with mutex:
                if not started:
                    from rich.console import Console

                    from envbuild.cli.renderers.live import LiveRenderer

                    console = Console(file=sys.stderr, highlight=False)
                    started.append(stack.enter_context(LiveRenderer(console, verbose=verbose)))
            started[0](event)

        yield sink
