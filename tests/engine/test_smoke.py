"""Smoke tests in real containers: commands that pass, fail, hang, take all memory, or are not there.

The image is the base with a stand-in for /opt/env/bin/python, a shell script: the examples' tests run probes
on a real Python.
"""

import io
import tarfile
from collections.abc import Iterator

import docker
import pytest

from envbuild.engine.engine import Engine
from envbuild.smoke.checks import PYTHON
from envbuild.smoke.model import Check, CheckResult
from envbuild.smoke.run import run_smoke

MIB = 1024**2
STANDIN_PYTHON = """\
#!/bin/sh
case "$2" in
*stdin.buffer.read*) exec cat >/dev/null ;;
*) echo noise; echo '{"status": "passed", "detail": "'"$3"'"}' ;;
esac
"""


@pytest.fixture(scope="module")
def image(api: docker.APIClient, base_image: str) -> Iterator[str]:
    """The base image with a stand-in for Python, removed at the end."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("opt/env/bin/python")
        entry.size, entry.mode = len(STANDIN_PYTHON), 0o755
        tar.addfile(entry, io.BytesIO(STANDIN_PYTHON.encode()))
    container = api.create_container(base_image, command=["true"])["Id"]
    try:
        api.put_archive(container, "/", buffer.getvalue())
        made = api.commit(container)["Id"]
    finally:
        api.remove_container(container)
    yield made
    api.remove_image(made)


def smoke(engine: Engine, image: str, *checks: Check) -> tuple[CheckResult, ...]:
    return run_smoke(engine, image, checks, engine_name="real", memory=64 * MIB).results


def command(text: str, timeout: int = 30) -> Check:
    return Check(name=text, kind="command", argv=("/bin/sh", "-c", text), timeout=timeout)


def test_a_command_that_passes_and_one_that_fails(engine: Engine, image: str) -> None:
    good, bad = smoke(engine, image, command("test -d /etc"), command("echo out; echo it broke >&2; exit 3"))
    assert (good.status, good.output) == ("passed", ())
    assert (bad.status, bad.detail) == ("failed", "exit code 3: it broke")
    assert bad.output == ("out", "it broke")


def test_one_that_hangs_is_stopped_and_the_next_runs(engine: Engine, image: str) -> None:
    hanging, after = smoke(engine, image, command("echo begun; sleep 100", timeout=2), command("true"))
    assert (hanging.status, hanging.detail, hanging.output) == ("failed", "timed out after 2 s", ("begun",))
    assert hanging.seconds < 20
    assert after.status == "passed"


def test_one_that_takes_all_memory(engine: Engine, image: str) -> None:
    hungry, after = smoke(engine, image, command("perl -e '$x = q(a) x (1 << 29); sleep 1'"), command("true"))
    assert (hungry.status, hungry.detail) == ("failed", "ran out of memory (limit 64 MiB)")
    assert after.status == "passed"


def test_a_program_that_the_image_lacks(engine: Engine, image: str) -> None:
    (result,) = smoke(engine, image, Check(name="x", kind="command", argv=("/no/such/sh", "-c", "true")))
    assert (result.status, result.detail) == ("failed", "the image has no /no/such/sh")


def test_a_probe_and_its_argument(engine: Engine, image: str) -> None:
    (result,) = smoke(engine, image, Check(name="p", kind="builtin", argv=(PYTHON, "-c", "probe", "cpu")))
    assert (result.status, result.detail) == ("passed", "cpu")


def test_commands_have_no_network_and_a_read_only_root(engine: Engine, image: str) -> None:
    lines, write = smoke(
        engine, image, command("test $(wc -l < /proc/net/route) = 1"), command("touch /usr/x")
    )
    assert lines.status == "passed"
    assert write.detail.startswith("exit code 1: touch: ")
    assert "Read-only file system" in write.detail
