"""Recorded events in, exact text out; and renderers used from many threads."""

from __future__ import annotations

import io
import json
import threading

import pytest
from rich.console import Console

from envbuild.cli.progress import progress, redacted
from envbuild.cli.renderers.json_lines import JsonRenderer
from envbuild.cli.renderers.live import LiveRenderer
from envbuild.cli.renderers.plain import PlainRenderer
from envbuild.cli.renderers.quiet import QuietRenderer
from envbuild.events import Event, Notice, StepDone, StepFailed, StepLog, StepProgress, StepStarted

RECORDED: tuple[Event, ...] = (
    StepStarted(id="lock:pip", stage="lock", name="Python packages"),
    StepDone(id="lock:pip", seconds=0.42, detail="17 packages"),
    Notice(level="warning", text="the base image is not pinned"),
    StepStarted(id="1", stage="build", name="apt: git"),
    StepDone(id="1", seconds=0.0, cached=True),
    StepStarted(id="2", stage="build", name="pip: numpy\x1b[2J"),
    StepProgress(id="2", current=12_300_000, total=40_000_000),
    StepLog(id="2", line="Downloading numpy\t(15.9MiB)"),
    StepFailed(id="2", seconds=75.2, reason="exit code 1"),
    Notice(level="info", text="nothing was tagged"),
)


def drawn(renderer: PlainRenderer | QuietRenderer | JsonRenderer | LiveRenderer) -> None:
    with renderer as sink:
        for event in RECORDED:
            sink(event)


def test_plain() -> None:
    stream = io.StringIO()
    drawn(PlainRenderer(stream))
    assert stream.getvalue() == (
        "lock: Python packages\n"
        "lock: Python packages: done in 0.4 s, 17 packages\n"
        "warning: the base image is not pinned\n"
        "build: apt: git\n"
        "build: apt: git: cached\n"
        "build: pip: numpy [2J\n"
        "build: pip: numpy [2J: failed: exit code 1\n"
        "nothing was tagged\n"
    )


def test_plain_verbose_has_the_log_lines() -> None:
    stream = io.StringIO()
    drawn(PlainRenderer(stream, verbose=True))
    assert (
        "build: pip: numpy [2J\n  | Downloading numpy (15.9MiB)\nbuild: pip: numpy [2J: failed"
        in stream.getvalue()
    )


def test_quiet_leaves_warnings_only() -> None:
    stream = io.StringIO()
    drawn(QuietRenderer(stream))
    assert stream.getvalue() == "warning: the base image is not pinned\n"


def test_json_lines() -> None:
    stream = io.StringIO()
    drawn(JsonRenderer(stream))
    lines = stream.getvalue().splitlines()
    assert [json.loads(line)["event"] for line in lines] == [
        "step_started",
        "step_done",
        "notice",
        "step_started",
        "step_done",
        "step_started",
        "step_progress",
        "step_log",
        "step_failed",
        "notice",
    ]
    assert lines[1] == (
        '{"event": "step_done", "id": "lock:pip", "seconds": 0.42, "cached": false, "detail": "17 packages"}'
    )


def console(stream: io.StringIO, width: int = 64, height: int = 24) -> Console:
    return Console(
        file=stream, width=width, height=height, force_terminal=True, color_system=None, highlight=False
    )


def test_live_keeps_what_ended() -> None:
    stream = io.StringIO()
    renderer = LiveRenderer(console(stream), clock=lambda: 100.0)
    with renderer as sink:
        renderer._live.auto_refresh = False
        for event in RECORDED:
            sink(event)
    kept = [line for line in plain_lines(stream.getvalue()) if not line.startswith("  ⠋")]
    assert kept == [
        "lock",
        "  ✓ Python packages                     17 packages    0.4 s",
        "warning: the base image is not pinned",
        "build",
        "  ✓ apt: git                                          cached",
        "  ✗ pip: numpy [2J                    exit code 1 1 min 15 s",
        "nothing was tagged",
    ]


def plain_lines(text: str) -> list[str]:
    """What stays of a terminal's stream: without control sequences and empty lines, each line once."""
    import re

    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]|\r", "\n", text).split("\n")]
    return list(dict.fromkeys(line for line in lines if line))


def test_live_draws_running_steps_with_progress_and_log() -> None:
    stream = io.StringIO()
    now = [100.0]
    renderer = LiveRenderer(console(stream), clock=lambda: now[0])
    for event in RECORDED[5:8]:
        renderer(event)
    now[0] = 103.2
    still = io.StringIO()
    console(still).print(renderer.draw())
    assert still.getvalue().splitlines() == [
        "build",
        "  ⠹ pip: numpy [2J         12.3 MB of 40.0 MB (30%)    3.2 s",
        "    │ Downloading numpy (15.9MiB)",
    ]


def test_live_tells_the_rate_once_a_step_has_lasted() -> None:
    now = [100.0]
    renderer = LiveRenderer(console(io.StringIO()), clock=lambda: now[0])
    renderer(StepStarted(id="l", stage="push", name="layer"))
    for now[0], current, moved in (
        (100.5, 1_000_000, "1.0 MB of 40.0 MB (2%)"),
        (104.0, 20_000_000, "20.0 MB of 40.0 MB (50%), 5.0 MB/s"),
    ):
        renderer(StepProgress(id="l", current=current, total=40_000_000))
        still = io.StringIO()
        console(still).print(renderer.draw())
        assert moved in still.getvalue()


def test_live_never_outgrows_the_screen() -> None:
    stream = io.StringIO()
    renderer = LiveRenderer(console(stream, height=12), clock=lambda: 0.0)
    for number in range(40):
        renderer(StepStarted(id=str(number), stage="build", name=f"step {number}"))
        for line in ("one", "two", "three", "four"):
            renderer(StepLog(id=str(number), line=line))
    still = io.StringIO()
    console(still, height=12).print(renderer.draw())
    lines = still.getvalue().splitlines()
    assert len(lines) <= 12
    assert lines[-1] == "  … and 39 more"


def test_live_says_which_steps_were_stopped() -> None:
    stream = io.StringIO()

    def interrupted() -> None:
        with LiveRenderer(console(stream), clock=lambda: 0.0) as sink:
            sink(RECORDED[3])
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "  ✗ apt: git                                         stopped" in plain_lines(stream.getvalue())


def test_live_speaks_ascii_where_it_must() -> None:
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii", errors="replace")
    terminal = Console(file=stream, width=40, force_terminal=True, color_system=None)
    with LiveRenderer(terminal, clock=lambda: 0.0) as sink:
        sink(StepStarted(id="1", stage="build", name="x"))
        sink(StepDone(id="1", seconds=1))
    stream.flush()
    text = raw.getvalue().decode("ascii")
    assert "  + x " in text
    assert "?" not in text.replace("[?25", "")


def test_many_threads() -> None:
    stream = io.StringIO()

    def work(sink: LiveRenderer, name: str) -> None:
        for number in range(50):
            step = f"{name}{number}"
            sink(StepStarted(id=step, stage=name, name=step))
            sink(StepLog(id=step, line="log"))
            sink(StepDone(id=step, seconds=0))

    with LiveRenderer(console(stream)) as sink:
        threads = [threading.Thread(target=work, args=(sink, name)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=30)
        assert not any(thread.is_alive() for thread in threads)
    assert stream.getvalue().count("✓") == 200


def test_credentials_are_hidden_before_anything_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    def hide(text: str) -> str:
        return text.replace("s3cret", "***")

    events: tuple[Event, ...] = (
        StepStarted(id="1", stage="lock", name="a s3cret"),
        StepLog(id="1", line="b s3cret"),
        StepDone(id="1", seconds=0, detail="c s3cret"),
        StepFailed(id="1", seconds=0, reason="d s3cret"),
        Notice(level="info", text="e s3cret"),
    )
    assert all("s3cret" not in str(redacted(event, hide)) for event in events)
    progressed = StepProgress(id="1", current=1)
    assert redacted(progressed, hide) is progressed
    with progress(hide, verbose=True) as sink:
        for event in events:
            sink(event)
    out, err = capsys.readouterr()
    assert out == ""
    assert err == ("lock: a ***\n  | b ***\nlock: a ***: done in 0.0 s, c ***\n1: failed: d ***\ne ***\n")
