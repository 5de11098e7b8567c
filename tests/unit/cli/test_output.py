"""Sizes, times, tables and JSON, as exact text."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from envbuild.cli.output import emit_json, emit_table, human_seconds, human_size, one_line, plain_table
from envbuild.images import ImageInfo


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "?"),
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (99_949, "99.9 kB"),
        (99_950, "100 kB"),
        (999_499, "999 kB"),
        (999_500, "1.0 MB"),
        (151_780_000, "152 MB"),
        (3_400_000_000, "3.4 GB"),
        (12_000_000_000_000_000, "12000 TB"),
    ],
)
def test_human_size(size: int | None, text: str) -> None:
    assert human_size(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3720, "1 h 02 min"),
    ],
)
def test_human_seconds(seconds: float, text: str) -> None:
    assert human_seconds(seconds) == text


def test_one_line_lets_nothing_paint_the_screen() -> None:
    assert one_line("a\x1b[31mb\nc\r\td\x00") == "a [31mb c  d "
    assert one_line("x" * 10, limit=4) == "xxx…"


def test_plain_table() -> None:
    text = plain_table(("#", "NAME", "WHY"), [("1", "numpy", "because"), ("10", "x", "")], frozenset({0}))
    assert text == " #  NAME   WHY\n 1  numpy  because\n10  x"


def test_table_is_plain_when_piped(capsys: pytest.CaptureFixture[str]) -> None:
    emit_table(("A", "B"), [("1", "2")])
    assert capsys.readouterr().out == "A  B\n1  2\n"


def test_table_on_a_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    emit_table(("RESULT", "CHECK"), [("passed", "import [bold]numpy")])
    out = capsys.readouterr().out
    assert "passed" in out
    assert "import [bold]numpy" in out  # what comes from outside is no markup


def test_json_of_dataclasses(capsys: pytest.CaptureFixture[str]) -> None:
    image = ImageInfo(id="sha256:é", tags=("a:b",), labels={"k": "v"})
    emit_json({"image": image, "path": Path("x/y"), "set": {2, 1}, "raw": b"r"})
    read = json.loads(capsys.readouterr().out)
    assert read["image"]["tags"] == ["a:b"]
    assert read["image"]["labels"] == {"k": "v"}
    assert (read["path"], read["set"], read["raw"]) == ("x/y", [1, 2], "r")
