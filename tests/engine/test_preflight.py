"""`envbuild preflight` as people type it: machines by text and by a stand-in for NVML, images by labels."""

import contextlib
import json
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.nvml import A100, GTX_1080_TI, standin_nvml

TORCH = 'name: x\npython: 3.12\npip: {packages: ["torch==2.8.0"]}\n'


@pytest.fixture
def envbuild(tmp_path: Path) -> CommandLine:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "spec.yml").write_text(TORCH)
    return CommandLine(folder, tmp_path / "home", "unix:///nowhere.sock")


def test_this_machine_by_a_standin_for_nvml(envbuild: CommandLine) -> None:
    """The stand-in says: an A100, a driver of branch 550."""
    with standin_nvml(A100) as environ:
        out, _ = envbuild("preflight", environ=environ)
    first, second, *_ = out.splitlines()
    assert first.startswith("spec.yml on driver ")
    assert "A100" in first
    assert first.endswith("judged by the spec's own pins")
    assert second.startswith(("ok: ", "limits: "))


def test_a_gpu_that_the_build_has_no_code_for_is_refused(envbuild: CommandLine) -> None:
    with standin_nvml(GTX_1080_TI) as environ:
        out, _ = envbuild("preflight", code=9, environ=environ)
    assert "refused: it cannot run" in out
    assert "has no code for" in out


def test_another_machine_and_odd_ones(envbuild: CommandLine) -> None:
    envbuild("preflight", "--host", "driver=550.54,gpu=A100")
    envbuild("preflight", "--host", "driver=none", code=9)
    out, _ = envbuild("preflight", "--host", "driver=banana,gpu=FooBar")
    assert "unknown: " in out
    _, err = envbuild("preflight", "--host", "divers=1", code=2)
    assert "did you mean driver" in err


def test_json_says_verdict_and_reasons(envbuild: CommandLine) -> None:
    found = envbuild.json("preflight", "--host", "driver=535.54.03,gpu=8.0")
    assert found["verdict"] == "limits"
    assert {"rule", "text", "source"} <= found["reasons"][0].keys()
    assert found["needs"]["least_driver"] == "525.60.13"


@pytest.mark.engine
def test_an_image_answers_by_its_labels(envbuild: CommandLine, engine_url: str, base_image: str) -> None:
    needs = {"uses": [{"component": "torch 2.8.0", "cuda": "12.8", "cubins": ["80"], "ptx": []}]}
    with contextlib.closing(docker.DockerClient(base_url=engine_url)) as client:
        ours, foreign = "envbuild-test/preflight:ours", "envbuild-test/preflight:foreign"
        box = client.containers.create(base_image, "true")
        try:
            label = json.dumps(needs).replace('"', '\\"')
            box.commit(*ours.split(":"), changes=f'LABEL dev.envbuild.gpu="{label}"')
            box.commit(*foreign.split(":"), changes="ENV CUDA_VERSION=12.4.1 NVIDIA_REQUIRE_CUDA=cuda>=12.4")
            on = {"DOCKER_HOST": engine_url}
            out, _ = envbuild("preflight", ours, "--host", "driver=570.124.06,gpu=A100", environ=on)
            assert "judged by the image's labels" in out
            assert "ok: " in out
            envbuild("preflight", ours, "--host", "driver=570.124.06,gpu=T4", code=9, environ=on)
            envbuild("preflight", foreign, "--host", "driver=550.54.15,gpu=A100", environ=on)
            envbuild("preflight", foreign, "--host", "driver=470.82.01,gpu=RTX 3090", code=9, environ=on)
            out, _ = envbuild("preflight", base_image, "--host", "driver=550.54.15,gpu=A100", environ=on)
            assert "unknown: " in out
            _, err = envbuild("preflight", "no-such-image:latest", code=2, environ=on)
            assert "neither a spec file nor an image" in err
        finally:
            box.remove()
            for name in (ours, foreign):
                client.images.remove(name, force=True)
