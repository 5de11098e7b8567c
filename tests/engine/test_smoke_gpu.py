"""`smoke: {gpu: required}` from the spec to the exit code, on a dockerd of the test's own.

A stand-in for NVIDIA's runtime: registered as `nvidia`, it edits the container as the real one does and hands
it to runc. What it puts there are a stand-in device file and a stand-in driver that computes on the CPU; all
else is real: the image, the sandbox, the probe in the image's own Python, the ways that each outcome takes.
"""

import contextlib
import json
import os
import shlex
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.bridges import own_bridge
from support.commandline import CommandLine
from support.engines import have_base, own_dockerd
from support.frameworks.driver import settings, standin_driver
from support.need import missing
from support.processes import DidNotStart
from support.projects import Project, id_of

from envbuild.engine.engine import Engine

pytestmark = pytest.mark.network

RUNTIME = """\
#!{python} -I
# Stand-in for nvidia-container-runtime: GPUs for containers that ask for them by NVIDIA_VISIBLE_DEVICES.
import json, os, pathlib, sys

arguments, gpu = sys.argv[1:], pathlib.Path({folder!r})
if "create" in arguments and (gpu / "device").exists():
    path = pathlib.Path(arguments[arguments.index("--bundle") + 1], "config.json")
    config = json.loads(path.read_text())
    asked = dict(item.split("=", 1) for item in config["process"]["env"]).get("NVIDIA_VISIBLE_DEVICES", "")
    if asked not in ("", "void", "none"):
        for source, target in (
            ("device", "/dev/nvidia0"),
            ("libcuda.so.1", "/usr/lib/libcuda.so.1"),
            ("libnvidia-ml.so.1", "/usr/lib/libnvidia-ml.so.1"),
        ):
            config["mounts"].append(
                {{
                    "destination": target,
                    "source": str(gpu / source),
                    "type": "bind",
                    "options": ["bind", "ro"],
                }}
            )
        path.write_text(json.dumps(config))
os.execvp("runc", ["runc", *arguments])
"""
SPEC = """\
name: {name}
python: 3.11
smoke:
  gpu: {gpu}
"""


class Machine:
    """A command line, and a machine whose GPU comes and goes."""

    def __init__(self, folder: Path, url: str, name: str) -> None:
        self.gpu = folder / "gpu"
        self.name = name
        self.tag = f"{name}:latest"
        (folder / "work").mkdir()
        self.envbuild = CommandLine(folder / "work", folder / "home", url)
        # This engine's bridge leads nowhere: what needs a network takes the machine's own.
        self.envbuild.environ["ENVBUILD_BUILD_NETWORK"] = "host"
        self.api = docker.APIClient(base_url=url, version="auto")

    def spec(self, gpu: str, more: str = "") -> None:
        (self.envbuild.folder / "spec.yml").write_text(SPEC.format(name=self.name, gpu=gpu) + more)

    def has(self, driver: str) -> None:
        """From now on containers get a GPU as `driver` (settings) describes it; "" for none."""
        device = self.gpu / "device"
        device.unlink(missing_ok=True)
        if driver:
            device.write_text(driver)

    def image(self, tag: str = "latest") -> str | None:
        try:
            return str(self.api.inspect_image(f"{self.name}:{tag}")["Id"])
        except docker.errors.ImageNotFound:
            return None


@pytest.fixture(scope="module")
def machine(
    network: None, tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config
) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    cache = pytestconfig.cache
    assert cache is not None
    standin_driver(folder / "gpu")
    runtime = folder / "nvidia-container-runtime"
    runtime.write_text(RUNTIME.format(python=sys.executable, folder=str(folder / "gpu")))
    runtime.chmod(0o755)
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        given = os.environ.get("ENVBUILD_DOCKERD_OPTIONS", "")
        try:
            bridge = stack.enter_context(own_bridge())
            # No rules of its own either: another dockerd may have them.
            options = ["--bridge", bridge, "--iptables=false", "--add-runtime", f"nvidia={runtime}"]
            patch.setenv("ENVBUILD_DOCKERD_OPTIONS", f"{given} {shlex.join(options)}")
            url = stack.enter_context(own_dockerd())
            have_base(url, cache.mkdir("envbuild-base"))
        except DidNotStart as error:
            missing("engine", str(error))
        made = Machine(folder, url, f"gpu-{uuid.uuid4().hex[:8]}")
        stack.callback(made.api.close)
        yield made


def test_required_gpu_from_spec_to_exit_code_with_stand_in_runtime(machine: Machine) -> None:
    machine.spec("required")

    # No GPU: 8, and nothing gets the image's name.
    machine.has("")
    out, err = machine.envbuild("image", code=8)
    assert machine.image() is None
    assert machine.image("failed") is not None
    assert (
        "error: smoke.gpu is required, and no GPU could be had: no GPU in the container; the image is kept as"
        f" {machine.name}:failed, and {machine.tag} was not touched" in err
    )
    assert "smoke: CUDA driver: failed: required, but not run: no GPU in the container" in err

    # A GPU that computes wrongly: 6.
    machine.has(settings("Stand-in A100:8.0", wrong=0))
    out, err = machine.envbuild("image", code=6)
    wrong = "CUDA driver computes a wrong result with a compiled kernel on GPU 0 Stand-in A100 (8.0)"
    assert wrong in out
    assert machine.image() is None

    # Two that are right: 0.
    machine.has(settings("Stand-in A100:8.0", "Stand-in H100:9.0"))
    made = machine.envbuild.json("image")
    (check,) = [check for check in made["smoke"]["checks"] if check["name"] == "CUDA driver"]
    assert (check["status"], check["required"], made["smoke"]["missing_gpu"]) == ("passed", True, False)
    assert "are right on Stand-in A100 (8.0) in " in check["detail"]
    assert ", Stand-in H100 (9.0) in " in check["detail"]
    # The version by the stand-in's NVML, unless this machine has a real driver.
    version = "550.54.15 " if not Path("/proc/driver/nvidia/version").exists() else ""
    assert f"; driver {version}" in check["detail"]
    assert machine.image() == made["id"]

    # Tried again without a GPU, with a driver that does not start, and with a right one.
    machine.has("")
    out, _ = machine.envbuild("smoke", code=8)
    assert "no GPU in the container (required)" in out
    machine.has(settings("Stand-in A100:8.0", init=803))
    out, _ = machine.envbuild("smoke", machine.tag, code=6)
    assert "error 803 (CUDA_ERROR_SYSTEM_DRIVER_MISMATCH); the driver's module and its library differ" in out
    machine.has(settings("Stand-in A100:8.0"))
    out, _ = machine.envbuild("smoke", code=0)
    assert "smoke: 1 passed" in out


def test_gpu_auto_is_not_run_without_one_with_stand_in_runtime(machine: Machine) -> None:
    machine.spec("auto", more="base: debian:bookworm-slim\ncuda: '12.8'\n")
    machine.has("")
    made = machine.envbuild.json("image")
    (check,) = made["smoke"]["checks"]
    assert (check["name"], check["status"], check["required"]) == ("CUDA driver", "not run", False)
    assert check["detail"] == "no GPU in the container"
    assert (made["smoke"]["passed"], made["smoke"]["missing_gpu"]) == (True, False)
    machine.has(settings("Stand-in A100:8.0"))
    assert machine.envbuild.json("smoke")["counts"] == {"passed": 1, "failed": 0, "not run": 0}
    # With `none` nothing is tried though a GPU is there.
    machine.spec("none", more="base: debian:bookworm-slim\ncuda: '12.8'\n")
    (check,) = machine.envbuild.json("image")["smoke"]["checks"]
    assert (check["status"], check["detail"]) == ("not run", "smoke.gpu is none")


def test_required_gpu_on_an_engine_that_has_none(project: Project, engine: Engine) -> None:
    if "nvidia" in engine.info.runtimes:
        pytest.skip("this engine has NVIDIA's runtime")
    project.spec("smoke: {gpu: required}\n")
    _, err = project("image", code=8)
    assert "error: smoke.gpu is required, and no GPU could be had: " in err
    assert id_of(engine, project.tag) is None
    assert id_of(engine, f"{project.repository}:failed") is not None
    (check,) = json.loads(project("smoke", f"{project.repository}:failed", "--json", code=8)[0])["checks"]
    assert (check["status"], check["required"]) == ("not run", True)
    project.spec("smoke: {gpu: auto}\n")
    assert project.json("image")["smoke"]["checks"] == []
