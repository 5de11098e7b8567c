"""`run_smoke` on a stand-in engine with fixed answers: verdicts, their exact wording, events, sandboxes."""

from __future__ import annotations

import json
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from envbuild.errors import EngineError, GpuUnavailable
from envbuild.events import Event, StepDone, StepFailed, StepStarted
from envbuild.images import Ran
from envbuild.smoke.model import Check, CheckResult, SmokeReport
from envbuild.smoke.report import rows, summary, to_json
from envbuild.smoke.run import TAIL, run_smoke

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GIB = 1024**3


class FixedSandboxes:
    """Stand-in engine: each command gets the next of the given answers; sandboxes are counted."""

    def __init__(self, *answers: Ran | Exception, gpu: str = "", hint: str = "", way: Any = None) -> None:
        self.answers = list(answers)
        self.no_gpu, self.hint = gpu, hint
        self.refused = 0
        self.gpu_way = way
        self.opened: list[bool] = []
        self.closed: list[bool] = []
        self.asked: list[tuple[tuple[str, ...], float]] = []

    @contextmanager
    def sandbox(self, image: str, *, memory: int, gpu: bool = False) -> Iterator[FixedSandboxes]:
        assert (image, memory) == ("sha256:1", 2 * GIB)
        if gpu and self.no_gpu:
            self.refused += 1
            raise GpuUnavailable(self.no_gpu, hint=self.hint)
        self.opened.append(gpu)
        try:
            yield self
        finally:
            self.closed.append(gpu)

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float) -> Ran:
        self.asked.append((tuple(argv), timeout))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def ran(code: int | None = 0, stdout: str = "", stderr: str = "", **more: Any) -> Ran:
    return Ran(code=code, stdout=stdout, stderr=stderr, seconds=0.1, **more)


def check(kind: Any = "command", **more: Any) -> Check:
    return Check(**{"name": "it", "kind": kind, "argv": ("/bin/sh", "-c", "it"), "timeout": 9, **more})


def smoke(factory: FixedSandboxes, *checks: Check) -> tuple[SmokeReport, list[Event]]:
    events: list[Event] = []
    report = run_smoke(
        factory, "sha256:1", checks, engine_name="stand-in", memory=2 * GIB, sink=events.append
    )
    return report, events


def one(answer: Ran, **more: Any) -> CheckResult:
    report, _ = smoke(FixedSandboxes(answer), check(**more))
    return report.results[0]


def said(status: str, detail: object = "fine") -> str:
    return "noise\n\n" + json.dumps({"status": status, "detail": detail}) + "\n"


@pytest.mark.parametrize(
    ("kind", "answer", "status", "detail"),
    [
        ("command", ran(0, "hello"), "passed", ""),
        ("import", ran(0, "noise\n\n2.8.0\n"), "passed", "2.8.0"),
        (
            "import",
            ran(1, "", "Traceback\nModuleNotFoundError: No module named 'x'\n"),
            "failed",
            "ModuleNotFoundError: No module named 'x'",
        ),
        ("import", ran(1), "failed", "exit code 1"),
        ("command", ran(3, "out", "it broke\n"), "failed", "exit code 3: it broke"),
        ("command", ran(127, "", "sh: 1: it: not found\n"), "failed", "exit code 127: sh: 1: it: not found"),
        ("command", ran(None), "failed", "timed out after 9 s"),
        ("command", ran(137, oom_killed=True), "failed", "ran out of memory (limit 2.0 GiB)"),
        ("command", ran(137), "failed", "killed by SIGKILL"),
        ("import", ran(132), "failed", "killed by SIGILL"),
        ("command", ran(250), "failed", "exit code 250"),
        (
            "command",
            ran(126, "OCI runtime exec failed: exec failed: no such file"),
            "failed",
            "the image has no /bin/sh",
        ),
        ("builtin", ran(0, said("passed")), "passed", "fine"),
        ("builtin", ran(0, said("failed", "wrong")), "failed", "wrong"),
        ("builtin", ran(0, said("not run", "no GPU")), "not run", "no GPU"),
        ("builtin", ran(1, said("passed"), "boom"), "failed", "exit code 1: boom"),
        ("builtin", ran(0, ""), "failed", "the probe did not end with its verdict"),
        ("builtin", ran(0, "passed"), "failed", "the probe did not end with its verdict"),
        ("builtin", ran(0, "[1]"), "failed", "the probe did not end with its verdict"),
        ("builtin", ran(0, '{"status": "passed"}'), "failed", "the probe did not end with its verdict"),
        ("builtin", ran(0, said("great")), "failed", "the probe did not end with its verdict"),
        ("builtin", ran(0, said("passed", 1)), "failed", "the probe did not end with its verdict"),
        ("builtin", ran(0, said("passed") + "more\n"), "failed", "the probe did not end with its verdict"),
    ],
)
def test_verdicts(kind: str, answer: Ran, status: str, detail: str) -> None:
    result = one(answer, kind=kind)
    assert (result.status, result.detail) == (status, detail)


def test_only_a_failed_check_keeps_its_last_lines() -> None:
    text = "".join(f"{number}\n" for number in range(50))
    assert one(ran(0, text)).output == ()
    assert one(ran(1, text, "last\n")).output == (
        *[str(number) for number in range(50 - TAIL + 1, 50)],
        "last",
    )


def test_the_verdict_line_is_no_output() -> None:
    assert one(ran(0, said("failed", "wrong")), kind="builtin").output == ("noise",)


def test_a_skipped_check_opens_no_sandbox() -> None:
    factory = FixedSandboxes()
    report, events = smoke(factory, check(skip="smoke.gpu is none", gpu=True))
    assert (factory.opened, report.passed, report.results[0].status) == ([], True, "not run")
    assert events[1] == StepDone(id="smoke:0", seconds=0.0, detail="not run: smoke.gpu is none")


def test_a_gpu_check_without_gpu_is_not_run_and_fails_only_when_required() -> None:
    factory = FixedSandboxes(gpu="the engine has no GPU")
    report, events = smoke(factory, check(gpu=True))
    assert (report.passed, report.results[0].detail) == (True, "the engine has no GPU")
    report, events = smoke(factory, check(gpu=True, required=True))
    assert not report.passed
    assert events[1] == StepFailed(
        id="smoke:0", seconds=0.0, reason="required, but not run: the engine has no GPU"
    )
    assert rows(report) == (("not run", "it", "", "the engine has no GPU (required)"),)


def test_a_refusal_is_asked_for_once_and_says_what_to_do_where_it_counts() -> None:
    factory = FixedSandboxes(ran(), gpu="the engine has no GPU", hint="install it")
    report, _ = smoke(factory, check(gpu=True), check(gpu=True, required=True), check())
    assert [row.detail for row in report.results] == [
        "the engine has no GPU",
        "the engine has no GPU; install it",
        "",
    ]
    assert (factory.refused, factory.opened) == (1, [False])


@pytest.mark.parametrize(
    ("statuses", "passed", "missing", "lacking"),
    [
        ([], True, False, ""),
        ([("passed", True)], True, False, ""),
        ([("not run", False)], True, False, ""),
        ([("not run", True)], False, True, "why"),
        ([("passed", True), ("not run", True)], False, True, "why"),
        ([("failed", False), ("not run", True)], False, False, "why"),
        ([("failed", True)], False, False, ""),
        ([("not run", False), ("failed", False)], False, False, ""),
    ],
)
def test_a_missing_gpu_is_told_from_a_failure(
    statuses: list[tuple[Any, bool]], passed: bool, missing: bool, lacking: str
) -> None:
    results = tuple(
        CheckResult(name="it", kind="builtin", status=status, seconds=0, detail="why", required=required)
        for status, required in statuses
    )
    report = SmokeReport(image_id="sha256:1", engine="stand-in", results=results, seconds=0)
    assert (report.passed, report.missing_gpu, report.lacking) == (passed, missing, lacking)
    assert to_json(report)["missing_gpu"] is missing


@pytest.mark.parametrize(
    ("way", "told"),
    [
        (SimpleNamespace(how="runtime", why="it is there", note=""), "the runtime nvidia (it is there)"),
        (SimpleNamespace(how="cdi", why="a file", note="unchecked"), "CDI (a file; unchecked)"),
        (SimpleNamespace(how="requests", why="no other", note=""), "a device request (no other)"),
        (None, ""),
    ],
)
def test_the_way_a_gpu_was_asked_for_is_told(way: Any, told: str) -> None:
    factory = FixedSandboxes(ran(), ran(0, said("passed")), way=way)
    report, _ = smoke(factory, check(), check("builtin", gpu=True))
    assert (report.gpu, to_json(report)["gpu"]) == (told, told)
    report, _ = smoke(FixedSandboxes(ran(), way=way), check())
    assert report.gpu == ""


def test_one_sandbox_serves_all_and_a_second_one_the_gpu() -> None:
    factory = FixedSandboxes(ran(), ran(), ran(), ran())
    smoke(factory, check(), check(), check(gpu=True), check())
    assert factory.opened == [False, True]
    assert sorted(factory.closed) == [False, True]
    assert factory.asked[0] == (("/bin/sh", "-c", "it"), 9)


@pytest.mark.parametrize("bad", [ran(None), ran(137, oom_killed=True)])
def test_after_a_check_that_was_stopped_the_next_gets_a_fresh_sandbox(bad: Ran) -> None:
    factory = FixedSandboxes(bad, ran())
    report, _ = smoke(factory, check(), check())
    assert [result.status for result in report.results] == ["failed", "passed"]
    assert (factory.opened, factory.closed) == ([False, False], [False, False])


@pytest.mark.parametrize("error", [EngineError("gone"), KeyboardInterrupt()])
def test_an_engine_that_fails_or_an_interrupt_passes_through_and_closes_the_sandbox(error: Exception) -> None:
    class Broken(FixedSandboxes):
        def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float) -> Ran:
            raise error

    factory = Broken()
    with pytest.raises(type(error)):
        smoke(factory, check())
    assert factory.closed == [False]


def test_events_tell_each_check() -> None:
    _, events = smoke(FixedSandboxes(ran(), ran(2)), check(name="a"), check(name="b"))
    assert events[0] == StepStarted(id="smoke:0", stage="smoke", name="a")
    assert isinstance(events[1], StepDone)
    assert isinstance(events[3], StepFailed)
    assert events[3].reason == "exit code 2"


def test_report_as_data() -> None:
    results = (
        CheckResult(
            name="import x",
            kind="import",
            status="passed",
            seconds=1.23456,
            detail="1.0",
            path="smoke.imports[0]",
            line=3,
        ),
        CheckResult(
            name="it", kind="command", status="failed", seconds=0.5, detail="exit code 2", output=("bad",)
        ),
        CheckResult(name="gpu", kind="builtin", status="not run", seconds=0.0, detail="no GPU"),
    )
    report = SmokeReport(image_id="sha256:1", engine="docker 20.10", results=results, seconds=2.0)
    assert summary(report) == "1 passed, 1 failed, 1 not run in 2.0 s"
    assert rows(report)[0] == ("passed", "import x", "1.2 s", "1.0")
    data = json.loads(json.dumps(to_json(report)))
    assert (data["format"], data["passed"], data["counts"]) == (
        1,
        False,
        {"passed": 1, "failed": 1, "not run": 1},
    )
    assert data["checks"][0] == {
        "name": "import x",
        "kind": "import",
        "status": "passed",
        "required": False,
        "seconds": 1.235,
        "detail": "1.0",
        "output": [],
        "path": "smoke.imports[0]",
        "line": 3,
    }


def test_no_checks_is_said() -> None:
    report, events = smoke(FixedSandboxes())
    assert (summary(report), report.passed, events) == ("no checks", True, [])
