"""`inspect` and `diff` with images that a real engine built, in its store and in a real registry."""

import io
import tarfile
import uuid
from collections.abc import Iterator

import docker
import pytest
from support.projects import Project
from support.registries import Registry

from envbuild.engine.engine import Engine
from envbuild.errors import EngineError
from envbuild.remote.tiny import files_in

pytestmark = pytest.mark.registry


@pytest.fixture
def pushed(project: Project, api: docker.APIClient, open_registry: Registry) -> Iterator[str]:
    """The project's image in the registry, under a name that the engine has as well."""
    project.spec("pip: {packages: []}\nenv: {A: '1'}\nrun: ['echo hello > /etc/hello']\n")
    project("lock")
    project("image", "--no-smoke")
    name = f"{open_registry.host}/lab/{uuid.uuid4().hex[:12]}"
    api.tag(project.tag, name, "1")
    for message in api.push(name, tag="1", stream=True, decode=True):
        assert "error" not in message, message
    yield f"{name}:1"
    for image in api.images(name=name):
        api.remove_image(image["Id"], force=True)


def test_inspect_what_an_engine_built(
    project: Project, pushed: str, api: docker.APIClient, engine: Engine
) -> None:
    found = project.json("inspect", pushed)
    local = api.inspect_image(project.tag)
    assert f"{pushed.rpartition(':')[0]}@{found['digest']}" in local["RepoDigests"]
    assert [layer["diff_id"] for layer in found["layers"]] == local["RootFS"]["Layers"]
    assert found["labels"] == local["Config"]["Labels"]
    assert found["lock"] == found["labels"]["dev.envbuild.lock"]
    assert found["spec"] == (project.folder / "spec.yml").read_text()
    kinds = [layer["kind"] for layer in found["layers"] if layer["kind"] not in {"base", "workdir"}]
    assert kinds == ["apt", "user", "python", "run", "metadata"]
    assert {layer["what"] for layer in found["layers"]} >= {"echo hello > /etc/hello", "spec, lock"}
    assert found["doubts"] == []
    assert found["gpu"]["uses"] == []
    made = engine.history(project.tag)
    assert sum(row.size for row in made) > 100_000_000
    assert "echo hello" in [row.command for row in made if row.size][-2]


def test_diff_of_images_in_the_engine_and_the_registry(project: Project, pushed: str) -> None:
    for a, b in ((project.tag, pushed), (project.tag, f"docker://{pushed}"), (f"docker://{pushed}", pushed)):
        assert project.json("diff", a, b)["verdict"] == "identical"
    assert project.json("diff", project.family.lock_name, f"docker://{pushed}")["verdict"] == "equivalent"
    assert project.json("diff", "spec.yml", pushed)["verdict"] == "equivalent"
    project.spec("env: {A: '2'}\nrun: ['echo hello > /etc/hello', 'true']\n")
    found = project.json("diff", f"docker://{pushed}", "spec.yml")
    assert [(row["part"], row["how"], row["name"]) for row in found["changes"]] == [
        ("env", "changed", "A"),
        ("run", "added", "true"),
    ]
    project("image", "--no-smoke")
    found = project.json("diff", pushed, project.tag)
    assert [(row["part"], row["name"]) for row in found["changes"]] == [("env", "A"), ("run", "true")]
    assert found["measure"] == "unpacked"
    sizes = {row["group"]: (row["before"], row["after"]) for row in found["sizes"]}
    assert sizes["base"][0] == sizes["base"][1] > 50_000_000
    out, _ = project("diff", pushed, project.tag)
    assert out.splitlines()[0].startswith(f"A: {pushed} (image of the engine, linux/")
    assert out.splitlines()[2] == "different: 2 changes"


def test_copied_files_by_what_images_were_made_from(project: Project, api: docker.APIClient) -> None:
    (project.folder / "a.txt").write_text("1")
    project.spec("copy: [{from: a.txt, to: /data/}]\n")
    project("image", "--no-smoke")
    api.tag(project.tag, project.repository, "first")
    first = f"{project.repository}:first"
    try:
        project("image", "--no-smoke", "--no-cache", "--force")
        again = project.json("diff", first, project.tag)
        assert (again["verdict"], again["changes"]) == ("equivalent", [])
        (project.folder / "a.txt").write_text("2")
        project("image", "--no-smoke")
        other = project.json("diff", first, project.tag)
        assert (other["verdict"], other["changes"]) == ("unknown", [])
        assert other["not_compared"] == [
            "what is in the copied files: their names are all that could be compared"
        ]
    finally:
        api.remove_image(first, force=True)


def test_an_image_that_only_the_engine_has(
    project: Project, api: docker.APIClient, open_registry: Registry, base_image: str
) -> None:
    name = f"{open_registry.host}/lab/{uuid.uuid4().hex[:12]}"
    api.tag(base_image, name, "1")
    try:
        _, err = project("inspect", f"{name}:1", code=7)
    finally:
        api.remove_image(f"{name}:1", noprune=True)
    said, hint, *_ = err.splitlines()
    assert said.startswith(f"error: {name}:1: the registry {open_registry.host} has no repository")
    only = "only this machine's engine has an image of that name"
    assert hint == f"hint: {only}: bring it there first with `envbuild push`"


def test_what_somebody_put_on_top(
    project: Project, pushed: str, api: docker.APIClient, open_registry: Registry
) -> None:
    """Its labels are those of the image below: nothing of them may be taken for the whole."""
    container = api.create_container(pushed, command=["true"])["Id"]
    name = f"{open_registry.host}/lab/{uuid.uuid4().hex[:12]}"
    try:
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            member = tarfile.TarInfo("more")
            member.size = 4
            tar.addfile(member, io.BytesIO(b"more"))
        api.put_archive(container, "/etc", archive.getvalue())
        api.commit(container, name, "1")
    finally:
        api.remove_container(container, force=True)
    try:
        for message in api.push(name, tag="1", stream=True, decode=True):
            assert "error" not in message, message
        doubt = "1 of its layers were put on top of what envbuild made: no lock tells what is in them"
        assert project.json("inspect", f"{name}:1")["doubts"] == [doubt]
        for other in (f"{name}:1", f"docker://{name}:1"):
            assert project.json("diff", pushed, other)["verdict"] in {"unknown", "different"}
    finally:
        api.remove_image(f"{name}:1", force=True)


def test_folders_of_images_without_running_anything(engine: Engine, base_image: str) -> None:
    data = engine.folder(base_image, "/etc/apt", 1 << 20)
    assert data is not None
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert all(name.split("/")[0] == "apt" for name in archive.getnames())
    assert files_in(engine.folder(base_image, "/etc/dpkg", 1 << 20) or b"", "dpkg/").keys() >= {"dpkg.cfg"}
    assert engine.folder(base_image, "/nowhere", 1 << 20) is None
    with pytest.raises(EngineError, match=r"reading /usr/lib of .*: it has more than 1000000 bytes"):
        engine.folder(base_image, "/usr/lib", 1_000_000)
    for asked in (
        lambda: engine.folder("nobody/has:this", "/etc", 1),
        lambda: engine.history("nobody/has:this"),
    ):
        with pytest.raises(EngineError, match="nobody/has:this"):
            asked()
