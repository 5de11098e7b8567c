"""Fixtures for tests of the registry client against a real docker-registry."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.faulty import Front, front_of
from support.need import missing
from support.processes import DidNotStart
from support.registries import Registry, docker_registry
from support.visitors import Make

from envbuild.logins import Logins
from envbuild.registry.client import RegistryClient
from envbuild.registry.pace import Pace
from envbuild.site.model import Site


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs a registry."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("registry")


@pytest.fixture
def slept() -> list[float]:
    """The seconds that clients would have waited."""
    return []


@pytest.fixture
def told() -> list[str]:
    """What clients said about waiting."""
    return []


@pytest.fixture
def make(tmp_path: Path, slept: list[float], told: list[str]) -> Iterator[Make]:
    """Makes clients: for somebody without a login, on a site without settings, unless told otherwise."""
    with contextlib.ExitStack() as stack:

        def make(environ: Mapping[str, str] | None = None, site: Site | None = None) -> RegistryClient:
            logins = Logins(environ or {"HOME": str(tmp_path / "nobody")})
            return stack.enter_context(
                RegistryClient(site or Site(), logins, pace=Pace(), sleep=slept.append, tell=told.append)
            )

        yield make


@pytest.fixture
def client(make: Make) -> RegistryClient:
    """A client for somebody without a login."""
    return make()


@pytest.fixture
def front(open_registry: Registry) -> Iterator[Front]:
    """A front before the open registry, without faults as yet."""
    with front_of(open_registry.host) as started:
        yield started


@pytest.fixture(scope="session")
def deleting_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that deletes."""
    with contextlib.ExitStack() as stack:
        folder = tmp_path_factory.mktemp("deleting-registry")
        try:
            yield stack.enter_context(docker_registry(folder, login=False, deletes=True))
        except DidNotStart as error:
            missing("registry", str(error))
