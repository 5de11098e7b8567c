"""The user's files: found, digested, refused; and a context written to disk."""

import errno
import os
from pathlib import Path

import pytest
from support.planned import lock, package, rendered, spec

from envbuild.errors import SpecError, UsageError
from envbuild.render.copies import read_copies
from envbuild.render.model import BuildContext
from envbuild.render.templates import find_templates
from envbuild.render.write import write_context
from envbuild.spec.model import Copy, Spec


def copying(folder: Path, *sources: str) -> Spec:
    lines = {("copy", index): 5 + index for index in range(len(sources))}
    copies = tuple(Copy(source=source, target=f"/x/{index}") for index, source in enumerate(sources))
    return spec(folder, copy=copies, lines=lines)


def digest(folder: Path, source: str = "src") -> str:
    (found,) = read_copies(copying(folder, source)).values()
    return found.digest


def test_digests_are_over_content_names_and_the_executable_bit(tmp_path: Path) -> None:
    source = tmp_path / "src"
    source.mkdir()
    (source / "a").write_text("1")
    seen = [digest(tmp_path)]
    os.utime(source / "a", (1, 1))
    assert digest(tmp_path) == seen[0]
    for change in (
        lambda: (source / "a").write_text("2"),
        lambda: (source / "a").chmod(0o755),
        lambda: (source / "a").rename(source / "b"),
        lambda: (source / "empty").mkdir(),
        lambda: (source / "link").symlink_to("/nowhere"),
    ):
        change()
        seen.append(digest(tmp_path))
    assert len(set(seen)) == len(seen)


def test_all_problems_at_once(tmp_path: Path) -> None:
    folder = tmp_path / "specs"
    folder.mkdir()
    (tmp_path / "secret").write_text("x")
    (folder / "link").symlink_to(tmp_path / "secret")
    os.mkfifo(folder / "pipe")
    with pytest.raises(SpecError) as caught:
        read_copies(copying(folder, "missing", "link", "pipe", "../secret"))
    file = folder / "spec.yml"
    beside = "copy what you need beside the spec"
    assert str(caught.value).splitlines() == [
        f"{file}:5: copy[0].from: missing does not exist; correct the path, relative to the spec's folder",
        f"{file}:6: copy[1].from: link lies outside the spec's folder; {beside}",
        f"{file}:7: copy[2].from: pipe is neither a file nor a folder; {beside}",
        f"{file}:8: copy[3].from: ../secret lies outside the spec's folder; {beside}",
    ]


def test_templates_are_found() -> None:
    assert (find_templates() / "head.j2").is_file()


def context(folder: Path) -> BuildContext:
    source = folder / "src"
    (source / "sub").mkdir(parents=True)
    (source / "run.sh").write_text("#!/bin/sh\n")
    (source / "run.sh").chmod(0o700)
    (source / "sub" / "data").write_text("x")
    (source / "sub" / "data").chmod(0o600)
    (source / "link").symlink_to("run.sh")
    return rendered(copying(folder, "src"), lock([package("six")]))


def test_a_written_context_has_everything(tmp_path: Path) -> None:
    uv = tmp_path / "uv-binary"
    uv.write_bytes(b"a stand-in for uv")
    made = context(tmp_path / "specs")
    out = tmp_path / "out"
    for _ in range(2):  # the second replaces the first
        write_context(made, out, uv)
        (out / "pip" / "stale").mkdir()
        (out / "mine.txt").write_text("kept")
    write_context(made, out, uv)
    assert (out / "Dockerfile").read_text() == made.dockerfile
    assert {name: (out / name).read_bytes() for name in made.files} == dict(made.files)
    assert (out / "uv").stat().st_mode & 0o777 == 0o755
    copied = out / "copy/0/src"
    modes = {path: (copied / path).stat().st_mode & 0o777 for path in (".", "run.sh", "sub", "sub/data")}
    assert modes == {".": 0o755, "run.sh": 0o755, "sub": 0o755, "sub/data": 0o644}
    assert (copied / "link").readlink() == Path("run.sh")
    assert not (out / "pip" / "stale").exists()
    assert (out / "mine.txt").read_text() == "kept"


def test_a_full_disk_leaves_no_half_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, data: bytes) -> None:
        if path.name != "Dockerfile":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        path.write_text("# half of it")

    made = context(tmp_path)
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space") as caught:
        write_context(made, tmp_path / "out", tmp_path / "uv")
    assert caught.value.filename == str(tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_context_does_not_overwrite_other_things(tmp_path: Path) -> None:
    made = context(tmp_path / "specs")
    uv = tmp_path / "uv-binary"
    uv.write_bytes(b"")
    full = tmp_path / "full"
    full.mkdir()
    (full / "Dockerfile").write_text("FROM scratch\n")
    with pytest.raises(UsageError) as caught:
        write_context(made, full, uv)
    assert caught.value.message == f"{full}: holds other things than a build context of envbuild"
    assert (full / "Dockerfile").read_text() == "FROM scratch\n"
    inside = tmp_path / "specs/src/out"
    with pytest.raises(UsageError) as caught:
        write_context(made, inside, uv)
    assert caught.value.message == (
        f"{inside}: lies in {tmp_path}/specs/src, which is copied into the build context"
    )
    with pytest.raises(UsageError) as caught:
        write_context(made, tmp_path / "new", None)
    assert (
        caught.value.message == "this build context needs the uv binary, and there is none for its platform"
    )
    assert not (tmp_path / "new").exists()
