"""Stage 6, acting: checks → `SmokeReport`, by running each in a sandbox of the image that an engine gives.

One sandbox serves many checks; after one that timed out or ran out of memory the next gets a fresh sandbox,
so that nothing left running disturbs it. Progress goes to `sink`, stage "smoke", one step per check.
"""

from __future__ import annotations

import json
import signal
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

from envbuild.errors import GpuUnavailable
from envbuild.events import StepDone, StepFailed, StepStarted, ignore
from envbuild.smoke.model import CheckResult, SmokeReport

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from envbuild.events import Sink
    from envbuild.images import Ran
    from envbuild.smoke.model import Check, Status

TAIL = 20
"""How many of the last lines of a failed check's output are kept."""

_WAYS = {"runtime": "the runtime nvidia", "requests": "a device request", "cdi": "CDI"}

Verdict = tuple["Status", str]


class Sandbox(Protocol):
    """A running container without network, rights or a writable root, which runs commands one by one."""

    def run(self, argv: Sequence[str], *, stdin: str = "", timeout: float) -> Ran:
        """Run `argv`. A command that outlives `timeout` seconds is killed, and comes back with code None."""
        ...


class SandboxFactory(Protocol):
    """Whoever can start a sandbox; raises GpuUnavailable when a GPU is asked for and there is none."""

    def sandbox(self, image: str, *, memory: int, gpu: bool = False) -> AbstractContextManager[Sandbox]:
        """A sandbox of `image` with `memory` bytes; it is removed when its context ends."""
        ...


def run_smoke(
    factory: SandboxFactory,
    image_id: str,
    checks: Sequence[Check],
    *,
    engine_name: str,
    memory: int,
    sink: Sink = ignore,
) -> SmokeReport:
    """Run `checks` in the image and say how each ended. Raises EngineError when the engine itself fails."""
    begun = time.monotonic()
    results = []
    with _Sandboxes(factory, image_id, memory) as sandboxes:
        for number, check in enumerate(checks):
            step = f"smoke:{number}"
            sink(StepStarted(id=step, stage="smoke", name=check.name))
            result = _one(sandboxes, check, memory)
            results.append(result)
            sink(_ending(step, result))
    seconds = time.monotonic() - begun
    return SmokeReport(
        image_id=image_id,
        engine=engine_name,
        results=tuple(results),
        seconds=seconds,
        gpu=sandboxes.gpu,
    )


class _Sandboxes:
    """At most one open sandbox with a GPU and one without, opened when first needed.

    `gpu` says how the engine was asked for a GPU and why so, once it was. A refusal is not asked for twice.
    """

    def __init__(self, factory: SandboxFactory, image_id: str, memory: int) -> None:
        self._factory, self._image_id, self._memory = factory, image_id, memory
        self._open: dict[bool, tuple[ExitStack, Sandbox]] = {}
        self._refusal: GpuUnavailable | None = None
        self.gpu = ""

    def __enter__(self) -> _Sandboxes:
        return self

    def __exit__(self, *error: object) -> None:
        with ExitStack() as stack:  # one that cannot be closed must not keep the other open
            for gpu in tuple(self._open):
                stack.callback(self.close, gpu=gpu)

    def get(self, *, gpu: bool) -> Sandbox:
        if gpu and self._refusal:
            raise self._refusal
        if gpu not in self._open:
            stack = ExitStack()
            made = self._factory.sandbox(self._image_id, memory=self._memory, gpu=gpu)
            try:
                self._open[gpu] = (stack, stack.enter_context(made))
            except GpuUnavailable as error:
                self._refusal = error
                raise
            if gpu:
                self.gpu = _way(self._open[gpu][1])
        return self._open[gpu][1]

    def close(self, *, gpu: bool) -> None:
        stack, _ = self._open.pop(gpu)
        stack.close()


def _way(sandbox: Sandbox) -> str:
    """How an engine was asked for a GPU, and why so; "" from one that does not say."""
    way = getattr(sandbox, "gpu_way", None)
    if way is None:
        return ""
    about = "; ".join(text for text in (way.why, way.note) if text)
    return f"{_WAYS.get(way.how, way.how)} ({about})"


def _one(sandboxes: _Sandboxes, check: Check, memory: int) -> CheckResult:
    if check.skip:
        return _result(check, ("not run", check.skip))
    begun = time.monotonic()
    try:
        sandbox = sandboxes.get(gpu=check.gpu)
    except GpuUnavailable as error:
        todo = f"; {error.hint}" if check.required and error.hint else ""
        return _result(check, ("not run", f"{error.message}{todo}"))
    ran = sandbox.run(check.argv, stdin=check.stdin, timeout=check.timeout)
    if ran.code is None or ran.oom_killed:
        sandboxes.close(gpu=check.gpu)
    verdict = judge(check, ran, memory)
    return _result(check, verdict, seconds=time.monotonic() - begun, output=_tail(check, ran))


def judge(check: Check, ran: Ran, memory: int) -> Verdict:
    """How a check that was run ended, and one line that says so. Pure."""
    if ran.oom_killed:
        return "failed", f"ran out of memory (limit {_size(memory)})"
    if ran.code is None:
        return "failed", f"timed out after {check.timeout} s"
    if ran.code in (126, 127) and "exec failed" in (ran.stdout + ran.stderr):
        return "failed", f"the image has no {check.argv[0]}"
    if ran.code > 128 and (name := _signal_name(ran.code - 128)):
        return "failed", f"killed by {name}"
    if check.kind == "builtin":
        return _probe_verdict(ran)
    if ran.code:
        return "failed", _why(check, ran)
    return "passed", _last_line(ran.stdout) if check.kind == "import" else ""


def _size(count: int) -> str:
    return f"{count / 1024**3:.1f} GiB" if count >= 1024**3 else f"{count / 1024**2:.0f} MiB"


def _why(check: Check, ran: Ran) -> str:
    last = _last_line(ran.stderr)
    if check.kind == "import" and last:
        return last
    return f"exit code {ran.code}" + (f": {last}" if last else "")


def _probe_verdict(ran: Ran) -> Verdict:
    """What a probe said. One that ended badly or printed something else has failed, whatever came before."""
    try:
        said = json.loads(_last_line(ran.stdout))
        status, detail = said["status"], said["detail"]
    except (ValueError, TypeError, KeyError):
        status, detail = None, None
    known: dict[object, Status] = {"passed": "passed", "failed": "failed", "not run": "not run"}
    if ran.code:
        return "failed", f"exit code {ran.code}" + (f": {last}" if (last := _last_line(ran.stderr)) else "")
    if not isinstance(status, str) or status not in known or not isinstance(detail, str):
        return "failed", "the probe did not end with its verdict"
    return known[status], detail


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return ""


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")


def _tail(check: Check, ran: Ran) -> tuple[str, ...]:
    printed = ran.stdout.splitlines()
    if check.kind == "builtin" and printed and printed[-1].startswith('{"status"'):
        printed.pop()
    lines = [line.rstrip() for line in (*printed, *ran.stderr.splitlines())]
    return tuple([line for line in lines if line][-TAIL:])


def _result(
    check: Check, verdict: Verdict, *, seconds: float = 0.0, output: tuple[str, ...] = ()
) -> CheckResult:
    status, detail = verdict
    return CheckResult(
        name=check.name,
        kind=check.kind,
        status=status,
        seconds=seconds,
        detail=detail,
        output=output if status == "failed" else (),
        path=check.path,
        line=check.line,
        required=check.required,
    )


def _ending(step: str, result: CheckResult) -> StepDone | StepFailed:
    if result.status == "failed":
        return StepFailed(id=step, seconds=result.seconds, reason=result.detail)
    if result.status == "not run":
        text = f"not run: {result.detail}"
        if result.required:
            return StepFailed(id=step, seconds=result.seconds, reason=f"required, but {text}")
        return StepDone(id=step, seconds=result.seconds, detail=text)
    return StepDone(id=step, seconds=result.seconds, detail=result.detail)
