"""conda packages from spec to image by the command line.

Channel and py-rattler are real; micromamba is a stand-in where that word stands, Python a link to the base's.
"""

import json
import tomllib
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.conda import make_channel
from support.conda_builds import STANDIN, packages
from support.conda_packages import plain
from support.place import write_config

from envbuild.engine.engine import Engine


class Project(CommandLine):
    """A spec with a channel beside it."""

    def __init__(self, folder: Path, engine: str, base: tuple[str, str], settings: dict[str, str]) -> None:
        super().__init__(folder / "work", folder / "home", engine)
        self.folder.mkdir()
        self.name = f"conda-{uuid.uuid4().hex[:8]}"
        self.base, self.version = base
        write_config(folder / "home", {"build_network": "host", **settings})
        self.channel("1.0")
        short = ".".join(self.version.split(".")[:2])
        (self.folder / "spec.yml").write_text(
            f"name: {self.name}\npython: '{short}'\nbase: {self.base}\n"
            "conda:\n  channels: [./channel]\n  packages: [light, libtorch]\n"
            "smoke: {imports: [light, heavily], gpu: none}\n"
        )

    def channel(self, light: str) -> None:
        make_channel(
            self.folder / "channel", (*packages(self.version, light), plain("ca-certificates", "2024.7.4"))
        )

    def locked(self) -> dict[str, str]:
        """conda packages with their versions."""
        text = (self.folder / f"pylock.{self.name}.toml").read_text()
        return {row["name"]: row["version"] for row in tomllib.loads(text)["tool"]["envbuild"]["conda"]}


@pytest.fixture
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, str]:
    if request.param == "rattler":
        return {"micromamba": "rattler"}
    path = tmp_path / "micromamba-standin"
    path.write_bytes(STANDIN.read_bytes())
    path.chmod(0o755)
    return {"micromamba": str(path)}


@pytest.fixture
def project(
    tmp_path: Path,
    engine_url: str,
    python3_base: tuple[str, str],
    settings: dict[str, str],
    api: docker.APIClient,
) -> Iterator[Project]:
    made = Project(tmp_path, engine_url, python3_base, settings)
    yield made
    for image in api.images(filters={"label": f"dev.envbuild.name={made.name}"}):
        api.remove_image(image["Id"], force=True)


@pytest.mark.parametrize("settings", ["standin", "rattler"], indirect=True)
def test_from_spec_to_image(project: Project, engine: Engine) -> None:
    outcome = project.json("image")
    checks = {row["name"]: row["status"] for row in outcome["smoke"]["checks"]}
    assert {checks[name] for name in checks if "heavily" in name or "light" in name} == {"passed"}
    image = f"{project.name}:latest"
    ran = engine.run(image, ["python", "-c", "import light, heavily; print(light.__version__)"], user="777")
    assert (ran.code, ran.stdout) == (0, "1.0\n")
    record = json.loads(engine.run(image, ["cat", "/opt/env/conda-meta/light-1.0-pyh0_0.json"]).stdout)
    assert record["url"] == "./channel/noarch/light-1.0-pyh0_0.tar.bz2"
    assert project.json("image")["up_to_date"] is True

    project.channel("1.1")
    assert project.json("image")["up_to_date"] is True  # locked is locked
    project("lock", "--upgrade-package", "light")
    assert project.locked()["light"] == "1.1"
    assert project.json("image")["up_to_date"] is False
    ran = engine.run(image, ["python", "-c", "import light; print(light.__version__)"])
    assert ran.stdout == "1.1\n"


@pytest.mark.parametrize("settings", ["standin"], indirect=True)
def test_a_package_that_was_tampered_with_is_refused_by_a_standin(project: Project) -> None:
    version = f"1.{uuid.uuid4().int % 10**9}"  # the engine's cache has not seen it
    project.channel(version)
    project("lock")
    file = project.folder / "channel" / "noarch" / f"light-{version}-pyh0_0.tar.bz2"
    file.write_bytes(file.read_bytes() + b"more")
    _, said = project("image", "--locked", code=5)
    assert f"error: {file.name}: hash mismatch: ./channel has another file of this name than the lock" in said
    assert f"  from spec.yml:4: conda: light={version}=pyh0_0 is locked from there\n" in said


@pytest.mark.parametrize("settings", ["rattler"], indirect=True)
def test_a_package_that_was_tampered_with_is_refused_by_py_rattler(project: Project) -> None:
    project("lock")
    file = project.folder / "channel" / "noarch" / "light-1.0-pyh0_0.tar.bz2"
    file.write_bytes(file.read_bytes() + b"more")
    _, said = project("image", "--locked", code=4)
    assert "light-1.0-pyh0_0.tar.bz2" in said
    staged = project.folder.parent / "home" / "cache" / "envbuild" / "conda" / "staged"
    assert list(staged.iterdir()) == []


@pytest.mark.parametrize("settings", ["rattler"], indirect=True)
def test_a_context_in_a_folder(project: Project) -> None:
    project("render", "-o", "context")
    files = {
        path.relative_to(project.folder / "context").as_posix()
        for path in (project.folder / "context").rglob("*.tar")
    }
    assert files == {"conda/01-rest.tar"}
    project("render", "-o", "context", "--share")
    assert sorted(path.name for path in (project.folder / "context" / "conda").iterdir()) == [
        *("explicit.txt", "groups.txt", "pkgs")
    ]
    text = (project.folder / "context" / "Dockerfile").read_text()
    assert "\nARG ENVBUILD_MICROMAMBA=mambaorg/micromamba:2.8.1\n" in text
