"""What cannot be read is refused in exact words; what is odd and clear is read."""

from __future__ import annotations

import errno
import os
import time
from pathlib import Path

import pytest

from envbuild.errors import SpecError
from envbuild.importers.model import Wishes
from envbuild.importers.read import import_from
from envbuild.importers.text.sources import hidden, source_text


def refusal(path: Path) -> str:
    with pytest.raises(SpecError) as caught:
        import_from(path, Wishes())
    return str(caught.value)


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_missing() -> None:
    assert refusal(Path("environment.yml")) == (
        "environment.yml: there is no such file or folder; correct the name"
    )
    assert refusal(Path("gone/x/requirements.txt")) == (
        "gone/x/requirements.txt: there is no such file or folder; correct the name"
    )


def test_empty() -> None:
    Path("things.txt").write_text("\n \n")
    Path("environment.yml").write_text("# nothing\n")
    assert refusal(Path("things.txt")) == "things.txt: is empty; name a file that says what to install"
    assert refusal(Path("environment.yml")) == (
        "environment.yml: is empty; `envbuild init` writes a spec to start from"
    )


def test_unknown() -> None:
    Path("setup.cfg").write_text("[metadata]\nname = x\n")
    assert refusal(Path("setup.cfg")) == (
        "setup.cfg: is of no format that can be imported; `--format` says it; docs/importing.md lists them"
    )


def test_own_spec() -> None:
    Path("spec.yml").write_text("name: x\npython: 3.12\n")
    assert refusal(Path("spec.yml")) == (
        "spec.yml: is a spec of envbuild already; `envbuild lock` is next, or `envbuild image`"
    )


def test_binary() -> None:
    Path("env.bin").write_bytes(b"\x7fELF\0\0")
    Path("requirements.txt").write_bytes(b"numpy\nsci\0py\n")
    assert refusal(Path("env.bin")) == "env.bin: is a binary file; name a text file"
    assert refusal(Path("requirements.txt")) == "requirements.txt:2: is a binary file; name a text file"


def test_not_utf8() -> None:
    Path("requirements.txt").write_bytes("numpy  # für alle\n".encode("latin-1"))
    assert refusal(Path("requirements.txt")) == (
        "requirements.txt:1: is not UTF-8 text: byte 0xfc; save the file as UTF-8"
    )


@pytest.mark.parametrize("coding", ["utf-8-sig", "utf-16"])
def test_marked_text_is_read(coding: str) -> None:
    """PowerShell's `pip freeze > requirements.txt` writes UTF-16."""
    Path("requirements.txt").write_bytes("numpy==1.26.4  # für alle\r\npandas\r\n".encode(coding))
    draft = import_from(Path("requirements.txt"), Wishes())
    assert [(entry.text, entry.comment) for entry in draft.pip] == [
        ("numpy==1.26.4", "für alle"),
        ("pandas", ""),
    ]


def test_too_large() -> None:
    with Path("requirements.txt").open("wb") as file:
        file.truncate(200_000_000)
    assert refusal(Path("requirements.txt")) == (
        "requirements.txt: is larger than 100 MB; name the file of one environment"
    )


def test_a_large_file_is_read_quickly(tmp_path: Path) -> None:
    path = tmp_path / "big.txt"
    path.write_bytes(b"# a comment of some length\n" * 1_100_000)
    start = time.perf_counter()
    assert len(source_text(path)) > 29_000_000
    assert time.perf_counter() - start < 2


def test_no_regular_file() -> None:
    os.mkfifo("requirements.txt")
    assert refusal(Path("requirements.txt")) == ("requirements.txt: is no regular file; name a text file")


def test_no_permission(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests may run as root, who may read everything: the system's answer is a stand-in."""

    def denied(path: str, flags: int) -> int:
        raise PermissionError(errno.EACCES, "Permission denied", path)

    Path("requirements.txt").write_text("numpy\n")
    monkeypatch.setattr(os, "open", denied)
    assert refusal(Path("requirements.txt")) == (
        "requirements.txt: may not be read by you; ask its owner, or change its permissions"
    )


def test_more_than_a_spec_can_hold() -> None:
    Path("requirements.txt").write_text("".join(f"package-{number}\n" for number in range(16_000)))
    assert refusal(Path("requirements.txt")) == (
        "requirements.txt: says 16000 things in 196890 characters, more than a spec can hold; "
        "import what it was made from, or a part of it"
    )


def test_endless_includes() -> None:
    for number in range(60):
        Path(f"{number}.txt").write_text(f"-r {number + 1}.txt\n")
    Path("60.txt").write_text("numpy\n")
    assert refusal(Path("0.txt")) == (
        "49.txt:1: '50.txt' is one file too many: at most 50 are read; remove that line"
    )


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://jane:hunter2@example.org/x", "https://***@example.org/x"),
        ("https://conda.example.org/t/tk-12/lab", "https://conda.example.org/t/***/lab"),
        ("git+ssh://git@github.com/o/r", "git+ssh://git@github.com/o/r"),
        ("numpy>=1", "numpy>=1"),
    ],
)
def test_hidden(text: str, shown: str) -> None:
    assert hidden(text) == shown
