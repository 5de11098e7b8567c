"""examples/conda, built and at work without conda-forge: numpy and scipy are wheels of the package index in
conda's clothes; Python is a link to the base's, and micromamba a stand-in.
"""

import json
import re
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.conda import Package, make_channel
from support.conda_builds import STANDIN
from support.conda_packages import PACKAGES, python
from support.conda_server import serve
from support.place import write_config
from uv import find_uv_bin

from envbuild.engine.engine import Engine

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "conda"
CONDA = "https://conda.anaconda.org"


def from_wheel(name: str, folder: Path, minor: str, *depends: str) -> Package:
    """The newest wheel of a package for Python `minor`, but for its own tests, as a conda package."""
    target = folder / name
    wanted = ["--no-deps", "--only-binary", ":all:", "--python", sys.executable]
    wanted += ["--python-version", minor, "--python-platform", "x86_64-manylinux_2_28"]
    subprocess.run(
        [find_uv_bin(), "pip", "install", "-q", "--no-config", *wanted, "--target", target, name],
        check=True,
    )
    files = [path for path in sorted(target.rglob("*")) if path.is_file() and "tests" not in path.parts]
    (version,) = {
        match[1] for path in files if (match := re.search(rf"/{name}-([\d.]+)\.dist-info/", str(path)))
    }
    tag = f"py{minor.replace('.', '')}_0"
    site = f"lib/python{minor}/site-packages"
    return Package(
        name=name,
        version=version,
        build=tag,
        depends=(f"python {minor}.*", *depends),
        files={f"{site}/{path.relative_to(target)}": path.read_bytes() for path in files},
    )


@pytest.fixture
def made(api: docker.APIClient) -> Iterator[str]:
    """The image's name; what was made under it is removed."""
    name = f"conda-{uuid.uuid4().hex[:8]}"
    yield name
    for image in api.images(filters={"label": f"dev.envbuild.name={name}"}):
        api.remove_image(image["Id"], force=True)


@pytest.mark.network
def test_conda_example_builds_and_does_its_work_by_a_standin_for_micromamba(
    engine: Engine, engine_url: str, python3_base: tuple[str, str], made: str, tmp_path: Path
) -> None:
    base, own = python3_base
    minor = own.rpartition(".")[0]
    wheels = tmp_path / "wheels"
    numpy = from_wheel("numpy", wheels, minor)
    packages = [row for row in PACKAGES if row.name not in {"python", "numpy", "scipy"}]
    channel = [*packages, python(own), numpy, from_wheel("scipy", wheels, minor, "numpy")]
    make_channel(tmp_path / "channels" / "conda-forge", channel)
    folder = tmp_path / "conda"
    shutil.copytree(EXAMPLE, folder)
    spec = folder / "spec.yml"
    text = (
        spec.read_text().replace("name: conda", f"name: {made}").replace("python: 3.12", f"python: {minor}")
    )
    spec.write_text(text.replace("base: debian:bookworm-slim", f"base: {base}"))
    binary = tmp_path / "micromamba"
    shutil.copy(STANDIN, binary)
    binary.chmod(0o755)
    with serve(tmp_path / "channels") as server:
        home = tmp_path / "home"
        settings = {"conda_mirrors": {CONDA: server.url}, "micromamba": str(binary), "build_network": "host"}
        write_config(home, settings)
        line = CommandLine(folder, home, engine_url)
        out, err = line("image", "--json")
    assert "py-rattler installs" not in err
    results = {check["name"]: check["status"] for check in json.loads(out)["smoke"]["checks"]}
    assert {status for name, status in results.items() if "gpu" not in name.lower()} == {"passed"}
    assert any("verify.py" in name for name in results)
    ran = engine.run(f"{made}:latest", ["python", "-c", "import numpy; print(numpy.__version__)"])
    assert ran.stdout.split() == [numpy.version]
