"""`envbuild smoke`, the pipeline being a stand-in: which exit code a report leads to, and how it is shown."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from envbuild import pipeline
from envbuild.cli.app import run
from envbuild.smoke.model import CheckResult, SmokeReport

if TYPE_CHECKING:
    from pathlib import Path

LACKING = "the engine gives no GPU; install the NVIDIA container toolkit"


def result(status: Any, *, required: bool = False, detail: str = "") -> CheckResult:
    return CheckResult(
        name="torch on the GPU", kind="builtin", status=status, seconds=1, detail=detail, required=required
    )


def shown(
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
    *results: CheckResult,
    gpu: str = "",
    options: tuple[str, ...] = (),
) -> int:
    report = SmokeReport(image_id="sha256:1", engine="stand-in", results=results, seconds=2, gpu=gpu)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.chdir(folder)
    monkeypatch.setattr(pipeline, "smoke", lambda request, target, *, gpu: report)
    return run(["smoke", "env:latest", *options])


@pytest.mark.parametrize(
    ("results", "code"),
    [
        ([result("passed")], 0),
        ([result("not run", detail="no GPU in the container")], 0),
        ([result("not run", detail=LACKING, required=True)], 8),
        ([result("passed"), result("not run", detail=LACKING, required=True)], 8),
        ([result("failed", required=True)], 6),
        ([result("failed"), result("not run", detail=LACKING, required=True)], 6),
    ],
)
def test_exit_codes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, results: list[CheckResult], code: int
) -> None:
    assert shown(monkeypatch, tmp_path, *results) == code


def test_what_is_missing_and_how_it_was_asked_for_are_shown(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = result("not run", detail=LACKING, required=True)
    assert shown(monkeypatch, tmp_path, missing) == 8
    out = capsys.readouterr().out
    assert f"not run  torch on the GPU        {LACKING} (required)" in out
    assert "GPU asked for by" not in out
    way = "runtime nvidia (the engine has it)"
    assert shown(monkeypatch, tmp_path, result("passed"), gpu=way) == 0
    assert capsys.readouterr().out.endswith(f"GPU asked for by {way}\nsmoke: 1 passed in 2.0 s\n")
    assert shown(monkeypatch, tmp_path, missing, gpu=way, options=("--json",)) == 8
    said = json.loads(capsys.readouterr().out)
    assert (said["gpu"], said["missing_gpu"], said["passed"]) == (way, True, False)
