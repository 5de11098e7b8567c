"""The examples are tests: quickstart is built and works; the GPU ones lock and render on any machine."""

import json
import os
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


def envbuild(*arguments: str | Path, timeout: int = 900) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "envbuild", *arguments],
        capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip


def copy_of(example: str, folder: Path, *, name: str | None = None) -> Path:
    """The example's folder, where a lock may be written; with another name for the image if wanted."""
    spec = (
        shutil.copytree(EXAMPLES / example, folder / example, ignore=shutil.ignore_patterns("pylock.*"))
        / "spec.yml"
    )
    if name:
        spec.write_text(spec.read_text().replace(f"name: {example}", f"name: {name}"))
    return spec


@pytest.fixture
def image_name(engine_url: str) -> Iterator[str]:
    from envbuild.engine.connect import connect

    name = f"quickstart-test-{uuid.uuid4().hex[:8]}"
    yield name
    with connect(engine_url, os.environ) as engine:
        engine.untag(f"{name}:latest")


@pytest.mark.engine
@pytest.mark.network
@pytest.mark.usefixtures("base_image")
def test_quickstart_builds_and_does_its_work(tmp_path: Path, image_name: str) -> None:
    spec = copy_of("quickstart", tmp_path, name=image_name)
    made = envbuild("image", spec, "--json")
    assert made.returncode == 0, made.stderr
    results = {result["name"]: result["status"] for result in json.loads(made.stdout)["smoke"]["checks"]}
    assert {status for name, status in results.items() if "gpu" not in name.lower()} == {"passed"}
    assert any("verify.py" in name for name in results)

    again = envbuild("image", spec, "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["up_to_date"] is True


@pytest.mark.network
@pytest.mark.parametrize(
    ("example", "base", "package"),
    [
        ("torch-gpu", "nvidia/cuda:12.8", "torch==2.10"),
        ("tensorflow-gpu", "nvidia/cuda:12.9", "tensorflow==2.21"),
        ("jax-gpu", "nvidia/cuda:12.9", "jax==0.12"),
    ],
)
def test_gpu_examples_lock_and_render(tmp_path: Path, example: str, base: str, package: str) -> None:
    spec = copy_of(example, tmp_path)
    locked = envbuild("lock", spec, "--allow-unpinned-base")
    assert locked.returncode == 0, locked.stderr
    rendered = envbuild("render", spec, "--locked", "--allow-unpinned-base")
    assert rendered.returncode == 0, rendered.stderr
    assert re.search(rf"^ARG ENVBUILD_BASE=\S*{re.escape(base)}", rendered.stdout, re.MULTILINE)
    planned = envbuild("plan", spec, "--locked", "--allow-unpinned-base", "--json")
    assert package in planned.stdout
