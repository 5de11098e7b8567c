"""Finding uv, and whether it runs elsewhere."""

import subprocess
import sys

import pytest

from envbuild.lock.uv import public_uv, runs_on

TOGETHER = """
import threading
from envbuild.lock.uv import find_uv
found, start = [], threading.Barrier(8)
def search():
    start.wait()
    found.append(find_uv())
threads = [threading.Thread(target=search) for _ in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(len(found), len(set(found)))
"""


def test_many_threads_may_look_for_uv_at_once() -> None:
    """In a fresh interpreter, where sysconfig's tables are not there yet."""
    ran = subprocess.run([sys.executable, "-c", TOGETHER], capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr) == ("8 1\n", "")


def test_a_foreign_platform_takes_uv_from_its_public_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("platform.machine", lambda: "x86_64")
    assert (runs_on("linux/amd64"), runs_on("linux/arm64")) == (True, False)
    monkeypatch.setattr("platform.machine", lambda: "aarch64")
    assert (runs_on("linux/amd64"), runs_on("linux/arm64")) == (False, True)
    monkeypatch.setattr("sys.platform", "darwin")
    assert not runs_on("linux/arm64")
    assert public_uv("0.13.8") == "ghcr.io/astral-sh/uv:0.13.8"
