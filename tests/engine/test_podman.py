"""Podman by the classic endpoint, with a service of the test's own: builds, secrets, failures, containers."""

import contextlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support import planned
from support.conda_builds import STANDIN, conda_lock, differing, inside, packages, records
from support.conda_builds import build as conda_build
from support.contexts import Recorder, context
from support.engines import have_base, own_podman
from support.processes import DidNotStart, running_commands

from envbuild.conda.source import CondaSource
from envbuild.engine.conda import Wanted, conda_source, have_conda, local_packages
from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import BuildError, GpuUnavailable
from envbuild.events import Event, Notice, StepLog
from envbuild.render.model import Step
from envbuild.render.render import render
from envbuild.site.model import Site

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


def test_conda_packages_by_a_standin_and_by_archives(
    podman: Engine, network: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By buildah the environment is the same, whether a stage's COPY or ADD brings it; py-rattler is real."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    base = "localhost/envbuild-test-python3:1"
    install = "apt-get update -q && apt-get install -qy --no-install-recommends python3"
    wanted = BuildRequest(tags=(base,), network="host")
    podman.build(context(f"FROM debian:bookworm-slim\nRUN {install}\n"), wanted)
    version = podman.run(base, ["python3", "--version"]).stdout.split()[1]
    found = records(tmp_path / "channel", packages(version), "./channel")
    lock = conda_lock(base, version, found)
    wish = Wanted(
        plan=planned.planned(lock_=lock),
        lock=lock,
        folder=tmp_path,
        site=Site(micromamba="rattler"),
        platform="linux/amd64",
        connect=lambda: podman,
        sink=lambda event: None,
    )
    binary = tmp_path / "micromamba-standin"
    binary.write_bytes(STANDIN.read_bytes())
    binary.chmod(0o755)
    standin = CondaSource(how="binary", binary=binary, packages=local_packages(found, tmp_path))
    trees = []
    for source in (standin, conda_source(wish)):
        have_conda(wish, source)
        made = render(wish.plan, planned.TEMPLATES, copies={}, conda=source)
        trees.append(inside(podman, conda_build(podman, made, base).id))
    differ = {name for name in differing(*trees) if not name.startswith("conda-meta/")}
    assert differ == {"bin/light"}  # entry points: other white space
