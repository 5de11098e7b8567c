"""Blobs and manifests into a registry: whole, in chunks, mounted, over broken connections; and nothing half."""

# ruff: noqa: E501  a table has one row for each exact message

import contextlib
import hashlib
import io
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import IO

import pytest
from support.continuing import standin_that_continues
from support.faulty import Fault, Front
from support.need import missing
from support.processes import DidNotStart
from support.pushed import an_image, blob, push, push_index, somewhere
from support.registries import Registry, docker_registry
from support.visitors import Make

from envbuild.errors import RegistryError
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import OCI_INDEX
from envbuild.registry.write import index

DATA = os.urandom(3_000_000)
BLOB = blob(DATA)
UPLOAD = "/blobs/uploads/"


class OneWay(io.RawIOBase):
    """Bytes that come once, as out of a pipe."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return self._data.read(size)


def a_path(data: bytes, folder: Path) -> Path:
    path = folder / "data"
    path.write_bytes(data)
    return path


def a_file(data: bytes, folder: Path) -> IO[bytes]:
    return io.BytesIO(data)


def a_later_place(data: bytes, folder: Path) -> IO[bytes]:
    file = io.BytesIO(b"before" + data + b"after")
    file.seek(6)
    return file


def a_stream(data: bytes, folder: Path) -> IO[bytes]:
    return OneWay(data)  # type: ignore[return-value]


def some_bytes(data: bytes, folder: Path) -> bytes:
    return data


Content = Callable[[bytes, Path], "Path | bytes | IO[bytes]"]
CONTENTS: list[Content] = [a_path, a_file, a_later_place, some_bytes]


@pytest.mark.parametrize("content", [*CONTENTS, a_stream])
@pytest.mark.parametrize("chunk", [0, 1_000_000, 3_000_000, 10_000_000])
def test_a_blob(
    client: RegistryClient, open_registry: Registry, tmp_path: Path, content: Content, chunk: int
) -> None:
    reference = somewhere(open_registry.host)
    told: list[tuple[int, int]] = []
    landed = client.upload_blob(
        reference,
        content(DATA, tmp_path),
        BLOB,
        chunk=chunk,
        progress=lambda done, total: told.append((done, total)),
    )
    assert landed == "sent"
    assert (told[0], told[-1]) == ((0, BLOB.size), (BLOB.size, BLOB.size))
    assert client.read_blob(reference, BLOB, BLOB.size) == DATA


def test_a_blob_that_is_there(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    assert not client.has_blob(reference, BLOB.digest)
    client.upload_blob(reference, DATA, BLOB)
    front.seen.clear()
    told: list[tuple[int, int]] = []
    landed = client.upload_blob(
        reference, DATA, BLOB, progress=lambda done, total: told.append((done, total))
    )
    assert (landed, told, front.seen) == ("there", [(BLOB.size, BLOB.size)], [])
    assert client.has_blob(reference, BLOB.digest)


def test_an_image_that_is_there_moves_nothing(client: RegistryClient, front: Front, make: Make) -> None:
    reference = somewhere(front.host)
    image = an_image([DATA, b"small"])
    push(client, reference, image)
    front.seen.clear()
    again = make()
    assert push(again, reference, image) == image.digest
    assert [(seen.method, seen.size) for seen in front.seen] == [
        ("HEAD", 0),
        ("HEAD", 0),
        ("HEAD", 0),
        ("PUT", len(image.manifest)),
    ]


def test_a_mount(client: RegistryClient, front: Front) -> None:
    source, target = somewhere(front.host), somewhere(front.host)
    client.upload_blob(source, DATA, BLOB)
    front.seen.clear()
    assert client.upload_blob(target, DATA, BLOB, mount_from=source) == "mounted"
    assert sum(seen.size for seen in front.seen) == 0
    assert client.read_blob(target, BLOB, BLOB.size) == DATA


@pytest.mark.parametrize(
    "fault",
    [None, Fault("mount=", status=405), Fault("mount=", status=404), Fault("mount=", status=403)],
    ids=["202", "405", "404", "403"],
)
def test_a_mount_that_is_not_to_be_had(client: RegistryClient, front: Front, fault: Fault | None) -> None:
    nowhere, target = somewhere(front.host), somewhere(front.host)
    front.faults = [replace(fault)] if fault else []
    assert client.upload_blob(target, DATA, BLOB, mount_from=nowhere) == "sent"
    assert client.read_blob(target, BLOB, BLOB.size) == DATA
    other = somewhere("elsewhere.test")
    front.seen.clear()
    small = blob(b"small")
    assert client.upload_blob(target, b"small", small, mount_from=other) == "sent"
    assert front.asked("POST", "mount=") == []


@pytest.mark.parametrize("content", CONTENTS)
@pytest.mark.parametrize("chunk", [0, 1_000_000])
@pytest.mark.parametrize("cut", [0, 100_000, 900_000])
def test_a_connection_that_breaks(
    client: RegistryClient, front: Front, tmp_path: Path, content: Content, chunk: int, cut: int
) -> None:
    """docker-registry forgets a broken upload, so it begins anew, unless nothing of it had been written yet."""
    reference = somewhere(front.host)
    front.faults = [Fault(UPLOAD, "PUT|PATCH", cut_upload=cut, times=2)]
    assert client.upload_blob(reference, content(DATA, tmp_path), BLOB, chunk=chunk) == "sent"
    assert client.read_blob(reference, BLOB, BLOB.size) == DATA
    assert 1 <= len(front.asked("POST", UPLOAD)) <= 3


def test_an_upload_that_went_on_and_came_out_wrong_begins_anew(client: RegistryClient, front: Front) -> None:
    """What came before the break may be written while the rest comes; that is not the blob's fault."""
    reference = somewhere(front.host)
    wrong = Fault(UPLOAD, "PUT", status=400, body=b'{"errors":[{"code":"DIGEST_INVALID"}]}')
    front.faults = [Fault(UPLOAD, "PATCH", cut_upload=0), replace(wrong)]
    assert client.upload_blob(reference, DATA, BLOB, chunk=1_000_000) == "sent"
    assert client.read_blob(reference, BLOB, BLOB.size) == DATA
    assert len(front.asked("POST", UPLOAD)) == 2
    other = somewhere(front.host)
    front.faults = [replace(wrong)]
    with pytest.raises(RegistryError, match="does not take it"):
        client.upload_blob(other, DATA, BLOB, chunk=1_000_000)


def test_an_upload_that_goes_on_in_a_standin(client: RegistryClient, open_registry: Registry) -> None:
    """Registries that keep what came (this stand-in, for docker-registry does not) get the rest only."""
    for chunk, cuts, patches in (
        (0, [1_000_000, 500_000, 0], ["1000000-2999999", "1500000-2999999", "1500000-2999999"]),
        (1_000_000, [-1, 400_000], ["0-999999", "1000000-1999999", "1400000-2399999", "2400000-2999999"]),
    ):
        with standin_that_continues(open_registry.host) as registry:
            reference = somewhere(registry.host)
            registry.cuts = list(cuts)
            assert client.upload_blob(reference, io.BytesIO(DATA), BLOB, chunk=chunk) == "sent"
            assert client.read_blob(reference, BLOB, BLOB.size) == DATA
            assert [rest for method, _, rest in registry.seen if method == "PATCH"] == patches
            assert sum(method == "POST" for method, _, _ in registry.seen) == 1
            assert registry.uploads == {}


def test_the_least_chunk_of_a_standin(client: RegistryClient, open_registry: Registry) -> None:
    with standin_that_continues(open_registry.host) as registry:
        registry.least_chunk = 2_000_000
        reference = somewhere(registry.host)
        assert client.upload_blob(reference, DATA, BLOB, chunk=1000) == "sent"
        patches = [rest for method, _, rest in registry.seen if method == "PATCH"]
        assert patches == ["0-1999999", "2000000-2999999"]


def test_requests_that_are_too_large_for_a_standin(client: RegistryClient, open_registry: Registry) -> None:
    """A proxy with a limit (this stand-in) is met with chunks, down to a least one."""
    with standin_that_continues(open_registry.host) as registry:
        registry.largest = 500_000
        reference = somewhere(registry.host)
        assert client.upload_blob(reference, DATA, BLOB) == "sent"
        assert client.read_blob(reference, BLOB, BLOB.size) == DATA
        registry.largest = 1000
        other = os.urandom(1_000_000)
        with pytest.raises(RegistryError) as caught:
            client.upload_blob(reference, other, blob(other))
        assert caught.value.message.endswith("takes no request that large (413)")
        assert registry.uploads == {}


def test_a_connection_that_breaks_too_often(client: RegistryClient, front: Front, slept: list[float]) -> None:
    reference = somewhere(front.host)
    front.faults = [Fault(UPLOAD, "PUT", cut_upload=1_000_000, times=-1)]
    with pytest.raises(RegistryError) as caught:
        client.upload_blob(reference, DATA, BLOB)
    named = f"{reference.familiar}@{BLOB.digest}"
    assert caught.value.message.startswith(
        f"{named}: the connection to the registry {front.host} broke (5 times)"
    )
    assert (caught.value.trouble, len(slept)) == ("unreachable", 4)
    assert not client.has_blob(reference, BLOB.digest)


def test_a_stream_cannot_be_sent_twice(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    front.faults = [Fault(UPLOAD, "PUT", cut_upload=1_000_000)]
    with pytest.raises(RegistryError) as caught:
        client.upload_blob(reference, a_stream(DATA, Path()), BLOB)
    named = f"{reference.familiar}@{BLOB.digest}"
    assert caught.value.message == (
        f"{named}: has to be sent again, and comes from a stream that cannot be read again"
    )


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(UPLOAD, "POST", status=500)],
        [Fault(UPLOAD, "PUT", status=500)],
        [Fault(UPLOAD, "PUT", status=503, times=4)],
        [Fault(UPLOAD, "PUT", status=404)],
        [Fault("/blobs/sha256", "HEAD", status=502, times=2), Fault(UPLOAD, "PUT", status=429)],
    ],
)
def test_troubles_that_pass(client: RegistryClient, front: Front, faults: list[Fault]) -> None:
    reference = somewhere(front.host)
    front.faults = [replace(fault) for fault in faults]
    assert client.upload_blob(reference, DATA, BLOB) == "sent"
    assert client.read_blob(reference, BLOB, BLOB.size) == DATA


@pytest.mark.parametrize(
    ("fault", "message", "trouble"),
    [
        (Fault(UPLOAD, "POST", status=403), "the registry {host} does not let somebody without a login push to it", "denied"),
        (Fault(UPLOAD, "POST", status=405), "the registry {host} takes no pushes", "denied"),
        (Fault(UPLOAD, "POST", status=401), "the registry {host} wants a login, and there is none for it", "login"),
        (Fault(UPLOAD, "PUT", status=507), "the registry's disk is full", "full"),
        (Fault(UPLOAD, "PUT", status=500, body=b'{"errors":[{"code":"UNKNOWN","detail":{"Err":28}}]}'), "the registry's disk is full: UNKNOWN", "full"),
        (Fault(UPLOAD, "PUT", status=500), "the registry fails with HTTP 500 (5 times)", "busy"),
        (Fault(UPLOAD, "PUT", status=429, headers={"Retry-After": "900"}), "the registry asks for fewer requests (429, once) and to be left alone for 900 s", "busy"),
        (Fault(UPLOAD, "PUT", change={"Docker-Content-Digest": "sha256:x"}), "the registry {host} stored it as sha256:x", "wrong"),
        (Fault(UPLOAD, "POST", drop=("Location",)), "the registry {host} began an upload and did not say where", "wrong"),
    ],
)  # fmt: skip
def test_troubles_that_stay(
    client: RegistryClient, front: Front, fault: Fault, message: str, trouble: str
) -> None:
    reference = somewhere(front.host)
    front.faults = [replace(fault, times=-1)]
    with pytest.raises(RegistryError) as caught:
        client.upload_blob(reference, DATA, BLOB)
    named = f"{reference.familiar}@{BLOB.digest}"
    assert caught.value.message == f"{named}: {message.format(host=front.host)}"
    assert caught.value.trouble == trouble


def test_content_that_is_not_what_was_said(
    client: RegistryClient, open_registry: Registry, tmp_path: Path
) -> None:
    reference = somewhere(open_registry.host)
    named = f"{reference.familiar}@{BLOB.digest}"
    with pytest.raises(RegistryError) as caught:
        client.upload_blob(reference, bytes(BLOB.size), BLOB)
    assert caught.value.message.startswith(f"{named}: the registry does not take it (HTTP 400): ")
    path = a_path(DATA[:1000], tmp_path)
    with pytest.raises(RegistryError) as caught:
        client.upload_blob(reference, path, BLOB)
    assert caught.value.message == f"{named}: has 1000 bytes here, and should have {BLOB.size}"
    path.unlink()
    with pytest.raises(RegistryError) as caught:
        client.upload_blob(reference, path, BLOB)
    assert caught.value.message == f"{named}: cannot be read here: No such file or directory"
    assert not client.has_blob(reference, BLOB.digest)


@pytest.mark.parametrize("chunk", [0, 500_000])
def test_ctrl_c(client: RegistryClient, front: Front, chunk: int) -> None:
    """The upload is taken back. (docker-registry 2.8 does so for whole requests only, and clears up in time.)"""
    reference = somewhere(front.host)

    def stop(done: int, total: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.upload_blob(reference, DATA, BLOB, chunk=chunk, progress=stop)
    assert len(front.asked("DELETE", UPLOAD)) == 1
    assert not client.has_blob(reference, BLOB.digest)
    assert client.upload_blob(reference, DATA, BLOB) == "sent"


def test_ctrl_c_leaves_nothing_in_a_standin(client: RegistryClient, open_registry: Registry) -> None:
    def stop(done: int, total: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    with standin_that_continues(open_registry.host) as registry:
        for chunk in (0, 500_000):
            registry.seen.clear()
            with pytest.raises(KeyboardInterrupt):
                client.upload_blob(somewhere(registry.host), DATA, BLOB, chunk=chunk, progress=stop)
            assert "DELETE" in {method for method, _, _ in registry.seen}
            assert registry.uploads == {}


def test_no_tag_moves_unless_all_is_there(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    before = push(client, reference, an_image())
    image = an_image([b"one", DATA])
    for part in (image.config, image.layers[0]):
        client.upload_blob(reference, image.blobs[part.digest], part)
    front.seen.clear()
    with pytest.raises(RegistryError) as caught:
        client.put_manifest(reference, image.manifest, image.media_type)
    assert caught.value.message == (
        f"{reference}: was not stored: the registry {front.host} lacks 1 of the 3 blobs that it names: {BLOB.digest}"
    )
    assert (caught.value.trouble, front.asked("PUT")) == ("missing", [])
    assert client.manifest(reference).digest == before
    both = index([image.descriptor("linux/amd64")])
    with pytest.raises(RegistryError, match="lacks 1 of the 1 manifests that it names"):
        client.put_manifest(reference, both, OCI_INDEX)
    client.upload_blob(reference, DATA, BLOB)
    assert client.put_manifest(reference, image.manifest, image.media_type) == image.digest
    assert client.manifest(reference).digest == image.digest


def test_a_manifest_under_its_digest_and_several_tags(
    client: RegistryClient, open_registry: Registry
) -> None:
    reference = somewhere(open_registry.host)
    image = an_image()
    push(client, replace(reference, tag=""), image)
    for tag in ("a", "b"):
        client.put_manifest(replace(reference, tag=tag), image.manifest, image.media_type)
    assert client.tags(reference) == ("a", "b")
    wrong = replace(reference, digest="sha256:" + "0" * 64)
    with pytest.raises(RegistryError, match="the manifest has the digest"):
        client.put_manifest(wrong, image.manifest, image.media_type)
    exact = replace(reference, tag="c", digest=image.digest)
    assert client.put_manifest(exact, image.manifest, image.media_type) == image.digest
    assert client.tags(reference) == ("a", "b", "c")


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("/manifests/", "PUT", status=503, times=2), ""),
        (Fault("/manifests/", "PUT", status=429, headers={"Retry-After": "1"}), ""),
        (Fault("/manifests/", "PUT", cut_upload=10, times=2), ""),
        (Fault("/manifests/", "PUT", status=403, times=-1), "does not let somebody without a login push to it"),
        (Fault("/manifests/", "PUT", status=400, times=-1, body=b'{"errors":[{"code":"MANIFEST_INVALID"}]}'), "does not take it (HTTP 400): MANIFEST_INVALID"),
        (Fault("/manifests/", "PUT", change={"Docker-Content-Digest": "sha256:0"}), "stored it as sha256:0, not as "),
    ],
)  # fmt: skip
def test_storing_a_manifest_with_troubles(
    client: RegistryClient, front: Front, fault: Fault, message: str
) -> None:
    reference = somewhere(front.host)
    image = an_image()
    front.faults = [replace(fault)]
    if not message:
        assert push(client, reference, image) == image.digest
        return
    with pytest.raises(RegistryError) as caught:
        push(client, reference, image)
    assert message in caught.value.message


def test_an_index_is_stored_after_its_images(client: RegistryClient, front: Front) -> None:
    reference = somewhere(front.host)
    push_index(client, reference, [an_image(), an_image(platform="linux/arm64")])
    puts = [seen.path for seen in front.asked("PUT", "/manifests/")]
    assert len(puts) == 4
    assert puts[-1].endswith("/manifests/1")
    assert all("/manifests/sha256:" in path for path in puts[:-1])


def test_deleting(client: RegistryClient, deleting_registry: Registry, open_registry: Registry) -> None:
    reference = somewhere(deleting_registry.host)
    image, other = an_image(), an_image()
    push(client, reference, image)
    push(client, replace(reference, tag="2"), other)
    client.delete(replace(reference, digest=image.digest))
    assert client.head(reference) is None
    assert client.tags(reference) == ("2",)
    with pytest.raises(RegistryError) as caught:
        client.delete(replace(reference, tag="2"))
    assert caught.value.message == (
        f"{reference.name}:2: the registry {deleting_registry.host} deletes no tags"
    )
    assert client.head(replace(reference, tag="2"))
    with pytest.raises(RegistryError) as caught:
        client.delete(replace(reference, digest=image.digest))
    assert caught.value.trouble == "missing"
    kept = somewhere(open_registry.host)
    push(client, kept, image)
    with pytest.raises(RegistryError) as caught:
        client.delete(replace(kept, digest=image.digest))
    assert f"the registry {open_registry.host} allows no deletion" in caught.value.message
    assert caught.value.trouble == "denied"


def test_a_registry_whose_disk_is_full(make: Make, tmp_path: Path) -> None:
    """A real one, on a file system of 2 MB of its own."""
    with contextlib.ExitStack() as stack:
        folder = tmp_path / "full"
        (folder / "data").mkdir(parents=True)
        mounted = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder / "data")]
        if subprocess.run(mounted, capture_output=True, check=False).returncode:
            missing("registry", "one with a small disk needs the right to mount a tmpfs")
        stack.callback(subprocess.run, ["umount", str(folder / "data")], check=True)
        try:
            registry = stack.enter_context(docker_registry(folder, login=False))
        except DidNotStart as error:
            missing("registry", str(error))
        client, reference = make(), somewhere(registry.host)
        for chunk in (0, 1_000_000):
            with pytest.raises(RegistryError) as caught:
                client.upload_blob(reference, DATA, BLOB, chunk=chunk)
            assert "the registry's disk is full" in caught.value.message
            assert caught.value.trouble == "full"
        assert not client.has_blob(reference, BLOB.digest)


MEMORY = """
import sys
from pathlib import Path
from envbuild.logins import Logins
from envbuild.names import read_reference
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import Descriptor
from envbuild.site.model import Site

host, digest, size, source, target = sys.argv[1:]
reference = read_reference(f"{host}/lab/memory:1")
blob = Descriptor(media_type="application/vnd.oci.image.layer.v1.tar", digest=digest, size=int(size))
with RegistryClient(Site(), Logins({"HOME": "/nonexistent"})) as client:
    print(client.upload_blob(reference, Path(source), blob))
    client.fetch_blob(reference, blob, Path(target))
# Not ru_maxrss: that of a new process begins with what its parent had.
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def test_memory_does_not_grow_with_a_blob(open_registry: Registry, tmp_path: Path) -> None:
    source, size = tmp_path / "source", 300_000_000
    with source.open("wb") as file:
        file.truncate(size)
    with source.open("rb") as file:
        digest = f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    argv = [sys.executable, "-c", MEMORY, open_registry.host, digest, str(size), source, tmp_path / "target"]
    root = str(Path(__file__).parents[2])
    ran = subprocess.run(
        argv, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": root}, timeout=300
    )
    landed, peak = ran.stdout.split()
    assert landed == "sent"
    assert int(peak) < 100_000  # KiB
    assert (tmp_path / "target").stat().st_size == size
    (tmp_path / "target").unlink()
