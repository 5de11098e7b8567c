"""The README's tour, command by command, as a newcomer would type it."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from envbuild.engine.connect import connect

ROOT = Path(__file__).resolve().parents[2]
EXIT_CODE = re.compile(r"# exit code (\d+)")


def tour() -> list[str]:
    """The commands of the tour; the first one only puts envbuild on PATH."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    section = readme.partition("## A tour")[2].partition("\n## ")[0]
    typed = [line[2:] for line in section.splitlines() if line.startswith("$ ")]
    assert typed[0].startswith("export PATH=")
    return typed[1:]


@pytest.fixture
def no_tour_left(engine_url: str) -> Iterator[None]:
    yield
    with connect(engine_url, os.environ) as engine:
        engine.untag("tour:latest")


@pytest.mark.engine
@pytest.mark.network
@pytest.mark.usefixtures("base_image", "no_tour_left")
def test_every_command_of_the_tour_does_what_the_readme_says(tmp_path: Path) -> None:
    folder = tmp_path
    shutil.copytree(ROOT / "examples", tmp_path / "examples")  # the tour begins in the checkout
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "XDG_STATE_HOME": str(tmp_path / "state")}
    for line in tour():
        command = line.partition("  #")[0].strip()
        if command.startswith("docker ") and not shutil.which("docker", path=path):
            continue  # envbuild needs no docker command; people mostly have one
        ran = subprocess.run(
            ["bash", "-c", f"{command} && pwd > {tmp_path}/where"],
            cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=600,
        )  # fmt: skip
        expected = int(match[1]) if (match := EXIT_CODE.search(line)) else 0
        assert ran.returncode == expected, f"{line}\n{ran.stdout}\n{ran.stderr}"
        if expected == 0:
            folder = Path((tmp_path / "where").read_text(encoding="utf-8").strip())
        if "nothing to do" in line:
            assert "nothing to do" in ran.stdout
        for change in re.findall(r"pip: \+ \w+", line):
            assert change in ran.stdout + ran.stderr
