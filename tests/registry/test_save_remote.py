"""`envbuild save docker://REF`: out of a real registry into a file, without an engine. Stand-in images."""

import json
import os
import resource
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from support.archives import Members, blob_name
from support.commandline import CommandLine
from support.faulty import Fault, Front
from support.inspectable import SMOKE, SPEC, a_lock, attach, put, stand_in
from support.pushed import an_image, push_index, somewhere
from support.registries import Registry

from envbuild.archive.model import SPEC_KIND, Held
from envbuild.archive.read import examine
from envbuild.lock.pylock import dump_lock
from envbuild.names import Reference
from envbuild.registry import kinds, manifests
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import OCI_INDEX
from envbuild.registry.parse import digest_of
from envbuild.registry.write import index
from envbuild.reproduce.judge import said
from envbuild.reproduce.load import ensure_lock

FILE = "x.oci.tar"


@pytest.fixture
def envbuild(tmp_path: Path) -> CommandLine:
    (tmp_path / "work").mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home", f"unix://{tmp_path}/nowhere.sock")


def held(envbuild: CommandLine, name: str = FILE) -> Held:
    return examine(envbuild.folder / name, "linux/amd64", lambda done, total: None)


def names(envbuild: CommandLine) -> list[str]:
    return sorted(path.name for path in envbuild.folder.iterdir())


def at(front: Front, reference: Reference) -> str:
    return f"docker://{replace(reference, host=front.host)}"


def test_the_image_to_the_byte_and_what_is_attached(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry
) -> None:
    lock = a_lock()
    image = stand_in(lock)
    reference = put(client, open_registry.host, image)
    smoke = json.dumps(SMOKE).encode()
    attach(client, reference, kinds.SMOKE, smoke, "2026-11-20T10:00:00Z")
    attach(client, reference, "application/vnd.signature", os.urandom(3_000_000))
    out, err = envbuild("save", f"docker://{reference}", "-o", FILE)
    assert f"  digest   {image.digest}\n" in out
    assert "save: x.oci.tar: done in " in err
    found = held(envbuild)
    assert found.manifest.data == image.manifest
    assert found.names == (str(reference),)
    # What the registry has comes first; what it lacks is put beside it.
    assert [row.kind for row in found.artifacts] == [
        *(kinds.SMOKE, "application/vnd.signature", kinds.LOCK, SPEC_KIND, kinds.CYCLONEDX)
    ]
    by_kind = {row.kind: row for row in found.artifacts}
    assert (by_kind[kinds.SMOKE].data, by_kind[kinds.SMOKE].created) == (smoke, "2026-11-20T10:00:00Z")
    assert by_kind[kinds.LOCK].data == dump_lock(lock).encode()
    assert by_kind[SPEC_KIND].data == SPEC.encode()
    ensure_lock(found, said(found.config)[0])
    assert names(envbuild) == [FILE]

    # The same again is the same file.
    first = (envbuild.folder / FILE).read_bytes()
    saved = envbuild.json("save", f"docker://{reference}", "-o", FILE)
    assert (envbuild.folder / FILE).read_bytes() == first
    assert (saved["digest"], saved["size"], saved["names"]) == (image.digest, len(first), [str(reference)])
    assert [row["type"] for row in saved["attached"]] == [row.kind for row in found.artifacts]


@pytest.mark.parametrize("ending", [".tar.gz", ".tar.zst"])
def test_packed(envbuild: CommandLine, client: RegistryClient, open_registry: Registry, ending: str) -> None:
    image = an_image([b"x" * 1_000_000])
    reference = put(client, open_registry.host, image)
    out, _ = envbuild("save", str(reference), "-o", f"x{ending}", "-q")
    assert out == f"x{ending}\n"
    assert (envbuild.folder / f"x{ending}").stat().st_size < 100_000
    found = held(envbuild, f"x{ending}")
    assert (found.manifest.digest, found.artifacts) == (image.digest, ())


def test_the_image_of_the_platform(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry
) -> None:
    ours, other = an_image(), an_image(platform="linux/arm64")
    reference = somewhere(open_registry.host)
    push_index(client, reference, [ours, other])
    envbuild("save", str(reference), "-o", FILE, "--platform", "linux/arm64")
    found = examine(envbuild.folder / FILE, "linux/arm64", lambda done, total: None)
    assert (found.manifest.digest, found.platform) == (other.digest, "linux/arm64")


def test_by_its_digest_it_has_no_name(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry
) -> None:
    image = an_image()
    reference = put(client, open_registry.host, image)
    envbuild("save", str(replace(reference, tag="", digest=image.digest)), "-o", FILE)
    assert held(envbuild).names == ()


def test_a_connection_that_is_cut_goes_on_where_it_was(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry, front: Front
) -> None:
    image = an_image([os.urandom(3_000_000)])
    reference = put(client, open_registry.host, image)
    front.faults = [Fault(path=f"/blobs/{image.layers[0].digest}", cut=2_000_000)]
    envbuild("save", at(front, reference), "-o", FILE)
    assert held(envbuild).manifest.digest == image.digest
    second = front.asked("GET", f"/blobs/{image.layers[0].digest}")[1]
    assert second.headers["Range"].startswith("bytes=")


def test_what_fails_leaves_no_file(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry, front: Front
) -> None:
    data = os.urandom(1_000_000)
    image = an_image([data])
    reference = put(client, open_registry.host, image)
    front.faults = [Fault(path=f"/blobs/{image.layers[0].digest}", times=9, content=data[:-1] + b"?")]
    _, err = envbuild("save", at(front, reference), "-o", FILE, code=7)
    assert "sent content with the digest" in err
    front.faults = [Fault(path=f"/blobs/{image.layers[0].digest}", times=9, status=404)]
    envbuild("save", at(front, reference), "-o", FILE, code=7)
    _, err = envbuild("save", at(front, replace(reference, tag="2")), "-o", FILE, code=7)
    assert "tags that it has: 1" in err
    envbuild("save", at(front, reference), "-o", "nowhere/x.oci.tar", code=2)
    _, err = envbuild("save", at(front, reference), "-o", "x.zip", code=2)
    assert "how it is to be packed is told by its name" in err
    envbuild("save", at(front, reference), code=2)
    assert names(envbuild) == []


@pytest.mark.parametrize("ending", [".tar", ".tar.zst"])
def test_a_full_disk_by_a_limit_on_files(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry, ending: str
) -> None:
    """RLIMIT_FSIZE stands in for the end of the disk."""
    reference = put(client, open_registry.host, an_image([os.urandom(3_000_000)]))
    (envbuild.folder / f"x{ending}").write_bytes(b"the old one")
    ran = subprocess.run(
        envbuild.argv("save", f"docker://{reference}", "-o", f"x{ending}"),
        cwd=envbuild.folder,
        env=envbuild.environ,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 2, ran.stderr
    assert f"error: x{ending}: no space left to write it\n" in ran.stderr
    assert names(envbuild) == [f"x{ending}"]
    assert (envbuild.folder / f"x{ending}").read_bytes() == b"the old one"


@pytest.mark.parametrize("ending", [".tar", ".tar.zst"])
def test_an_interrupt_leaves_no_file(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry, front: Front, ending: str
) -> None:
    image = an_image([os.urandom(3_000_000)])
    reference = put(client, open_registry.host, image)
    front.faults = [Fault(path=f"/blobs/{image.layers[0].digest}", slow=0.2)]
    with envbuild.started("save", at(front, reference), "-o", f"x{ending}", "--json") as running:
        running.wait_for("step_progress")
        seconds = running.interrupt()
        code, out, _ = running.end()
    assert (code, out) == (130, "")
    assert seconds < 20
    assert names(envbuild) == []


def test_a_lock_that_is_not_the_image_s_is_not_put_beside_it(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry
) -> None:
    image = stand_in(a_lock(), labels={"dev.envbuild.name": "env", "dev.envbuild.lock": f"sha256:{'0' * 64}"})
    reference = put(client, open_registry.host, image)
    _, err = envbuild("save", f"docker://{reference}", "-o", FILE)
    assert "warning: neither lock nor spec were put beside the image: the lock in it is not the one" in err
    assert held(envbuild).artifacts == ()


def test_what_is_listed_and_gone_or_no_artifact_is_said(
    envbuild: CommandLine, client: RegistryClient, deleting_registry: Registry
) -> None:
    """The list of what is attached, as registries without the API have it, by a tag that anybody writes."""
    image = an_image()
    reference = put(client, deleting_registry.host, image)
    attach(client, reference, "application/x", b"good")
    (good,) = client.referrers(reference)
    gone = attach(client, reference, "application/x", b"gone")
    many = push_index(client, replace(reference, tag="many"), [an_image()])
    tag = replace(reference, tag=image.digest.replace(":", "-"))
    listed = [*client.referrers(reference), replace(good, digest=many)]
    manifests.put(client._session, tag, index(listed), OCI_INDEX)
    manifests.delete(client._session, replace(reference, tag="", digest=gone))  # which leaves the list
    _, err = envbuild("save", str(reference), "-o", FILE)
    assert err.count(f"warning: {gone} is listed as attached, and is not there any more\n") == 1
    assert err.count(f"warning: {many} is attached, and is no artifact: it was left out\n") == 1
    assert [row.digest for row in held(envbuild).artifacts] == [good.digest]


@pytest.mark.parametrize("packing", [".tar", ".tar.zst"])
def test_an_attachment_whose_file_is_gone_is_said_and_left_out(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry, front: Front, packing: str
) -> None:
    image = an_image()
    reference = put(client, open_registry.host, image)
    gone = attach(client, reference, "application/x", b"gone")
    kept = attach(client, reference, "application/x", b"kept")
    lost = digest_of(b"gone")
    front.faults = [Fault(path=f"/blobs/{lost}", status=404, times=9)]
    _, err = envbuild("save", at(front, reference), "-o", f"x{packing}")
    assert err.count(f"warning: {gone} is attached, and a part of it is not there any more\n") == 1
    found = held(envbuild, f"x{packing}")
    assert [row.digest for row in found.artifacts] == [kept]
    assert found.manifest.digest == image.digest
    assert names(envbuild) == [f"x{packing}"]


def test_an_attachment_that_the_registry_will_not_hand_out_ends_it(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry, front: Front
) -> None:
    """Not gone: whoever may not read it gets no file that looks whole."""
    reference = put(client, open_registry.host, an_image())
    attach(client, reference, "application/x", b"secret")
    front.faults = [Fault(path=f"/blobs/{digest_of(b'secret')}", status=403, times=9)]
    envbuild("save", at(front, reference), "-o", FILE, code=7)
    assert names(envbuild) == []


def test_a_blob_that_two_things_share_is_there_once(
    envbuild: CommandLine, client: RegistryClient, open_registry: Registry
) -> None:
    image = an_image([b"a" * 100, b"b", b"a" * 100])
    reference = put(client, open_registry.host, image)
    for data in (b"one", b"two"):
        attach(client, reference, "application/x", data)
    envbuild("save", str(reference), "-o", FILE)
    members = Members.of(envbuild.folder / FILE)
    all_names = [row.name for row in members.rows]
    assert len(all_names) == len(set(all_names))
    assert members.get(blob_name(image.layers[0].digest)).data == b"a" * 100
    assert len(held(envbuild).artifacts) == 2
