"""Five lists: how micromamba ends, and what it leaves.

The stand-in always, to be sure that it does what it says; the real one where ENVBUILD_TEST_MICROMAMBA names a
binary.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from support.conda_builds import STANDIN, packages, records, tree
from support.need import missing
from support.planned import TEMPLATES

from envbuild.conda.explicit import explicit_text
from envbuild.conda.source import LEAST, version_of

SHA = re.compile(r"#sha256:[0-9a-f]{64}$", re.MULTILINE)
BAD = {
    "tampered": (SHA, f"#sha256:{'ab' * 32}"),
    "without a hash": (SHA, ""),
    "malformed": (SHA, "#sha256:12"),
    "without a header": (re.compile("@EXPLICIT\n"), ""),
}


@pytest.fixture(params=["standin", "real"])
def micromamba(request: pytest.FixtureRequest) -> list[str]:
    if request.param == "standin":
        return [sys.executable, str(STANDIN)]
    binary = os.environ.get("ENVBUILD_TEST_MICROMAMBA", "")
    if not binary:
        missing("micromamba", "ENVBUILD_TEST_MICROMAMBA names no binary")
    return [binary]


class Room:
    """A channel, its list, and a place to install to."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.prefix = folder, folder / "env"
        (folder / "pkgs").mkdir()
        self.list = folder / "explicit.txt"
        self.list.write_text(explicit_text(records(folder / "channel", packages("3.11.9")), "linux/amd64"))

    def create(self, program: list[str]) -> subprocess.CompletedProcess[str]:
        command = [*program, "create", "--no-rc", "-y", "-q", "-p", str(self.prefix)]
        command += ["--file", str(self.list), "--no-pyc", "--safety-checks", "enabled"]
        environ = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.folder / "home"),
            "MAMBA_ROOT_PREFIX": str(self.folder / "root"),
            "CONDA_PKGS_DIRS": str(self.folder / "pkgs"),
        }
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environ)


def test_its_version(micromamba: list[str]) -> None:
    said = subprocess.run([*micromamba, "--version"], capture_output=True, text=True, check=True).stdout
    assert version_of(said) >= LEAST


def test_a_good_list(micromamba: list[str], tmp_path: Path) -> None:
    room = Room(tmp_path)
    ran = room.create(micromamba)
    assert ran.returncode == 0, ran.stderr
    found = tree(room.prefix)
    assert {
        "bin/light",
        "bin/python3.11",
        "etc/conda/activate.d/light.sh",
        "lib/libcublas.so",
        "lib/libcublas.so.12.4",
        "lib/python3.11/site-packages/light/__init__.py",
        "conda-meta/light-1.0-pyh0_0.json",
        "conda-meta/history",
    } <= set(found)
    assert (room.prefix / "share/light/tool.sh").read_text() == f"#!/bin/sh\necho {room.prefix}\n"
    groups = ("libcublas-12.4.5.8-0", "libtorch-2.4.0-0", "light-1.0-pyh0_0")
    more = ("arrays-2.1.0-pyhd8ed1ab_0", "python-3.11.9-h3110_0_cpython")
    (tmp_path / "groups.txt").write_text("".join(f"01-all {name}\n" for name in (*groups, *more)))
    command = [sys.executable, str(TEMPLATES / "scripts" / "conda.py"), str(room.prefix)]
    command += ["--list", str(room.list), "--groups", str(tmp_path / "groups.txt")]
    command += ["--packages", str(tmp_path / "pkgs"), "--folders", str(tmp_path / "groups")]
    subprocess.run(command, check=True)
    assert set(tree(tmp_path / "groups" / "01-all")) == set(found)
    times = {
        name: int((tmp_path / "groups" / "01-all" / name).lstat().st_mtime)
        for name in ("lib/libcublas.so.12.4", "bin/light")
    }
    assert times == {"lib/libcublas.so.12.4": 1_700_000_000, "bin/light": 315619200}


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_list(micromamba: list[str], tmp_path: Path, kind: str) -> None:
    room = Room(tmp_path)
    pattern, other = BAD[kind]
    room.list.write_text(pattern.sub(other, room.list.read_text(), count=1))
    ran = room.create(micromamba)
    assert ran.returncode == 1
    assert ran.stderr.strip()
    assert not (room.prefix / "bin").exists()
