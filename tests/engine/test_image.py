"""`envbuild image` from end to end: the real command line on a real engine, with Debian's own Python.

What an image is, how it is tried, and builds that end early or come in pairs.
"""

import contextlib
import io
import json
import os
import re
import signal
import tarfile
import time
import uuid
from pathlib import Path

import docker
import pytest
from support.commandline import Running
from support.projects import Project, id_of, in_image
from support.recorder import recorded

from envbuild.engine.engine import Engine

pytestmark = pytest.mark.network


def last_layer(api: docker.APIClient, image: str) -> dict[str, bytes]:
    """The files in an image's last layer."""
    archive = io.BytesIO(b"".join(api.get_image(image)))
    with tarfile.open(fileobj=archive) as outer:
        manifest = json.load(outer.extractfile("manifest.json") or io.BytesIO())
        layer = outer.extractfile(manifest[0]["Layers"][-1])
        with tarfile.open(fileobj=io.BytesIO(layer.read() if layer else b"")) as inner:
            files = [member for member in inner.getmembers() if member.isfile()]
            return {member.name: (inner.extractfile(member) or io.BytesIO()).read() for member in files}


def runs_somewhere(marker: str) -> bool:
    """Whether a process on this machine has `marker` in its arguments; those in containers are among them."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if marker.encode() in (entry / "cmdline").read_bytes().replace(b"\0", b" "):
                    return True
    return False


def a_long_sleep() -> str:
    """A command that nobody else runs."""
    return f"sleep 600.{uuid.uuid4().int % 10**9}"


def wait_until_it_runs(marker: str, running: Running) -> None:
    until = time.monotonic() + 60
    while not runs_somewhere(marker):
        assert running.process.poll() is None, running.end()
        assert time.monotonic() < until, "it never began, or the engine runs on another machine"
        time.sleep(0.05)


# --- what an image is ---


def test_an_image_is_what_it_promises(project: Project, api: docker.APIClient, engine: Engine) -> None:
    made = project.json("image")
    assert (made["references"], made["up_to_date"], made["smoke"]["passed"]) == ([project.tag], False, True)
    image = engine.image(project.tag)
    assert image is not None
    assert (made["id"], made["size"], made["layers"]) == (image.id, image.size, len(image.layers))
    spec_text = (project.folder / "spec.yml").read_bytes()
    assert last_layer(api, project.tag) == {
        "opt/envbuild/spec.yml": spec_text,
        f"opt/envbuild/{project.family.lock_name}": project.lock_path.read_bytes(),
    }
    labels = image.labels
    assert labels["org.opencontainers.image.title"] == project.family.name
    assert labels["org.opencontainers.image.base.name"] == "debian:bookworm-slim"
    assert labels["dev.envbuild.name"] == project.family.name
    assert labels["dev.envbuild.python"].startswith("3.11.")
    assert labels["dev.envbuild.python.source"] == "apt"
    assert labels["dev.envbuild.platform"].startswith("linux/")
    for kind in ("spec", "lock", "plan", "context"):
        assert re.fullmatch("sha256:[0-9a-f]{64}", labels[f"dev.envbuild.{kind}"]), kind
    assert labels["dev.envbuild.lock"] in project.lock_path.read_text()


def test_whoever_runs_it_has_the_environment(project: Project, api: docker.APIClient) -> None:
    project("image")
    say = "import os, sys; print(os.getuid(), os.environ['PYTHONNOUSERSITE'], sys.prefix, os.getcwd())"
    assert in_image(api, project.tag, ["python", "-c", say]) == "1000 1 /opt/env /workspace\n"
    assert in_image(api, project.tag, ["sh", "-c", "echo $PATH"]).startswith("/opt/env/bin:")
    assert in_image(api, project.tag, ["bash", "-lc", "which python"]) == "/opt/env/bin/python\n"
    assert in_image(api, project.tag, ["sh", "-c", "touch a && id -un && echo $HOME"]) == "app\n/home/app\n"
    # A cluster runs it as whoever asks, with that user's home.
    script = f"""
        set -e
        cat /opt/envbuild/spec.yml /opt/envbuild/{project.family.lock_name} > /dev/null
        find /opt /etc/profile.d -type f ! -readable; find /opt -type d ! -executable
        python -c 'import sqlite3, ssl, sys; print(sys.prefix)'
    """
    assert in_image(api, project.tag, ["sh", "-c", script], user="4242:4242") == "/opt/env\n"


def test_with_nothing_to_do_the_engine_is_asked_one_question(project: Project, engine_url: str) -> None:
    project("image")
    with recorded(engine_url) as asked:
        out, err = project("image", environ={"DOCKER_HOST": asked.url})
    assert out.splitlines()[0] == f"{project.tag}: nothing to do, the image is up to date"
    assert err == ""
    assert asked.requests() == [f"GET /images/{project.tag}/json"]
    assert asked.bodies() == [b""]


def test_the_recorder_in_front_of_the_engine_sees_all_that_a_build_asks(
    project: Project, engine_url: str
) -> None:
    """Else the test above would prove nothing."""
    project("image")
    with recorded(engine_url) as asked:
        project("image", "--force", environ={"DOCKER_HOST": asked.url})
    assert len(asked.requests()) > 5
    assert any(request.startswith("POST /build?") for request in asked.requests())


# --- smoke tests ---


def test_an_image_that_fails_takes_no_name_from_one_that_passed(
    project: Project, api: docker.APIClient, engine: Engine
) -> None:
    project("image")
    good = id_of(engine, project.tag)
    project.spec("smoke:\n  commands:\n    - 'true'\n    - echo out; echo it broke >&2; exit 3\n")
    out, err = project("image", code=6)
    failed = f"{project.repository}:failed"
    assert err.splitlines()[-2:] == [
        (
            f"error: 1 of 2 smoke tests did not pass; the image is kept as {failed},"
            f" and {project.tag} was not touched"
        ),
        f"hint: look inside: docker run --rm -it --entrypoint sh {failed}",
    ]
    assert "exit code 3: it broke" in out
    assert "  | it broke" in out.splitlines()
    assert re.search(r"^smoke: 1 passed, 1 failed in [0-9.]+ s$", out, re.MULTILINE)
    assert id_of(engine, project.tag) == good
    assert id_of(engine, failed) not in {good, None}

    marker = a_long_sleep()
    project.spec(f"smoke:\n  timeout: 2\n  commands: ['echo begun; {marker}']\n")
    out, err = project("image", code=6)
    assert "timed out after 2 s" in out
    assert "  | begun" in out.splitlines()
    assert id_of(engine, project.tag) == good
    hanging = id_of(engine, failed)
    assert api.containers(all=True, filters={"ancestor": hanging}) == []
    assert not runs_somewhere(marker)

    project.spec("smoke:\n  commands: ['true']\n")
    out, _ = project("image")
    assert out.startswith(f"{project.tag}: the image is ready\n")
    assert id_of(engine, project.tag) not in {good, hanging, None}


def test_ctrl_c_while_smoke_tests_run_leaves_neither_container_nor_image(
    project: Project, api: docker.APIClient, engine: Engine
) -> None:
    project("image")
    good = id_of(engine, project.tag)
    ours = {"label": f"dev.envbuild.name={project.family.name}"}
    before = set(api.images(quiet=True, filters=ours))
    marker = a_long_sleep()
    project.spec(f"smoke:\n  commands: ['{marker}']\n")
    with project.started("image") as running:
        running.wait_for(f"smoke: {marker}")
        wait_until_it_runs(marker, running)
        assert running.interrupt() < 15
        code, out, err = running.end()
    assert (code, out, err.splitlines()[-1]) == (130, "", "interrupted")
    owner = f"dev.envbuild.owner={os.uname().nodename}:{running.process.pid}"
    assert api.containers(all=True, filters={"label": owner}) == []
    assert not runs_somewhere(marker)
    assert set(api.images(quiet=True, filters=ours)) == before
    assert id_of(engine, project.tag) == good

    # The same image under a name of its own is nobody's to remove.
    project("image", "--no-smoke")
    named = id_of(engine, project.tag)
    assert named != good
    with project.started("image") as running:
        wait_until_it_runs(marker, running)
        running.interrupt()
        assert running.end()[0] == 130
    assert id_of(engine, project.tag) == named


# --- builds that end early ---


def test_a_step_that_fails_is_shown_with_its_place_and_last_words(project: Project, engine: Engine) -> None:
    project.spec("run:\n  - 'true'\n  - for i in $(seq 30); do echo line $i; done; exit 3\n")
    out, err = project("image", code=5)
    assert out == ""
    lines = err.splitlines()
    shown = lines[next(number for number, line in enumerate(lines) if line.startswith("error: ")) :]
    dockerfile = project("render")[0].splitlines()
    *_, line = (number for number, text in enumerate(dockerfile, 1) if text.startswith("RUN "))
    title = shown[0].split("`")[1]
    assert shown == [
        f"error: the step `{title}` failed: its command ended with exit code 3",
        f"  last lines of {title}:",
        *(f"    | line {number}" for number in range(11, 31)),
        "  from spec.yml:7: run[1]: its step failed: its command ended with exit code 3",
        f"  Dockerfile line {line} (see it: envbuild render)",
    ]
    assert id_of(engine, project.tag) is None


def test_ctrl_c_stops_a_build_and_keeps_the_lock(project: Project, engine: Engine) -> None:
    marker = a_long_sleep()
    project.spec(f"run: ['{marker}']\n")
    project.lock_path.unlink()
    with project.started("image") as running:
        wait_until_it_runs(marker, running)
        assert running.interrupt() < 10
        code, out, err = running.end()
    assert (code, out, err.splitlines()[-1]) == (130, "", "interrupted")
    until = time.monotonic() + 5
    while runs_somewhere(marker):
        assert time.monotonic() < until, "the step still runs on the engine"
        time.sleep(0.05)
    assert project.lock_path.read_bytes() == project.family.lock
    assert id_of(engine, project.tag) is None


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_lock_leaves_neither_container_nor_file(
    project: Project, api: docker.APIClient, how: signal.Signals
) -> None:
    project.lock_path.unlink()
    with project.started("lock") as running:
        owner = f"dev.envbuild.owner={os.uname().nodename}:{running.process.pid}"
        running.wait_for("Debian packages")
        until = time.monotonic() + 60
        while not api.containers(filters={"label": owner}):
            assert time.monotonic() < until
            time.sleep(0.02)
        assert running.interrupt(how) < 15
        assert running.end()[0] == 130
    assert api.containers(all=True, filters={"label": owner}) == []
    assert [path.name for path in project.folder.iterdir()] == ["spec.yml"]


# --- two at once ---


def test_who_waits_can_be_interrupted(project: Project, engine: Engine) -> None:
    marker = a_long_sleep()
    project.spec(f"run: ['{marker}']\n")
    with project.started("image") as first:
        wait_until_it_runs(marker, first)
        with project.started("image") as second:
            second.wait_for("another envbuild works on this spec; waiting for it")
            assert second.interrupt() < 5
            code, _, err = second.end()
            assert (code, err.splitlines()[-1]) == (130, "interrupted")
        assert first.process.poll() is None
        assert first.interrupt() < 10
        assert first.end()[0] == 130
    assert id_of(engine, project.tag) is None


def test_of_two_builds_of_one_spec_the_second_waits(project: Project, engine: Engine) -> None:
    project.spec(f"run: ['sleep 3; echo {uuid.uuid4()}']\n")
    with project.started("image") as first, project.started("image") as second:
        ended = sorted([first.end(), second.end()], key=lambda end: "nothing to do" in end[1])
    (code, out, err), (later_code, later_out, later_err) = ended
    assert (code, later_code) == (0, 0), err + later_err
    assert out.startswith(f"{project.tag}: the image is ready\n")
    assert later_out.startswith(f"{project.tag}: nothing to do, the image is up to date\n")
    assert "another envbuild works on this spec; waiting for it" in later_err
    assert "another envbuild" not in err
    image = id_of(engine, project.tag)
    assert image is not None
    assert image in out
    assert image in later_out


def test_two_locks_at_once_write_one(project: Project) -> None:
    project.lock_path.unlink()
    with project.started("lock") as first, project.started("lock") as second:
        ends = [first.end(), second.end()]
    assert [code for code, _, _ in ends] == [0, 0], ends
    assert project.lock_path.read_bytes() == project.family.lock
    assert sorted(path.name for path in project.folder.iterdir()) == [project.lock_path.name, "spec.yml"]
