"""What the client reads of a real registry: manifests, platforms, configs, tags; and what is not there."""

import hashlib
import json
from dataclasses import replace

import pytest
from support.faulty import Fault, Front
from support.pushed import an_image, blob, push, push_index, somewhere
from support.registries import Registry
from support.visitors import Make

from envbuild.errors import RegistryError
from envbuild.names import read_reference
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import OCI_INDEX, OCI_MANIFEST, Attachment, Index, Manifest
from envbuild.site.model import Site

AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.mark.parametrize("docker", [False, True])
def test_an_image(client: RegistryClient, open_registry: Registry, docker: bool) -> None:
    reference = somewhere(open_registry.host)
    image = an_image(docker=docker, config={"Labels": {"a": "b"}})
    digest = push(client, reference, image)
    assert digest == image.digest
    found = client.resolve(reference, AMD)
    assert (found.digest, found.data, found.media_type) == (digest, image.manifest, image.media_type)
    assert (found.config, found.layers, found.index) == (image.config, image.layers, "")
    assert client.config(reference, found)["config"] == {"Labels": {"a": "b"}}
    assert client.read_blob(reference, found.layers[0], 1000) == image.blobs[found.layers[0].digest]
    assert client.manifest(replace(reference, tag="", digest=digest)) == found
    assert client.manifest(replace(reference, tag="gone", digest=digest)) == found
    assert client.head(reference) == image.descriptor()
    assert client.head(replace(reference, tag="gone")) is None


def test_an_index(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    images = {AMD: an_image(), ARM: an_image(platform=f"{ARM}/v8")}
    digest = push_index(client, reference, list(images.values()))
    index = client.manifest(reference)
    assert isinstance(index, Index)
    assert (index.digest, len(index.manifests)) == (digest, 3)
    for platform, image in images.items():
        found = client.resolve(reference, platform)
        assert (found.digest, found.index) == (image.digest, digest)
    head = client.head(reference)
    assert head is not None
    assert (head.digest, head.media_type) == (digest, OCI_INDEX)


def test_an_index_of_one_needs_no_platform(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    image = an_image(platform=ARM)
    push_index(client, reference, [image])
    assert client.resolve(reference, "").digest == image.digest


def test_platforms_that_are_not_there(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    push_index(client, reference, [an_image(), an_image(platform=ARM)])
    single = somewhere(open_registry.host)
    push(client, single, an_image())
    has = f"the registry has it for {AMD}, {ARM}"
    for wanted, name, message in (
        ("linux/s390x", reference, f"{reference}: wanted for linux/s390x; {has}"),
        ("", reference, f"{reference}: for several platforms, and none was named; {has}"),
        (ARM, single, f"{single}: wanted for {ARM}; the registry has it for {AMD}"),
    ):
        with pytest.raises(RegistryError) as caught:
            client.resolve(name, wanted)
        assert (caught.value.message, caught.value.trouble) == (message, "platform")
        assert caught.value.hint == "choose one that it has, or another image"


def test_an_artifact_is_no_image(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    push(client, reference, an_image())
    files = [Attachment(data=b"x", media_type="text/plain")]
    digest = client.attach(reference, "application/vnd.test.report", files)
    with pytest.raises(RegistryError) as caught:
        client.resolve(replace(reference, tag="", digest=digest), AMD)
    name = f"{reference.name}@{digest}"
    kind = "application/vnd.test.report"
    assert caught.value.message == f"{name}: is no image, but an artifact of the type {kind}"


def test_what_is_not_there(client: RegistryClient, open_registry: Registry) -> None:
    host = open_registry.host
    reference = somewhere(host, "v1.10")
    push(client, reference, an_image())
    missing = read_reference(f"{host}/lab/never")
    other = replace(reference, tag="v1.1")
    digest = replace(reference, tag="", digest="sha256:" + "0" * 64)
    check = "check the name and the tag; a private one needs `docker login`"
    for name, what, hint in (
        (missing, "no repository lab/never", check),
        (other, f"no such tag or digest in {reference.repository}", "tags that it has: v1.10"),
        (digest, f"no such tag or digest in {reference.repository}", check),
    ):
        for ask in (client.manifest, lambda name: client.resolve(name, AMD)):
            with pytest.raises(RegistryError) as caught:
                ask(name)
            error = caught.value
            assert error.message == f"{name}: the registry {host} has {what}"
            assert (error.trouble, error.hint) == ("missing", hint)
    nothing = blob(b"nothing")
    with pytest.raises(RegistryError) as caught:
        client.read_blob(reference, nothing, 1000)
    assert caught.value.message == (
        f"{reference.familiar}@{nothing.digest}: the registry {host} has lost a part of it"
    )


def page(path: str, tags: list[str], link: str) -> Fault:
    body = json.dumps({"name": "x", "tags": tags}).encode()
    return Fault(path, status=200, headers={"Link": link} if link else {}, body=body)


def test_tags_in_pages(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    image = an_image()
    names = [f"t{number:02}" for number in range(7)]
    for name in names:
        push(client, replace(reference, tag=name), image)
    client.attach(replace(reference, tag="t00"), "t", [])
    assert client.tags(reference) == tuple(names)
    # docker-registry 2.8 knows no pages: the front makes them.
    path = f"/v2/{reference.repository}/tags/list"
    front.faults = [
        page(r"\?n=1000$", ["b", "a"], f'<{path}?n=1000&last=b>; rel="next"'),
        page("last=b$", ["c"], f'<{front.url}{path}?last=c&n=1000>; foo="bar"; rel=next'),
        page("last=c", ["b", "d"], ""),
    ]
    assert client.tags(reference) == ("a", "b", "c", "d")


def test_tags_of_nothing(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    with pytest.raises(RegistryError) as caught:
        client.tags(reference)
    name = reference.repository
    message = f"the tags of {reference.familiar}: the registry {front.host} has no repository {name}"
    assert caught.value.message == message
    for body, what in (
        (b"{}", "what the registry sent is no list"),
        (b"[", "what the registry sent is no list"),
        (b'{"tags": 3}', "what the registry sent is no list"),
    ):
        front.faults = [Fault("/tags/list", status=200, body=body)]
        with pytest.raises(RegistryError, match=what):
            client.tags(reference)
    front.faults = [Fault("/tags/list", status=200, body=b'{"tags": null}')]
    assert client.tags(reference) == ()


def test_pages_that_never_end(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    link = {"Link": f'</v2/{reference.repository}/tags/list?n=1000&last=a>; rel="next"'}
    front.faults = [Fault("/tags/list", times=-1, status=200, headers=link, body=b'{"tags": ["a"]}')]
    with pytest.raises(RegistryError, match="never comes to an end of its pages"):
        client.tags(reference)
    assert len(front.seen) == 2


def test_a_registry_that_lies_about_a_manifest(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    image, other = an_image(), an_image()
    push(client, reference, image)
    pinned = replace(reference, tag="", digest=image.digest)
    for name in (reference, pinned):
        front.faults = [Fault("/manifests/", "GET", content=other.manifest)]
        with pytest.raises(RegistryError) as caught:
            client.manifest(name)
        assert caught.value.message == (
            f"{name}: the registry {front.host} sent a manifest with the digest {other.digest},"
            f" and not {image.digest}"
        )
        assert caught.value.trouble == "wrong"
    front.faults = [Fault("/manifests/", "HEAD", change={"Docker-Content-Digest": other.digest})]
    with pytest.raises(RegistryError, match="sent a manifest with the digest"):
        client.head(pinned)


def test_a_registry_that_says_little(client: RegistryClient, front: Front) -> None:
    """No Docker-Content-Digest, a vague type: what came is measured here."""
    reference = somewhere(front.host)
    image = an_image()
    push(client, reference, image)
    dropped = ("Docker-Content-Digest",)
    vague = {"Content-Type": "application/json"}
    front.faults = [Fault("/manifests/", times=3, drop=dropped, change=vague)]
    assert client.resolve(reference, AMD).digest == image.digest
    assert client.head(reference) == image.descriptor()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"<html>hello</html>", "what the registry sent is not JSON"),
        (b'{"schemaVersion": 1}', "has docker's first manifest format (schema 1)"),
        (b'{"mediaType": "application/vnd.new"}', "is of a type that is not known here: application/vnd.new"),
        (b" " * (5 << 20), "is larger than 4 MiB, which nothing of its kind is"),
    ],
)
def test_manifests_that_are_none(client: RegistryClient, front: Front, content: bytes, message: str) -> None:
    reference = somewhere(front.host)
    push(client, reference, an_image())
    change = {"Content-Type": "application/json"}
    front.faults = [
        Fault("/manifests/", "GET", content=content, drop=("Docker-Content-Digest",), change=change)
    ]
    with pytest.raises(RegistryError) as caught:
        client.manifest(reference)
    assert caught.value.message.startswith(f"{reference}: {message}")


def test_a_config_that_is_huge_or_none(client: RegistryClient, open_registry: Registry) -> None:
    reference = somewhere(open_registry.host)
    push(client, reference, an_image())
    image = client.resolve(reference, "")
    huge = replace(image, config=replace(image.config, size=9 << 20))
    with pytest.raises(RegistryError) as caught:
        client.config(reference, huge)
    what = f"the config of {reference}"
    assert caught.value.message == f"{what}: is larger than 8 MiB, which nothing of its kind is"
    no_config = replace(image, config=image.layers[0])
    with pytest.raises(RegistryError) as caught:
        client.config(reference, no_config)
    assert caught.value.message == f"{what}: is no JSON object"


def test_a_mirror_is_read_and_the_registry_itself_written(
    client: RegistryClient, open_registry: Registry, front: Front, make: Make
) -> None:
    at_mirror = somewhere(open_registry.host)
    image = an_image()
    digest = push(client, replace(at_mirror, repository=f"hub/{at_mirror.repository}"), image)
    site = Site(registry_mirrors={front.host: f"{open_registry.host}/hub"})
    behind = make(site=site)
    reference = replace(at_mirror, host=front.host)
    assert behind.resolve(reference, AMD).digest == digest
    assert behind.read_blob(reference, image.config, 1000) == image.blobs[image.config.digest]
    assert behind.tags(reference) == ("1",)
    assert front.seen == []
    assert push(behind, reference, image) == digest
    assert front.asked("PUT", "/manifests/1")
    assert isinstance(client.manifest(reference), Manifest)


def test_questions_are_few(client: RegistryClient, front: Front) -> None:
    """What `inspect` needs: manifest and config, each once."""
    reference = somewhere(front.host)
    push(client, reference, an_image())
    front.seen.clear()
    image = client.resolve(reference, AMD)
    client.config(reference, image)
    client.config(reference, image)
    assert [seen.method for seen in front.seen] == ["GET", "GET"]
    assert hashlib.sha256(image.data).hexdigest() in image.digest
    assert json.loads(image.data)["mediaType"] == OCI_MANIFEST
