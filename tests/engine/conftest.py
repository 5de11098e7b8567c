"""Fixtures for tests on a real engine."""

import contextlib
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.contexts import context
from support.projects import Family, Project
from support.second import Second, second_engine

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs an engine."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("engine")


@pytest.fixture(scope="session")
def engine(engine_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The engine, for somebody without any docker configuration."""
    home = tmp_path_factory.mktemp("home")
    with connect(engine_url, {"HOME": str(home)}) as found:
        yield found


@pytest.fixture(scope="session")
def api(engine_url: str) -> Iterator[docker.APIClient]:
    """The docker SDK, to look at what was done without the code under test."""
    with contextlib.closing(docker.APIClient(base_url=engine_url, version="auto")) as client:
        yield client


@pytest.fixture
def name(engine: Engine) -> Iterator[str]:
    """A repository name of the test's own; its `latest` is removed afterwards."""
    made = f"envbuild-test-{uuid.uuid4().hex[:12]}"
    yield made
    engine.untag(f"{made}:latest")


@pytest.fixture(scope="session")
def family(
    engine_url: str,
    base_image: str,
    network: None,
    api: docker.APIClient,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Family]:
    """A spec of Python 3.11 on Debian, locked once. Whatever carries its name is removed in the end."""
    folder, home = tmp_path_factory.mktemp("family"), tmp_path_factory.mktemp("family-home")
    name = f"e2e-{uuid.uuid4().hex[:8]}"
    (folder / "spec.yml").write_text(f"name: {name}\npython: 3.11\n")
    CommandLine(folder, home, engine_url)("lock")
    yield Family(name, (folder / f"pylock.{name}.toml").read_bytes())
    for image in api.images(filters={"label": f"dev.envbuild.name={name}"}):
        api.remove_image(image["Id"], force=True)


@pytest.fixture(scope="module")
def second() -> Iterator[Second]:
    """An engine beside the first, with a store of its own: a colleague's machine."""
    with second_engine() as started:
        yield started


@pytest.fixture
def project(family: Family, tmp_path: Path, engine_url: str) -> Project:
    made = Project(family, tmp_path / "work", tmp_path / "home", engine_url)
    made.spec()
    return made


@pytest.fixture(scope="session")
def python3_base(engine: Engine, base_image: str, network: None) -> Iterator[tuple[str, str]]:
    """A base with python3, which the stand-ins run on, and that Python's version."""
    install = "apt-get update -q && apt-get install -qy --no-install-recommends python3"
    tag = f"envbuild-test-python3:{uuid.uuid4().hex[:8]}"
    engine.build(context(f"FROM {base_image}\nRUN {install}\n"), BuildRequest(tags=(tag,), network="host"))
    yield tag, engine.run(tag, ["python3", "--version"]).stdout.split()[1]
    engine.untag(tag)
