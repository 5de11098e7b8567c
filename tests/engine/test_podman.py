"""Podman by the classic endpoint, with a service of the test's own: builds, secrets, failures, containers."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.contexts import Recorder, context
from support.engines import have_base, own_podman
from support.processes import DidNotStart, running_commands

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import BuildError, GpuUnavailable
from envbuild.events import Event, Notice, StepLog
from envbuild.render.model import Step

MIB = 1024**2


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Engine]:
    """A podman of our own with the base image in it; skipped where the machine does not let it run."""
    cache = pytestconfig.cache
    assert cache is not None
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(own_podman())
            have_base(url, cache.mkdir("envbuild-base"))
        except DidNotStart as error:
            pytest.skip(f"no podman: {error}")
        yield stack.enter_context(connect(url, {"HOME": str(tmp_path_factory.mktemp("home"))}))


def test_what_podman_is(podman: Engine) -> None:
    assert (podman.info.kind, podman.info.context, podman.info.buildkit) == ("podman", "classic", False)
    assert int(podman.info.version.split(".")[0]) >= 4


def test_a_build_with_a_secret_stages_and_uv(podman: Engine, tmp_path: Path) -> None:
    (tmp_path / "uv-binary").write_text("#!/bin/sh\necho a stand-in for uv\n")
    secret = b"s" * 100_000
    steps = (
        Step(title="the base", first=3, last=3, key="base", line=2),
        Step(title="packages", first=5, last=6, key="pip", line=4),
    )
    dockerfile = (
        "FROM scratch AS uv\nCOPY uv /uv\nFROM debian:bookworm-slim\nENV A=b\n"
        "RUN --mount=type=bind,from=uv,source=/uv,target=/bin/uv --mount=type=secret,id=site \\\n"
        "  uv; wc -c < /run/secrets/site; echo made > /made\n"
        "RUN test ! -e /run/secrets/site\nLABEL c=d\n"
    )
    request = BuildRequest(secrets={"site": secret}, tags=("built:1",), uv_binary=tmp_path / "uv-binary")
    seen = Recorder()
    built = podman.build(context(dockerfile, steps=steps, needs_uv=True), request, seen)
    seen.check()
    assert "the base" in seen.started()
    assert "a stand-in for uv" in seen.lines()
    assert str(len(secret)) in seen.lines()
    assert seen.cached()["packages"] is False
    image = podman.image("built:1")
    assert image is not None
    assert image.id == built.id
    assert image.labels["c"] == "d"
    assert podman.run("built:1", ["sh", "-c", "cat /made; ls -A /run/secrets"]).stdout == "made\n"
    held = podman.run("built:1", ["find", "/", "-xdev", "-size", f"{len(secret)}c"])
    assert held.stdout == ""

    again = Recorder()
    podman.build(context(dockerfile, steps=steps, needs_uv=True), request, again)
    assert again.cached()["packages"] is True
    podman.untag("built:1")
    assert podman.image("built:1") is None


def test_a_failing_step(podman: Engine) -> None:
    steps = (Step(title="run", first=3, last=3, key="run[0]", line=8),)
    dockerfile = (
        "FROM debian:bookworm-slim\nENV N=30\nRUN for i in $(seq $N); do echo line $i; done; exit 3\n"
    )
    seen = Recorder()
    with pytest.raises(BuildError) as caught:
        podman.build(context(dockerfile, steps=steps), BuildRequest(), seen)
    seen.check()
    assert caught.value.message == "the step `run` failed: its command ended with exit code 3"
    assert caught.value.log == tuple(f"line {number}" for number in range(11, 31))
    assert caught.value.dockerfile_line == 3
    assert caught.value.problem is not None
    assert (caught.value.problem.path, caught.value.problem.line) == ("run[0]", 8)


def test_ctrl_c_stops_after_the_step_at_hand_and_says_so(podman: Engine) -> None:
    first, second = (f"sleep {length}.{uuid.uuid4().int % 10**9}" for length in (2, 600))
    seen = Recorder()

    def sink(event: Event) -> None:
        seen(event)
        if isinstance(event, StepLog) and event.line == "begun":
            raise KeyboardInterrupt

    dockerfile = f"FROM debian:bookworm-slim\nRUN echo begun; {first}\nRUN {second}\n"
    with pytest.raises(KeyboardInterrupt):
        podman.build(context(dockerfile), BuildRequest(), sink)
    assert (
        Notice(level="warning", text="Podman still finishes the step that it is at, then stops")
        in seen.events
    )
    while any(first in line for line in running_commands()):
        time.sleep(0.05)
    time.sleep(1)
    assert not any(second in line for line in running_commands())


def test_a_command_and_a_sandbox(podman: Engine) -> None:
    ran = podman.run(
        "debian:bookworm-slim",
        ["sh", "-c", "cat; cat /run/secrets/s; exit 4"],
        stdin="in\n",
        secrets={"s": b"x"},
    )
    assert (ran.code, ran.stdout) == (4, "in\nx")
    script = "ls /sys/class/net; touch /written; touch /tmp/f && echo tmp; grep CapEff /proc/self/status"
    with podman.sandbox("debian:bookworm-slim", memory=256 * MIB, idle=("cat",)) as sandbox:
        inside = sandbox.run(["sh", "-c", script], timeout=30)
        assert inside.stdout.split() == ["lo", "tmp", "CapEff:", "0" * 16]
        assert "Read-only file system" in inside.stderr
        assert sandbox.run(["sh", "-c", "sleep 60"], timeout=1).code is None
        assert sandbox.run(["cat"], stdin="again").stdout == "again"


def test_a_gpu_is_refused_by_podman_4(podman: Engine) -> None:
    if not podman.info.version.startswith("4."):
        pytest.skip("not podman 4")
    with (
        pytest.raises(GpuUnavailable) as caught,
        podman.sandbox("debian:bookworm-slim", memory=256 * MIB, gpu=True, idle=("cat",)),
    ):
        pass
    assert caught.value.message == f"Podman {podman.info.version} ignores requests for a GPU without a word"
