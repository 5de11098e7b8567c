"""Outcomes as people and programs read them: exact text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from support.planned import conda_record

from envbuild.bootstrap.model import Bootstrapped
from envbuild.cli.commands.bootstrap import lines as bootstrap_lines
from envbuild.cli.output import plain_table
from envbuild.cli.show import show_failure, show_image, show_report
from envbuild.cli.summaries import (
    PLAN_HEADERS,
    PLAN_RIGHT,
    context_data,
    lock_data,
    lock_lines,
    plan_data,
    plan_rows,
    some_of,
)
from envbuild.lock.model import Lock, LockedApt, LockedBase, LockedPackage, LockedPython
from envbuild.outcomes import ImageOutcome, Locked
from envbuild.plan.model import (
    AptLayer,
    BaseLayer,
    CopyLayer,
    EnvLayer,
    MetadataLayer,
    PipLayer,
    Plan,
    PythonLayer,
    RunLayer,
    UserLayer,
)
from envbuild.render.model import BuildContext
from envbuild.smoke.model import CheckResult, SmokeReport
from envbuild.spec.model import ImageName, Spec, SpecSource

if TYPE_CHECKING:
    import pytest

PLAN = Plan(
    name="dl",
    platform="linux/amd64",
    digest="sha256:1",
    notes=("2 groups were joined",),
    layers=(
        BaseLayer(
            reference="debian@sha256:1",
            name="debian:bookworm-slim",
            pinned=False,
            why="below all",
        ),
        AptLayer(packages=("git=1", "libgl1=2"), size=12_000_000, why="changes seldom"),
        PythonLayer(source="apt", version="3.11", request="/usr/bin/python3.11", why="the interpreter"),
        PipLayer(
            name="rest",
            names=("a", "b", "c", "d", "e", "f"),
            packages=("a==1", "b==1", "c==1", "d==1", "e==1", "f==1"),
            size=None,
            from_source=(),
            lock_toml="a whole file",
            why="light",
        ),
        UserLayer(user="app", uid=1000, workdir="/workspace", why="not root"),
        EnvLayer(env=(("HF_HOME", "/cache"),), why="before your steps"),
        RunLayer(command="git lfs install", index=0, why="yours"),
        CopyLayer(source="copy/0/src", origin="src", target="/workspace/src", index=0, why="yours"),
        MetadataLayer(
            labels=(),
            user="app",
            workdir="/workspace",
            entrypoint=None,
            cmd=None,
            spec_text="a whole file",
            lock_text="a whole file",
            lock_name="pylock.dl.toml",
            why="tiny",
        ),
    ),
)
REPORT = SmokeReport(
    image_id="sha256:2",
    engine="docker 28.0.1",
    seconds=3.21,
    results=(
        CheckResult(name="import numpy", kind="import", status="passed", seconds=0.4),
        CheckResult(
            name="false", kind="command", status="failed", seconds=0.1, detail="exit code 1", output=("oh",)
        ),
        CheckResult(name="torch on a GPU", kind="builtin", status="not run", seconds=0, detail="no GPU"),
    ),
)
OUTCOME = ImageOutcome(
    references=("dl:latest", "dl:1"),
    image_id="sha256:2",
    size=812_000_000,
    layers=7,
    report=replace(REPORT, results=REPORT.results[:1]),
    up_to_date=False,
    seconds=75,
    engine="docker 28.0.1",
    lock_path="pylock.dl.toml",
)
SUMMARY = """\
dl:latest: the image is ready
  also     dl:1
  size     812 MB in 7 layers
  id       sha256:2
  lock     pylock.dl.toml
  engine   docker 28.0.1
  time     1 min 15 s

RESULT  CHECK          TIME  DETAIL
passed  import numpy  0.4 s
smoke: 1 passed in 3.2 s

next:
  docker run --rm -it dl:latest          enter the environment
  docker run --rm dl:latest python -V    run one command in it
  envbuild smoke dl:latest               run the smoke tests again
"""


def test_plan_table() -> None:
    assert plain_table(PLAN_HEADERS, plan_rows(PLAN), PLAN_RIGHT).splitlines() == [
        "#  LAYER      WHAT                                    SIZE  WHY HERE",
        "1  base       debian:bookworm-slim (not pinned)             below all",
        "2  apt        git, libgl1                          12.0 MB  changes seldom",
        "3  python     Python 3.11, the distribution's own           the interpreter",
        "4  pip: rest  a==1, b==1, c==1, d==1 and 2 more          ?  light",
        "5  user       app (uid 1000), /workspace                    not root",
        "6  env        HF_HOME                                       before your steps",
        "7  run[0]     git lfs install                               yours",
        "8  copy[0]    src → /workspace/src                          yours",
        "9  metadata   spec, lock, settings                          tiny",
    ]


def test_plan_json() -> None:
    data = json.loads(json.dumps(plan_data(PLAN)))
    assert [layer["kind"] for layer in data["layers"]] == [
        "base",
        "apt",
        "python",
        "pip",
        "user",
        "env",
        "run",
        "copy",
        "metadata",
    ]
    assert data["layers"][3]["packages"][0] == "a==1"
    assert "a whole file" not in json.dumps(data)


def test_some_of() -> None:
    assert some_of(()) == ""
    assert some_of(tuple("abcde")) == "a, b, c, d, e"
    assert some_of(tuple("abcdef")) == "a, b, c, d and 2 more"


def locked(*, written: bool) -> Locked:
    source = SpecSource(path=Path("spec.yml"), text="", digest="")
    lock = Lock(
        name="dl",
        platform="linux/amd64",
        inputs={},
        base=LockedBase(reference="debian:bookworm-slim"),
        python=LockedPython(version="3.11", source="apt", request="/usr/bin/python3.11"),
        apt=(LockedApt(name="git", version="1"),),
        packages=tuple(LockedPackage(name=name, version="1", file="x") for name in "ab"),
    )
    return Locked(
        spec=Spec(name="dl", python="3.11", image=ImageName(repository="dl"), source=source),
        lock=lock,
        path=Path("pylock.dl.toml"),
        changes=("pip: + rich",) if written else (),
        written=written,
    )


def test_lock() -> None:
    content = "Python 3.11, base debian:bookworm-slim (not pinned), 1 Debian package, 2 Python packages"
    content += ", linux/amd64"
    assert lock_lines(locked(written=True)) == [f"pylock.dl.toml: written: {content}", "  pip: + rich"]
    assert lock_lines(locked(written=False)) == [f"pylock.dl.toml: up to date: {content}"]
    data = json.loads(json.dumps(lock_data(locked(written=True))))
    assert (data["path"], data["written"], data["changes"]) == ("pylock.dl.toml", True, ["pip: + rich"])
    assert data["base"]["pinned"] is False
    assert data["moved"] == []


def test_lock_says_what_moved() -> None:
    found = locked(written=True)
    packages = tuple(replace(each, version="0") for each in found.lock.packages)
    renewed = replace(found, previous=replace(found.lock, packages=packages))
    assert lock_lines(renewed)[2:] == ["  locked: pip: a 0 -> 1", "  locked: pip: b 0 -> 1"]
    assert lock_data(renewed)["moved"] == ["pip: a 0 -> 1", "pip: b 0 -> 1"]


def test_lock_with_conda() -> None:
    found = locked(written=True)
    record = conda_record("numpy")
    content = "Python 3.11, base debian:bookworm-slim (not pinned), 1 Debian package"
    both = replace(found, lock=replace(found.lock, conda=(record, record)))
    said = f"{content}, 2 conda packages, 2 Python packages, linux/amd64"
    assert lock_lines(both)[0] == f"pylock.dl.toml: written: {said}"
    alone = replace(found, lock=replace(found.lock, conda=(record,), packages=()))
    assert lock_lines(alone)[0] == f"pylock.dl.toml: written: {content}, 1 conda package, linux/amd64"


def test_context() -> None:
    context = BuildContext(
        dockerfile="FROM x\n",
        files={"b": b"", "a": b""},
        copies={"copy/0": Path("src")},
        digest="sha256:3",
        platform="linux/amd64",
    )
    assert context_data(context, Path("out")) == {
        "folder": "out",
        "digest": "sha256:3",
        "platform": "linux/amd64",
        "files": ["a", "b"],
        "copies": {"copy/0": "src"},
        "dockerfile": "FROM x\n",
    }


def test_image(capsys: pytest.CaptureFixture[str]) -> None:
    show_image(OUTCOME, as_json=False, quiet=False)
    assert capsys.readouterr().out == SUMMARY


def test_image_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    show_image(replace(OUTCOME, up_to_date=True, report=None), as_json=False, quiet=False)
    out = capsys.readouterr().out
    assert out.startswith("dl:latest: nothing to do, the image is up to date\n")
    assert "smoke:" not in out


def test_image_quiet(capsys: pytest.CaptureFixture[str]) -> None:
    show_image(OUTCOME, as_json=False, quiet=True)
    assert capsys.readouterr().out == "dl:latest\n"


def test_image_json(capsys: pytest.CaptureFixture[str]) -> None:
    show_image(OUTCOME, as_json=True, quiet=False)
    data = json.loads(capsys.readouterr().out)
    assert data["references"] == ["dl:latest", "dl:1"]
    assert data["smoke"]["counts"] == {"passed": 1, "failed": 0, "not run": 0}


def test_report(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(REPORT, as_json=False, quiet=False)
    text = (
        "RESULT   CHECK            TIME  DETAIL\n"
        "passed   import numpy    0.4 s\n"
        "failed   false           0.1 s  exit code 1\n"
        "not run  torch on a GPU         no GPU\n"
        "output of false:\n"
        "  | oh\n"
        "smoke: 1 passed, 1 failed, 1 not run in 3.2 s\n"
    )
    assert capsys.readouterr().out == text
    show_report(REPORT, as_json=False, quiet=True)
    assert capsys.readouterr().out == ""
    show_report(REPORT, as_json=True, quiet=True)
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_report_of_an_image_that_failed(capsys: pytest.CaptureFixture[str]) -> None:
    show_failure(None, as_json=True)
    assert capsys.readouterr().out == ""
    show_failure(REPORT, as_json=True)
    assert json.loads(capsys.readouterr().out)["smoke"]["passed"] is False
    show_failure(REPORT, as_json=False)
    assert "failed   false" in capsys.readouterr().out


def test_bootstrapped() -> None:
    made = Bootstrapped(
        reference="debian:bookworm-slim",
        image_id="sha256:4",
        diff_id="sha256:5",
        recipe={"packages": ["a", "b"]},
        seconds=20,
    )
    usual = [
        "debian:bookworm-slim: made of 2 Debian packages in 20 s",
        "  id       sha256:4",
        "  layer    sha256:5",
    ]
    assert bootstrap_lines(made) == usual
    same = bootstrap_lines(replace(made, same_as_recipe=True))
    assert same == [*usual, "  same     yes: byte for byte what the lock records"]
    other = bootstrap_lines(replace(made, same_as_recipe=False, differences=("a: 1 → 2",)))
    assert other == [*usual, "  same     no: it differs from what the lock records", "    a: 1 → 2"]
