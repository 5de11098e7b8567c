"""What is remembered between runs: it comes back whole or not at all, and two runs on one spec take turns."""

import json
import os
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from envbuild.files import state_folder
from envbuild.smoke.model import CheckResult, SmokeReport
from envbuild.state import (
    Memory,
    alone,
    fingerprint,
    recall,
    recall_image,
    remember,
    remember_report,
)

PLATFORM = "linux/amd64"
ROOT = Path(__file__).resolve().parents[2]
REPORT = SmokeReport(
    image_id="sha256:1",
    engine="docker 28",
    results=(
        CheckResult(name="import a", kind="import", status="passed", seconds=0.5, detail="1.0"),
        CheckResult(name="x", kind="command", status="failed", seconds=1, output=("a", "b"), line=3),
        CheckResult(name="gpu", kind="builtin", status="not run", seconds=0, required=True),
    ),
    seconds=2.5,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "envbuild"


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yml"
    path.write_text("name: a\n")
    return path


def memory(spec: Path, **fields: object) -> Memory:
    watched = (str(spec), str(spec.parent / "lock"))
    known = Memory(
        watched=watched,
        fingerprint=fingerprint(watched, PLATFORM),
        references=("a:latest", "a:1"),
        image_id="sha256:1",
        size=5,
        layers=2,
        lock_path="lock",
        engine="docker 28",
        report=REPORT,
    )
    return replace(known, **fields)  # type: ignore[arg-type]


def test_where_it_is_kept() -> None:
    assert state_folder({"XDG_STATE_HOME": "/s", "HOME": "/h"}) == Path("/s/envbuild")
    assert state_folder({"HOME": "/h"}) == Path("/h/.local/state/envbuild")


@pytest.mark.parametrize("report", [REPORT, None, replace(REPORT, results=())])
def test_what_is_remembered_comes_back(spec: Path, report: SmokeReport | None) -> None:
    assert recall(spec, PLATFORM) is None
    kept = memory(spec, report=report)
    remember(spec, PLATFORM, kept)
    assert recall(spec, PLATFORM) == kept
    remember(spec, PLATFORM, replace(kept, image_id="sha256:2"))
    found = recall(spec, PLATFORM)
    assert found
    assert found.image_id == "sha256:2"


def test_each_spec_and_each_platform_has_its_own(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remember(spec, PLATFORM, memory(spec))
    assert recall(spec, "linux/arm64") is None
    assert recall(spec.with_name("other.yml"), PLATFORM) is None
    monkeypatch.chdir(spec.parent)
    (spec.parent / "link.yml").symlink_to("spec.yml")
    for name in ("spec.yml", "./spec.yml", "link.yml"):
        assert recall(Path(name), PLATFORM) == memory(spec)


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"{}",
        b'{"format": 1}',
        b'{"format": 0, "report": null}',
        b'{"format": 1, "report": {"results": [{}]}}',
        b'{"format": 1, "report": {"results": 3}}',
        b'{"format": 1, "report": null, "watched": 3, "references": []}',
    ],
)
def test_a_damaged_memory_is_none(spec: Path, home: Path, damage: bytes) -> None:
    remember(spec, PLATFORM, memory(spec))
    (file,) = (home / "images").iterdir()
    file.write_bytes(damage)
    assert recall(spec, PLATFORM) is None
    remember(spec, PLATFORM, memory(spec))
    assert recall(spec, PLATFORM) == memory(spec)


@pytest.mark.parametrize("change", [{"format": 2}, {"unknown": 1}, {"image_id": None}])
def test_a_memory_of_another_version_is_none(spec: Path, home: Path, change: dict[str, object]) -> None:
    remember(spec, PLATFORM, memory(spec))
    (file,) = (home / "images").iterdir()
    data = json.loads(file.read_text()) | change
    file.write_text(json.dumps({key: value for key, value in data.items() if value is not None}))
    assert recall(spec, PLATFORM) is None


def test_a_state_folder_that_cannot_be_made_is_no_error(spec: Path, home: Path) -> None:
    home.parent.write_text("a file where the folder should be")
    remember(spec, PLATFORM, memory(spec))
    assert recall(spec, PLATFORM) is None
    with alone(spec, on_wait=pytest.fail):
        pass


def test_what_makes_a_memory_old(spec: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = memory(spec)
    assert kept.is_current(PLATFORM)
    assert not kept.is_current("linux/arm64")
    lock = spec.parent / "lock"
    lock.write_text("")
    assert not kept.is_current(PLATFORM)
    lock.unlink()
    assert kept.is_current(PLATFORM)
    text = spec.read_text()
    spec.write_text("name: b\n")
    assert not kept.is_current(PLATFORM)
    spec.write_text(text)
    assert kept.is_current(PLATFORM)
    assert not replace(kept, fingerprint="").is_current(PLATFORM)
    monkeypatch.setattr("envbuild.state.__version__", "99")
    assert not kept.is_current(PLATFORM)


def test_paths_are_part_of_the_fingerprint(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text("same")
    a, b = str(tmp_path / "a"), str(tmp_path / "b")
    prints = [fingerprint(paths, PLATFORM) for paths in ([a], [b], [a, b], [b, a], [])]
    assert len(set(prints)) == 5


def test_one_after_the_other(spec: Path) -> None:
    waited: list[str] = []
    order: list[str] = []
    second = threading.Thread(target=lambda: later())

    def later() -> None:
        with alone(spec, on_wait=lambda: waited.append("second")):
            order.append("second")

    with alone(spec, on_wait=lambda: waited.append("first")):
        with alone(spec.with_name("other.yml"), on_wait=pytest.fail):
            pass
        second.start()
        while not waited:
            assert second.is_alive()
        order.append("first")
    second.join()
    assert (waited, order) == (["second"], ["first", "second"])


def test_who_fails_gives_up_the_seat(spec: Path) -> None:
    with pytest.raises(KeyboardInterrupt), alone(spec, on_wait=pytest.fail):
        raise KeyboardInterrupt
    with alone(spec, on_wait=pytest.fail):
        pass


def test_who_is_killed_gives_up_the_seat(spec: Path) -> None:
    code = (
        "import pathlib, sys, time\nfrom envbuild.state import alone\n"
        "with alone(pathlib.Path(sys.argv[1]), on_wait=lambda: None):\n"
        "    print('in', flush=True)\n    time.sleep(60)\n"
    )
    argv = [sys.executable, "-c", code, str(spec)]
    with subprocess.Popen(
        argv, stdout=subprocess.PIPE, env=os.environ | {"PYTHONPATH": str(ROOT)}
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == b"in\n"
        process.kill()
        process.wait()
    with alone(spec, on_wait=lambda: None):
        pass


def test_an_image_is_found_whatever_its_spec(spec: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yml"
    remember(spec, PLATFORM, memory(spec, image_id="sha256:1"))
    remember(other, PLATFORM, memory(spec, image_id="sha256:2"))
    for image_id, path in (("sha256:1", spec), ("sha256:2", other)):
        found = recall_image(image_id)
        assert found is not None
        assert found == recall(path, PLATFORM)
    assert recall_image("sha256:3") is None


def test_a_report_is_kept_wherever_its_image_is_remembered(spec: Path, tmp_path: Path) -> None:
    for name, image_id in (("a", "sha256:1"), ("b", "sha256:1"), ("c", "sha256:2")):
        remember(tmp_path / name, PLATFORM, memory(spec, image_id=image_id, report=None))
    remember_report("sha256:1", REPORT)
    found = [recall(tmp_path / name, PLATFORM) for name in "abc"]
    assert [one.report for one in found if one] == [REPORT, REPORT, None]


def test_without_a_state_folder_no_image_is_remembered(home: Path) -> None:
    remember_report("sha256:1", REPORT)
    assert recall_image("sha256:1") is None
    assert not home.exists()
