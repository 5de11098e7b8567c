"""Builds on a real engine: events, failures and where they point, secrets, cancelling, parallel builds."""

import dataclasses
import io
import json
import tarfile
import threading
import time
import uuid
from pathlib import Path

import docker
import pytest
from support.contexts import PLATFORM, Recorder, context
from support.processes import running_commands

from envbuild.engine.buildkit.request import BuildkitBuild
from envbuild.engine.connect import connect
from envbuild.engine.context import context_entries
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import BaseUnavailable, BuildError, Problem
from envbuild.events import Event, StepLog
from envbuild.render.model import Step

LONG = 120


def everything_in(api: docker.APIClient, image: str) -> bytes:
    """The bytes of an image as handed on: every layer unpacked, its configuration, its history."""
    found = io.BytesIO()
    archive = io.BytesIO(b"".join(api.get_image(image)))
    with tarfile.open(fileobj=archive) as outer:
        for member in outer.getmembers():
            content = outer.extractfile(member)
            if content is None:
                continue
            data = content.read()
            found.write(data)
            if member.name.endswith("layer.tar"):
                with tarfile.open(fileobj=io.BytesIO(data)) as layer:
                    found.writelines(name.encode() for name in layer.getnames())
    found.write(json.dumps(api.history(image)).encode())
    found.write(json.dumps(api.inspect_image(image)).encode())
    return found.getvalue()


def test_a_small_build_tells_its_steps_and_its_result(engine: Engine, base_image: str, name: str) -> None:
    seen = Recorder()
    token = uuid.uuid4().hex
    steps = (Step(title="apt packages", first=3, last=5, key="apt", line=7),)
    dockerfile = (
        f"FROM {base_image}\n"
        "# why\n"
        f"RUN echo {token} \\\n"
        "  # between\n"
        "  && printf 'no end' >&2\n"
        "COPY a deep/b /x/\n"
        "WORKDIR /y\n"
        "LABEL a=b\n"
    )
    files = {"a": b"1", "deep/b": b"2", f"{'v' * LONG}/{'w' * LONG}": b"3"}
    request = BuildRequest(tags=(f"{name}:latest",))
    built = engine.build(context(dockerfile, files, steps=steps), request, seen)
    seen.check()
    assert seen.started()[1:] == ["apt packages", "COPY a deep/b /x/", "WORKDIR /y", "export the image"]
    assert seen.started()[0].startswith("FROM ")
    assert sorted(seen.lines()) == sorted([token, "no end"])
    assert seen.cached()["apt packages"] is False
    image = engine.image(f"{name}:latest")
    assert image is not None
    assert (image.id, image.size, image.layers) == (built.id, built.size, built.layers)
    assert image.labels["a"] == "b"  # beside those of the base
    assert built.digest.startswith("sha256:")
    assert engine.run(built.id, ["cat", "/x/a", "/x/b"]).stdout == "12"

    again = Recorder()
    same = engine.build(context(dockerfile, files, steps=steps), BuildRequest(), again)
    again.check()
    assert again.cached()["apt packages"] is True
    assert same.layers == built.layers


def test_no_cache_runs_every_step_again(engine: Engine, base_image: str) -> None:
    plain = context(f"FROM {base_image}\nRUN echo no-cache\n")
    engine.build(plain, BuildRequest())
    seen = Recorder()
    engine.build(plain, BuildRequest(no_cache=True), seen)
    assert seen.cached()["RUN echo no-cache"] is False


def test_a_failing_step_shows_its_log_and_where_it_came_from(engine: Engine, base_image: str) -> None:
    seen = Recorder()
    steps = (
        Step(title="first", first=2, last=2, key="run[0]", line=8),
        Step(title="second", first=4, last=5, key="run[1]", line=9),
    )
    dockerfile = (
        f"FROM {base_image}\n"
        "RUN true\n"
        "ENV COUNT=30\n"
        "RUN for i in $(seq $COUNT); do echo line $i; done; \\\n"
        "    exit 3\n"
        "RUN echo never\n"
    )
    with pytest.raises(BuildError) as caught:
        engine.build(context(dockerfile, steps=steps), BuildRequest(spec="my.yml"), seen)
    error = caught.value
    assert error.message == "the step `second` failed: its command ended with exit code 3"
    assert error.step == "second"
    assert error.log == tuple(f"line {number}" for number in range(11, 31))
    assert error.dockerfile_line == 4
    assert error.problem == Problem(
        file="my.yml", line=9, path="run[1]", what="its step failed: its command ended with exit code 3"
    )
    seen.check()
    assert seen.failed() == {"second": "exit code 3"}


def test_of_two_stages_side_by_side_the_one_that_failed_is_named(engine: Engine, base_image: str) -> None:
    seen = Recorder()
    salt = uuid.uuid4().hex
    dockerfile = (
        f"FROM {base_image} AS slow\nRUN echo {salt}; sleep 20\n"
        f"FROM {base_image} AS broken\nRUN sleep 1; echo {salt} >&2; exit 7\n"
        f"FROM {base_image}\nCOPY --from=slow /etc/passwd /a\nCOPY --from=broken /etc/passwd /b\n"
    )
    began = time.monotonic()
    with pytest.raises(BuildError) as caught:
        engine.build(context(dockerfile), BuildRequest(), seen)
    assert time.monotonic() - began < 15
    assert caught.value.dockerfile_line == 4
    assert caught.value.log == (salt,)
    assert "exit code 7" in caught.value.message
    seen.check()
    assert "stopped" in seen.failed().values()


def test_a_wrong_dockerfile_is_an_error_with_the_engine_s_words(engine: Engine) -> None:
    with pytest.raises(BuildError, match=r"the build failed: .*unknown instruction: NONSENSE"):
        engine.build(context("FROM scratch\nNONSENSE x\n"), BuildRequest())


def test_a_base_that_cannot_be_had(engine: Engine) -> None:
    seen = Recorder()
    with pytest.raises(BaseUnavailable) as caught:
        engine.build(context("FROM 127.0.0.1:1/none/x:1\nRUN true\n"), BuildRequest(), seen)
    assert caught.value.message.startswith("the base image 127.0.0.1:1/none/x:1 cannot be had: ")
    assert "connection refused" in caught.value.message
    assert caught.value.hint == (
        "log in to its registry (`docker login`), or name a mirror for it in the site config"
    )
    seen.check()


def test_build_arguments_network_and_uv(engine: Engine, base_image: str, tmp_path: Path) -> None:
    (tmp_path / "uv-binary").write_text("#!/bin/sh\necho a stand-in for uv\n")
    seen = Recorder()
    dockerfile = (
        "ARG BASE=none:none\nFROM scratch AS uv\nCOPY uv /uv\nFROM ${BASE}\nARG WORD\n"
        "RUN --mount=type=bind,from=uv,source=/uv,target=/bin/uv "
        'uv; echo "$WORD"; ls /sys/class/net; stat -c %a /bin/uv\n'
    )
    request = BuildRequest(
        build_args={"BASE": base_image, "WORD": "said"},
        network="none",
        uv_binary=tmp_path / "uv-binary",
        no_cache=True,
    )
    engine.build(context(dockerfile, needs_uv=True), request, seen)
    assert seen.lines() == ["a stand-in for uv", "said", "lo", "755"]


def test_the_user_s_files_are_copied_and_readable_by_everybody(
    engine: Engine, base_image: str, tmp_path: Path
) -> None:
    source = tmp_path / "src"
    (source / "inner").mkdir(parents=True)
    (source / "inner" / "run.sh").write_text("#!/bin/sh\n")
    (source / "inner" / "run.sh").chmod(0o755)
    (source / "inner" / "data").write_text("d")
    (source / "inner" / "data").chmod(0o640)
    (source / "link").symlink_to("inner/data")
    (source / f"{'n' * LONG}é").write_text("long")
    listing = "cd /there && find . -mindepth 1 -printf '%P %M %u %l\\n'"
    dockerfile = f"FROM {base_image}\nCOPY copy/0/ /there/\nRUN {listing}\n"
    seen = Recorder()
    engine.build(context(dockerfile, copies={"copy/0": source}), BuildRequest(no_cache=True), seen)
    assert sorted(seen.lines()) == sorted(
        [
            "inner drwxr-xr-x root ",
            "inner/data -rw-r--r-- root ",  # images are for everybody
            "inner/run.sh -rwxr-xr-x root ",
            "link lrwxrwxrwx root inner/data",
            f"{'n' * LONG}é -rw-r--r-- root ",
        ]
    )


def test_a_large_secret_reaches_its_step_and_nothing_else(
    engine: Engine, api: docker.APIClient, base_image: str, name: str
) -> None:
    token = uuid.uuid4().hex
    secret = (f"token={token}\n" + "x" * 400_000).encode()
    seen = Recorder()
    dockerfile = (
        f"FROM {base_image} AS build\n"
        "RUN --mount=type=secret,id=site wc -c < /run/secrets/site; head -n1 /run/secrets/site | cut -c1-6\n"
        "RUN test ! -e /run/secrets/site\n"
        # Only what the steps made, so that unpacking the image takes no time.
        "FROM scratch\nCOPY --from=build /run/ /run/\nCOPY --from=build /etc/passwd /h\n"
    )
    request = BuildRequest(secrets={"site": secret}, tags=(f"{name}:latest",), no_cache=True)
    engine.build(context(dockerfile), request, seen)
    assert seen.lines() == [str(len(secret)), "token="]
    assert token.encode() not in everything_in(api, f"{name}:latest")


def test_a_secret_that_was_not_given_fails_only_what_requires_it(engine: Engine, base_image: str) -> None:
    salt = uuid.uuid4()
    mount = "--mount=type=secret,id=none"
    optional = f"FROM {base_image}\nRUN {mount} test ! -e /run/secrets/none && echo {salt}\n"
    engine.build(context(optional), BuildRequest())
    required = f"FROM {base_image}\nRUN {mount},required=true echo {salt}\n"
    with pytest.raises(BuildError, match="none"):
        engine.build(context(required), BuildRequest())


def test_ctrl_c_stops_the_step_on_the_engine_within_a_second(engine: Engine, base_image: str) -> None:
    marker = f"sleep 600.{uuid.uuid4().int % 10**9}"
    seen = Recorder()

    def sink(event: Event) -> None:
        seen(event)
        if isinstance(event, StepLog) and event.line == "begun":
            assert any(marker in line for line in running_commands()), "the engine runs on another machine"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.build(context(f"FROM {base_image}\nRUN echo begun; {marker}\n"), BuildRequest(), sink)
    stopped = time.monotonic()
    while any(marker in line for line in running_commands()):
        assert time.monotonic() - stopped < 1, "the step still runs on the engine"
        time.sleep(0.02)
    seen.check()
    assert "stopped" in seen.failed().values()


def test_four_builds_at_once_keep_their_secrets_and_logs_apart(
    engine_url: str, base_image: str, tmp_path: Path
) -> None:
    seen = [Recorder() for _ in range(4)]
    errors: list[BaseException] = []

    def build(number: int) -> None:
        dockerfile = f"FROM {base_image}\nRUN --mount=type=secret,id=s echo {number} $(cat /run/secrets/s)\n"
        request = BuildRequest(secrets={"s": f"secret-of-{number}".encode()}, no_cache=True)
        try:
            with connect(engine_url, {"HOME": str(tmp_path)}) as own:
                own.build(context(dockerfile), request, seen[number])
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=build, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not errors
    for number, recorder in enumerate(seen):
        recorder.check()
        assert recorder.lines() == [f"{number} secret-of-{number}"]


def test_a_carriage_return_shows_what_a_terminal_would(engine: Engine, base_image: str) -> None:
    seen = Recorder()
    step = f"printf '10%%\\r50%%\\r100%%\\n'; printf '{uuid.uuid4().hex}' >/dev/null"
    engine.build(context(f"FROM {base_image}\nRUN {step}\n"), BuildRequest(), seen)
    assert seen.lines() == ["100%"]


def test_a_context_sent_through_the_session(engine_url: str, base_image: str, tmp_path: Path) -> None:
    """The way of engines with the containerd store up to 27.4; any other takes it as well."""
    source = tmp_path / "src"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "large").write_bytes(b"x" * 3_000_000)
    (source / "link").symlink_to("sub/large")
    (source / "run").write_text("#!/bin/sh\n")
    (source / "run").chmod(0o755)
    listing = "wc -c < /there/link; stat -c '%A %n' /there/run /there/link; cat /a/b; test ! -e /a/other"
    dockerfile = f"FROM {base_image}\nCOPY copy/0 /there\nCOPY a/b /a/b\nRUN {listing}\n"
    with connect(engine_url, {"HOME": str(tmp_path)}) as engine:
        engine._builder._info = dataclasses.replace(engine.info, context="filesync")
        # Of the same size: an engine that trusts size and time would take the first for the second.
        for content in (b"one", b"two"):
            seen = Recorder()
            files = {"a/b": content, "a/other": b"not asked for"}
            made = context(dockerfile, files, copies={"copy/0": source})
            engine.build(made, BuildRequest(no_cache=True, secrets={"s": b"x"}), seen)
            assert seen.lines() == [
                "3000000",
                "-rwxr-xr-x /there/run",
                "lrwxrwxrwx /there/link",
                content.decode(),
            ]
        with pytest.raises(BuildError, match="none"):
            engine.build(context("FROM scratch\nCOPY none /none\n", {"some": b""}), BuildRequest())
        gone = context("FROM scratch\nCOPY copy/0 /x\n", copies={"copy/0": source / "run"})
        entries = context_entries(gone, None)
        (source / "run").unlink()
        build = BuildkitBuild(engine._builder._transport, lambda host: ("", ""), filesync=True)
        with pytest.raises(BuildError, match=r"run: cannot be read: no such file or directory"):
            build.run(entries, BuildRequest(), platform=PLATFORM, digest="x", listen=lambda _: None)
