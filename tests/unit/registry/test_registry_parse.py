"""Bytes from a registry: what is taken for a manifest or an index, and the words for what is not."""

# ruff: noqa: E501  a table has one row for each exact message

import hashlib
import json
from typing import Any

import pytest

from envbuild.errors import RegistryError
from envbuild.registry import write
from envbuild.registry.model import (
    DOCKER_INDEX,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_MANIFEST,
    Descriptor,
    Index,
    Manifest,
)
from envbuild.registry.parse import digest_of, is_digest, is_referrers_tag, parse_manifest

A, B = ("sha256:" + letter * 64 for letter in "ab")
CONFIG = {"mediaType": OCI_CONFIG, "digest": A, "size": 2}
LAYER = {
    "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip",
    "digest": B,
    "size": 10,
    "annotations": {"k": "v"},
}
IMAGE = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": CONFIG, "layers": [LAYER]}
ENTRY = {
    "mediaType": OCI_MANIFEST,
    "digest": A,
    "size": 9,
    "platform": {"os": "linux", "architecture": "arm", "variant": "v7"},
}
INDEX = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [ENTRY]}


def data(value: Any) -> bytes:
    return json.dumps(value).encode()


def test_an_image() -> None:
    found = parse_manifest(data(IMAGE), OCI_MANIFEST, "x")
    assert isinstance(found, Manifest)
    assert found.is_image
    assert found.digest == "sha256:" + hashlib.sha256(data(IMAGE)).hexdigest()
    assert found.config == Descriptor(media_type=OCI_CONFIG, digest=A, size=2)
    assert found.layers == (
        Descriptor(media_type=str(LAYER["mediaType"]), digest=B, size=10, annotations={"k": "v"}),
    )
    assert found.data == data(IMAGE)


def test_an_index() -> None:
    found = parse_manifest(data(INDEX), f"{OCI_INDEX}; charset=utf-8", "x")
    assert isinstance(found, Index)
    assert found.manifests == (
        Descriptor(media_type=OCI_MANIFEST, digest=A, size=9, platform="linux/arm/v7"),
    )


def test_an_artifact_and_back() -> None:
    subject = Descriptor(media_type=OCI_MANIFEST, digest=A, size=3)
    layer = Descriptor(media_type="text/plain", digest=B, size=5, annotations={write.TITLE: "é.txt"})
    made = write.artifact(subject, "application/vnd.test", [layer], {"b": "2", "a": "1"})
    assert made == write.artifact(subject, "application/vnd.test", [layer], {"a": "1", "b": "2"})
    found = parse_manifest(made, OCI_MANIFEST, "x")
    assert isinstance(found, Manifest)
    assert (found.subject, found.layers, found.artifact_type) == (subject, (layer,), "application/vnd.test")
    assert (found.annotations, found.config, found.is_image) == ({"a": "1", "b": "2"}, write.EMPTY, False)
    empty = parse_manifest(write.artifact(subject, "t", [], {}), OCI_MANIFEST, "x")
    assert isinstance(empty, Manifest)
    assert (empty.layers, empty.annotations) == ((write.EMPTY,), {})


def test_an_index_and_back() -> None:
    entries = (
        Descriptor(media_type=OCI_MANIFEST, digest=A, size=3, platform="linux/arm64/v8"),
        Descriptor(media_type=OCI_MANIFEST, digest=B, size=4, artifact_type="t", annotations={"k": "v"}),
    )
    found = parse_manifest(write.index(entries), OCI_INDEX, "x")
    assert isinstance(found, Index)
    assert found.manifests == entries
    assert parse_manifest(write.index(()), OCI_INDEX, "x") == Index(
        digest=digest_of(write.index(())), media_type=OCI_INDEX, manifests=(), data=write.index(())
    )


@pytest.mark.parametrize(
    ("value", "said", "media_type"),
    [
        (IMAGE, "application/json", OCI_MANIFEST),
        (IMAGE, "", OCI_MANIFEST),
        ({**IMAGE, "mediaType": None}, DOCKER_MANIFEST, DOCKER_MANIFEST),
        ({**IMAGE, "mediaType": None}, "", OCI_MANIFEST),
        ({**INDEX, "mediaType": None}, "text/plain", OCI_INDEX),
        ({**INDEX, "mediaType": DOCKER_INDEX}, DOCKER_INDEX, DOCKER_INDEX),
        ({**INDEX, "manifests": None}, OCI_INDEX, OCI_INDEX),
    ],
)
def test_what_a_manifest_is(value: Any, said: str, media_type: str) -> None:
    assert parse_manifest(data(value), said, "x").media_type == media_type


@pytest.mark.parametrize(
    ("value", "said", "message"),
    [
        (b"<html>", "text/html", "x: what the registry sent is not JSON"),
        (b"[" * 100_000, OCI_MANIFEST, "x: what the registry sent is not JSON"),
        ([], OCI_MANIFEST, "x: what the registry sent is no JSON object"),
        (IMAGE, DOCKER_MANIFEST, f"x: what the registry sent calls itself {OCI_MANIFEST}, and the registry calls it {DOCKER_MANIFEST}"),
        ({**IMAGE, "manifests": []}, OCI_MANIFEST, "x: what the registry sent is an image and an index at once"),
        ({**INDEX, "layers": []}, OCI_INDEX, "x: what the registry sent is an image and an index at once"),
        ({"mediaType": OCI_MANIFEST}, OCI_MANIFEST, "x: what the registry sent makes no sense: config is missing"),
        ({**IMAGE, "config": []}, OCI_MANIFEST, "x: what the registry sent makes no sense: config is no object"),
        ({**IMAGE, "layers": {}}, OCI_MANIFEST, "x: what the registry sent makes no sense: layers is no list"),
        ({**IMAGE, "layers": [{**LAYER, "digest": "sha256:1"}]}, OCI_MANIFEST, "x: what the registry sent makes no sense: layers[0].digest is no sha256 or sha512 digest"),
        ({**IMAGE, "layers": [LAYER, {**LAYER, "size": -1}]}, OCI_MANIFEST, "x: what the registry sent makes no sense: layers[1].size is no number of bytes"),
        ({**IMAGE, "layers": [{**LAYER, "size": True}]}, OCI_MANIFEST, "x: what the registry sent makes no sense: layers[0].size is no number of bytes"),
        ({**IMAGE, "annotations": {"a": 1}}, OCI_MANIFEST, "x: what the registry sent makes no sense: annotations is no mapping of texts"),
        ({**IMAGE, "artifactType": 1}, OCI_MANIFEST, "x: what the registry sent makes no sense: artifactType is no text"),
        ({**IMAGE, "subject": {}}, OCI_MANIFEST, "x: what the registry sent makes no sense: subject.digest is no sha256 or sha512 digest"),
    ],
)  # fmt: skip
def test_what_makes_no_sense(value: Any, said: str, message: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_manifest(value if isinstance(value, bytes) else data(value), said, "x")
    assert caught.value.message == message
    assert caught.value.trouble == "wrong"


@pytest.mark.parametrize(
    ("value", "said", "message"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, "application/vnd.docker.distribution.manifest.v1+prettyjws", "x: has docker's first manifest format (schema 1), which engines no longer take"),
        ({"schemaVersion": 2, "mediaType": "application/x\nevil"}, "", "x: is of a type that is not known here: application/x?evil"),
        ({}, "application/json", "x: is of a type that is not known here: it does not say"),
    ],
)  # fmt: skip
def test_types_that_are_not_known(value: Any, said: str, message: str) -> None:
    with pytest.raises(RegistryError) as caught:
        parse_manifest(data(value), said, "x")
    assert (caught.value.message, caught.value.trouble) == (message, "unsupported")
    assert caught.value.hint


def test_digests() -> None:
    assert digest_of(b"a") == "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"
    assert digest_of(b"a", "sha512:x").startswith("sha512:1f40fc92da24")
    assert [is_digest(text) for text in (A, "sha512:" + "a" * 128, A + "\n", "sha256:" + "A" * 64, "")] == [
        True,
        True,
        False,
        False,
        False,
    ]
    assert [
        is_referrers_tag(text) for text in (A.replace(":", "-"), "latest", A.replace(":", "-") + ".sig")
    ] == [True, False, False]
