"""Every error as a user sees it, with its exit code: exact text."""

from __future__ import annotations

import errno
import json
import os
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild import errors
from envbuild.cli.conclude import conclude
from envbuild.cli.crash import report_bug
from envbuild.cli.errors import as_user_error, error_text, exit_code

if TYPE_CHECKING:
    from pathlib import Path

PROBLEM = errors.Problem(file="spec.yml", line=7, path="run[0]", what="this step failed")


@pytest.fixture(autouse=True)
def _own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("ENVBUILD_", "UV_", "PIP_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UsageError("x"), 2),
        (errors.SiteError("x"), 2),
        (errors.SpecError([PROBLEM]), 3),
        (errors.LockError("x"), 4),
        (errors.StaleLock("x", changes=()), 4),
        (errors.Unsolvable("x"), 4),
        (errors.BuildError("x"), 5),
        (errors.SmokeError("x"), 6),
        (errors.RegistryError("x"), 7),
        (errors.BaseUnavailable("x"), 7),
        (errors.EngineError("x"), 8),
        (errors.GpuUnavailable("x"), 8),
        (KeyboardInterrupt(), 130),
        (EOFError(), 130),
        (ZeroDivisionError(), 1),
        (SystemExit(3), 3),
        (SystemExit(None), 0),
        (SystemExit("text"), 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_exit_codes(error: BaseException, code: int) -> None:
    assert conclude(error, []) == code


def every_kind(kind: type[errors.EnvbuildError]) -> set[type[errors.EnvbuildError]]:
    return {kind}.union(*(every_kind(child) for child in kind.__subclasses__()))


def test_every_error_has_a_code_of_its_own_room() -> None:
    for kind in every_kind(errors.EnvbuildError) - {errors.EnvbuildError}:
        assert exit_code(kind.__new__(kind)) not in {0, 1}, kind


def test_spec_error_is_for_editors_too() -> None:
    second = errors.Problem(file="spec.yml", path="pip", what="unknown key", todo="did you mean `pip`?")
    assert error_text(errors.SpecError([PROBLEM, second])) == (
        "spec.yml:7: run[0]: this step failed\nspec.yml: pip: unknown key; did you mean `pip`?"
    )


def test_hint() -> None:
    error = errors.EngineError("no engine", hint="start one\nor name one")
    assert error_text(error) == "error: no engine\nhint: start one\n      or name one"


def test_stale_lock() -> None:
    error = errors.StaleLock(
        "pylock.x.toml: stale", changes=["pip: + rich", "python: 3.11 → 3.12"], hint="renew it"
    )
    assert error_text(error) == (
        "error: pylock.x.toml: stale\n  pip: + rich\n  python: 3.11 → 3.12\nhint: renew it"
    )


def test_unsolvable() -> None:
    error = errors.Unsolvable("no set of packages fits", problems=[PROBLEM])
    assert error_text(error) == "error: no set of packages fits\n  spec.yml:7: run[0]: this step failed"


def test_build_error_shows_the_last_twenty_lines() -> None:
    error = errors.BuildError(
        "step run[0] ended with exit code 2",
        step="run[0]",
        log=[f"line {number}" for number in range(30)],
        dockerfile_line=23,
        problem=PROBLEM,
        hint="mend the command",
    )
    lines = error_text(error).split("\n")
    assert lines[:3] == [
        "error: step run[0] ended with exit code 2",
        "  last lines of run[0]:",
        "    | line 10",
    ]
    assert lines[21:] == [
        "    | line 29",
        "  from spec.yml:7: run[0]: this step failed",
        "  Dockerfile line 23 (see it: envbuild render)",
        "hint: mend the command",
    ]


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    error = errors.BuildError("failed", step="run[0]", log=["a"], dockerfile_line=3, problem=PROBLEM)
    assert conclude(error, ["image", "--json"]) == 5
    out, err = capsys.readouterr()
    assert out == ""
    assert json.loads(err) == {
        "event": "error",
        "kind": "BuildError",
        "message": "failed",
        "hint": "",
        "step": "run[0]",
        "log": ["a"],
        "dockerfile_line": 3,
        "problems": [
            {"file": "spec.yml", "line": 7, "path": "run[0]", "what": "this step failed", "todo": ""}
        ],
        "exit_code": 5,
    }


def test_credentials_never_show(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ENVBUILD_INDEX_URL", "https://me:s3cret-word@index.example.org/simple")
    error = errors.LockError("s3cret-word at https://u:p@other.example.org/x refused", hint="s3cret-word")
    conclude(error, [])
    conclude(error, ["--json"])
    err = capsys.readouterr().err
    assert "s3cret-word" not in err
    assert "u:p@" not in err
    assert "error: *** at https://***@other.example.org/x refused\nhint: ***\n" in err


def test_a_broken_site_config_does_not_hide_the_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENVBUILD_CONFIG", str(tmp_path / "missing.yml"))
    assert conclude(errors.LockError("https://u:p@x.example.org/ refused"), []) == 4
    assert capsys.readouterr().err == "error: https://***@x.example.org/ refused\n"


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS, errno.ENOSPC])
def test_what_the_file_system_refuses_is_no_bug(number: int) -> None:
    error = as_user_error(OSError(number, os.strerror(number), "/x/pylock.toml"))
    assert error is not None
    assert error.message == f"/x/pylock.toml: {os.strerror(number)}"
    assert exit_code(error) == 2


def test_other_file_errors_are_bugs() -> None:
    assert as_user_error(FileNotFoundError(errno.ENOENT, "No such file", "x")) is None
    assert as_user_error(OSError(errno.EACCES, "no file named")) is None
    full = as_user_error(OSError(errno.ENOSPC, "No space left on device"))
    assert full is not None
    assert (full.message, full.hint) == ("No space left on device", "free some space")


def test_bug(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="second line") as caught:
        int("at https://u:p@x.example.org/\nsecond line")
    assert conclude(caught.value, ["image", "--label", "https://u:p@y.example.org"]) == 1
    (file,) = (tmp_path / "state" / "envbuild").glob("crash-*.txt")
    assert capsys.readouterr().err == (
        "error: a bug in envbuild: ValueError: invalid literal for int() with base 10: "
        "'at https://***@x.example.org/\\nsecond line'; "
        f"the traceback is in {file}, please report it\n"
    )
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    text = file.read_text()
    assert "Traceback (most recent call last)" in text
    assert "arguments: image --label https://***@y.example.org" in text
    assert "u:p@" not in text


def test_bug_where_the_state_folder_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state").write_text("a file, no folder")
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    line = report_bug(ValueError("x"), [], str)
    (file,) = (tmp_path / "scratch").glob("crash-*.txt")
    assert line.endswith(f"the traceback is in {file}, please report it")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "state" / "nowhere"))
    assert report_bug(ValueError("x"), [], str).endswith("; its traceback could not be written anywhere")


def test_interrupt(capsys: pytest.CaptureFixture[str]) -> None:
    assert conclude(KeyboardInterrupt(), []) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_a_broken_pipe_of_someone_else_is_a_bug() -> None:
    assert conclude(BrokenPipeError(errno.EPIPE, "Broken pipe"), []) == 1


def test_colours_on_a_terminal_only(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    conclude(errors.LockError("x", hint="y"), [])
    assert capsys.readouterr().err == "\x1b[1;31merror:\x1b[0m x\n\x1b[1;36mhint:\x1b[0m y\n"
    monkeypatch.setenv("NO_COLOR", "1")
    conclude(errors.LockError("x", hint="y"), [])
    assert capsys.readouterr().err == "error: x\nhint: y\n"
