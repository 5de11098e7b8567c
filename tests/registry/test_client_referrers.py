"""What belongs to an image: attached and listed by the tag that stands in for the API, and by the API."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from support.faulty import Fault, Front
from support.pushed import an_image, push, push_index, somewhere
from support.registries import Registry
from support.visitors import Make

from envbuild.errors import RegistryError
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import OCI_INDEX, OCI_MANIFEST, Attachment, Descriptor, Manifest
from envbuild.registry.write import EMPTY, TITLE, index

REPORT, LOCK = "application/vnd.test.report.v1+json", "application/vnd.test.lock"
FILE = Attachment(data=b'{"ok": true}', media_type="application/json", title="smoke.json")
MORE = Attachment(data=b"second", media_type="text/plain")


def test_attached_and_found_and_read(client: RegistryClient, open_registry: Registry) -> None:
    reference, image = somewhere(open_registry.host), an_image()
    push(client, reference, image)
    assert client.referrers(reference) == ()
    digest = client.attach(reference, REPORT, [FILE, MORE], {"who": "a test"})
    other = client.attach(replace(reference, digest=image.digest), LOCK, [])
    first, second = client.referrers(reference)
    assert (first.digest, first.artifact_type, first.annotations) == (digest, REPORT, {"who": "a test"})
    assert (second.digest, second.artifact_type) == (other, LOCK)
    assert client.referrers(reference, REPORT) == (first,)
    assert client.referrers(replace(reference, digest=image.digest), LOCK) == (second,)
    assert client.referrers(reference, "application/none") == ()
    found = client.manifest(replace(reference, tag="", digest=digest))
    assert isinstance(found, Manifest)
    assert found.subject == image.descriptor()
    assert found.config == EMPTY
    assert [layer.annotations for layer in found.layers] == [{TITLE: "smoke.json"}, {}]
    for file, layer in zip((FILE, MORE), found.layers, strict=True):
        assert client.read_blob(reference, layer, 1000) == file.data
    nothing = client.manifest(replace(reference, tag="", digest=other))
    assert isinstance(nothing, Manifest)
    assert nothing.layers == (EMPTY,)
    assert client.tags(reference) == ("1",)


def test_the_same_artifact_twice(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    push(client, reference, an_image())
    assert client.attach(reference, REPORT, [FILE]) == client.attach(reference, REPORT, [FILE])
    assert len(client.referrers(reference)) == 1


def test_an_index_has_referrers_too(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    digest = push_index(client, reference, [an_image(), an_image(platform="linux/arm64")])
    artifact = client.attach(reference, REPORT, [FILE])
    found = client.manifest(replace(reference, tag="", digest=artifact))
    assert found.subject is not None
    assert (found.subject.digest, found.subject.media_type) == (digest, OCI_INDEX)


def test_nothing_belongs_to_what_is_not_there(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    for ask in (lambda: client.attach(reference, REPORT, [FILE]), lambda: client.referrers(reference)):
        with pytest.raises(RegistryError) as caught:
            ask()
        message = f"{reference}: the registry {open_registry.host} has no such image"
        assert (caught.value.message, caught.value.trouble) == (message, "missing")


def test_deleting_an_artifact(client: RegistryClient, deleting_registry: Registry) -> None:
    reference = somewhere(deleting_registry.host)
    push(client, reference, an_image())
    digests = [client.attach(reference, kind, [FILE]) for kind in (REPORT, LOCK)]
    client.delete(replace(reference, tag="", digest=digests[0]))
    assert [entry.digest for entry in client.referrers(reference)] == [digests[1]]
    client.delete(replace(reference, tag="", digest=digests[1]))
    assert client.referrers(reference) == ()


def test_two_who_attach_at_once(make: Make, client: RegistryClient, front: Front) -> None:
    """Another client's list overwrites ours between our writing and our looking: written again."""
    reference, image = somewhere(front.host), an_image()
    push(client, reference, image)
    mine = client.attach(reference, REPORT, [FILE])
    theirs = index([Descriptor(media_type=OCI_MANIFEST, digest=image.digest, size=1, artifact_type="theirs")])
    tag = f"/manifests/{image.digest.replace(':', '-')}"
    plain = {"Content-Type": OCI_INDEX}
    # The second look of the next attach (the first one reads before it writes) sees the other's list alone.
    front.faults = [
        Fault(tag, "GET", times=1),
        Fault(tag, "GET", content=theirs, change=plain, drop=("Docker-Content-Digest",)),
    ]
    second = client.attach(reference, LOCK, [FILE])
    assert {entry.digest for entry in client.referrers(reference)} == {mine, second}
    assert len(front.asked("PUT", tag)) == 3
    front.faults = [Fault(tag, "GET", times=-1, status=404)]
    with pytest.raises(RegistryError, match="its list in the registry changes faster than it can be written"):
        client.attach(reference, LOCK, [MORE])


def entries(kinds: Sequence[str]) -> list[Descriptor]:
    return [
        Descriptor(
            media_type=OCI_MANIFEST,
            digest=f"sha256:{number:064}",
            size=1,
            artifact_type=kind,
            annotations={"n": str(number)},
        )
        for number, kind in enumerate(kinds)
    ]


def test_the_api_of_a_standin(client: RegistryClient, front: Front) -> None:
    """docker-registry 2.8 has no referrers API: the front answers in its place, in pages, filtered or not."""
    reference, image = somewhere(front.host), an_image()
    push(client, reference, image)
    listed = entries([REPORT, LOCK, REPORT])
    path = f"/v2/{reference.repository}/referrers/{image.digest}"
    kind = {"Content-Type": OCI_INDEX}
    link = {**kind, "Link": f'<{path}?page=2>; rel="next"'}
    first = Fault(r"/referrers/[^?]*(\?artifactType|$)", status=200, headers=link, body=index(listed[:2]))
    second = Fault(r"/referrers/.*\?page=2", status=200, headers=kind, body=index(listed[2:]))
    front.faults = [replace(first), replace(second)]
    assert client.referrers(reference) == tuple(listed)
    front.faults = [replace(first), replace(second)]
    front.seen.clear()
    assert client.referrers(reference, REPORT) == (listed[0], listed[2])
    asked = front.asked("GET", "/referrers/")[0].path
    assert asked == f"{path}?artifactType=application%2Fvnd.test.report.v1%2Bjson"
    front.faults = [Fault("/referrers/", status=200, body=b'{"manifests": []}')]
    with pytest.raises(RegistryError, match="is of a type that is not known here"):
        client.referrers(reference)


def test_attaching_to_a_standin_that_has_the_api(client: RegistryClient, front: Front) -> None:
    """It says so with OCI-Subject, and then there is no list to write."""
    reference, image = somewhere(front.host), an_image()
    push(client, reference, image)
    front.faults = [Fault("/manifests/sha256:", "PUT", change={"OCI-Subject": image.digest})]
    front.seen.clear()
    client.attach(reference, REPORT, [FILE])
    assert len(front.asked("PUT", "/manifests/")) == 1


@pytest.mark.parametrize("status", [404, 405, 400, 501])
def test_ways_to_say_that_there_is_no_api(client: RegistryClient, front: Front, status: int) -> None:
    reference = somewhere(front.host)
    push(client, reference, an_image())
    digest = client.attach(reference, REPORT, [FILE])
    front.faults = [Fault("/referrers/", status=status)]
    assert [entry.digest for entry in client.referrers(reference)] == [digest]


def test_the_api_fails(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    push(client, reference, an_image())
    front.faults = [Fault("/referrers/", status=403)]
    with pytest.raises(RegistryError) as caught:
        client.referrers(reference)
    assert caught.value.trouble == "denied"
    assert caught.value.message.startswith(f"what belongs to {reference}")
