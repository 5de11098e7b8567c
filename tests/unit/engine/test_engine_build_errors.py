"""From what engines say about a failed build to our errors; progress that engines are known to send."""

import pytest
from support.contexts import Recorder

from envbuild.engine.build import build_error
from envbuild.engine.buildkit.progress import Progress, culprit
from envbuild.engine.buildkit.proto import StatusResponse, Vertex, VertexLog, VertexStatus
from envbuild.engine.dockerfile import Place
from envbuild.engine.errors import exit_code, is_disk_full, short_reason, wants_login
from envbuild.engine.images import registry_error
from envbuild.engine.tracker import Tracked, Tracker, cut_lines
from envbuild.engine.transport import Refused
from envbuild.errors import BaseUnavailable, BuildError, EngineError, RegistryError
from envbuild.events import StepLog, StepProgress
from envbuild.render.model import Step

STOPPED = "context canceled"
STEP = Step(title="apt packages", first=3, last=5, key="apt", line=7)


def tracked(name: str = "[2/3] RUN x", error: str = "", lines: tuple[str, ...] = ()) -> Tracked:
    step = Tracked(
        place=Place(title="apt packages", line=3, step=STEP, keyword="RUN"), name=name, error=error
    )
    step.lines.extend(lines)
    return step


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("executor failed running [/bin/sh -c exit 3]: exit code: 3", 3),
        ('process "/bin/sh -c x" did not complete successfully: exit code: 100', 100),
        ('building at STEP "RUN x": while running runtime: exit status 4', 4),
        ("failed to solve: something else", None),
    ],
)
def test_exit_codes_of_every_engine(text: str, code: int | None) -> None:
    assert exit_code(text) == code
    assert short_reason(text) == (f"exit code {code}" if code is not None else text)


def test_a_step_that_was_killed() -> None:
    error = build_error("executor failed running [x]: exit code: 137", tracked(), "spec.yml")
    assert isinstance(error, BuildError)
    assert error.hint == "the step was killed, most likely for want of memory"
    assert str(error.problem) == "spec.yml:7: apt: its step failed: its command ended with exit code 137"


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("failed to solve: write /var/lib/docker/x: no space left on device", ()),
        ("executor failed running [x]: exit code: 1", ("tar: ./x: Cannot write: No space left on device",)),
    ],
)
def test_a_full_disk(text: str, lines: tuple[str, ...]) -> None:
    error = build_error(text, tracked(lines=lines), "spec.yml")
    assert isinstance(error, EngineError)
    assert error.message == "the engine's disk is full (at the step: apt packages)"
    assert error.hint == (
        "free some space on the engine's disk, for instance with `docker system prune`, and try again"
    )


def test_a_base_that_cannot_be_had() -> None:
    for name in ("[internal] load metadata for docker.io/lab/x:1", "FROM docker.io/lab/x:1 AS image"):
        step = Tracked(place=Place(title="FROM", keyword="FROM"), name=name, error="no such host")
        error = build_error("failed to solve", step, "spec.yml")
        assert isinstance(error, BaseUnavailable)
        assert error.message == "the base image docker.io/lab/x:1 cannot be had: no such host"


def test_a_failure_without_a_step() -> None:
    error = build_error("dockerfile parse error line 2\n", None, "spec.yml")
    assert error.message == "the build failed: dockerfile parse error line 2"


def vertex(name: str, **changes: object) -> Vertex:
    values: dict[str, object] = {"cached": False, "started": None, "completed": None, "error": ""}
    return Vertex(digest=f"sha256:{name}", name=name, **{**values, **changes})  # type: ignore[arg-type]


def _placed(name: str) -> Place | None:
    keyword = name.partition(" ")[0]
    return Place(title=name, keyword=keyword) if keyword in {"FROM", "RUN"} else None


def feed(seen: Recorder, *responses: StatusResponse) -> Tracker:
    tracker = Tracker("b", seen)
    progress = Progress(tracker, _placed)
    for response in responses:
        progress.feed(response)
    return tracker


def status(
    *vertexes: Vertex, logs: tuple[VertexLog, ...] = (), sizes: tuple[VertexStatus, ...] = ()
) -> StatusResponse:
    return StatusResponse(vertexes=vertexes, statuses=sizes, logs=logs)


def test_the_step_at_fault_is_not_the_one_that_was_stopped() -> None:
    seen = Recorder()
    tracker = feed(
        seen,
        status(
            vertex("RUN a", started=1.0), vertex("RUN b", started=1.0), vertex("[internal] c", started=1.0)
        ),
        status(vertex("RUN a", started=1.0, completed=2.0, error=STOPPED)),
        status(vertex("RUN b", started=1.0, completed=2.0, error="broken: exit code: 2")),
    )
    step = culprit(tracker, "failed to solve: broken: exit code: 2")
    assert step is not None
    assert step.name == "RUN b"
    assert seen.failed() == {"RUN a": "stopped", "RUN b": "exit code 2"}
    tracker.close("stopped")
    seen.check()


def test_a_vertex_that_is_taken_up_again_is_a_step_of_its_own() -> None:
    seen = Recorder()
    feed(
        seen,
        status(vertex("RUN a", started=1.0)),
        status(vertex("RUN a", started=1.0, completed=1.0)),
        status(vertex("RUN a", started=1.0, completed=1.0)),
        status(vertex("RUN a", started=2.0)),
        status(vertex("RUN a", started=2.0, completed=5.0)),
    )
    seen.check()
    assert seen.started() == ["RUN a", "RUN a"]


def test_a_base_that_is_looked_up_and_then_laid_is_one_step() -> None:
    seen = Recorder()
    feed(
        seen,
        status(vertex("FROM x", started=1.0, completed=1.25), vertex("FROM y", started=1.0, completed=1.0)),
        status(vertex("FROM x", started=2.0), vertex("FROM y", started=2.0, completed=2.0)),
        status(vertex("FROM x", started=2.0, completed=5.0)),
        status(vertex("RUN a", started=5.0)),
        status(vertex("RUN a", started=5.0, completed=6.0)),
    )
    seen.check()
    assert seen.started() == ["FROM x", "FROM y", "RUN a"]
    assert seen.seconds() == {"FROM x": 3.25, "FROM y": 0.0, "RUN a": 1.0}


def test_a_base_that_the_engine_has_used_before_ends_at_once() -> None:
    seen = Recorder()
    feed(seen, status(vertex("FROM x", started=1.0, completed=1.0, cached=True)))
    seen.check()
    assert seen.cached() == {"FROM x": True}


def test_a_base_that_could_not_be_laid_has_failed_once() -> None:
    seen = Recorder()
    feed(
        seen,
        status(vertex("FROM x", started=1.0, completed=1.0)),
        status(vertex("FROM x", started=2.0, completed=3.0, error="disk full")),
    )
    seen.check()
    assert seen.started() == ["FROM x"]
    assert list(seen.failed()) == ["FROM x"]


def test_cached_and_hidden_steps() -> None:
    seen = Recorder()
    feed(
        seen,
        status(vertex("[internal] load build definition", started=1.0, completed=2.0)),
        status(vertex("RUN a", started=1.0, completed=1.0, cached=True)),
        status(vertex("exporting to image", started=1.0, completed=2.0)),
        status(vertex("[internal] load metadata for x", started=1.0, completed=2.0, error="no")),
    )
    seen.check()
    assert seen.started() == ["RUN a", "export the image", "[internal] load metadata for x"]
    assert seen.cached() == {"RUN a": True, "export the image": False}


def test_lines_that_come_in_pieces() -> None:
    seen = Recorder()
    name = "sha256:RUN a"
    feed(
        seen,
        status(
            vertex("RUN a", started=1.0), logs=(VertexLog(name, 1, b"one\ntw"), VertexLog(name, 2, b"err"))
        ),
        status(logs=(VertexLog(name, 1, b"o\r\n10%\r99%\r\n\xff\n"), VertexLog("unknown", 1, b"x\n"))),
        status(vertex("RUN a", started=1.0, completed=2.0), logs=(VertexLog(name, 2, b"late"),)),
    )
    seen.check()
    assert seen.lines() == ["one", "two", "99%", "\ufffd", "err"]
    assert [event.id for event in seen.events if isinstance(event, StepLog)] == ["b:1"] * 5


def test_a_line_without_an_end_is_cut() -> None:
    lines, rest = cut_lines(b"x" * 70_000)
    assert (len(lines[0]), rest) == (70_000, b"")


def test_layers_add_up() -> None:
    seen = Recorder()
    name = "sha256:RUN a"
    sizes = (VertexStatus("l1", name, "", 5, 10, False), VertexStatus("l2", name, "", 30, 20, False))
    feed(seen, status(vertex("RUN a", started=1.0)), status(sizes=sizes))
    assert seen.progress()[-1] == StepProgress(id="b:1", current=25, total=30)


@pytest.mark.parametrize(
    ("status_code", "text", "expected"),
    [
        (401, "unauthorized: authentication required", True),
        (403, "", True),
        (500, 'Head "http://x": no basic auth credentials', True),
        (500, "pull access denied for x, repository does not exist or may require 'docker login'", True),
        (500, "dial tcp 127.0.0.1:1: connect: connection refused", False),
        (404, "manifest unknown: manifest unknown", False),
    ],
)
def test_who_wants_a_login(status_code: int, text: str, expected: bool) -> None:
    assert wants_login(status_code, text) is expected


def test_a_full_disk_while_pulling() -> None:
    error = registry_error("debian:1", Refused(500, b'{"message": "write /x: no space left on device"}'))
    assert not isinstance(error, RegistryError)
    assert error.message == "pulling debian:1: the engine's disk is full"
    assert is_disk_full("write x: no space left on device")


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (
            'Get "https://r.example.org/v2/": dial tcp: lookup r.example.org on 10.0.0.1:53: no such host',
            "no such host",
        ),
        (
            'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
            "dial tcp 127.0.0.1:1: connect: connection refused",
        ),
        ("something else", "something else"),
    ],
)
def test_a_registry_out_of_reach_in_few_words(said: str, reason: str) -> None:
    error = registry_error("r.example.org/x:1", Refused(500, said.encode()))
    assert error.message == (
        f"r.example.org/x:1: the registry r.example.org cannot be reached from the engine: {reason}"
    )
