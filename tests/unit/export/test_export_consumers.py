"""What is exported, given to the programs that read it: uv, with a real index on loopback, and py-rattler."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.exported import MANAGED, conda_source, pip_source, wish
from support.index import Index
from support.planned import lock, spec

from envbuild.export import environment, pylock, requirements
from envbuild.export.model import Source, Wishes
from envbuild.lock.packages import packages_of
from envbuild.lock.pip import Target, Upgrade, compile_pip
from envbuild.lock.uv import find_uv
from envbuild.site.model import Site
from envbuild.spec.model import Pip

WISHES = (wish("alpha", "alpha"), wish("gamma>=1", "gamma"))
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture
def index() -> Iterator[Index]:
    served = Index()
    served.add("alpha", "1.0", ["beta>=1"])
    served.add("beta", "1.2")
    served.add("gamma", "2.0")
    yield served
    served.close()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path / "home"),
        "UV_CACHE_DIR": str(tmp_path / "cache"),
        "UV_HTTP_RETRIES": "0",
        "UV_PYTHON_DOWNLOADS": "never",
    }


@pytest.fixture
def source(index: Index, environ: dict[str, str]) -> Source:
    """A lock that uv made of the index."""
    pip = Pip(requirements=WISHES, index_url=index.url)
    target = Target(python=PYTHON, platform="linux/amd64", glibc="")
    document = compile_pip(pip, target, previous=None, upgrade=Upgrade(), site=Site(), environ=environ)
    locked = replace(
        lock(python=replace(MANAGED, version=PYTHON)), document=document, packages=packages_of(document)
    )
    return Source(name="spec.yml", spec=spec(python=PYTHON, pip=pip), lock=locked)


def install(
    file: Path, environ: dict[str, str], *options: str
) -> tuple[subprocess.CompletedProcess[str], dict[str, str]]:
    """What uv did, and what it installed: name → version."""
    target = file.parent / "installed"
    argv = [find_uv(), "--no-config", "pip", "install", "--python", sys.executable, "--target", str(target)]
    ran = subprocess.run(
        [*argv, "-r", str(file), *options],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        cwd=file.parent,
    )
    found = [path.name.removesuffix(".dist-info") for path in target.glob("*.dist-info")]
    return ran, dict(sorted(name.split("-") for name in found))


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / "there" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    return path


LOCKED = {"alpha": "1.0", "beta": "1.2", "gamma": "2.0"}


def test_uv_installs_requirements_with_hashes(
    source: Source, environ: dict[str, str], tmp_path: Path, index: Index
) -> None:
    index.add("beta", "1.3")  # newer than the lock
    text = requirements.export(source).files["requirements.txt"]
    file = written(tmp_path, "requirements.txt", text)
    ran, found = install(file, environ, "--require-hashes")
    assert (ran.returncode, found) == (0, LOCKED), ran.stderr


def test_uv_refuses_a_file_that_changed(
    source: Source, environ: dict[str, str], tmp_path: Path, index: Index
) -> None:
    index.add("beta", "1.2", doc="somebody else's")
    for name, text in (
        ("requirements.txt", requirements.export(source).files["requirements.txt"]),
        ("pylock.toml", pylock.export(source).files["pylock.toml"]),
    ):
        ran, found = install(written(tmp_path, name, text), environ)
        assert ran.returncode != 0
        assert "beta" in ran.stderr
        assert "hash" in ran.stderr.lower()
        assert "beta" not in found


def test_uv_installs_a_pylock(source: Source, environ: dict[str, str], tmp_path: Path) -> None:
    file = written(tmp_path, "pylock.toml", pylock.export(source).files["pylock.toml"])
    ran, found = install(file, environ)
    assert (ran.returncode, found) == (0, LOCKED), ran.stderr


def test_uv_locks_what_the_spec_asks_for(
    source: Source, environ: dict[str, str], tmp_path: Path, index: Index
) -> None:
    index.add("beta", "1.3")
    text = requirements.export(source, Wishes(from_history=True)).files["requirements.txt"]
    ran, found = install(written(tmp_path, "requirements.txt", text), environ)
    assert (ran.returncode, found) == (0, LOCKED | {"beta": "1.3"}), ran.stderr


def test_packaging_takes_the_pylock() -> None:
    import tomllib

    from packaging.pylock import Pylock

    text = pylock.export(pip_source()).files["pylock.toml"]
    read = Pylock.from_dict(tomllib.loads(text))
    assert {package.name for package in read.packages} == {"direct", "old", "rich"}
    assert "tool" not in tomllib.loads(text)


def test_rattler_takes_each_package_of_an_environment() -> None:
    """It has no reader of environment.yml or explicit lists: of channels and MatchSpecs only."""
    import yaml
    from rattler import Channel, MatchSpec

    for wishes in (Wishes(), Wishes(from_history=True)):
        data = yaml.safe_load(environment.export(conda_source(), wishes).files["environment.yml"])
        specs = [MatchSpec(text) for text in data["dependencies"] if isinstance(text, str)]
        found = {each.name.normalized: (each.version, each.build) for each in specs if each.name}
        if wishes.from_history:
            assert found["numpy"] == ("2.1.*", None)
        else:
            assert found["numpy"] == ("==2.1.0", "py312h1103770_0")
        assert [Channel(name).base_url for name in data["channels"][1:2]] == [
            "https://conda.example.org/lab/"
        ]
