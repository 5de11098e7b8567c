"""The reader in a sandbox: a stand-in engine whose container is this machine, its shell and Pythons real."""

import sys
from pathlib import Path

import pytest
from support.audits import LocalSandboxes

from envbuild.audit import image as room
from envbuild.audit.image import MEMORY, PYTHONS, audit_image
from envbuild.errors import EngineError, UsageError
from envbuild.images import ImageInfo, Ran

IMAGE = ImageInfo(id="sha256:1")


def answer(code: int | None = 0, stdout: str = "", stderr: str = "", *, oom: bool = False) -> LocalSandboxes:
    return LocalSandboxes(instead=Ran(code=code, stdout=stdout, stderr=stderr, seconds=1, oom_killed=oom))


def test_the_packages_of_an_image(installed: Path) -> None:
    engine = LocalSandboxes()
    packages, notes = audit_image(engine, IMAGE, "dl:latest", [str(installed)])
    assert [each.name for each in packages] == ["/".join(str(installed / "vendor").split("/")), "cuda-thing"]
    assert [each.found_by for each in packages] == ["read in the image dl:latest"] * 2
    assert packages[1].libraries[0].cubins == ("80", "90")
    assert notes == ()
    assert engine.started == [("/bin/sh", "-c", "read -r line")]
    assert engine.memory == MEMORY


def test_an_image_without_a_shell(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PYTHONS", ("/no/python", sys.executable))
    engine = LocalSandboxes(shell=False, pythons=(sys.executable,))
    packages, _ = audit_image(engine, IMAGE, "dl:latest", [str(installed)])
    assert len(packages) == 2
    assert engine.started[0][0] == sys.executable


def test_an_image_without_python() -> None:
    for engine in (LocalSandboxes(shell=False), answer(code=123)):
        with pytest.raises(UsageError) as caught:
            audit_image(engine, IMAGE, "tiny:latest")
        message = "tiny:latest: there is no Python in this image to read its libraries with"
        assert (caught.value.message, caught.value.hint) == (
            message,
            "audit the files themselves: envbuild gpu-audit FILE.so|FILE.whl|FOLDER",
        )


def test_an_engine_that_fails_is_no_image_without_python() -> None:
    class Full(LocalSandboxes):
        def sandbox(self, image, *, memory, idle):  # type: ignore[no-untyped-def]
            raise EngineError("starting a sandbox of tiny:latest: the engine's disk is full")

    with pytest.raises(EngineError, match="disk is full"):
        audit_image(Full(), IMAGE, "tiny:latest")


@pytest.mark.parametrize(
    ("engine", "message"),
    [
        (answer(None), "dl: not read: its files took longer than 900 s"),
        (
            answer(2, stderr="x\nno option -I\n"),
            "dl: its own Python cannot run the reader: no option -I",
        ),
        (answer(137, oom=True), "dl: its own Python cannot run the reader: exit code 137"),
        (answer(stdout="hello\n"), "the image's Python prints something else than the reader does"),
        (answer(stdout="[]\n"), "the image's Python prints something else than the reader does"),
        (answer(stdout='{"path": 1}\n'), "the image's Python prints something else than the reader does"),
        (answer(stdout="[" * 100_000), "the image's Python prints something else than the reader does"),
    ],
)
def test_what_a_container_may_answer(engine: LocalSandboxes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        audit_image(engine, IMAGE, "dl")
    assert caught.value.message == message


def test_folders_that_may_not_be_looked_into() -> None:
    row = '{"path": "%s", "size": 0, "cubins": null, "ptx": null, "code": 0, "containers": 0, "entries": {}, '
    row += '"note": "cannot be listed: Permission denied"}\n'

    class Closed(LocalSandboxes):
        def run(self, argv, stdin="", timeout=300):  # type: ignore[no-untyped-def]
            listed = "".join(row % f"/closed/{number}" for number in range(7)) if "nv_fatbin" in stdin else ""
            return Ran(code=0, stdout=listed, stderr="", seconds=1)

    packages, notes = audit_image(Closed(), IMAGE, "dl")
    assert packages == ()
    assert notes == (
        "folders that its user may not look into: /closed/0, /closed/1, /closed/2, /closed/3, /closed/4 …",
    )


def test_the_environment_of_envbuild_comes_first() -> None:
    assert PYTHONS[0] == "/opt/env/bin/python"
