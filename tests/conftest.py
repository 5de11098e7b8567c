"""Fixtures for all tests: an engine, a base image in it, registries, the package index. Made when first asked
for.

A test marked `engine`, `registry` or `network` needs that thing even if it does not name the fixture: without
it, it is skipped with the reason, or fails where ENVBUILD_TEST_REQUIRE (a comma list) names it.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import have_base, own_dockerd, running_engine
from support.need import missing
from support.processes import DidNotStart
from support.registries import Registry, docker_registry, token_front

# A run in the background of a script has SIGINT ignored, and so would every program that the tests interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def engine_url() -> Iterator[str]:
    """URL of a real engine: ENVBUILD_TEST_ENGINE, else the one that envbuild itself would find, else a
    dockerd of ours.
    """
    url, why = running_engine(os.environ)
    if url:
        yield url
        return
    with contextlib.ExitStack() as stack:
        try:
            own = stack.enter_context(own_dockerd())
        except DidNotStart as error:
            missing("engine", f"{why}; {error}")
        yield own


@pytest.fixture(scope="session")
def base_image(engine_url: str, pytestconfig: pytest.Config) -> str:
    """debian:bookworm-slim, in the engine's store."""
    cache = pytestconfig.cache
    assert cache is not None
    try:
        return have_base(engine_url, cache.mkdir("envbuild-base"))
    except DidNotStart as error:
        missing("engine", str(error))


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry without a login."""
    yield from _registry(tmp_path_factory.mktemp("open-registry"), login=False)


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry with basic auth."""
    yield from _registry(tmp_path_factory.mktemp("registry"), login=True)


def _registry(folder: Path, *, login: bool) -> Iterator[Registry]:
    with contextlib.ExitStack() as stack:
        try:
            started = stack.enter_context(docker_registry(folder, login=login))
        except DidNotStart as error:
            missing("registry", str(error))
        yield started


@pytest.fixture
def token_registry(open_registry: Registry) -> Iterator[Registry]:
    """A registry that wants a bearer token got with user and password. Push through `open_registry`."""
    with token_front(open_registry, private=True) as front:
        yield front


@pytest.fixture
def anonymous_token_registry(open_registry: Registry) -> Iterator[Registry]:
    """A registry that wants a bearer token which anybody gets. Push through `open_registry`."""
    with token_front(open_registry, private=False) as front:
        yield front


@pytest.fixture(scope="session")
def network() -> None:
    """The package index, reached the way uv reaches it."""
    import uv

    ended = subprocess.run(
        [uv.find_uv_bin(), "pip", "compile", "--quiet", "--no-header", "-"],
        input="idna",
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if ended.returncode:
        missing("network", ended.stderr.strip()[-300:])


@pytest.fixture(autouse=True)
def _what_is_marked(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    marked = {mark.name for mark in request.node.iter_markers()}
    if "engine" in marked:
        # Whatever the test starts (the command line, say) finds the same engine.
        monkeypatch.setenv("DOCKER_HOST", request.getfixturevalue("engine_url"))
    if "registry" in marked:
        request.getfixturevalue("open_registry")
    if "network" in marked:
        request.getfixturevalue("network")
