"""`pull` from a real registry into a dockerd of the test's own, whose store is empty: stand-in images that
say of themselves what envbuild's do.
"""

import contextlib
import os
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.faulty import Fault, Front, front_of
from support.inspectable import a_lock, attach
from support.place import write_config
from support.pushed import an_image, push
from support.registries import Registry
from support.second import Second
from support.small import Small, small

from envbuild.cli.surroundings import request
from envbuild.engine.engine import Engine
from envbuild.errors import GpuUnavailable, RegistryError, SmokeError
from envbuild.events import Event, Notice, StepProgress
from envbuild.logins import Logins
from envbuild.names import Reference, read_reference
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import OCI_INDEX, Manifest
from envbuild.registry.parse import digest_of
from envbuild.registry.write import index
from envbuild.reproduce.model import Pulled, PullOptions
from envbuild.reproduce.pull import pull
from envbuild.site.model import Site

pytestmark = pytest.mark.registry


@pytest.fixture
def colleague(second: Second, tmp_path: Path) -> CommandLine:
    """Somebody else, on another machine with an engine of its own."""
    return second.user(tmp_path)


class Puller:
    """`pull` as the colleague's command calls it, within this process; what it `told` on the way."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.told: list[Event] = []
        self.client: Callable[[], RegistryClient] = lambda: RegistryClient(Site(), Logins({}))

    def __call__(
        self, name: str, *, smoke: bool = True, force: bool = False, disk_free: int | None = None
    ) -> Pulled:
        asked = request(Path(name), Site(), self.told.append, engine=self.url)
        with contextlib.closing(asked.connect()) as engine, self.client() as client:
            engine.info = replace(engine.info, disk_free=disk_free)
            return pull(asked, client, read_reference(name), PullOptions(smoke=smoke, force=force))

    @property
    def notices(self) -> list[str]:
        return [event.text for event in self.told if isinstance(event, Notice)]


@pytest.fixture
def here(second: Second, colleague: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Puller:
    for key in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG", "DOCKER_HOST"):
        monkeypatch.setenv(key, colleague.environ[key])
    return Puller(second.url)


class Pusher:
    """Brings small images from the first engine to the registry."""

    def __init__(self, engine: Engine, api: docker.APIClient, registry: Registry) -> None:
        self._engine, self._api, self._host = engine, api, registry.host

    def __call__(self, image: Small, reference: str = "") -> tuple[str, str]:
        """Its reference and its digest."""
        name = reference or f"{self._host}/lab/{uuid.uuid4().hex[:12]}:1"
        image_id = image.build(self._engine, name)
        repository, _, tag = name.rpartition(":")
        digest = ""
        for message in self._api.push(repository, tag, stream=True, decode=True):
            assert "error" not in message, message
            digest = message.get("aux", {}).get("Digest", digest)
        self._engine.remove(image_id, force=True)
        return name, digest


@pytest.fixture
def pushed(engine: Engine, api: docker.APIClient, open_registry: Registry) -> Pusher:
    return Pusher(engine, api, open_registry)


@pytest.fixture
def front(open_registry: Registry) -> Iterator[Front]:
    with front_of(open_registry.host) as started:
        yield started


def at(front: Front, name: str) -> str:
    return str(replace(read_reference(name), host=front.host))


def pinned(name: str, digest: str) -> str:
    return f"{name.rpartition(':')[0]}@{digest}"


def test_what_the_command_says_and_brings(colleague: CommandLine, second: Second, pushed: Pusher) -> None:
    name, digest = pushed(small("test -f /opt/envbuild/spec.yml"))
    out, err = colleague("pull", name)
    assert out.startswith(f"{name}: pulled\n")
    assert f"  digest   {digest}\n" in out
    assert "smoke: 1 passed in " in out
    assert f"pull: {name}: done in " in err
    there = second.image(name)
    assert there is not None
    assert pinned(name, digest) in there["RepoDigests"]
    assert there["RepoTags"] == [name]

    again = colleague.json("pull", name)
    assert (again["up_to_date"], again["digest"], again["id"]) == (True, digest, there["Id"])
    assert (again["names"], again["preflight"], again["moved"]) == ([name], "ok", "")
    assert again["smoke"]["passed"] is True
    assert colleague("pull", "-q", name)[0] == f"{name}\n"


def test_a_second_pull_finds_nothing_to_do(here: Puller, second: Second, pushed: Pusher) -> None:
    name, digest = pushed(small())
    first = here(name)
    assert (first.digest, first.up_to_date) == (digest, False)
    assert first.report
    assert first.report.passed
    moved = [event for event in here.told if isinstance(event, StepProgress)]
    assert {event.total for event in moved} <= {first.transfer}
    again = here(name)
    assert (again.up_to_date, again.report) == (True, first.report)
    assert here(name, force=True).up_to_date is False
    second.api.remove_image(name)
    assert here(name).up_to_date is False


def test_an_image_that_fails_here_gets_no_name(here: Puller, second: Second, pushed: Pusher) -> None:
    good, _ = pushed(small())
    here(good)
    before = second.image(good)
    bad, digest = pushed(small("echo it broke; false"), good)
    with pytest.raises(SmokeError) as caught:
        here(bad)
    assert caught.value.message == (
        "1 of 1 smoke tests did not pass on this machine; the image is here as"
        f" {pinned(bad, digest)}; {bad} was not touched"
    )
    assert f"envbuild pull {bad} --no-smoke" in caught.value.hint
    assert caught.value.report.results[0].output == ("it broke",)
    assert second.image(good) == before
    assert second.image(pinned(bad, digest)) is not None
    assert here(bad, smoke=False).report is None
    assert second.image(bad) != before
    with pytest.raises(SmokeError):  # the report that is missing is made when it is wanted
        here(bad)


def test_a_gpu_that_is_required_and_missing(here: Puller, second: Second, pushed: Pusher) -> None:
    name, _ = pushed(small(gpu="required"))
    with pytest.raises(GpuUnavailable, match="is required, and no GPU could be had: "):
        here(name)
    assert second.image(name) is None


class Moving(RegistryClient):
    """A client during whose look somebody else moves the tag to `other`."""

    def __init__(self, other: Reference) -> None:
        super().__init__(Site(), Logins({}))
        self._other = other

    def resolve(self, reference: Reference, platform: str) -> Manifest:
        found = super().resolve(reference, platform)
        another = self.manifest(self._other)
        assert isinstance(another, Manifest)
        for part in (another.config, *another.layers):
            self.upload_blob(reference, b"", part, mount_from=self._other)
        self.put_manifest(reference, another.data, another.media_type)
        return found


def test_a_tag_that_moves_after_the_look(here: Puller, second: Second, pushed: Pusher) -> None:
    name, digest = pushed(small())
    other, moved = pushed(small("false"))
    here.client = lambda: Moving(read_reference(other))
    pulled = here(name)
    assert (pulled.digest, pulled.moved) == (digest, moved)
    told = f"{name} was moved to {moved} meanwhile; here is what it was before, {digest}"
    assert here.notices == [f"{told}: pull again for the new one"]
    there = second.image(name)
    assert there is not None
    assert there["Id"] == pulled.image_id


@pytest.mark.parametrize("label", ["lock", "spec"])
def test_an_image_that_is_not_what_it_says(here: Puller, second: Second, pushed: Pusher, label: str) -> None:
    name, digest = pushed(small(labels={f"dev.envbuild.{label}": f"sha256:{'0' * 64}"}))
    with pytest.raises(RegistryError) as caught:
        here(name)
    assert caught.value.message == (
        f"{name}: was not named, for it is not what it says: the {label} in it is not the one that its labels"
        " name"
    )
    assert second.image(name) is None
    assert second.image(pinned(name, digest)) is None


def test_another_lock_than_the_labels_name(here: Puller, second: Second, pushed: Pusher) -> None:
    name, _ = pushed(replace(small(), lock=a_lock(packages=(), apt=())))
    with pytest.raises(RegistryError, match="the lock in it is not the one that its labels name"):
        here(name)
    assert second.image(name) is None


def test_an_image_of_somebody_elses(here: Puller, second: Second, pushed: Pusher) -> None:
    name, _ = pushed(replace(small(), labels={}))
    found = here(name)
    assert f"{name}: was not smoke-tested: envbuild did not make it" in here.notices
    assert (found.report, found.lock, found.preflight) == (None, "", "unknown")
    assert second.image(name) is not None
    assert here(name).up_to_date is True


def test_a_disk_that_may_be_too_small(here: Puller, pushed: Pusher) -> None:
    name, _ = pushed(small(files={"big": os.urandom(1_600_000)}))
    here(name, disk_free=1_000_000)
    (text,) = here.notices
    assert text.startswith("the engine's disk (")
    assert "has 1 MB left, and the layers have 3 MB still packed" in text
    here(name, force=True, disk_free=1)  # it is there
    assert here.notices == [text]


def test_what_is_attached_is_not_asked_for(
    here: Puller, second: Second, front: Front, pushed: Pusher
) -> None:
    """So lists that name what is gone stop no pull."""
    name = pushed(small())[0]
    with RegistryClient(Site(), Logins({})) as client:
        gone = attach(client, read_reference(name), "application/x", b"gone")
    front.faults = [
        Fault(path=f"/manifests/{gone}", status=404, times=99),
        Fault(path=f"/blobs/{digest_of(b'gone')}", status=404, times=99),
        Fault(path="/referrers/", status=500, times=99),
    ]
    here(at(front, name))
    assert here.notices == []
    assert second.image(at(front, name))
    assert not [seen for seen in front.asked("GET") if "referrers" in seen.path or "sha256-" in seen.path]


def test_by_its_digest(here: Puller, second: Second, pushed: Pusher) -> None:
    name, digest = pushed(small())
    found = here(pinned(name, digest))
    assert (found.names, found.digest) == ((), digest)
    there = second.image(pinned(name, digest))
    assert there is not None
    assert there["RepoTags"] == []
    here(f"{name}@{digest}")  # with a tag as well, that is its name
    named = second.image(name)
    assert named is not None
    assert named["Id"] == there["Id"]


def test_an_interrupted_pull_leaves_no_name(
    colleague: CommandLine, here: Puller, second: Second, front: Front, pushed: Pusher
) -> None:
    name = at(front, pushed(small(files={"big": os.urandom(8_000_000)}))[0])
    front.faults = [Fault(path="/blobs/", method="GET", times=99, slow=0.2)]
    with colleague.started("pull", name) as running:
        for _ in range(2):  # the look, and its end; then the pull itself begins
            running.wait_for("pull: look at")
        running.wait_for(f"pull: {name}")
        seconds = running.interrupt()
        code, out, _ = running.end()
    assert (code, out) == (130, "")
    assert seconds < 20
    assert second.image(name) is None
    front.faults = []
    here(name)
    assert second.image(name) is not None


def test_a_blob_that_lies_is_refused(here: Puller, second: Second, front: Front, pushed: Pusher) -> None:
    name, _ = pushed(small(files={"data": os.urandom(100)}))
    with RegistryClient(Site(), Logins({})) as client:
        layer = client.resolve(read_reference(name), "linux/amd64").layers[-1]
        data = client.read_blob(read_reference(name), layer, 1 << 20)
    lie = data[:-1] + bytes([data[-1] ^ 1])
    front.faults = [Fault(path=f"/blobs/{layer.digest}", times=99, content=lie)]
    with pytest.raises(RegistryError):
        here(at(front, name))
    assert second.image(at(front, name)) is None


def test_a_connection_that_is_cut_in_the_middle_of_a_blob(
    here: Puller, second: Second, front: Front, pushed: Pusher
) -> None:
    name = at(front, pushed(small(files={"big": os.urandom(1_600_000)}))[0])
    with RegistryClient(Site(), Logins({})) as client:
        layers = client.resolve(read_reference(name), "linux/amd64").layers
    largest = max(layers[1:], key=lambda layer: layer.size)
    front.faults = [Fault(path=f"/blobs/{largest.digest}", method="GET", cut=700_000)]
    here(name)
    assert second.image(name) is not None
    assert len(front.asked("GET", f"/blobs/{largest.digest}")) > 1


def test_through_a_mirror(
    colleague: CommandLine, second: Second, pushed: Pusher, open_registry: Registry, tmp_path: Path
) -> None:
    path = f"lab/{uuid.uuid4().hex[:12]}"
    _, digest = pushed(small(), f"{open_registry.host}/hub/{path}:1")
    mirrors = {"docker.io": f"{open_registry.host}/hub"}
    write_config(tmp_path / "colleague-home", {"registry_mirrors": mirrors})
    found = colleague.json("pull", f"{path}:1")
    assert (found["digest"], found["names"]) == (digest, [f"{path}:1"])
    assert second.image(f"{path}:1") is not None


def test_two_at_once_take_turns(colleague: CommandLine, pushed: Pusher) -> None:
    name, _ = pushed(small())
    with colleague.started("pull", name) as one, colleague.started("pull", name) as two:
        ends = [one.end(), two.end()]
    assert [end[0] for end in ends] == [0, 0]
    assert sum("nothing to do" in end[1] for end in ends) == 1


def test_an_index_leads_to_the_image_of_the_platform(here: Puller, second: Second, pushed: Pusher) -> None:
    name, digest = pushed(small())
    reference = read_reference(name)
    with RegistryClient(Site(), Logins({})) as client:
        ours = client.resolve(reference, "linux/amd64")
        other = an_image(platform="linux/s390x")
        push(client, replace(reference, tag=""), other)
        mine = replace(
            other.descriptor("linux/amd64"),
            digest=ours.digest,
            size=len(ours.data),
            media_type=ours.media_type,
        )
        data = index([other.descriptor("linux/s390x"), mine])
        listed = client.put_manifest(replace(reference, tag="all"), data, OCI_INDEX)
    found = here(str(replace(reference, tag="all")))
    assert (found.digest, found.index) == (digest, listed)
    assert second.image(str(replace(reference, tag="all"))) is not None


class Misled(RegistryClient):
    """A client that takes an image for another one: a stand-in for an engine that pulls something else."""

    def resolve(self, reference: Reference, platform: str) -> Manifest:
        found = super().resolve(reference, platform)
        return replace(found, config=replace(found.config, digest=f"sha256:{'0' * 64}"))

    def config(self, reference: Reference, manifest: Manifest) -> dict[str, object]:
        return {}


def test_what_was_pulled_is_what_was_judged(here: Puller, second: Second, pushed: Pusher) -> None:
    name, _ = pushed(small())
    here.client = lambda: Misled(Site(), Logins({}))
    with pytest.raises(RegistryError, match="the engine pulled something else"):
        here(name)
    assert second.image(name) is None
