"""Commands with stand-ins for the pipeline's verbs: which options reach them, what comes of the answers."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from envbuild import outcomes, pipeline
from envbuild.cli.app import run
from envbuild.errors import BaseUnavailable, SmokeError
from envbuild.events import Notice, StepDone, StepStarted
from envbuild.outcomes import ImageOptions, ImageOutcome, LockOptions, Request
from envbuild.smoke.model import CheckResult, SmokeReport

PASSED = CheckResult(name="import numpy", kind="import", status="passed", seconds=0.4)
FAILED = CheckResult(name="false", kind="command", status="failed", seconds=0.1, detail="exit code 1")
GOOD = SmokeReport(image_id="sha256:1", engine="docker 28", seconds=0.4, results=(PASSED,))
BAD = SmokeReport(image_id="sha256:1", engine="docker 28", seconds=0.5, results=(PASSED, FAILED))
OUTCOME = ImageOutcome(
    references=("dl:latest",),
    image_id="sha256:1",
    size=1,
    layers=7,
    report=GOOD,
    up_to_date=False,
    seconds=1,
    engine="docker 28",
    lock_path="pylock.dl.toml",
)


class FixedVerb:
    """A stand-in for a verb of the pipeline: remembers what it was asked, reports a step, answers."""

    def __init__(self, answer: object) -> None:
        self.answer = answer
        self.asked: list[tuple[Any, ...]] = []
        self.options: list[dict[str, object]] = []

    def __call__(self, request: Request, *arguments: object, **options: object) -> object:
        self.asked.append((request, *arguments))
        self.options.append(options)
        request.sink(StepStarted(id="1", stage="build", name="apt"))
        request.sink(StepDone(id="1", seconds=1))
        request.sink(Notice(level="warning", text="not pinned"))
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


Fix = Callable[[str, object], FixedVerb]


@pytest.fixture
def fixed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fix:
    for name in list(os.environ):
        if name.startswith(("ENVBUILD_", "UV_", "PIP_", "XDG_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def put(name: str, answer: object) -> FixedVerb:
        verb = FixedVerb(answer)
        monkeypatch.setattr(pipeline, name, verb)
        return verb

    return put


def test_image(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    verb = fixed("image", OUTCOME)
    assert run(["image", "my.yml", "--platform", "linux/arm64", "--engine", "unix:///x.sock"]) == 0
    ((request, options),) = verb.asked
    assert (request.spec_path, request.platform, request.engine) == (
        Path("my.yml"),
        "linux/arm64",
        "unix:///x.sock",
    )
    assert type(request.platform) is str
    assert options == ImageOptions()
    out, err = capsys.readouterr()
    assert out.startswith("dl:latest: the image is ready\n")
    assert err == "build: apt\nbuild: apt: done in 1.0 s\nwarning: not pinned\n"


def test_image_options(fixed: Fix) -> None:
    verb = fixed("image", OUTCOME)
    assert (
        run(["image", "--locked", "--no-smoke", "--no-cache", "--force", "--allow-unpinned-base", "-q"]) == 0
    )
    ((_, options),) = verb.asked
    lock = LockOptions(frozen=True, allow_unpinned_base=True)
    assert options == ImageOptions(lock=lock, smoke=False, no_cache=True, force=True)


def test_image_smoke_choices(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    verb = fixed("image", OUTCOME)
    for choice in ("auto", "gpu", "none"):
        assert run(["image", "--smoke", choice]) == 0
    assert [(options.smoke, options.gpu) for _, options in verb.asked] == [
        (True, False),
        (True, True),
        (False, False),
    ]
    assert run(["image", "--smoke", "gpu", "--no-smoke"]) == 2
    assert "exclude each other" in capsys.readouterr().err


def test_image_quiet(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    fixed("image", OUTCOME)
    run(["image", "-q"])
    assert capsys.readouterr() == ("dl:latest\n", "warning: not pinned\n")


def test_image_json(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    fixed("image", OUTCOME)
    run(["image", "--json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["id"] == "sha256:1"
    assert [json.loads(line)["event"] for line in err.splitlines()] == ["step_started", "step_done", "notice"]


def test_image_that_fails_its_smoke_test(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    fixed("image", SmokeError("1 of 2 smoke tests did not pass", report=BAD, hint="look inside"))
    assert run(["image"]) == 6
    out, err = capsys.readouterr()
    assert "failed  false" in out
    assert err.endswith("error: 1 of 2 smoke tests did not pass\nhint: look inside\n")
    assert run(["image", "--json"]) == 6
    out, err = capsys.readouterr()
    assert json.loads(out)["smoke"]["passed"] is False
    assert json.loads(err.splitlines()[-1])["exit_code"] == 6


def test_base_that_cannot_be_had(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    fixed("image", BaseUnavailable("debian:bookworm-slim cannot be had", hint="one\ntwo\nthree"))
    assert run(["image"]) == 7
    text = "error: debian:bookworm-slim cannot be had\nhint: one\n      two\n      three\n"
    assert capsys.readouterr().err.endswith(text)


def test_lock_options(fixed: Fix) -> None:
    verb = fixed("lock", KeyboardInterrupt())
    verb.answer = BaseUnavailable("x")
    assert run(["lock", "-U", "-P", "numpy", "--upgrade-package", "rich"]) == 7
    assert run(["lock", "--check"]) == 7
    assert [options for _, options in verb.asked] == [
        LockOptions(upgrade=True, upgrade_packages=("numpy", "rich")),
        LockOptions(frozen=True),
    ]


def test_smoke(fixed: Fix, capsys: pytest.CaptureFixture[str]) -> None:
    verb = fixed("smoke", GOOD)
    assert run(["smoke", "dl:latest"]) == 0
    assert verb.asked[0][1] == "dl:latest"
    assert verb.options == [{"gpu": False}]
    assert capsys.readouterr().out.endswith("smoke: 1 passed in 0.4 s\n")
    fixed("smoke", BAD)
    assert run(["smoke", "--json"]) == 6
    assert json.loads(capsys.readouterr().out)["counts"]["failed"] == 1


def test_interrupt_within_a_step(
    fixed: Fix, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(request: Request, options: outcomes.ImageOptions) -> ImageOutcome:
        raise KeyboardInterrupt

    monkeypatch.setattr(pipeline, "image", interrupted)
    assert run(["image"]) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_engine_is_connected_to_once(fixed: Fix, monkeypatch: pytest.MonkeyPatch) -> None:
    from envbuild.cli.surroundings import connector
    from envbuild.site.model import Site

    asked: list[tuple[str | None, str]] = []

    def connect(url: str | None, environ: object, *, origin: str, **more: object) -> object:
        asked.append((url, origin))
        return object()

    monkeypatch.setattr("envbuild.engine.connect.connect", connect)
    site = Site(engine="unix:///site.sock", origins={"engine": "ENVBUILD_ENGINE"})
    ours = connector("unix:///flag.sock", site)
    assert ours() is ours()
    connector(None, site)()
    assert asked == [("unix:///flag.sock", "--engine"), ("unix:///site.sock", "ENVBUILD_ENGINE")]


def test_platform_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    from envbuild.cli.surroundings import host_platform, target_platform
    from envbuild.errors import UsageError

    for machine, platform in (
        ("x86_64", "linux/amd64"),
        ("arm64", "linux/arm64"),
        ("AARCH64", "linux/arm64"),
    ):
        monkeypatch.setattr("platform.machine", lambda machine=machine: machine)
        assert host_platform() == target_platform(None) == platform
    monkeypatch.setattr("platform.machine", lambda: "riscv64")
    assert target_platform("linux/arm64") == "linux/arm64"
    with pytest.raises(UsageError) as caught:
        target_platform(None)
    assert str(caught.value) == "there are no images for this machine's linux/riscv64"
