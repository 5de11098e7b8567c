"""`look` where what is attached to an image is lost, in part or whole: a real registry, and a front."""

import json
from dataclasses import replace

import pytest
from support.faulty import Fault, Front
from support.inspectable import SMOKE, attach, put, stand_in
from support.registries import Registry

from envbuild.registry import kinds, manifests
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import OCI_INDEX, OCI_MANIFEST
from envbuild.registry.parse import digest_of
from envbuild.registry.write import index
from envbuild.remote.look import look

AMD = "linux/amd64"


def test_an_artifact_that_is_lost(client: RegistryClient, front: Front) -> None:
    reference = put(client, front.host, stand_in())
    digest = attach(client, reference, kinds.SMOKE, json.dumps(SMOKE).encode())
    front.faults += [Fault(f"/manifests/{digest}", status=404, times=9)]
    found = look(client, reference, AMD)
    (doubt,) = found.doubts
    assert doubt.startswith("an artifact of it cannot be read: ")
    assert found.smoke is None
    assert len(found.attached or ()) == 1


@pytest.mark.parametrize("part", ["manifest", "file"])
def test_of_reports_the_newest_that_is_there_is_told(client: RegistryClient, front: Front, part: str) -> None:
    """What a registry without the API lists by a tag may be long gone: its manifest, or only its file."""
    reference = put(client, front.host, stand_in())
    older = json.dumps({**SMOKE, "seconds": 1.5}).encode()
    newer = json.dumps({**SMOKE, "seconds": 2.5}).encode()
    attach(client, reference, kinds.SMOKE, older, "2026-11-20T10:00:00Z")
    digest = attach(client, reference, kinds.SMOKE, newer, "2026-11-21T10:00:00Z")
    lost = f"/manifests/{digest}" if part == "manifest" else f"/blobs/{digest_of(newer)}"
    front.faults += [Fault(lost, status=404, times=9)]
    found = look(client, reference, AMD)
    assert found.smoke is not None
    assert (found.smoke.seconds, found.smoke.created) == (1.5, "2026-11-20T10:00:00Z")
    (doubt,) = found.doubts
    begin = "an artifact of it" if part == "manifest" else "its smoke report"
    assert doubt.startswith(f"{begin} cannot be read: ")
    assert len(found.attached or ()) == 2


def test_an_artifact_without_a_file(client: RegistryClient, open_registry: Registry) -> None:
    reference = put(client, open_registry.host, stand_in())
    attach(client, reference, kinds.SMOKE, b"{}")
    (listed,) = client.referrers(reference)
    whole = client.manifest(replace(reference, tag="", digest=listed.digest))
    data = json.dumps(json.loads(whole.data) | {"layers": []}).encode()
    digest = client.put_manifest(replace(reference, tag=""), data, OCI_MANIFEST)
    tag = replace(reference, tag=client.resolve(reference, AMD).digest.replace(":", "-"))
    client.put_manifest(tag, index([replace(listed, digest=digest, size=len(data))]), OCI_INDEX)
    found = look(client, reference, AMD)
    assert (found.smoke, found.doubts) == (None, (f"an artifact of it holds no file: {digest}",))


def test_what_was_deleted_by_other_means_is_passed_over(
    client: RegistryClient, deleting_registry: Registry
) -> None:
    """Nothing here stands in: the list by tag keeps what the registry has deleted."""
    reference = put(client, deleting_registry.host, stand_in())
    gone = attach(client, reference, kinds.CYCLONEDX, b"{}")
    attach(client, reference, kinds.SMOKE, json.dumps(SMOKE).encode())
    manifests.delete(client._session, replace(reference, tag="", digest=gone))
    found = look(client, reference, AMD)
    (doubt,) = found.doubts
    assert doubt.startswith("an artifact of it cannot be read: ")
    assert found.smoke is not None
    assert found.smoke.passed is True
