"""Whole-or-nothing writes, and digests that change with what counts and with nothing else."""

import errno
import os
import stat
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.files import digest_tree, write_atomically


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_written_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_atomically(path, b"one")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"one", 0o644)
    write_atomically(path, b"two", mode=0o600)
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"two", 0o600)
    assert names(tmp_path) == ["a"]


def test_the_umask_does_not_count(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_a_write_that_fails_leaves_all_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomically(folder, b"new")
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "missing" / "a", b"new")
    assert names(tmp_path) == ["folder"]
    assert names(folder) == []


def test_no_file_takes_the_place_of_a_pipe_or_of_standard_output(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "out").symlink_to("/proc/self/fd/1")
    for name in ("pipe", "out"):
        with pytest.raises(PermissionError) as caught:
            write_atomically(tmp_path / name, b"new")
        assert (caught.value.strerror, caught.value.filename) == ("not a regular file", str(tmp_path / name))
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert (tmp_path / "out").is_symlink()
    assert names(tmp_path) == ["out", "pipe"]


def test_a_full_disk_is_told_with_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_atomically(tmp_path / "a", b"new")
    assert caught.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == []


def test_a_reader_sees_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "a"
    contents = [bytes([letter]) * 100_000 for letter in b"xy"]
    write_atomically(path, contents[0])
    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            for content in contents:
                write_atomically(path, content)

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(200):
            assert path.read_bytes() in contents
    finally:
        stop.set()
        for writer in writers:
            writer.join()
    assert names(tmp_path) == ["a"]


def tree(folder: Path) -> Path:
    (folder / "inner" / "empty").mkdir(parents=True)
    (folder / "a").write_bytes(b"content")
    (folder / "inner" / "b").write_bytes(b"")
    (folder / "link").symlink_to("a")
    return folder


@pytest.mark.parametrize(
    "change",
    [
        "echo x > a",
        "chmod +x a",
        "mv a c",
        "mv inner/b b",
        "rmdir inner/empty",
        "mkdir other",
        "rm inner/b; mkdir inner/b",
        "rm link; ln -s inner link",
        "rm link; cp a link",
        "rm a; mkfifo a",
    ],
)
def test_what_counts_changes_the_digest(tmp_path: Path, change: str) -> None:
    folder = tree(tmp_path / "tree")
    before = digest_tree(folder)
    assert os.system(f"cd '{folder}' && {{ {change}; }}") == 0
    assert digest_tree(folder) != before


def test_what_does_not_count_does_not(tmp_path: Path) -> None:
    folder = tree(tmp_path / "tree")
    before = digest_tree(folder)
    os.utime(folder / "a", (1, 1))
    (folder / "a").chmod(0o600)
    assert digest_tree(folder) == before
    assert digest_tree(tree(tmp_path / "another place")) == before
    (tmp_path / "named").symlink_to(folder)  # a path that a spec names is followed
    assert digest_tree(tmp_path / "named") == before


def test_links_inside_are_not_followed(tmp_path: Path) -> None:
    folder = tmp_path / "tree"
    folder.mkdir()
    (folder / "up").symlink_to("..")
    (folder / "nowhere").symlink_to("no/such/file")
    before = digest_tree(folder)
    (tmp_path / "beside").write_text("new")
    assert digest_tree(folder) == before


def test_what_is_missing_and_what_is_odd(tmp_path: Path) -> None:
    assert digest_tree(tmp_path / "none") == "missing"
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "loop").symlink_to("loop")
    assert len({digest_tree(tmp_path / "fifo"), digest_tree(tmp_path / "loop"), "missing"}) == 3
    odd = os.fsencode(tmp_path) + b"/\xff\xfe"
    Path(os.fsdecode(odd)).write_bytes(b"a name that is no UTF-8")
    assert len(digest_tree(tmp_path)) == 64


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0/"), min_size=1, max_size=4).filter(
    lambda name: name not in {".", ".."}
)
TREES = st.dictionaries(
    st.lists(NAMES, min_size=1, max_size=3).map("/".join), st.binary(max_size=8), max_size=4
)


def made(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError:  # a file and a folder of one name
            continue
    return folder


def listing(folder: Path) -> dict[str, bytes | None]:
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@settings(deadline=None, max_examples=60)
@given(TREES, TREES)
def test_two_trees_have_one_digest_only_if_they_are_equal(
    one: dict[str, bytes], two: dict[str, bytes]
) -> None:
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        left, right = made(one, Path(first)), made(two, Path(second))
        assert (digest_tree(left) == digest_tree(right)) == (listing(left) == listing(right))
