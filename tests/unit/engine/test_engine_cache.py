"""`--cache-from` and `--cache-to`: what is taken, and what is refused with the reason."""

from dataclasses import replace

import pytest

from envbuild.engine.cache import NO_CACHE, Cache, ensure_cache, read_cache
from envbuild.engine.model import EngineInfo
from envbuild.errors import UsageError

DOCKER = EngineInfo(
    kind="docker",
    version="20.10.24",
    api_version="1.41",
    platform="linux/amd64",
    url="unix:///x",
    found_by="test",
    buildkit=True,
    containerd_store=False,
    context="tar",
)


def test_what_is_taken() -> None:
    reference = "registry.example.org/lab/dl-env:1"
    assert read_cache([], []) == NO_CACHE
    assert read_cache([reference, f"type=registry,ref={reference}"], ["inline"]) == Cache(
        sources=(reference, reference), inline=True
    )
    assert read_cache([], ["type=inline"]).inline


@pytest.mark.parametrize(
    ("sources", "targets", "said"),
    [
        ([], ["type=registry,ref=x/y"], "in the image only"),
        ([], ["type=local,dest=/tmp"], "in the image only"),
        ([], ["registry"], "in the image only"),
        (["type=local,src=/tmp"], [], "out of registries only"),
        (["type=registry"], [], "names no image"),
        (["Not/A:Reference"], [], "no image reference"),
    ],
)
def test_what_is_refused(sources: list[str], targets: list[str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read_cache(sources, targets)


def test_an_engine_without_buildkit() -> None:
    ensure_cache(Cache(inline=True), DOCKER)
    podman = replace(DOCKER, kind="podman", version="4.3.1", buildkit=False)
    ensure_cache(NO_CACHE, podman)
    with pytest.raises(UsageError, match=r"podman 4\.3\.1 builds without BuildKit"):
        ensure_cache(Cache(inline=True), podman)
