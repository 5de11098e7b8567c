"""Which image of a repository belongs to a spec and its lock: stand-in images in a real registry."""

from dataclasses import replace
from pathlib import Path

import pytest
from support.faulty import Fault, Front
from support.inspectable import a_lock, labels_for, stand_in
from support.pushed import Made, an_image, push, push_index, somewhere
from support.registries import Registry

from envbuild.events import Event, Notice
from envbuild.lock.model import Lock
from envbuild.names import Reference
from envbuild.outcomes import Locked, Request
from envbuild.registry.client import RegistryClient
from envbuild.reproduce import at_hand
from envbuild.reproduce.at_hand import Wanted, in_registry
from envbuild.site.model import Site
from envbuild.spec.load import load_spec
from envbuild.spec.model import ImageName

SPEC = "name: env\npython: 3.11\n"


class Finder:
    """Looks for the image of a spec and a lock; what it `said` on the way."""

    def __init__(self, folder: Path, client: RegistryClient) -> None:
        (folder / "spec.yml").write_text(SPEC)
        self._spec, self._client, self.lock = load_spec(folder / "spec.yml"), client, a_lock()
        self.said: list[str] = []

    def __call__(self, repository: str, *tags: str) -> Reference | None:
        spec = replace(self._spec, image=ImageName(repository=repository, tags=tags or ("latest",)))
        locked = Locked(spec=spec, lock=self.lock, path=Path("x"), changes=(), written=False)

        def sink(event: Event) -> None:
            assert isinstance(event, Notice)
            self.said.append(event.text)

        asked = Request(
            spec_path=Path("x"),
            site=Site(),
            platform="linux/amd64",
            connect=lambda: 1 / 0,  # type: ignore[arg-type, return-value]
            sink=sink,
        )
        return in_registry(asked, lambda: self._client, locked, Wanted(locked, lambda: ""))


@pytest.fixture
def find(tmp_path: Path, client: RegistryClient) -> Finder:
    return Finder(tmp_path, client)


def image(made_of: Lock, **labels: str) -> Made:
    """The spec's image, unless `labels` say otherwise."""
    more = {f"dev.envbuild.{key}": value for key, value in labels.items()}
    return stand_in(made_of, labels=labels_for(made_of, SPEC) | more)


@pytest.fixture
def place(open_registry: Registry) -> Reference:
    return replace(somewhere(open_registry.host), tag="")


def put(client: RegistryClient, place: Reference, **images: Made) -> None:
    for tag, made in images.items():
        push(client, replace(place, tag=tag), made)


def test_by_a_tag_of_the_spec(find: Finder, client: RegistryClient, place: Reference) -> None:
    ours = image(find.lock)
    put(client, place, latest=image(find.lock, lock="sha256:old"), v2=ours)
    assert find(str(place), "latest", "v2") == replace(place, tag="v2", digest=ours.digest)


def test_by_another_tag_of_the_repository(find: Finder, client: RegistryClient, place: Reference) -> None:
    ours = image(find.lock)
    put(
        client,
        place,
        latest=image(find.lock, spec="sha256:later"),
        other=an_image(),
        v1=ours,
        v2=image(find.lock, lock="sha256:later"),
    )
    assert find(str(place)) == replace(place, tag="v1", digest=ours.digest)
    assert find.said == []


def test_not_there(find: Finder, client: RegistryClient, place: Reference) -> None:
    assert find(str(place)) is None  # no such repository
    put(client, place, latest=an_image(), arm=an_image(platform="linux/arm64"))
    assert find(str(place)) is None
    assert find.said == []


def test_among_platforms(find: Finder, client: RegistryClient, place: Reference) -> None:
    ours = image(find.lock)
    push_index(client, replace(place, tag="latest"), [an_image(platform="linux/arm64"), ours])
    found = find(str(place))
    assert found
    assert found.digest == ours.digest


def test_a_name_without_a_registry_is_not_looked_for(find: Finder, client: RegistryClient) -> None:
    client.close()
    assert find("env") is None
    assert find("lab/env") is None
    assert find.said == []


def test_only_so_many_tags_are_looked_at(
    find: Finder, client: RegistryClient, place: Reference, front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = an_image()
    put(client, place, **{f"v{number}": other for number in range(6)}, a=image(find.lock))
    monkeypatch.setattr(at_hand, "MOST_TAGS", 3)
    assert find(str(replace(place, host=front.host))) is None
    looked = [seen.path.rpartition("/")[2] for seen in front.asked("GET", "/manifests/")]
    assert looked == ["latest", "v5", "v4", "v3"]


@pytest.fixture
def fails(front: Front, place: Reference) -> Reference:
    front.faults = [Fault(path="/manifests/", times=99, status=403, body=b"{}")]
    return replace(place, host=front.host)


def test_a_registry_that_does_not_answer_is_said(find: Finder, fails: Reference) -> None:
    assert find(str(fails)) is None
    (said,) = find.said
    assert said.startswith(f"{fails} was not looked through for an image of this lock: ")
    assert find("Not/A/Name") is None
