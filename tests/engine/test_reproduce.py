"""A colleague's environment on another machine: two engines with stores of their own, and a registry.

The first test is the story that all of it is for.
"""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from support.commandline import CommandLine
from support.contexts import context
from support.inspectable import GPU, a_lock, labels_for, stand_in
from support.nvml import A100, OLD, standin_nvml
from support.projects import Project
from support.pushed import push
from support.registries import Registry
from support.second import Second
from support.small import Small, small

from envbuild import subjects
from envbuild.archive.read import examine
from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.lock.pylock import dump_lock
from envbuild.logins import Logins
from envbuild.names import read_reference
from envbuild.outcomes import Request
from envbuild.registry import kinds
from envbuild.registry.client import RegistryClient
from envbuild.remote.look import look
from envbuild.reproduce.compare import Original, held_against
from envbuild.site.model import Site

pytestmark = pytest.mark.registry


@pytest.fixture
def colleague(second: Second, registry: Registry, tmp_path: Path) -> CommandLine:
    """Somebody on the other machine, who is logged in to the registry."""
    user = second.user(tmp_path)
    registry.docker_config(Path(user.environ["DOCKER_CONFIG"]))
    return user


@pytest.fixture
def repository(registry: Registry) -> str:
    return f"{registry.host}/lab/{uuid.uuid4().hex[:12]}"


@pytest.fixture
def client(registry: Registry, tmp_path: Path) -> Iterator[RegistryClient]:
    """Somebody who may push."""
    with RegistryClient(Site(), Logins(registry.docker_config(tmp_path / "pusher"))) as made:
        yield made


@pytest.fixture
def author(project: Project, registry: Registry, repository: str, engine: Engine) -> Iterator[Project]:
    """The project, whose image belongs to the registry, and who is logged in there."""
    registry.docker_config(Path(project.environ["DOCKER_CONFIG"]))
    project.repository, project.tag = repository, f"{repository}:latest"
    project.spec("smoke: {imports: [json], commands: [python -V]}\n")
    yield project
    engine.untag(project.tag)


@pytest.mark.network
def test_one_pushes_and_another_has_the_same(
    author: Project, colleague: CommandLine, second: Second, client: RegistryClient, repository: str
) -> None:
    made = author.json("image")
    digest = author("push", "-q")[0].strip().partition("@")[2]

    out, err = colleague("reproduce", author.tag)
    *_, last = out.splitlines()
    assert last == f"identical to {author.tag} in its registry: the same digest, {digest}"
    assert "smoke: 2 passed in " in out
    assert f"pull: {author.tag}: done in " in err
    there = second.image(author.tag)
    assert there is not None
    assert there["Id"] == made["id"]
    assert there["RepoDigests"] == [f"{repository}@{digest}"]

    # Saved to a file, it has the report of the smoke tests that its maker ran.
    author("save", "-o", "x.oci.tar")
    held = examine(author.folder / "x.oci.tar", "linux/amd64", lambda done, total: None)
    (report,) = [json.loads(row.data) for row in held.artifacts if row.kind == kinds.SMOKE]
    assert report == made["smoke"]

    # An image for CUDA 12.8, and a machine with an old driver (a stand-in for NVML): nothing moves.
    needy = f"{repository}-cuda:1"
    push(client, read_reference(needy), stand_in())
    before = second.api.images(all=True)
    with standin_nvml(OLD) as environ:
        _, err = colleague("reproduce", needy, code=9, environ=environ)
    assert f"error: {needy}: was not pulled, for this machine cannot run it: " in err
    assert second.api.images(all=True) == before


@pytest.mark.network
def test_a_spec_whose_image_is_in_the_registry_is_not_built(
    author: Project, colleague: CommandLine, second: Second
) -> None:
    author("image")
    digest = author("push", "-q")[0].strip().partition("@")[2]
    for file in (author.lock_path, author.folder / "spec.yml"):
        shutil.copy(file, colleague.folder)
    found = colleague.json("reproduce", "spec.yml")
    assert (found["how"], found["verdict"], found["digest"]) == ("pulled", "identical", digest)
    assert found["names"] == [author.tag]
    # It is that spec's image from now on.
    assert colleague.json("image")["up_to_date"] is True
    again = colleague.json("reproduce", author.lock_path.name)
    assert (again["how"], again["verdict"], again["id"]) == ("there", "identical", found["id"])
    # With another spec of the same lock, it is not.
    with (colleague.folder / "spec.yml").open("a") as spec:
        spec.write("env: {A: '1'}\n")
    _, err = colleague("reproduce", "spec.yml", "--no-smoke", code=7)
    assert "exists in no registry" in err  # the base, which the second engine would have to build on


@pytest.mark.network
def test_a_lock_without_an_image_is_built_and_looked_into(project: Project, engine: Engine) -> None:
    project.spec("smoke: {commands: [python -V]}\n")
    found = project.json("reproduce", "spec.yml")
    assert (found["how"], found["verdict"], found["compared_with"]) == ("rebuilt", "equivalent", "the lock")
    assert found["smoke"]["passed"] is True
    assert found["names"] == [project.tag]

    # The lock alone: what it locks, and a warning for the rest.
    alone = CommandLine(project.folder.parent / "alone", project.folder.parent / "home", engine.info.url)
    alone.folder.mkdir()
    shutil.copy(project.lock_path, alone.folder)
    out, err = alone("reproduce", project.lock_path.name, "--no-smoke")
    assert "warning: no spec lies beside" in err
    assert out.splitlines()[-1].startswith("equivalent to the lock: its 0 Python and ")
    engine.untag(f"{project.family.name}:latest")


@pytest.mark.network
def test_made_anew_it_is_the_same_but_for_times(project: Project) -> None:
    (project.folder / "src").mkdir()
    (project.folder / "src/code.py").write_text("print(1)\n")
    project.spec("copy: [{from: src, to: /workspace/src}]\nrun: [echo done > /opt/marker]\n")
    first = project.json("image", "--no-smoke")
    found = project.json("reproduce", "spec.yml", "--rebuild", "--no-smoke")
    assert found["id"] != first["id"]
    assert (found["how"], found["verdict"]) == ("rebuilt", "equivalent"), found["differences"]
    assert "files; only times differ" in found["why"]


def test_an_image_cannot_be_made_anew_from_itself(colleague: CommandLine, repository: str) -> None:
    _, err = colleague("reproduce", f"{repository}:1", "--rebuild", code=2)
    assert "--rebuild takes a spec or a lock: no image carries all files that it was made from" in err


def test_a_spec_without_a_fresh_lock(colleague: CommandLine) -> None:
    (colleague.folder / "spec.yml").write_text("name: env\npython: 3.11\n")
    _, err = colleague("reproduce", "spec.yml", code=4)
    assert "it has no lock yet" in err
    _, err = colleague("reproduce", "pylock.env.toml", code=2)
    assert "there is no such file" in err


# --- a spec that changed since ---


class Shared:
    """A small image (a stand-in) and the project that it says it was made from, in somebody's folder."""

    def __init__(self, who: CommandLine, repository: str, **lock: Any) -> None:
        self.who, self.name = who, f"{repository}:latest"
        made = small()
        spec = f"{made.spec}image: {{repository: {repository}}}\n"
        held = a_lock(packages=(), apt=(), cuda={}, inputs={"python": "3.11"}, **{"gpu": {"uses": []}} | lock)
        labels = {key: value for key, value in labels_for(held, spec).items() if value}
        self.image = replace(made, spec=spec, lock=held, labels=labels)
        (who.folder / "pylock.env.toml").write_text(dump_lock(held))
        self.write()

    def write(self, more: str = "") -> None:
        """The spec, with further lines since."""
        (self.who.folder / "spec.yml").write_text(self.image.spec + more)

    def reproduce(self, target: str = "spec.yml", **more: Any) -> tuple[list[str], str]:
        """Warnings, and all that was said; the build has no base to stand on and ends with 7."""
        _, err = self.who("reproduce", target, "--no-smoke", **more)
        lines = [line.removeprefix("warning: ") for line in err.splitlines() if line.startswith("warning: ")]
        return lines, err


CHANGED = [
    ("env: {A: '1'}\n", "env: A added (1)"),
    ("env: {A: '1'}\nworkdir: /data\n", "env: A added (1); settings: workdir: /workspace -> /data"),
    ("# a remark\n", "in smoke tests, comments or files of `copy:` only"),
]


@pytest.mark.parametrize(("more", "told"), CHANGED)
def test_what_changed_since_the_engine_s_image_was_made(
    colleague: CommandLine, second: Second, engine: Engine, more: str, told: str
) -> None:
    """The spec beside it was edited: what is there now is not that image, and the user hears how."""
    shared = Shared(colleague, f"envbuild-test-{uuid.uuid4().hex[:12]}")
    with connect(second.url, {"HOME": colleague.environ["XDG_CONFIG_HOME"]}) as other:
        shared.image.build(other, shared.name)
    assert shared.reproduce()[0] == []
    shared.write(more)
    begin = f"spec.yml changed since its image was made, {shared.name} as the engine had it: "
    for target in ("spec.yml", "pylock.env.toml"):
        assert shared.reproduce(target, code=7)[0] == [begin + told]


def test_of_a_lock_alone_nothing_is_said_to_have_changed(colleague: CommandLine, second: Second) -> None:
    shared = Shared(colleague, "env")
    with connect(second.url, {"HOME": colleague.environ["XDG_CONFIG_HOME"]}) as other:
        shared.image.build(other, shared.name)
    (colleague.folder / "spec.yml").unlink()
    (warning,) = shared.reproduce("pylock.env.toml", code=7)[0]
    assert warning.startswith("no spec lies beside pylock.env.toml: ")


def test_what_changed_since_the_registry_s_image_was_made(
    colleague: CommandLine, client: RegistryClient, repository: str
) -> None:
    shared = Shared(colleague, repository)
    image = stand_in(shared.image.lock, spec=shared.image.spec)
    push(client, read_reference(shared.name), image)
    shared.write("env: {A: '1'}\n")
    warnings, _ = shared.reproduce(code=7)
    begin = f"spec.yml changed since its image was made, {shared.name} in its registry: "
    (told,) = warnings
    assert told.startswith(begin)
    assert "env: A added (1)" in told.removeprefix(begin).split("; ")


def test_a_spec_that_its_lock_does_not_answer_any_more(
    colleague: CommandLine, second: Second, repository: str
) -> None:
    """Nothing is looked up for it: what differs is the lock's to say."""
    shared = Shared(colleague, repository)
    shared.write("apt: [git]\n")
    for target in ("spec.yml", "pylock.env.toml"):
        out, err = colleague("reproduce", target, code=4)
        assert out == ""
        assert "  apt: + git\n" in err
        assert err.endswith("hint: renew it: envbuild lock\n")


def test_limits_are_said_once(colleague: CommandLine, second: Second, client: RegistryClient) -> None:
    """With a stand-in for NVML, for an image of the engine; and for one that has to be made anew."""
    shared = Shared(colleague, f"envbuild-test-{uuid.uuid4().hex[:12]}", gpu={"uses": GPU["uses"]})
    with connect(second.url, {"HOME": colleague.environ["XDG_CONFIG_HOME"]}) as other:
        shared.image.build(other, shared.name)
    with standin_nvml(A100) as environ:
        for code in (0, 7):
            warnings, _ = shared.reproduce(code=code, environ=environ)
            limits = [line for line in warnings if line.startswith("preflight: limits: ")]
            assert limits
            assert len(limits) == len(set(limits))
            shared.write("env: {A: '1'}\n")


# --- comparing images ---


@pytest.fixture
def asked(engine: Engine) -> Request:
    return Request(spec_path=Path("x"), site=Site(), platform="linux/amd64", connect=lambda: engine)


Build = Callable[..., str]


@pytest.fixture
def build(engine: Engine) -> Iterator[Build]:
    """Builds a small image, or its Dockerfile's lines on top of it; all go in the end."""
    made: list[str] = []

    def build(image: Small, more: str = "") -> str:
        found = image.build(engine, no_cache=True)
        made.append(found)
        if more:
            tag = f"envbuild-test-{uuid.uuid4().hex[:12]}:latest"
            engine.tag(found, tag)
            found = engine.build(context(f"FROM {tag}\n{more}"), BuildRequest()).id
            made.append(found)
        return found

    yield build
    for each in reversed(made):
        engine.remove(each, force=True)


def compared(asked: Request, engine: Engine, before: str, after: str) -> tuple[str, tuple[str, ...]]:
    first, then = engine.image(before), engine.image(after)
    assert first
    assert then
    original = Original(found=subjects.local_image(engine, first, "the first"))
    found = held_against(asked, None, then, original)
    assert found.compared_with == "the first as the engine had it"
    return found.verdict, found.differences


def test_two_builds_of_the_same(asked: Request, engine: Engine, build: Build) -> None:
    image = small(files={"data": b"1"})
    first = build(image)
    assert compared(asked, engine, first, first) == ("identical", ())
    assert compared(asked, engine, first, build(image)) == ("equivalent", ())


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ("RUN echo x > /data/data", "file changed: /data/data"),
        ("RUN echo x > /data/new", "file new: /data/new"),
        ("ENV A=1", "env: A added (1)"),
        ("WORKDIR /data", "settings: workdir: none -> /data"),
    ],
)
def test_what_differs_is_named(asked: Request, engine: Engine, build: Build, more: str, line: str) -> None:
    image = small(files={"data": b"1"})
    verdict, differences = compared(asked, engine, build(image), build(image, more))
    assert verdict == "different"
    assert line in differences


def test_the_original_in_a_registry(
    asked: Request,
    engine: Engine,
    api: docker.APIClient,
    build: Build,
    client: RegistryClient,
    registry: Registry,
) -> None:
    reference = read_reference(f"{registry.host}/lab/{uuid.uuid4().hex[:12]}:1")
    image = small(files={"data": b"1"})
    engine.tag(build(image), str(reference))
    for message in api.push(
        reference.familiar, reference.tag, stream=True, decode=True, auth_config=registry.auth()
    ):
        assert "error" not in message, message
    digest = client.resolve(reference, "linux/amd64").digest
    pinned = replace(reference, digest=digest)
    original = Original(found=look(client, pinned, "linux/amd64", attachments=False), reference=pinned)
    for files, verdict in (({"data": b"1"}, "equivalent"), ({"data": b"2"}, "different")):
        again = engine.image(build(replace(image, files=files)))
        assert again
        found = held_against(asked, client, again, original)
        assert (found.verdict, found.compared_with) == (verdict, f"{reference} in its registry")
        assert ("file changed: /data/data" in found.differences) == (verdict == "different")
    engine.untag(str(reference))
