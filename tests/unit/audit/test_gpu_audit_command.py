"""`envbuild gpu-audit` as a command: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
from support.audits import wheel_of
from support.elf import library

from envbuild.cli.app import run


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("CONFIG", "CACHE", "STATE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(tmp_path / name.lower()))
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/none.sock")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def test_a_table_for_people(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, data, _ = wheel_of("cuda_thing", "1.2", {"cuda/libthing.so.12": library(["80", "86"], ["86"])})
    (here / file).write_bytes(data)
    assert run(["gpu-audit", file, "--target", "A100", "--target", "GTX 1080 Ti", "--target", "H100"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "LIBRARY              SIZE  CUBINS  PTX  A100   GTX 1080 Ti  H100  NOTE",
        "cuda-thing 1.2                          cubin  no           PTX   read from the wheel",
        "  libthing.so.12  12.9 kB  80 86   86   cubin  no           PTX",
    ]


def test_json_for_programs(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "libx.so").write_bytes(library(["80"]))
    assert run(["gpu-audit", "libx.so", "--json", "--target", "8.6"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["kind"] == "file"
    assert found["packages"][0]["serves"] == {"8.6": "cubin"}


def test_nothing_to_tell_of(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "empty").mkdir()
    assert run(["gpu-audit", "empty"]) == 0
    assert capsys.readouterr().out == "no library with device code was found\n"


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["no.so"], 2, "no.so: no such file or folder"),
        (["libx.so", "--target", "RTX 9999"], 2, "--target RTX 9999: no GPU that the tables know"),
        (["dl:latest"], 8, "none.sock"),
        ([], 3, "spec.yml"),
    ],
)
def test_how_it_ends(arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["gpu-audit", *arguments]) == code
    assert said in capsys.readouterr().err


def test_a_spec_without_a_lock(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "spec.yml").write_text("name: env\npython: 3.11\n")
    assert run(["gpu-audit"]) == 4
    shown = capsys.readouterr().err
    assert "spec.yml: it has no lock yet, which says which wheels" in shown
    assert "hint: envbuild lock spec.yml" in shown
