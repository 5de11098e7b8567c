"""What was read from a wheel is remembered by its digest, and a damaged memory is no memory."""

import json
from pathlib import Path

import pytest

from envbuild.fatbin.memory import recall_audit, remember_audit
from envbuild.fatbin.read import READER, DeviceCode

DIGEST = "ab" * 32
READ = (
    DeviceCode("x/libx.so", 100, ("80", "90a"), (), "", 60, 2, {"sm_80": 2, "sm_90a": 1}),
    DeviceCode("x/liby.so", 10, None, None, "not read: a 32-bit ELF file"),
)


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CACHE_HOME": str(tmp_path)}


@pytest.fixture
def file(tmp_path: Path, environ: dict[str, str]) -> Path:
    remember_audit(DIGEST, READ, environ)
    return tmp_path / f"envbuild/gpu/{DIGEST}.json"


def test_what_was_read_comes_back(file: Path, environ: dict[str, str]) -> None:
    assert file.is_file()
    assert recall_audit(DIGEST, environ) == READ
    assert recall_audit("cd" * 32, environ) is None


def test_a_wheel_without_libraries_is_remembered_as_such(environ: dict[str, str]) -> None:
    remember_audit(DIGEST, (), environ)
    assert recall_audit(DIGEST, environ) == ()


@pytest.mark.parametrize("digest", ["", "../../etc/passwd", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_what_is_no_digest_names_no_file(tmp_path: Path, environ: dict[str, str], digest: str) -> None:
    remember_audit(digest, READ, environ)
    assert recall_audit(digest, environ) is None
    assert list(tmp_path.rglob("*")) == []


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"libraries": []}',
        json.dumps({"reader": READER + 1, "libraries": []}).encode(),
        json.dumps({"reader": READER, "libraries": [1]}).encode(),
        *(
            json.dumps({"reader": READER, "libraries": [{**READ[0]._asdict(), **wrong}]}).encode()
            for wrong in (
                {"path": 1},
                {"size": -1},
                {"size": True},
                {"cubins": "80"},
                {"cubins": ["sm_80"]},
                {"cubins": [80]},
                {"ptx": {}},
                {"entries": []},
                {"entries": {"sm_80": "2"}},
                {"note": None},
            )
        ),
    ],
)
def test_a_damaged_memory_is_none(file: Path, environ: dict[str, str], content: bytes) -> None:
    file.write_bytes(content)
    assert recall_audit(DIGEST, environ) is None


def test_a_huge_one_is_not_even_opened(file: Path, environ: dict[str, str]) -> None:
    with file.open("ab") as grown:
        grown.truncate(33 << 20)
    assert recall_audit(DIGEST, environ) is None


def test_where_nothing_can_be_written_nothing_is_said(tmp_path: Path) -> None:
    (tmp_path / "envbuild").write_text("a file where the folder should be")
    environ = {"XDG_CACHE_HOME": str(tmp_path)}
    remember_audit(DIGEST, READ, environ)
    assert recall_audit(DIGEST, environ) is None
