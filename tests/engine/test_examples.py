"""The examples are tests: quickstart is built and works; the GPU ones lock and render on any machine; conda's
locks and renders from a channel of stand-ins, and is built and works where conda-forge can be reached.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.conda import make_channel
from support.conda_packages import PACKAGES
from support.conda_server import serve
from support.need import missing

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
CONDA_FORGE = "https://conda.anaconda.org/conda-forge"


def envbuild(
    *arguments: str | Path, timeout: int = 900, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "envbuild", *arguments],
        capture_output=True, text=True, timeout=timeout, check=False,
        env={**os.environ, **(environ or {})},
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


@pytest.mark.engine
@pytest.mark.network
@pytest.mark.usefixtures("base_image")
def test_conda_example_locks_and_renders_from_a_channel_of_stand_ins(tmp_path: Path) -> None:
    """The packages are empty shells with conda-forge's names; py-rattler, uv and their answers are real."""
    make_channel(tmp_path / "channel", PACKAGES)
    spec = copy_of("conda", tmp_path)
    with serve(tmp_path / "channel") as server:
        mirror = f"{CONDA_FORGE}={server.url}"
        site = {"ENVBUILD_CONDA_MIRRORS": mirror, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        locked = envbuild("lock", spec, environ=site)
        assert locked.returncode == 0, locked.stderr
    rendered = envbuild("render", spec, "--locked", environ={"ENVBUILD_MICROMAMBA": "image"})
    assert rendered.returncode == 0, rendered.stderr
    assert "\nFROM ${ENVBUILD_MICROMAMBA} AS conda\n" in rendered.stdout
    lock = (spec.parent / "pylock.conda.toml").read_text()
    assert f"{CONDA_FORGE}/linux-64/numpy-2.1.0-py312_0.tar.bz2" in lock
    assert server.url not in lock
    assert 'name = "rich"' in lock


@pytest.mark.engine
@pytest.mark.network
@pytest.mark.usefixtures("base_image")
def test_conda_example_builds_and_does_its_work(tmp_path: Path, image_name: str) -> None:
    try:
        urllib.request.urlopen(f"{CONDA_FORGE}/noarch/repodata.json.zst", timeout=20).close()
    except OSError as error:
        missing("conda-forge", str(error))
    spec = copy_of("conda", tmp_path, name=image_name)
    made = envbuild("image", spec, "--json")
    assert made.returncode == 0, made.stderr
    results = {result["name"]: result["status"] for result in json.loads(made.stdout)["smoke"]["checks"]}
    assert {status for name, status in results.items() if "gpu" not in name.lower()} == {"passed"}
