"""The result of stage 6: a `SmokeReport`. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Status = Literal["passed", "failed", "not run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing to try in the image. `argv` is run without a shell; `stdin` is fed to it.

    kind      import, command, or builtin (a probe of ours that prints one JSON line as its last line)
    path      key path in the spec, for messages (`smoke.imports[0]`); "" for built-ins
    required  whether "not run" is a failure (a GPU check with `gpu: required`)
    skip      a reason not to run it at all; "" to run it
    """

    name: str
    kind: Literal["import", "command", "builtin"]
    argv: tuple[str, ...]
    stdin: str = ""
    path: str = ""
    line: int = 0
    timeout: int = 300
    gpu: bool = False
    required: bool = False
    skip: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """How one check ended. `detail` is one line for people; `output` its last lines, when it failed."""

    name: str
    kind: str
    status: Status
    seconds: float
    detail: str = ""
    output: tuple[str, ...] = ()
    path: str = ""
    line: int = 0
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SmokeReport:
    """How all checks of one image ended; `gpu` says how a GPU was asked for and why so, "" when none was."""

    image_id: str
    engine: str
    results: tuple[CheckResult, ...]
    seconds: float
    gpu: str = ""

    @property
    def passed(self) -> bool:
        """No check failed, and none that is required was left out."""
        return not any(
            result.status == "failed" or (result.required and result.status == "not run")
            for result in self.results
        )

    @property
    def missing_gpu(self) -> bool:
        """Whether the only thing amiss is that no GPU could be had, and one is required."""
        return not self.passed and not self.count("failed")

    @property
    def lacking(self) -> str:
        """Why no GPU could be had, of the first check that was left out though required; "" when none was."""
        return next((row.detail for row in self.results if row.required and row.status == "not run"), "")

    def count(self, status: Status) -> int:
        """How many checks ended with `status`."""
        return sum(result.status == status for result in self.results)
