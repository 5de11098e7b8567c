"""`look` at a real registry: stand-in images that the client puts there, made without an engine."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace

import pytest
from support.counted import CountingFront, counting
from support.faulty import Fault, Front
from support.inspectable import (
    BASE_DIGEST,
    SMOKE,
    SPEC,
    a_lock,
    attach,
    metadata_of,
    put,
    stand_in,
    tiny,
)
from support.planned import package
from support.pushed import an_image, push, push_index, somewhere
from support.registries import Registry

from envbuild.errors import RegistryError
from envbuild.lock.pylock import dump_lock
from envbuild.registry import kinds
from envbuild.registry.client import RegistryClient
from envbuild.remote.look import look
from envbuild.remote.model import RemoteImage

AMD, ARM = "linux/amd64", "linux/arm64"


@pytest.fixture
def relay(open_registry: Registry) -> Iterator[CountingFront]:
    """A front before the open registry that counts what comes back."""
    with counting(open_registry.host) as started:
        yield started


def kinds_of(image: RemoteImage) -> list[str]:
    return [layer.step.group for layer in image.layers]


def test_all_that_an_image_says(client: RegistryClient, open_registry: Registry) -> None:
    lock = a_lock()
    made = stand_in(lock)
    reference = put(client, open_registry.host, made)
    found = look(client, reference, AMD)
    assert (found.reference, found.digest, found.config) == (str(reference), made.digest, made.config.digest)
    assert (found.platform, found.made_by, found.created) == (AMD, "0.3.0", "2026-11-21T12:17:25.52Z")
    assert (found.python, found.cuda, found.index) == ("3.11.2", "12.8", "")
    assert (found.base.name, found.base.digest, found.base.pinned) == (
        "debian:bookworm-slim",
        BASE_DIGEST,
        True,
    )
    assert (found.contained.spec_text, found.contained.lock) == (SPEC, lock)
    assert [use.component for use in found.needs.uses] == ["torch 2.8.0"]
    assert kinds_of(found) == [
        *("base", "apt", "user", "python", "pip: torch", "pip: rest", "workdir", "run", "copy", "metadata")
    ]
    assert [layer.size for layer in found.layers] == [layer.size for layer in made.layers]
    assert found.size == sum(layer.size for layer in made.layers)
    assert found.layers[4].step.words == ("torch==2.8.0",)
    assert found.layers[8].step.what == "src → /workspace/src"
    assert found.layers[0].diff_id.startswith("sha256:")
    assert (found.user, found.workdir, found.entrypoint, found.cmd) == ("1000", "/workspace", (), ("bash",))
    assert (found.attached, found.smoke, found.doubts) == ((), None, ())


def test_what_is_attached(client: RegistryClient, open_registry: Registry) -> None:
    reference = put(client, open_registry.host, stand_in())
    sbom = os.urandom(1000)
    attach(client, reference, kinds.CYCLONEDX, sbom)
    attach(client, reference, kinds.LOCK, b"lock")
    attach(client, reference, "application/vnd.other", b"?")
    attach(client, reference, kinds.SMOKE, json.dumps(SMOKE).encode(), "2026-11-20T10:00:00Z")
    newest = json.dumps({**SMOKE, "passed": False, "engine": "podman 5"}).encode()
    attach(client, reference, kinds.SMOKE, newest, "2026-11-21T10:00:00Z")
    attach(client, reference, kinds.SMOKE, json.dumps(SMOKE).encode())  # nobody knows when
    found = look(client, reference, AMD)
    assert found.attached is not None
    by_type = {row.artifact_type: row for row in found.attached}
    assert len(found.attached) == 6
    assert by_type[kinds.CYCLONEDX].size == 1000
    assert by_type[kinds.CYCLONEDX].title == "file"
    assert "application/vnd.other" in by_type
    assert found.smoke is not None
    assert (found.smoke.run, found.smoke.passed, found.smoke.seconds) == (True, False, 3.21)
    assert (found.smoke.created, found.smoke.reports) == ("2026-11-21T10:00:00Z", 3)
    assert found.smoke.where == ("podman 5", "--gpus all")
    assert found.smoke.counts == {"passed": 5, "failed": 0, "not run": 1}
    assert found.smoke.report["format"] == 1
    assert found.doubts == ()
    assert look(client, reference, AMD, attachments=False).attached == ()


def test_few_bytes_are_read_whatever_the_image_weighs(client: RegistryClient, relay: CountingFront) -> None:
    """Counted at the registry's door: 100 KB at most besides the layer with the lock."""
    packages = [package(f"package-{number}", f"1.{number}", 1_000_000 + number) for number in range(400)]
    lock = a_lock(packages=packages)
    made = stand_in(lock)
    reference = somewhere(relay.host)
    push(client, reference, made)
    attach(client, reference, kinds.SMOKE, json.dumps({**SMOKE, "checks": ["x" * 100] * 100}).encode())
    attach(client, reference, kinds.CYCLONEDX, os.urandom(400_000))
    attach(client, reference, kinds.LOCK, dump_lock(lock).encode())
    relay.came = 0
    found = look(client, reference, AMD)
    assert found.contained.lock == lock
    assert found.smoke is not None
    assert len(found.attached or ()) == 3
    assert sum(layer.size for layer in made.layers) > 6_000_000
    assert 0 < relay.came - made.layers[-1].size <= 100_000


def test_an_image_of_others(client: RegistryClient, open_registry: Registry) -> None:
    inside = {
        "Env": [
            "PATH=/bin",
            "CUDA_VERSION=12.8.1",
            "NVIDIA_REQUIRE_CUDA=cuda>=12.8 brand=tesla",
            "PYTHON_VERSION=3.12.4",
        ],
        "Labels": {"maintainer": "somebody", "org.opencontainers.image.base.name": "ubuntu:24.04"},
        "Entrypoint": ["/opt/nvidia/entrypoint.sh"],
    }
    history = [
        {"created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
        {"created_by": "ENV A=1", "empty_layer": True},
        {"created_by": "RUN |1 A=b /bin/sh -c apt-get update # buildkit"},
    ]
    made = an_image((os.urandom(100), os.urandom(50)), config=inside, history=history)
    found = look(client, put(client, open_registry.host, made), AMD)
    assert (found.made_by, found.cuda, found.python) == ("", "12.8.1", "3.12.4")
    assert (found.base.name, found.base.pinned) == ("ubuntu:24.04", None)
    assert [layer.step.what for layer in found.layers] == ["ADD file:1 in /", "apt-get update"]
    assert found.needs.compat == "12.8.1"
    assert found.contained.lock is None
    assert (found.entrypoint, found.doubts) == (("/opt/nvidia/entrypoint.sh",), ())


def test_of_an_image_of_others_no_layer_is_read(client: RegistryClient, front: Front) -> None:
    reference = put(client, front.host, stand_in(labels={"maintainer": "x"}))
    front.seen.clear()
    found = look(client, reference, AMD)
    assert found.contained.lock is None
    assert len(front.asked("GET", "/blobs/")) == 1  # the config


def test_a_config_that_says_nothing(client: RegistryClient, open_registry: Registry) -> None:
    for config in (
        {},
        {"config": None, "history": None, "rootfs": None, "created": 5},
        {"config": {"Labels": [1], "Env": "x", "User": {}}, "history": 3, "rootfs": {"diff_ids": "x"}},
        {"config": {"Labels": {"dev.envbuild.gpu": "[" * 5000, "a": 1}, "Env": [1, "x"]}},
        {"config": {"Labels": {"dev.envbuild.gpu": '{"uses": [{"component": 1, "cuda": 2}]}'}}},
    ):
        found = look(client, put(client, open_registry.host, an_image(**config)), AMD)
        assert (found.created, found.user, found.python) == ("", "", "")
        assert found.needs.uses == ()
        assert len(found.needs.doubts) == 1
        assert kinds_of(found) == ["other"]
        assert found.doubts == (
            "what its layers hold is not told: its history has 0 steps with content, and it has 1 layers",
        )


def test_what_is_no_image_or_too_much_of_one(
    client: RegistryClient, open_registry: Registry, front: Front
) -> None:
    huge = put(client, open_registry.host, an_image(comment="x" * (8 << 20)))
    with pytest.raises(RegistryError, match=f"the config of {huge}") as caught:
        look(client, huge, AMD)
    assert caught.value.trouble == "unsupported"
    reference = put(client, front.host, stand_in())
    odd = {"Content-Type": "application/vnd.odd+json"}
    front.faults += [Fault(f"/manifests/{reference.tag}", method="GET", content=b'{"a": 1}', change=odd)]
    with pytest.raises(RegistryError) as caught:
        look(client, reference, AMD)
    assert caught.value.trouble in {"unsupported", "wrong"}
    digest = attach(client, reference, kinds.SMOKE, b"{}")
    with pytest.raises(RegistryError, match="is no image, but an artifact of the type"):
        look(client, replace(reference, tag="", digest=digest), AMD)


def test_platforms(client: RegistryClient, open_registry: Registry) -> None:
    host = open_registry.host
    index = somewhere(host)
    images = {AMD: stand_in(), ARM: stand_in(platform=f"{ARM}/v8")}
    digest = push_index(client, index, list(images.values()))
    for platform, made in images.items():
        found = look(client, index, platform)
        assert (found.digest, found.index) == (made.digest, digest)
    single = put(client, host, stand_in(platform=ARM))
    assert look(client, single, "").platform == ARM
    for reference, platform in ((index, "linux/s390x"), (index, ""), (single, AMD)):
        with pytest.raises(RegistryError) as caught:
            look(client, reference, platform)
        assert caught.value.trouble == "platform"


UNREAD = "spec and lock were not read: "


@pytest.mark.parametrize(
    ("metadata", "doubt"),
    [
        (b"\x1f\x8bnonsense", f"{UNREAD}their layer is broken: it cannot be unpacked"),
        (b"plain text" * 100, f"{UNREAD}their layer is no tar archive"),
        (
            tiny({"opt/envbuild/spec.yml": b"\0" * (17 << 20)}),
            f"{UNREAD}their layer holds more than 16 MiB when unpacked, which spec and lock do not",
        ),
        (tiny({"opt/envbuild/../envbuild/spec.yml": b"x", "etc/passwd": b"x"}), "it holds no spec.yml"),
        (metadata_of(a_lock(), SPEC + "# other\n"), "the spec in it is not the one that its labels name"),
        (metadata_of(a_lock(cuda={})), "the lock in it is not the one that its labels name"),
        (
            os.urandom((1 << 20) + 1),
            f"{UNREAD}the layer that should hold them has 1048577 bytes, and is none of ours",
        ),
    ],
)
def test_a_last_layer_that_lies(
    client: RegistryClient, open_registry: Registry, metadata: bytes, doubt: str
) -> None:
    reference = put(client, open_registry.host, stand_in(metadata=metadata))
    found = look(client, reference, AMD)
    assert found.doubts[0] == doubt
    assert found.made_by == "0.3.0"
    assert found.needs.uses  # by the labels


def test_a_large_last_layer_is_never_asked_for(client: RegistryClient, front: Front) -> None:
    made = stand_in(metadata=os.urandom((1 << 20) + 1))
    reference = put(client, front.host, made)
    front.seen.clear()
    look(client, reference, AMD)
    assert not front.asked("GET", made.layers[-1].digest)
    assert [seen.path.rpartition("/")[2] for seen in front.asked("GET", "/blobs/")] == [made.config.digest]


def test_layers_on_top(client: RegistryClient, open_registry: Registry) -> None:
    more = ("RUN /bin/sh -c pip install flask # buildkit", "COPY x /x # buildkit")
    found = look(client, put(client, open_registry.host, stand_in(more=more)), AMD)
    assert found.contained.lock is not None  # not in the last layer
    assert kinds_of(found)[-3:] == ["metadata", "added", "added"]
    assert found.doubts == (
        "2 of its layers were put on top of what envbuild made: no lock tells what is in them",
    )


def test_a_history_that_was_thrown_away(client: RegistryClient, open_registry: Registry) -> None:
    """Some tools do so: then the last layer, if it is tiny, is looked at all the same."""
    found = look(client, put(client, open_registry.host, stand_in(history=[])), AMD)
    assert found.contained.lock is not None
    assert set(kinds_of(found)) == {"other"}
    assert len(found.doubts) == 1


def test_a_layer_that_is_not_what_its_digest_says(client: RegistryClient, front: Front) -> None:
    made = stand_in()
    reference = put(client, front.host, made)
    lie = bytearray(made.blobs[made.layers[-1].digest])
    lie[-1] ^= 1
    front.faults += [Fault(made.layers[-1].digest, method="GET", content=bytes(lie), times=9)]
    with pytest.raises(RegistryError) as caught:
        look(client, reference, AMD)
    assert caught.value.trouble == "wrong"


def test_a_layer_that_the_registry_lost(client: RegistryClient, front: Front) -> None:
    made = stand_in()
    reference = put(client, front.host, made)
    body = b'{"errors": [{"code": "BLOB_UNKNOWN"}]}'
    front.faults += [Fault(made.layers[-1].digest, method="GET", status=404, body=body)]
    found = look(client, reference, AMD)
    assert found.doubts[0].startswith("spec and lock were not read: ")
    assert found.doubts[0].endswith(f"the registry {front.host} has lost a part of it")
    assert [layer.step.kind for layer in found.layers][4:6] == ["pip", "pip"]


def test_a_registry_that_does_not_tell_what_belongs_to_an_image(client: RegistryClient, front: Front) -> None:
    reference = put(client, front.host, stand_in())
    front.faults += [
        Fault("/referrers/", status=403, times=9),
        Fault("/manifests/sha256-", status=403, times=9),
    ]
    found = look(client, reference, AMD)
    assert found.attached is None
    assert found.doubts[0].startswith("what belongs to it cannot be told: ")


@pytest.mark.parametrize(
    ("data", "doubt"),
    [
        (b"[1]", "its smoke report is no JSON object"),
        (b"{", "its smoke report is no JSON object"),
        (b"[" * 60_000, "its smoke report is no JSON object"),
        (b"x" * 70_000, "its smoke report is none of ours: it has 70000 bytes"),
    ],
)
def test_a_report_that_is_none(
    client: RegistryClient, open_registry: Registry, data: bytes, doubt: str
) -> None:
    reference = put(client, open_registry.host, stand_in())
    attach(client, reference, kinds.SMOKE, data)
    found = look(client, reference, AMD)
    assert (found.smoke, found.doubts) == (None, (doubt,))


def test_reports_with_fields_of_other_kinds(client: RegistryClient, open_registry: Registry) -> None:
    reference = put(client, open_registry.host, stand_in())
    odd = {"passed": "yes", "counts": {"passed": "5", "failed": True, "not run": 2}, "seconds": "x", "gpu": 1}
    attach(client, reference, kinds.SMOKE, json.dumps(odd).encode())
    said = look(client, reference, AMD).smoke
    assert said is not None
    assert (said.run, said.passed, said.counts, said.seconds, said.where) == (
        True,
        None,
        {"not run": 2},
        None,
        (),
    )


def test_tests_that_were_left_out(client: RegistryClient, open_registry: Registry) -> None:
    reference = put(client, open_registry.host, stand_in())
    attach(client, reference, kinds.SMOKE, b'{"run": false, "why": "--no-smoke"}')
    said = look(client, reference, AMD).smoke
    assert said is not None
    assert (said.run, said.why, said.passed) == (False, "--no-smoke", None)


def test_more_reports_than_anybody_reads(client: RegistryClient, front: Front) -> None:
    reference = put(client, front.host, stand_in())
    for number in range(15):
        attach(client, reference, kinds.SMOKE, json.dumps(SMOKE).encode(), f"2026-11-21T10:00:{number:02}Z")
    front.seen.clear()
    found = look(client, reference, AMD)
    assert found.smoke is not None
    assert (found.smoke.created, found.smoke.reports) == ("2026-11-21T10:00:14Z", 15)
    assert len(front.asked("GET", "/blobs/")) == 3  # config, tiny layer, one report
    assert len(found.attached or ()) == 15


def test_a_manifest_with_more_layers_than_engines_take(
    client: RegistryClient, front: Front, open_registry: Registry
) -> None:
    made = stand_in()
    reference = put(client, front.host, made)
    manifest = json.loads(made.manifest)
    manifest["layers"] = manifest["layers"][:1] * 1001
    body = json.dumps(manifest).encode()
    front.faults += [
        Fault(f"/manifests/{reference.tag}", content=body, drop=("Docker-Content-Digest",), times=9)
    ]
    with pytest.raises(RegistryError, match="its manifest names 1001 layers, more than any engine takes"):
        look(client, reference, AMD)
