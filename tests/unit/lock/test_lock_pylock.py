import threading
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from envbuild.errors import LockError
from envbuild.lock.model import Lock, LockedApt, LockedBase, LockedPython
from envbuild.lock.packages import packages_of
from envbuild.lock.pylock import (
    digest_of,
    digest_of_lock,
    dump_lock,
    ensure_writable,
    lock_path,
    parse_lock,
    read_lock,
    validate,
    write_lock,
)

ANEW = "take the file from version control again, or delete it and run: envbuild lock"
DOCUMENT = tomllib.loads("""
lock-version = "1.0"
created-by = "envbuild"
requires-python = ">=3.11.2"

[[packages]]
name = "demo"
version = "1.0"
sdist = { url = "http://127.0.0.1/demo-1.0.tar.gz", hashes = { sha256 = "00" } }

[[packages.wheels]]
url = "http://127.0.0.1/demo-1.0-py3-none-any.whl"
upload-time = 2026-05-18T23:33:29Z
size = 7
hashes = { sha256 = "01" }
""")


def a_lock(**changed):
    lock = Lock(
        name="x",
        platform="linux/amd64",
        inputs={"python": "3.11", "pip": ["demo"], "cuda": {"version": "12.8", "cudnn": True}},
        base=LockedBase(
            reference="debian:bookworm-slim",
            image_id="sha256:" + "c" * 64,
            diff_ids=("sha256:1",),
            recipe={"suite": "bookworm", "packages": ["a=1", "b=2"]},
            distribution="debian:12",
            glibc="2.36",
        ),
        python=LockedPython(
            version="3.11.2",
            source="apt",
            request="/usr/bin/python3.11",
            packages=("python3.11",),
            reason="why",
        ),
        apt=(
            LockedApt(name="git", version="1:2", size=10, requested=True),
            LockedApt(name="libx", version="3"),
        ),
        packages=packages_of(DOCUMENT),
        cuda={"version": "12.8"},
        tools={"envbuild": "0", "uv": "1"},
        document=DOCUMENT,
    )
    lock = replace(lock, **changed)
    return replace(lock, digest=digest_of_lock(lock))


@pytest.mark.parametrize(
    "lock", [a_lock(), a_lock(apt=(), apt_resolved=False), a_lock(packages=(), document={})]
)
def test_a_lock_comes_back_as_it_was(tmp_path, lock):
    path = tmp_path / "pylock.x.toml"
    write_lock(path, lock)
    assert read_lock(path) == lock
    assert dump_lock(read_lock(path)) == path.read_text(encoding="utf-8") == dump_lock(lock)
    assert [item.name for item in tmp_path.iterdir()] == ["pylock.x.toml"]


def test_the_file_is_a_valid_pep_751_lock():
    from packaging.pylock import Pylock, is_valid_pylock_path

    assert is_valid_pylock_path(Path("pylock.dl-env_2.toml"))
    Pylock.from_dict(tomllib.loads(dump_lock(a_lock()))).validate()


def test_the_lock_lies_beside_the_spec(desk):
    spec = desk.spec("name: dl-env\npython: 3.11\n")
    assert lock_path(spec) == desk.folder / "pylock.dl-env.toml"


def test_no_file_is_no_lock(tmp_path):
    assert read_lock(tmp_path / "pylock.x.toml") is None


def test_layout_and_comments_may_change(tmp_path):
    path = tmp_path / "pylock.x.toml"
    path.write_text("# mine\n\n" + dump_lock(a_lock()), encoding="utf-8")
    assert read_lock(path) == a_lock()


@pytest.mark.parametrize(
    ("damage", "message", "hint"),
    [
        (
            lambda text: text.replace('version = "1:2"', 'version = "1:3"'),
            "was edited by hand: its digest does not fit its content",
            ANEW,
        ),
        (
            lambda text: text[: text.index("[tool.envbuild]")],
            "not a lock of envbuild: it has no [tool.envbuild] table",
            ANEW,
        ),
        (
            lambda text: text.replace("format = 1", "format = 9"),
            "a lock of format 9, made by envbuild 0; this one knows format 1",
            "use the envbuild that made it, or delete it and run: envbuild lock",
        ),
    ],
)
def test_a_file_not_to_be_trusted_is_refused(tmp_path, damage, message, hint):
    path = tmp_path / "pylock.x.toml"
    path.write_text(damage(dump_lock(a_lock())), encoding="utf-8")
    before = path.read_bytes()
    with pytest.raises(LockError) as caught:
        read_lock(path)
    assert (caught.value.message, caught.value.hint) == (f"{path}: {message}", hint)
    assert path.read_bytes() == before


@pytest.mark.parametrize("cut", ['version = "1.0"\nsdist', "[[packages]]\n", "[tool.envbuild]\n"])
def test_a_file_cut_off_is_refused_with_its_line(tmp_path, cut):
    path = tmp_path / "pylock.x.toml"
    text = dump_lock(a_lock())
    kept = text[: text.index(cut.partition("\n")[0]) + 5]
    path.write_text(kept, encoding="utf-8")
    with pytest.raises(LockError) as caught:
        read_lock(path)
    assert caught.value.message.startswith(f"{path}:{len(kept.splitlines())}: not a lock: ")
    assert caught.value.hint == ANEW


def test_a_merge_conflict_is_named(tmp_path):
    path = tmp_path / "pylock.x.toml"
    text = dump_lock(a_lock()).replace("[tool.", "<<<<<<< HEAD\n[tool.", 1)
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LockError) as caught:
        read_lock(path)
    line = text.splitlines().index("<<<<<<< HEAD") + 1
    assert caught.value.message == f"{path}:{line}: not a lock: it holds the marks of a merge conflict"
    assert caught.value.hint == "take either side of it, then run: envbuild lock"


def nonsense(change):
    """A lock whose tables somebody changed, with the digest that fits them."""
    document = tomllib.loads(dump_lock(a_lock()))
    change(document)
    document["tool"]["envbuild"]["digest"] = digest_of(document)
    return tomli_w.dumps(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document["tool"]["envbuild"].pop("base"),
        lambda document: document["tool"]["envbuild"].update(name=5),
        lambda document: document["tool"]["envbuild"].update(apt=["x"]),
        lambda document: document["tool"]["envbuild"].update(cuda=["12"]),
        lambda document: document["tool"]["envbuild"].update(tools={"uv": 1}),
        lambda document: document["tool"]["envbuild"]["base"].update(more=1),
        lambda document: document.update(packages=[{"version": "1"}]),
        lambda document: document.update(packages=[{"name": 5}]),
        lambda document: document.update(packages="numpy"),
        lambda document: document.update(packages=[{"name": "a", "wheels": [{"url": "u", "size": "big"}]}]),
    ],
)
def test_tables_that_make_no_sense_are_refused_though_their_digest_fits(change):
    with pytest.raises(LockError) as caught:
        parse_lock(nonsense(change), "somewhere")
    assert caught.value.message == "somewhere: not a lock of envbuild: its tables make no sense"
    assert caught.value.hint == ANEW


@pytest.mark.parametrize("text", ["tool = 5\n", "tool = {envbuild = 5}\n", ""])
def test_a_table_that_is_none(text):
    with pytest.raises(
        LockError, match=r"somewhere: not a lock of envbuild: it has no \[tool.envbuild\] table"
    ):
        parse_lock(text, "somewhere")


def test_a_text_is_read_as_its_file_is():
    assert parse_lock(dump_lock(a_lock()), "somewhere") == a_lock()


def test_a_binary_file_is_refused(tmp_path):
    path = tmp_path / "pylock.x.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(LockError, match="not a lock: it is not UTF-8 text"):
        read_lock(path)


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(LockError) as caught:
        read_lock(tmp_path)
    assert caught.value.message == f"{tmp_path}: cannot read the lock: Is a directory"


def test_a_read_only_folder_is_said_before_and_at_writing(tmp_path, read_only):
    path = Path("pylock.x.toml")
    with read_only(tmp_path):
        with pytest.raises(LockError) as before:
            ensure_writable(path)
        with pytest.raises(LockError) as at:
            write_lock(path, a_lock())
    assert before.value.message == "pylock.x.toml: cannot write the lock: the folder is read-only"
    assert at.value.message == "pylock.x.toml: cannot write the lock: Permission denied"
    assert at.value.hint == before.value.hint == "make the folder writable, or work on a copy of the spec"
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(tmp_path):
    path = tmp_path / "gone" / "pylock.x.toml"
    with pytest.raises(LockError) as caught:
        ensure_writable(path)
    assert caught.value.message == f"{path}: cannot write the lock: the folder is missing"


def test_writers_at_once_leave_one_whole_lock(tmp_path):
    path = tmp_path / "pylock.x.toml"
    locks = [a_lock(tools={"envbuild": str(number)}) for number in range(8)]
    broken = []

    def work(lock):
        for _ in range(5):
            write_lock(path, lock)
            try:
                assert read_lock(path) in locks
            except (LockError, AssertionError) as error:
                broken.append(error)

    threads = [threading.Thread(target=work, args=(lock,)) for lock in locks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert broken == []
    assert [item.name for item in tmp_path.iterdir()] == ["pylock.x.toml"]


def test_a_document_that_is_no_pep_751_lock_is_refused():
    validate(DOCUMENT)
    with pytest.raises(LockError, match="uv made a lock that is not valid: "):
        validate({"lock-version": "1.0", "created-by": "x"})
