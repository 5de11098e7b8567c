"""Commands in containers and sandboxes on a real engine: what they can and cannot do; nothing stays."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from envbuild.engine.engine import Engine
from envbuild.errors import EngineError, GpuUnavailable

MIB = 1024**2
IDLE = ("cat",)


def ours(api: docker.APIClient, pid: int | None = None) -> list[str]:
    """Ids of the containers of this process, or of another, running or not."""
    label = f"dev.envbuild.owner={socket.gethostname()}:{pid or os.getpid()}"
    return [found["Id"] for found in api.containers(all=True, filters={"label": label})]


@pytest.fixture(autouse=True)
def _nothing_stays(api: docker.APIClient) -> Iterator[None]:
    yield
    assert not ours(api)


def test_a_command_gets_input_environment_and_secrets(engine: Engine, base_image: str) -> None:
    script = 'cat; echo "$WORD"; cat /run/secrets/s; echo wrong >&2; id -u; stat -c %a /run/secrets/s; exit 4'
    ran = engine.run(
        base_image,
        ["sh", "-c", script],
        stdin="in\n",
        environment={"WORD": "a b"},
        secrets={"s": b"secret\n"},
        timeout=60,
    )
    assert (ran.code, ran.stdout, ran.stderr) == (4, "in\na b\nsecret\n0\n444\n", "wrong\n")
    assert not ran.oom_killed


def test_a_command_has_a_network_only_if_asked(engine: Engine, base_image: str) -> None:
    argv = ["ls", "/sys/class/net"]
    assert engine.run(base_image, argv).stdout.split() == ["lo"]
    assert engine.run(base_image, argv, network=True).stdout.split() != ["lo"]


def test_a_command_is_another_user_if_asked(engine: Engine, base_image: str) -> None:
    assert engine.run(base_image, ["id", "-u"], user="65534").stdout == "65534\n"


def test_a_command_that_does_not_end_is_stopped(engine: Engine, base_image: str) -> None:
    ran = engine.run(base_image, ["sh", "-c", "echo begun; sleep 60"], timeout=1)
    assert (ran.code, ran.stdout) == (None, "begun\n")
    assert ran.seconds < 5


def test_much_output_and_input_at_once(engine: Engine, base_image: str) -> None:
    text = "0123456789abcde\n" * 65536
    ran = engine.run(base_image, ["tee", "/dev/stderr"], stdin=text, timeout=60)
    assert ran.stdout == text
    assert ran.stderr == text


def test_a_program_or_an_image_that_is_not_there(engine: Engine, base_image: str) -> None:
    with pytest.raises(EngineError, match=f"running no-such-program in {base_image}: .*no-such-program"):
        engine.run(base_image, ["no-such-program"])
    with pytest.raises(EngineError, match=r"running true in nowhere:none: .*[Nn]o such image"):
        engine.run("nowhere:none", ["true"])


def test_a_sandbox_is_locked_down(engine: Engine, base_image: str) -> None:
    script = (
        "ls /sys/class/net; touch /written && echo bad; touch /tmp/f && echo tmp; echo $HOME; pwd; "
        "grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status; "
        "printf '#!/bin/sh\\necho ran' > /tmp/x; chmod +x /tmp/x; /tmp/x"
    )
    with engine.sandbox(base_image, memory=256 * MIB, idle=IDLE) as sandbox:
        ran = sandbox.run(["sh", "-c", script], timeout=30)
    zero = "0" * 16
    said = ["lo", "tmp", "/tmp", "/tmp", f"CapBnd:\t{zero}", f"CapEff:\t{zero}", "NoNewPrivs:\t1", "ran"]
    assert sorted(ran.stdout.splitlines()) == sorted(said)
    assert "Read-only file system" in ran.stderr


def test_a_sandbox_runs_commands_one_after_another(engine: Engine, base_image: str) -> None:
    with engine.sandbox(base_image, memory=256 * MIB, idle=IDLE) as sandbox:
        assert sandbox.run(["sh", "-c", "echo a > /tmp/kept"]).code == 0
        assert sandbox.run(["cat", "/tmp/kept"]).stdout == "a\n"
        ran = sandbox.run(["sh"], stdin="echo out; echo err >&2; exit 3\n")
        assert (ran.code, ran.stdout, ran.stderr) == (3, "out\n", "err\n")
        missing = sandbox.run(["no-such-program"])
        assert missing.code in {126, 127}
        assert "exec failed" in missing.stdout + missing.stderr


def test_a_sandbox_kills_what_takes_too_long(engine: Engine, base_image: str) -> None:
    with engine.sandbox(base_image, memory=256 * MIB, idle=IDLE) as sandbox:
        ran = sandbox.run(["sh", "-c", "echo begun; trap '' TERM; sleep 60"], timeout=1)
        assert (ran.code, ran.stdout, ran.oom_killed) == (None, "begun\n", False)
        assert ran.seconds < 5
        assert sandbox.run(["sh", "-c", "ls /proc | grep -c '^[0-9]'"]).code == 0


def test_a_sandbox_says_when_memory_ran_out(engine: Engine, base_image: str) -> None:
    hungry = "x=$(head -c 200000000 /dev/zero | tr '\\0' x); echo never"
    with engine.sandbox(base_image, memory=64 * MIB, idle=IDLE) as sandbox:
        ran = sandbox.run(["sh", "-c", hungry], timeout=60)
        assert ran.oom_killed
        assert ran.code == 137
        failed = sandbox.run(["sh", "-c", "exit 137"], timeout=60)
        assert (failed.code, failed.oom_killed) == (137, False)
        assert sandbox.run(["true"]).code == 0


def test_a_sandbox_goes_when_its_user_fails(engine: Engine, base_image: str) -> None:
    with pytest.raises(KeyboardInterrupt), engine.sandbox(base_image, memory=64 * MIB, idle=IDLE):
        raise KeyboardInterrupt


def test_a_sandbox_goes_when_envbuild_is_killed(
    engine: Engine, api: docker.APIClient, base_image: str, engine_url: str
) -> None:
    script = (
        "from envbuild.engine.connect import connect\n"
        f"with connect({engine_url!r}, {{'HOME': '/nonexistent'}}) as engine:\n"
        f"    with engine.sandbox({base_image!r}, memory=1 << 26, idle=('cat',)) as sandbox:\n"
        "        print('up', flush=True)\n"
        "        sandbox.run(['sleep', '600'])\n"
    )
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, cwd=root
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        assert ours(api, process.pid)
        process.kill()
    killed = time.monotonic()
    while ours(api, process.pid):
        assert time.monotonic() - killed < 10, "the sandbox outlives its maker"
        time.sleep(0.05)


def test_a_gpu_that_is_not_there(engine: Engine, base_image: str) -> None:
    if "nvidia" in engine.info.runtimes:
        pytest.skip("this engine has the NVIDIA runtime")
    with (
        pytest.raises(GpuUnavailable, match=r"^the engine gives no GPU: it has neither "),
        engine.sandbox(base_image, memory=64 * MIB, gpu=True, idle=IDLE),
    ):
        pass
