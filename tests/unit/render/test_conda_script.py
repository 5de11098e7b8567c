"""dockerfiles/scripts/conda.py: what an install left, made the same everywhere, and divided.

The installs are a stand-in's for micromamba, on this machine.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.conda import Package
from support.conda_builds import STANDIN, packages, records, tree
from support.planned import TEMPLATES

from envbuild.conda.explicit import explicit_text

SCRIPT = TEMPLATES / "scripts" / "conda.py"
MADE, KEPT = 315619200, 1_700_000_000
GROUPS = (
    ("01-cuda", "libcublas-12.4.5.8-0"),
    ("02-framework", "libtorch-2.4.0-0"),
    ("03-rest", "light-1.0-pyh0_0"),
    ("03-rest", "arrays-2.1.0-pyhd8ed1ab_0"),
    ("03-rest", "python-3.11.9-h3110_0_cpython"),
)


class Room:
    """An environment as the stand-in for micromamba leaves it, and all that the script is told."""

    def __init__(self, folder: Path, made: tuple[Package, ...] = packages("3.11.9")) -> None:
        folder.mkdir(exist_ok=True)
        self.folder, self.prefix, self.cache = folder, folder / "env", folder / "pkgs"
        self.cache.mkdir()
        url = (folder / "channel").as_uri()
        found = records(folder / "channel", made, url)
        (folder / "real.txt").write_text(explicit_text(found, "linux/amd64"))
        listed = (folder / "real.txt").read_text().replace(url, "https://conda.example/forge")
        (folder / "explicit.txt").write_text(listed)
        self.groups(GROUPS)
        command = [sys.executable, str(STANDIN), "create", "--no-rc", "-y", "-q", "--no-pyc"]
        command += ["-p", str(self.prefix), "--file", str(folder / "real.txt"), "--safety-checks", "enabled"]
        subprocess.run(command, check=True, env={**os.environ, "CONDA_PKGS_DIRS": str(self.cache)})

    def groups(self, pairs: tuple[tuple[str, str], ...]) -> None:
        (self.folder / "groups.txt").write_text("".join(f"{group} {record}\n" for group, record in pairs))

    def run(self, *where: str, code: int = 0, mirrors: str = "") -> str:
        command = [sys.executable, "-I", "-B", "-S", str(SCRIPT), str(self.prefix)]
        command += ["--list", str(self.folder / "explicit.txt"), "--groups", str(self.folder / "groups.txt")]
        command += ["--packages", str(self.cache), *where]
        environ = {**os.environ, "ENVBUILD_CONDA_MIRRORS": mirrors}
        ran = subprocess.run(command, capture_output=True, text=True, check=False, env=environ)
        assert ran.returncode == code, ran.stderr
        return ran.stderr

    def divided(self) -> Path:
        self.run("--folders", str(self.folder / "groups"))
        return self.folder / "groups"


def state(folder: Path) -> dict[str, tuple[int, int]]:
    """Path → mode and time, of everything."""
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, int(path.lstat().st_mtime))
        for path in folder.rglob("*")
    }


def test_each_file_goes_to_its_packages_group(tmp_path: Path) -> None:
    room = Room(tmp_path)
    before = tree(room.prefix)
    groups = room.divided()
    assert tree(room.prefix) == {}
    after = {name: tree(groups / name) for name in ("01-cuda", "02-framework", "03-rest")}
    assert set(after["01-cuda"]) == {
        "conda-meta/libcublas-12.4.5.8-0.json",
        "include/cublas/cublas.h",
        "lib/libcublas.so",
        "lib/libcublas.so.12.4",
    }
    assert "bin/light" in after["03-rest"]
    assert "conda-meta/history" in after["03-rest"]
    together = {path: what for part in after.values() for path, what in part.items()}
    assert len(together) == sum(map(len, after.values()))
    told = {path for path in before if path.startswith("conda-meta/")}
    assert {path: what for path, what in together.items() if path not in told} == {
        path: what for path, what in before.items() if path not in told
    }
    assert set(together) == set(before)


def test_modes_and_times_are_those_of_the_archives_or_fixed(tmp_path: Path) -> None:
    room = Room(tmp_path)
    (room.prefix / "lib" / "libcublas.so.12.4").chmod(0o600)
    (room.prefix / "include").chmod(0o700)
    groups = room.divided()
    found = {path: what for group in groups.iterdir() for path, what in state(group).items()}
    assert found["lib/libcublas.so.12.4"] == (0o100644, KEPT)
    assert found["include"] == (0o40755, MADE)
    assert found["share/light/tool.sh"] == (0o100755, MADE)  # it says its prefix
    assert found["bin/light"] == (0o100755, MADE)  # no archive holds it
    assert found["lib/python3.11/site-packages/light/__init__.py"] == (0o100644, KEPT)
    assert found["conda-meta/light-1.0-pyh0_0.json"] == (0o100644, MADE)
    assert found["lib/libcublas.so"][1] == MADE


def test_records_say_what_the_channel_says_and_nothing_of_the_machine(tmp_path: Path) -> None:
    groups = Room(tmp_path).divided()
    record = json.loads((groups / "03-rest/conda-meta/light-1.0-pyh0_0.json").read_text())
    assert record["url"] == "https://conda.example/forge/noarch/light-1.0-pyh0_0.tar.bz2"
    assert record["channel"] == "https://conda.example/forge"
    assert record["name"] == "light"
    assert "bin/light" in record["files"]
    assert not {"link", "extracted_package_dir", "requested_spec"} & set(record)
    assert (groups / "03-rest/conda-meta/history").read_text() == ""
    assert str(tmp_path) not in "".join(path.read_text() for path in groups.glob("*/conda-meta/*"))


def test_another_install_later_is_the_same_and_tars_hold_what_folders_do(tmp_path: Path) -> None:
    room = Room(tmp_path / "room")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    again = tmp_path / "again"
    shutil.copytree(room.prefix, again, symlinks=True)
    for path in again.rglob("*"):
        os.utime(path, (5, 5), follow_symlinks=False)
    room.run("--tars", str(tmp_path / "a"))
    first, room.prefix = room.prefix, again
    room.run("--tars", str(tmp_path / "b"))
    room.prefix = first
    tars = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert tars == ["01-cuda.tar", "02-framework.tar", "03-rest.tar"]
    for name in tars:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    groups = room.divided()
    for name in tars:
        folder = groups / name.removesuffix(".tar")
        with tarfile.open(tmp_path / "a" / name) as tar:
            held = {member.name: member for member in tar}
            assert {member.uid for member in tar} == {0}
        found = state(folder)
        assert set(held) == set(found)
        for path, (mode, when) in found.items():
            assert held[path].mtime == when
            assert held[path].issym() or held[path].mode == mode & 0o7777, path


def test_what_belongs_to_nobody_or_to_two(tmp_path: Path) -> None:
    made = (
        *packages("3.11.9"),
        Package(name="rival", version="1", files={"include/cublas/cublas.h": b"mine\n"}),
    )
    room = Room(tmp_path, made)
    room.groups((*GROUPS[:2], ("02-framework", "rival-1-0"), *GROUPS[2:]))
    (room.prefix / "var" / "empty").mkdir(parents=True)
    (room.prefix / "include" / "nothing").mkdir()
    (room.prefix / "etc" / "made-by-a-script").write_text("x")
    (room.prefix / "gone").symlink_to("nowhere")
    groups = room.divided()
    assert (groups / "01-cuda/include/cublas/cublas.h").exists()
    assert not (groups / "02-framework/include").exists()
    assert (groups / "03-rest/etc/made-by-a-script").read_text() == "x"
    assert (groups / "03-rest/gone").is_symlink()
    assert (groups / "03-rest/var/empty").is_dir()
    assert (groups / "03-rest/include/nothing").is_dir()


def test_a_file_that_the_cache_shares_is_not_changed_there(tmp_path: Path) -> None:
    room = Room(tmp_path)
    cached = room.cache / "libcublas-12.4.5.8-0" / "lib" / "libcublas.so.12.4"
    mine = room.prefix / "lib" / "libcublas.so.12.4"
    mine.unlink()
    cached.chmod(0o640)
    mine.hardlink_to(cached)
    groups = room.divided()
    assert cached.stat().st_mode == 0o100640
    made = groups / "01-cuda/lib/libcublas.so.12.4"
    assert (made.stat().st_mode, made.stat().st_nlink, int(made.stat().st_mtime)) == (0o100644, 1, KEPT)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        (GROUPS[1:], "missing: nothing, and not asked for: libcublas-12.4.5.8-0"),
        ((*GROUPS, ("03-rest", "more-1-0")), "missing: more-1-0, and not asked for: nothing"),
    ],
)
def test_another_environment_than_locked_is_refused(
    tmp_path: Path, pairs: tuple[tuple[str, str], ...], expected: str
) -> None:
    room = Room(tmp_path)
    room.groups(pairs)
    said = room.run("--folders", str(tmp_path / "groups"), code=1)
    assert said == f"envbuild: the environment is not as locked: {expected}\n"
    assert not (tmp_path / "groups").exists()


@pytest.mark.parametrize(
    "mirror",
    [
        "https://me:secret@mirror.lab/forge",
        "https://mirror.lab/forge",
        "https://me:secret@conda.example/forge",
    ],
)
def test_an_address_of_the_site_that_would_stay_is_refused(tmp_path: Path, mirror: str) -> None:
    room = Room(tmp_path)
    path = room.prefix / "conda-meta" / "libcublas-12.4.5.8-0.json"
    record = json.loads(path.read_text()) | {"somewhere_new": f"{mirror}/linux-64"}
    path.write_text(json.dumps(record))
    told = {"mirrors": f"https://conda.example/forge={mirror}"}
    said = room.run("--folders", str(tmp_path / "groups"), code=1, **told)
    assert said == "envbuild: conda-meta/libcublas-12.4.5.8-0.json still holds an address of this site\n"
