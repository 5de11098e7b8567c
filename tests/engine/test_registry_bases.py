"""Images in registries (basic auth, bearer tokens, mirrors): pulled, asked for, used as a base."""

import contextlib
import io
import json
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.contexts import PLATFORM, Recorder, context
from support.processes import free_port
from support.registries import Registry

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest, BuiltImage
from envbuild.errors import BaseUnavailable, EngineError, RegistryError

pytestmark = pytest.mark.registry


@pytest.fixture
def content() -> bytes:
    """Something that no other image holds."""
    return uuid.uuid4().hex.encode()


def build_tiny(engine: Engine, content: bytes, reference: str) -> BuiltImage:
    tiny = context("FROM scratch\nCOPY f /f\n", {"f": content})
    return engine.build(tiny, BuildRequest(tags=(reference,)))


def push(api: docker.APIClient, engine: Engine, registry: Registry, repository: str, content: bytes) -> str:
    """A new image in the registry, and in no engine; returns its name there."""
    reference = f"{registry.host}/{repository}:1"
    built = build_tiny(engine, content, reference)
    name = f"{registry.host}/{repository}"
    for message in api.push(name, "1", stream=True, decode=True, auth_config=registry.auth()):
        assert "error" not in message, message
    engine.remove(built.id, force=True)
    return reference


@contextlib.contextmanager
def client(engine_url: str, environ: dict[str, str], **options: object) -> Iterator[Engine]:
    with connect(engine_url, environ, **options) as engine:  # type: ignore[arg-type]
        yield engine


def anonymous(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "nobody")}


def test_basic_auth(
    api: docker.APIClient, engine: Engine, engine_url: str, registry: Registry, tmp_path: Path, content: bytes
) -> None:
    reference = push(api, engine, registry, "lab/basic", content)
    with client(engine_url, registry.docker_config(tmp_path / "right")) as known:
        digest = known.remote_digest(reference, PLATFORM)
        pinned = f"{reference}@{digest}"
        built = known.build(context(f"FROM {pinned}\nCOPY g /g\n", {"g": content}), BuildRequest())
        assert len(built.layers) == 2
        seen = Recorder()
        image = known.pull(reference, PLATFORM, seen)
        assert image.platform == PLATFORM
        assert f"{registry.host}/lab/basic@{digest}" in image.digests
        assert known.image(f"{registry.host}/lab/basic@{digest}") == image
        seen.check()
        assert seen.started() == [f"pull {reference}"]
        known.remove(built.id, force=True)
        known.remove(image.id, force=True)


@pytest.mark.parametrize("password", [None, "wrong"])
def test_basic_auth_without_the_right_password(
    api: docker.APIClient,
    engine: Engine,
    engine_url: str,
    registry: Registry,
    tmp_path: Path,
    content: bytes,
    password: str | None,
) -> None:
    reference = push(api, engine, registry, "lab/refused", content)
    environ = (
        anonymous(tmp_path) if password is None else registry.docker_config(tmp_path / "wrong", password)
    )
    with client(engine_url, environ) as stranger:
        for ask in (stranger.remote_digest, stranger.pull):
            with pytest.raises(RegistryError) as caught:
                ask(reference, PLATFORM)
            assert caught.value.message == (
                f"{reference}: the registry {registry.host} refuses without the right credentials"
            )
            assert caught.value.hint == f"log in with `docker login {registry.host}`, then try again"
        with pytest.raises(BaseUnavailable, match="cannot be had"):
            stranger.build(context(f"FROM {reference}\nCOPY g /g\n", {"g": content}), BuildRequest())


def test_a_credential_helper_is_asked(
    api: docker.APIClient,
    engine: Engine,
    engine_url: str,
    registry: Registry,
    tmp_path: Path,
    content: bytes,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reference = push(api, engine, registry, "lab/helper", content)
    folder = tmp_path / "helper"
    folder.mkdir()
    helper = folder / "docker-credential-test"
    answer = json.dumps({"ServerURL": registry.host, "Username": registry.user, "Secret": registry.password})
    helper.write_text(f"#!/bin/sh\ncat > /dev/null\necho '{answer}'\n")
    helper.chmod(0o755)
    (folder / "config.json").write_text(json.dumps({"credHelpers": {registry.host: "test"}}))
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    with client(engine_url, {"DOCKER_CONFIG": str(folder)}) as known:
        assert known.remote_digest(reference, PLATFORM).startswith("sha256:")
        helper.write_text("#!/bin/sh\necho broken >&2\nexit 1\n")
        with pytest.raises(RegistryError, match=f"the credentials for {registry.host} cannot be had from "):
            known.remote_digest(reference, PLATFORM)


def test_bearer_token(
    api: docker.APIClient,
    engine: Engine,
    engine_url: str,
    open_registry: Registry,
    token_registry: Registry,
    tmp_path: Path,
    content: bytes,
) -> None:
    push(api, engine, open_registry, "lab/bearer", content)
    reference = f"{token_registry.host}/lab/bearer:1"
    dockerfile = context(f"FROM {reference}\nCOPY g /g\n", {"g": content})
    with client(engine_url, anonymous(tmp_path)) as stranger:
        with pytest.raises(RegistryError, match="refuses without the right credentials"):
            stranger.remote_digest(reference, PLATFORM)
        with pytest.raises(BaseUnavailable):
            stranger.build(dockerfile, BuildRequest())
    with client(engine_url, token_registry.docker_config(tmp_path / "known")) as known:
        built = known.build(dockerfile, BuildRequest())
        assert len(built.layers) == 2
        image = known.pull(reference, PLATFORM)
        assert known.remote_digest(reference, PLATFORM) in image.digests[0]
        known.remove(image.id, force=True)
    assert "token known" in token_registry.asked


def test_bearer_token_for_anybody(
    api: docker.APIClient,
    engine: Engine,
    engine_url: str,
    open_registry: Registry,
    anonymous_token_registry: Registry,
    tmp_path: Path,
    content: bytes,
) -> None:
    """The way of public images: without a session BuildKit could not even ask."""
    push(api, engine, open_registry, "lab/public", content)
    reference = f"{anonymous_token_registry.host}/lab/public:1"
    with client(engine_url, anonymous(tmp_path)) as stranger:
        stranger.build(context(f"FROM {reference}\nCOPY g /g\n", {"g": content}), BuildRequest())
    assert set(anonymous_token_registry.asked) == {"token anonymous"}


def test_what_a_registry_does_not_have(engine: Engine, open_registry: Registry) -> None:
    reference = f"{open_registry.host}/lab/none:1"
    for ask in (engine.remote_digest, engine.pull):
        with pytest.raises(RegistryError) as caught:
            ask(reference, PLATFORM)
        assert caught.value.message == (
            f"{reference}: the registry {open_registry.host} has no such image (or does not show it to you)"
        )


def test_a_registry_that_does_not_answer(engine: Engine) -> None:
    host = f"127.0.0.1:{free_port()}"
    seen = Recorder()
    with pytest.raises(RegistryError) as caught:
        engine.pull(f"{host}/lab/x:1", PLATFORM, seen)
    start = f"{host}/lab/x:1: the registry {host} cannot be reached from the engine: "
    assert caught.value.message.startswith(start)
    todo = "check the engine's network and proxy, or name a mirror for it in the site config"
    assert caught.value.hint == todo
    seen.check()


def test_an_image_for_another_platform(
    api: docker.APIClient, engine: Engine, open_registry: Registry, content: bytes
) -> None:
    reference = push(api, engine, open_registry, "lab/amd64", content)
    for ask in (engine.remote_digest, engine.pull):
        with pytest.raises(RegistryError) as caught:
            ask(reference, "linux/arm64")
        assert caught.value.message == (
            f"{reference}: wanted for linux/arm64, its registry has it for linux/amd64 only"
        )
    engine.remove(reference, force=True)


def test_a_mirror_stands_in_for_its_registry(
    api: docker.APIClient,
    engine: Engine,
    engine_url: str,
    open_registry: Registry,
    tmp_path: Path,
    content: bytes,
) -> None:
    repository = f"lab-{uuid.uuid4().hex[:8]}/base"
    pushed = push(api, engine, open_registry, f"hub/{repository}", content)
    digest = engine.remote_digest(pushed, PLATFORM)
    mirrors = {"docker.io": f"http://{open_registry.host}/hub/"}
    with client(engine_url, anonymous(tmp_path), registry_mirrors=mirrors) as behind:
        assert behind.remote_digest(f"{repository}:1", PLATFORM) == digest
        image = behind.pull(f"{repository}:1", PLATFORM)
        assert f"{repository}:1" in (behind.image(f"{repository}:1") or image).tags
        pinned = f"{repository}@{digest}"
        assert behind.image(pinned) == behind.image(image.id)
        assert behind.local_reference(pinned) == f"{open_registry.host}/hub/{repository}@{digest}"
        dockerfile = "ARG BASE\nFROM ${BASE}\nCOPY g /g\n"
        request = BuildRequest(build_args={"BASE": behind.local_reference(pinned) or ""})
        behind.build(context(dockerfile, {"g": content}), request)
        behind.remove(image.id, force=True)


def test_load_tag_and_untag(
    api: docker.APIClient, engine: Engine, name: str, content: bytes, tmp_path: Path
) -> None:
    built = build_tiny(engine, content, f"{name}:latest")
    saved = tmp_path / "image.tar"
    with saved.open("wb") as out:
        out.writelines(api.get_image(f"{name}:latest"))
    engine.untag(f"{name}:latest")
    assert engine.image(f"{name}:latest") is None
    engine.remove(built.id, force=True)
    with saved.open("rb") as archive:
        assert engine.load(archive).id == built.id
    engine.tag(built.id, f"{name}:other")
    engine.untag(f"{name}:latest")
    kept = engine.image(f"{name}:other")
    assert kept is not None
    assert kept.tags == (f"{name}:other",)
    engine.untag(f"{name}:other")
    engine.untag(f"{name}:other")


def test_an_archive_that_is_none(engine: Engine) -> None:
    empty = io.BytesIO()
    with tarfile.open(fileobj=empty, mode="w"):
        pass
    with pytest.raises(EngineError, match="loading an image: "):
        engine.load(io.BytesIO(empty.getvalue()))
