"""`export` from images of a real engine and in a real registry: stand-ins with a spec and its lock."""

import json
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.inspectable import a_lock, labels_for
from support.registries import Registry
from support.small import Small, small

from envbuild.engine.engine import Engine
from envbuild.lock.inputs import inputs_of
from envbuild.lock.pylock import dump_lock
from envbuild.spec.parse import parse_spec

SPEC = "name: env\npython: 3.11\napt: [git]\npip: {packages: [rich, torch]}\nenv: {A: '1'}\n"
LOCKED = ["idna==3.10", "rich==14.0.0", "torch==2.8.0"]


def with_packages() -> Small:
    """A small image whose lock names packages."""
    made = small()
    text = SPEC + f"# {uuid.uuid4().hex}\n"
    inputs = inputs_of(parse_spec(text.encode(), Path("spec.yml"), look=False))
    lock = a_lock(inputs=inputs, cuda={}, gpu={"uses": []})
    labels = {key: value for key, value in labels_for(lock, text).items() if value}
    return replace(made, spec=text, lock=lock, labels=labels)


@pytest.fixture
def user(engine_url: str, tmp_path: Path) -> CommandLine:
    (tmp_path / "work").mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home", engine_url)


@pytest.fixture
def image(engine: Engine, api: docker.APIClient, open_registry: Registry) -> Iterator[tuple[str, Small]]:
    """The name of an image that only the engine has, and what it is made of."""
    made = with_packages()
    name = f"{open_registry.host}/lab/{uuid.uuid4().hex[:12]}:1"
    made.build(engine, name)
    yield name, made
    for found in api.images(name=name.rpartition(":")[0]):
        api.remove_image(found["Id"], force=True)


def push(api: docker.APIClient, name: str) -> str:
    """To its registry; returns the digest there."""
    for message in api.push(name, stream=True, decode=True):
        assert "error" not in message, message
    found = api.inspect_distribution(name)["Descriptor"]["digest"]
    assert isinstance(found, str)
    return found


@pytest.mark.registry
def test_an_image_before_and_after_its_push(
    user: CommandLine, image: tuple[str, Small], api: docker.APIClient
) -> None:
    name, made = image
    assert user("export", "--format", "spec.yml", name) == (made.spec, "")
    out, _ = user("export", "--format", "requirements.txt", "--no-hashes", name)
    assert [line for line in out.splitlines() if not line.startswith("#")] == LOCKED
    assert f"# Lock: {made.lock.digest}" in out
    out, err = user("export", "--format", "apptainer", name)
    assert f"Bootstrap: docker-daemon\nFrom: {name}\n" in out
    assert f"image: the digest of {name}, which is taken from this machine's Docker" in err
    digest = push(api, name)
    repository = name.rpartition(":")[0]
    for target in (name, f"docker://{name}"):
        out, err = user("export", "--format", "apptainer", target)
        assert f"Bootstrap: docker\nFrom: {repository}@{digest}\n" in out
        assert "image:" not in err
    api.remove_image(name, force=True)
    found = json.loads(user("export", "--format", "pylock.toml", "--json", name)[0])
    packages = tomllib.loads(found["files"]["pylock.toml"])["packages"]
    assert [f"{row['name']}=={row['version']}" for row in packages] == LOCKED
    assert [row["key"] for row in found["left"]] == ["apt", "env"]


def test_a_context_out_of_an_image_is_that_of_its_spec(user: CommandLine, image: tuple[str, Small]) -> None:
    name, made = image
    user("export", "--format", "dockerfile", name, "-o", "from-image")
    (user.folder / "spec.yml").write_text(made.spec)
    (user.folder / "pylock.env.toml").write_text(dump_lock(made.lock))
    user("export", "--format", "dockerfile", "--locked", "-o", "from-spec")
    one, other = (tree(user.folder / each) for each in ("from-image", "from-spec"))
    assert one == other
    assert one["envbuild/spec.yml"] == made.spec.encode()


def tree(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_an_image_of_somebody_else(user: CommandLine, base_image: str) -> None:
    _, err = user("export", "--format", "spec.yml", base_image, code=2)
    assert err == (
        f"error: {base_image}: there is no spec and lock to export in this image\n"
        "hint: only images that envbuild made carry them\n"
    )


@pytest.mark.parametrize("name", [".", "..", "envs/../x"])
def test_a_path_is_no_image(engine: Engine, name: str) -> None:
    assert engine.image(name) is None
