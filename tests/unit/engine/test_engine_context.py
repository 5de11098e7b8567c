"""A context as a tar: order, owner, modes, names; what cannot be copied is refused."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from support.contexts import context

from envbuild.engine.context import context_entries, write_tar
from envbuild.errors import BuildError


def tar_of(files: dict[str, bytes], copies: dict[str, Path] | None = None) -> bytes:
    buffer = io.BytesIO()
    write_tar(context_entries(context("FROM scratch\n", files, copies=copies), None), buffer)
    return buffer.getvalue()


def members(data: bytes) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return tar.getmembers()


def test_the_dockerfile_comes_first_and_no_pax_header_anywhere() -> None:
    """BuildKit takes a tar whose first 1024 bytes are a PAX header for a Dockerfile."""
    long = f"{'d' * 150}/{'f' * 150}é"
    data = tar_of({"b/c": b"2", "a": b"1", long: b"3"})
    assert [member.name for member in members(data)] == ["Dockerfile", "a", "b", "b/c", "d" * 150, long]
    assert data[:10] == b"Dockerfile"
    assert b"PaxHeader" not in data


def test_equal_contexts_are_equal_bytes(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    for name in ("z", "y"):
        (source / name).write_text(name)
    first = tar_of({}, {"copy": source})
    os.utime(source / "z", (1, 1))
    os.utime(source, (1, 1))
    assert tar_of({}, {"copy": source}) == first
    assert {(member.uid, member.gid, member.uname) for member in members(first)} == {(0, 0, "")}
    assert len({member.mtime for member in members(first)}) == 1


def test_the_user_s_files_keep_mode_and_links(tmp_path: Path) -> None:
    source = tmp_path / "src"
    (source / "in").mkdir(parents=True)
    (source / "in" / "run").write_text("x")
    (source / "in" / "run").chmod(0o4755)
    (source / "gone").symlink_to("/nowhere")
    found = {member.name: member for member in members(tar_of({}, {"copy/0": source}))}
    assert found["copy/0/in/run"].mode == 0o755
    assert (found["copy/0/gone"].type, found["copy/0/gone"].linkname) == (tarfile.SYMTYPE, "/nowhere")
    assert found["copy"].isdir()


def test_a_single_file_and_the_uv_binary(tmp_path: Path) -> None:
    (tmp_path / "uv").write_bytes(b"binary")
    (tmp_path / "one").write_text("1")
    made = context("FROM scratch\n", copies={"copy/0": tmp_path / "one"}, needs_uv=True)
    entries = {entry.path: entry for entry in context_entries(made, tmp_path / "uv")}
    assert (entries["uv"].mode, entries["uv"].size) == (0o755, 6)
    with entries["copy/0"].open() as content:
        assert content.read() == b"1"
    with pytest.raises(BuildError, match="needs the uv binary"):
        context_entries(made, None)


def test_what_cannot_be_copied(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BuildError) as caught:
        tar_of({}, {"copy": tmp_path / "pipe"})
    assert caught.value.message == (
        f"{tmp_path}/pipe: neither a file, a folder nor a link, so it cannot be copied"
    )
    with pytest.raises(BuildError) as caught:
        tar_of({}, {"copy": tmp_path / "none"})
    assert caught.value.message == f"{tmp_path}/none: cannot be read: no such file or directory"


def test_a_file_that_goes_before_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"x")
    entries = context_entries(context("FROM scratch\n", copies={"f": tmp_path / "f"}), None)
    (tmp_path / "f").unlink()
    with pytest.raises(BuildError, match="f: cannot be read: no such file or directory"):
        write_tar(entries, io.BytesIO())


def test_a_file_that_shrinks_while_it_is_sent(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * 100)
    entries = context_entries(context("FROM scratch\n", copies={"log": tmp_path / "log"}), None)
    (tmp_path / "log").write_bytes(b"x")
    with pytest.raises(BuildError) as caught:
        write_tar(entries, io.BytesIO())
    assert caught.value.message == f"{tmp_path}/log: changed while it was being sent to the engine"


def test_the_users_files_are_readable_by_everybody_in_the_image(tmp_path: Path) -> None:
    folder = tmp_path / "secretive"
    folder.mkdir(mode=0o700)
    (folder / "data").write_text("x")
    (folder / "data").chmod(0o600)
    (folder / "tool").write_text("x")
    (folder / "tool").chmod(0o700)
    (tmp_path / "link").symlink_to("secretive")
    entries = context_entries(context("FROM scratch\n", copies={"copy/0/link": tmp_path / "link"}), None)
    modes = {entry.path: (entry.kind, entry.mode) for entry in entries if entry.path.startswith("copy/0/")}
    assert modes == {
        "copy/0/link": ("folder", 0o755),
        "copy/0/link/data": ("file", 0o644),
        "copy/0/link/tool": ("file", 0o755),
    }
