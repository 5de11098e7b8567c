"""`save` from one engine, `load` into another whose store is empty: stand-in images that run."""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
from support.archives import Member, Members, blob_name
from support.commandline import CommandLine
from support.engines import own_podman
from support.inspectable import GPU, labels_for
from support.need import missing
from support.nvml import A100, H100_MIG, OLD, standin_nvml
from support.processes import DidNotStart
from support.second import Second
from support.small import Small, small

from envbuild.archive.model import SPEC_KIND, Saved
from envbuild.cli.surroundings import request
from envbuild.engine.engine import Engine
from envbuild.errors import EnvbuildError, LockError, RegistryError, UsageError
from envbuild.events import Event, Notice
from envbuild.lock.pylock import dump_lock
from envbuild.outcomes import Request
from envbuild.registry import kinds
from envbuild.registry.client import RegistryClient
from envbuild.reproduce.load import load
from envbuild.reproduce.model import Loaded
from envbuild.reproduce.save import save
from envbuild.site.model import Site

FILE = "x.oci.tar"


@pytest.fixture
def author(engine_url: str, tmp_path: Path) -> CommandLine:
    """Who saves, in the folder `author`."""
    (tmp_path / "author").mkdir()
    return CommandLine(tmp_path / "author", tmp_path / "author-home", engine_url)


@pytest.fixture
def colleague(second: Second, tmp_path: Path) -> CommandLine:
    """Who loads, on the other machine, in the folder `colleague`."""
    return second.user(tmp_path)


@pytest.fixture
def name(engine: Engine, second: Second) -> Iterator[str]:
    """A name of the test's own, gone from both engines afterwards."""
    made = f"envbuild-test-{uuid.uuid4().hex[:12]}:1"
    yield made
    for each in (engine.image(made),):
        if each:
            engine.remove(each.id, force=True)
    with contextlib.suppress(docker.errors.ImageNotFound):
        second.api.remove_image(made, force=True)


@pytest.fixture
def image(engine: Engine, name: str) -> Small:
    """A small image under that name."""
    made = small(files={"big": os.urandom(5_000_000)})
    made.build(engine, name)
    return made


class Machine:
    """`save` and `load` as the commands call them, within this process; files lie in `folder`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url
        self.told: list[Event] = []

    @contextlib.contextmanager
    def _asked(self, disk_free: int | None = None) -> Iterator[Request]:
        asked = request(Path("x"), Site(), self.told.append, engine=self.url)
        with contextlib.closing(asked.connect()) as engine:
            engine.info = replace(engine.info, disk_free=disk_free)
            yield asked

    def save(self, target: str, file: str = FILE) -> Saved:
        def no_client() -> RegistryClient:
            raise AssertionError("it asks a registry")

        with self._asked() as asked:
            return save(asked, no_client, target, self.folder / file)

    def load(
        self, file: str = FILE, *, name: str = "", folder: str = "", disk_free: int | None = None
    ) -> Loaded:
        with self._asked(disk_free) as asked:
            place = self.folder / folder if folder else None
            return load(asked, self.folder / file, name=name, folder=place)

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def here(author: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """The author's machine."""
    monkeypatch.setenv("XDG_STATE_HOME", author.environ["XDG_STATE_HOME"])
    return Machine(author.folder, author.environ["DOCKER_HOST"])


@pytest.fixture
def there(colleague: CommandLine, second: Second, here: Machine) -> Machine:
    """The other machine."""
    return Machine(colleague.folder, second.url)


def carry(author: CommandLine, colleague: CommandLine, file: str = FILE) -> Path:
    """Bring the file to the other machine."""
    return Path(shutil.copy(author.folder / file, colleague.folder / file))


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_there_and_back(
    author: CommandLine, colleague: CommandLine, second: Second, engine: Engine, image: Small, name: str
) -> None:
    file = "x.oci.tar.zst"
    first = engine.image(name)
    assert first
    saved = author.json("save", name, "-o", file)
    assert (saved["names"], saved["id"], len(saved["layers"])) == ([name], first.id, len(first.layers))
    assert [layer["digest"] for layer in saved["layers"]] == list(first.layers)
    assert names(author.folder) == [file]
    carry(author, colleague, file)
    out, err = colleague("load", file, "--extract", "project")
    assert out.startswith(f"{name}: loaded\n")
    assert "load: hand " in err
    found = second.image(name)
    assert found
    assert (found["Id"], found["RepoTags"]) == (first.id, [name])
    assert found["RootFS"]["Layers"] == list(first.layers)
    assert (colleague.folder / "project/spec.yml").read_text() == image.spec
    assert (colleague.folder / "project/pylock.env.toml").read_text() == dump_lock(image.lock)
    colleague("smoke", name)

    again = colleague.json("load", file, "--extract", "project")  # the same files are fine
    assert (again["was_there"], again["id"], again["preflight"]) == (True, first.id, "ok")
    assert [row["type"] for row in again["attached"]] == [kinds.LOCK, SPEC_KIND, kinds.CYCLONEDX]


def test_what_cannot_be_saved(author: CommandLine, here: Machine, name: str) -> None:
    (author.folder / "spec.yml").write_text(f"name: env\npython: 3.11\nimage: {{repository: {name[:-2]}}}\n")
    _, err = author("save", "-o", FILE, code=2)
    assert f"its image {name[:-2]}:latest is not there yet\nhint: make it: envbuild image spec.yml" in err
    with pytest.raises(UsageError, match="there is no such file"):
        here.save("pylock.x.toml")
    with pytest.raises(AssertionError, match="it asks a registry"):
        here.save("127.0.0.1:9/lab/x:1")
    assert names(author.folder) == ["spec.yml"]


def test_a_spec_that_changed_since(author: CommandLine, here: Machine, engine: Engine, name: str) -> None:
    made = small()
    more = f"image: {{repository: {name[:-2]}, tags: ['1']}}\n"
    made = replace(made, spec=made.spec + more)
    made = replace(made, labels=dict(made.labels) | {"dev.envbuild.spec": sha256(made.spec)})
    made.build(engine, name)
    spec = author.folder / "spec.yml"
    spec.write_text(made.spec)
    assert here.save(str(spec)).names == (name,)
    assert here.notices == []
    spec.write_text(made.spec + "env: {A: '1'}\n")
    here.save(str(spec))
    assert here.notices == [f"{spec} changed since its image {name} was made: the image is saved as it is"]


def sha256(text: str) -> str:
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"


def test_several_names_and_none(
    here: Machine,
    there: Machine,
    author: CommandLine,
    colleague: CommandLine,
    second: Second,
    engine: Engine,
    image: Small,
    name: str,
) -> None:
    other, third = name.replace(":1", ":2"), name.replace(":1", ":3")
    found = engine.image(name)
    assert found
    engine.tag(found.id, other)
    assert sorted(here.save(found.id).names) == sorted([name, other])
    engine.untag(other)
    carry(author, colleague)
    assert sorted(there.load().names) == sorted([name, other])
    second.api.remove_image(found.id, force=True)
    assert there.load(name=third).names == (third,)
    assert second.image(name) is None
    assert second.image(third)
    with pytest.raises(UsageError, match="is no image reference"):
        there.load(name="Not A Name")
    second.api.remove_image(found.id, force=True)


def test_plain_docker_loads_it_too(
    here: Machine, second: Second, engine: Engine, image: Small, name: str
) -> None:
    """An engine of 20.10, which knows no OCI archives."""
    here.save(name)
    with (here.folder / FILE).open("rb") as file:
        said = [message.get("stream", "") for message in second.api.load_image(file)]
    assert said == [f"Loaded image: {name}\n"]
    found, first = second.image(name), engine.image(name)
    assert found
    assert first
    assert found["Id"] == first.id


def test_podman_in_both_directions(here: Machine, engine: Engine, image: Small, name: str) -> None:
    here.save(name)
    first = engine.image(name)
    assert first
    with contextlib.ExitStack() as stack:
        try:
            url = stack.enter_context(own_podman())
        except DidNotStart as error:
            missing("podman", str(error))
        podman = Machine(here.folder, url)
        loaded = podman.load()
        assert (loaded.image_id, loaded.names) == (first.id, (name,))
        saved = podman.save(name, "y.oci.tar")
        assert saved.image_id == first.id
        assert [layer.digest for layer in saved.layers] == list(first.layers)
    engine.remove(first.id, force=True)
    assert here.load("y.oci.tar").image_id == first.id


@pytest.mark.skipif(not shutil.which("skopeo"), reason="needs skopeo")
def test_what_skopeo_makes_of_it_is_loaded(
    here: Machine, there: Machine, second: Second, engine: Engine, image: Small, name: str
) -> None:
    here.save(name)
    copy = [
        "skopeo",
        "copy",
        f"oci-archive:{here.folder}/{FILE}",
        f"oci-archive:{there.folder}/{FILE}:{name}",
    ]
    subprocess.run(copy, check=True, capture_output=True)
    loaded = there.load()  # packed by gzip, without what was attached
    first = engine.image(name)
    assert first
    assert (loaded.image_id, loaded.names, loaded.artifacts) == (first.id, (name,), ())


# --- preflight ---


def test_preflight_warns_and_refuses_only_if_asked(
    author: CommandLine, colleague: CommandLine, second: Second, engine: Engine, name: str
) -> None:
    """With a stand-in for NVML."""
    made = small()
    needy = {key: value for key, value in labels_for(made.lock, made.spec).items() if "gpu" in key}
    needy["dev.envbuild.gpu"] = json.dumps({"uses": GPU["uses"]})
    small(labels=needy).build(engine, name)
    author("save", name, "-o", FILE)
    carry(author, colleague)
    with standin_nvml(OLD) as environ:
        out, err = colleague("load", FILE, "--strict", code=9, environ=environ)
        assert f"error: {FILE}: was not loaded, for this machine cannot run it: " in err
        assert "load it all the same: leave --strict out" in err
        assert (out, second.image(name)) == ("", None)
        out, err = colleague("load", FILE, environ=environ)
    assert "warning: this machine cannot run it: " in err
    assert "  runs     preflight: refused\n" in out
    assert second.image(name)
    with standin_nvml(H100_MIG) as environ:
        assert "cannot run" not in colleague("load", FILE, "--strict", environ=environ)[1]


# --- bad files ---


def spoil_layer(members: Members) -> None:
    row = max(members.rows, key=lambda row: len(row.data))
    row.data = row.data[:10_000] + bytes(100) + row.data[10_100:]


def another_lock(members: Members) -> None:
    """A lock beside the image that is not the one that the image names, under its right digest."""
    index = members.json("index.json")
    listed = members.json(blob_name(index["annotations"]["dev.envbuild.referrers"]))
    entry = listed["manifests"][0]
    manifest = members.json(blob_name(entry["digest"]))
    data = members.blob(manifest["layers"][0]["digest"]).data.replace(b"rich", b"poor") + b"\n# edited\n[x]\n"
    manifest["layers"][0] |= {"digest": members.add_blob(data), "size": len(data)}
    entry |= replaced(members, manifest)
    index["annotations"]["dev.envbuild.referrers"] = replaced(members, listed)["digest"]
    members.set_json("index.json", index)


def replaced(members: Members, value: Any) -> dict[str, Any]:
    data = json.dumps(value).encode()
    return {"digest": members.add_blob(data), "size": len(data)}


BAD: dict[str, tuple[Callable[[Members], None], type[EnvbuildError], str]] = {
    "damaged": (spoil_layer, RegistryError, "holds something else than it says under sha256:"),
    "a trick": (
        lambda members: members.rows.append(Member("../../../etc/cron.d/x", b"x")),
        RegistryError,
        "holds a path that leads out of it",
    ),
    "another lock": (another_lock, LockError, "a lock in it is not the one that the image names"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_file_reaches_no_engine(
    here: Machine, there: Machine, second: Second, image: Small, name: str, case: str
) -> None:
    spoil, kind, why = BAD[case]
    here.save(name)
    members = Members.of(here.folder / FILE)
    spoil(members)
    members.write(there.folder / FILE)
    before = second.api.images(all=True)
    with pytest.raises(kind, match=why):
        there.load(folder="project")
    assert second.api.images(all=True) == before
    assert names(there.folder) == [FILE]


@pytest.mark.parametrize("file", ["x.oci.tar", "x.oci.tar.zst"])
def test_one_that_was_cut_off(
    here: Machine, there: Machine, second: Second, image: Small, name: str, file: str
) -> None:
    here.save(name, file)
    data = (here.folder / file).read_bytes()
    (there.folder / file).write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(RegistryError, match=r"cut off|cannot be unpacked"):
        there.load(file)
    assert second.image(name) is None


def test_folders_that_have_something_else(
    author: CommandLine,
    colleague: CommandLine,
    here: Machine,
    there: Machine,
    second: Second,
    image: Small,
    name: str,
) -> None:
    here.save(name)
    carry(author, colleague)
    (colleague.folder / "project").mkdir()
    (colleague.folder / "project/spec.yml").write_text("mine\n")
    with pytest.raises(UsageError, match=r"project/spec.yml: is there already, and is something else"):
        there.load(folder="project")
    assert second.image(name) is None
    assert (colleague.folder / "project/spec.yml").read_text() == "mine\n"


def test_a_disk_that_may_be_too_small(
    here: Machine,
    there: Machine,
    author: CommandLine,
    colleague: CommandLine,
    second: Second,
    image: Small,
    name: str,
) -> None:
    """Said, and tried: the engine may have most of the layers. Not said of an image that it has."""
    saved = here.save(name)
    carry(author, colleague)
    there.load(disk_free=1_000_000)
    (text,) = there.notices
    size = sum(layer.size for layer in saved.layers) / 1e6
    assert text.startswith("the engine's disk (")
    assert f" has 1 MB left, and the layers have {size:.0f} MB in the file: it holds out only if" in text
    assert second.image(name)
    there.load(disk_free=1)
    assert there.notices == [text]


def test_limits_are_said_once(author: CommandLine, colleague: CommandLine, engine: Engine, name: str) -> None:
    """With a stand-in for NVML: two equal GPUs, of which each has the same limit."""
    small(labels={"dev.envbuild.gpu": json.dumps({"uses": GPU["uses"]})}).build(engine, name)
    author("save", name, "-o", FILE)
    carry(author, colleague)
    with standin_nvml(replace(A100, gpus=A100.gpus[:1] * 2)) as environ:
        out, err = colleague("load", FILE, environ=environ)
    assert "  runs     preflight: limits\n" in out
    said = [line for line in err.splitlines() if "preflight: limits: " in line]
    assert said
    assert len(said) == len(set(said))


def test_an_interrupted_load_leaves_nothing(
    author: CommandLine, colleague: CommandLine, second: Second, engine: Engine, name: str
) -> None:
    small(files={"big": os.urandom(60_000_000)}).build(engine, name)
    author("save", name, "-o", "x.oci.tar.gz")
    carry(author, colleague, "x.oci.tar.gz")
    before = second.api.images(all=True)
    with colleague.started("load", "x.oci.tar.gz", "--json") as running:
        running.wait_for('"name": "hand x.oci.tar.gz to the engine"')
        running.wait_for("step_progress")
        running.interrupt()
        code, out, _ = running.end()
    assert (code, out) == (130, "")
    assert second.image(name) is None
    assert second.api.images(all=True) == before


def test_the_same_image_is_the_same_file(here: Machine, image: Small, name: str) -> None:
    digests = set()
    for file in ("a.oci.tar", "b.oci.tar"):
        here.save(name, file)
        digests.add(hashlib.sha256((here.folder / file).read_bytes()).hexdigest())
    assert len(digests) == 1


def test_an_image_that_envbuild_did_not_make(
    author: CommandLine,
    colleague: CommandLine,
    here: Machine,
    there: Machine,
    engine: Engine,
    second: Second,
    name: str,
) -> None:
    replace(small(), labels={}).build(engine, name)
    assert here.save(name).artifacts == ()
    carry(author, colleague)
    loaded = there.load()
    assert (loaded.lock, loaded.preflight) == ("", "unknown")
    assert any(text.startswith("preflight: unknown: ") for text in there.notices)
    assert second.image(name)
