"""Blobs out of a registry whose connections break, that lies, or for which there is no space here."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from support.faulty import Fault, Front, Gate, front_of
from support.pushed import blob, somewhere

from envbuild.errors import RegistryError
from envbuild.names import Reference
from envbuild.registry.client import RegistryClient
from envbuild.registry.model import Descriptor

DATA = os.urandom(3_000_000)
BLOB = blob(DATA)
GET = ("/blobs/sha256", "GET")


@pytest.fixture
def reference(client: RegistryClient, front: Front) -> Reference:
    """A repository that has DATA."""
    found = somewhere(front.host)
    client.upload_blob(found, DATA, BLOB)
    front.seen.clear()
    return found


def ranges(front: Front) -> list[str]:
    return [seen.headers.get("Range", "") for seen in front.asked("GET", "/blobs/")]


def test_to_a_file(client: RegistryClient, reference: Reference, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    path = tmp_path / "layer"
    client.fetch_blob(reference, BLOB, path, progress=lambda done, total: told.append((done, total)))
    assert path.read_bytes() == DATA
    assert [entry.name for entry in tmp_path.iterdir()] == ["layer"]
    assert told[0] == (0, BLOB.size)
    assert told[-1] == (BLOB.size, BLOB.size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_empty_blob(client: RegistryClient, front: Front, tmp_path: Path) -> None:
    empty, place = blob(b""), somewhere(front.host)
    assert client.upload_blob(place, b"", empty) == "sent"
    client.fetch_blob(place, empty, tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""
    assert b"".join(client.blob_stream(place, empty)) == b""


@pytest.mark.parametrize("cuts", [[1_000_000], [0], [2_999_999], [1_000_000, 500_000, 100, 0]])
def test_a_connection_that_breaks(
    client: RegistryClient, reference: Reference, front: Front, slept: list[float], cuts: list[int]
) -> None:
    front.faults = [Fault(*GET, cut=cut) for cut in cuts]
    assert b"".join(client.blob_stream(reference, BLOB)) == DATA
    starts = [sum(cuts[:number]) for number in range(len(cuts) + 1)]
    assert ranges(front) == [f"bytes={start}-" if start else "" for start in starts]
    assert len(slept) == len(cuts)


def test_a_registry_without_ranges(client: RegistryClient, reference: Reference, front: Front) -> None:
    front.faults = [Fault(*GET, cut=1_000_000), Fault(*GET, hide=("Range",))]
    assert b"".join(client.blob_stream(reference, BLOB)) == DATA
    assert len(front.seen) == 2


def test_progress_opens_all_tries_again(
    client: RegistryClient, reference: Reference, front: Front, slept: list[float]
) -> None:
    """Eight cuts, five tries: fine, for each try brings more than a MiB in the end, or few fail in a row."""
    big = os.urandom(12_000_000)
    client.upload_blob(reference, big, blob(big))
    front.faults = [Fault(*GET, cut=1_300_000, times=8)]
    assert b"".join(client.blob_stream(reference, blob(big))) == big
    assert max(slept) <= 0.5


def test_a_connection_that_breaks_too_often(
    client: RegistryClient, reference: Reference, front: Front, slept: list[float], tmp_path: Path
) -> None:
    front.faults = [Fault(*GET, cut=100_000, times=-1)]
    with pytest.raises(RegistryError) as caught:
        client.fetch_blob(reference, BLOB, tmp_path / "layer")
    assert caught.value.message == (
        f"{reference.familiar}@{BLOB.digest}: the connection to the registry {front.host} broke (5 times): "
        "the answer ended in the middle"
    )
    assert caught.value.trouble == "unreachable"
    assert len(slept) == 4
    assert slept == sorted(slept)  # each pause is longer
    part = tmp_path / ".layer.part"
    assert [entry.name for entry in tmp_path.iterdir()] == [part.name]
    assert part.read_bytes() == DATA[:500_000]
    # The next call goes on where this one ended.
    front.faults = []
    front.seen.clear()
    client.fetch_blob(reference, BLOB, tmp_path / "layer")
    assert (tmp_path / "layer").read_bytes() == DATA
    assert ranges(front) == ["bytes=500000-"]
    assert [entry.name for entry in tmp_path.iterdir()] == ["layer"]


def test_without_resume_nothing_stays(
    client: RegistryClient, reference: Reference, front: Front, tmp_path: Path
) -> None:
    front.faults = [Fault(*GET, cut=1_000, times=-1)]
    with pytest.raises(RegistryError, match="broke"):
        client.fetch_blob(reference, BLOB, tmp_path / "layer", resume=False)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("resume", [True, False])
def test_ctrl_c(client: RegistryClient, reference: Reference, tmp_path: Path, resume: bool) -> None:
    def stop(done: int, total: int) -> None:
        if done > 1_000_000:
            raise KeyboardInterrupt

    path = tmp_path / "layer"
    with pytest.raises(KeyboardInterrupt):
        client.fetch_blob(reference, BLOB, path, resume=resume, progress=stop)
    assert [entry.name for entry in tmp_path.iterdir()] == ([".layer.part"] if resume else [])
    client.fetch_blob(reference, BLOB, path)
    assert path.read_bytes() == DATA


@pytest.mark.parametrize(
    "left", [b"something else", DATA[:-1] + bytes([DATA[-1] ^ 1]), DATA + b"more", b"\0" * 2_000_000]
)
def test_what_lies_there_from_before_is_not_trusted(
    client: RegistryClient, reference: Reference, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / ".layer.part").write_bytes(left)
    client.fetch_blob(reference, BLOB, tmp_path / "layer")
    assert (tmp_path / "layer").read_bytes() == DATA
    assert [entry.name for entry in tmp_path.iterdir()] == ["layer"]


def test_all_of_it_lies_there_from_before(
    client: RegistryClient, reference: Reference, front: Front, tmp_path: Path
) -> None:
    (tmp_path / ".layer.part").write_bytes(DATA)
    client.fetch_blob(reference, BLOB, tmp_path / "layer")
    assert (tmp_path / "layer").read_bytes() == DATA
    assert front.seen == []


WRONG = bytes([DATA[0] ^ 1]) + DATA[1:]


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (WRONG, f"content with the digest {blob(WRONG).digest}, and not {BLOB.digest}"),
        (DATA + b"x", f"more than the {BLOB.size} bytes that it should have"),
    ],
)
def test_a_registry_that_lies(
    client: RegistryClient, reference: Reference, front: Front, tmp_path: Path, content: bytes, what: str
) -> None:
    front.faults = [Fault(*GET, content=content, times=-1)]
    path = tmp_path / "layer"
    path.write_bytes(b"the one before")
    named = f"{reference.familiar}@{BLOB.digest}"
    with pytest.raises(RegistryError) as caught:
        client.fetch_blob(reference, BLOB, path)
    assert caught.value.message == f"{named}: the registry {front.host} sent {what}"
    assert caught.value.trouble == "wrong"
    assert path.read_bytes() == b"the one before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["layer"]
    with pytest.raises(RegistryError):
        client.read_blob(reference, BLOB, len(content))


def test_the_last_piece_waits_for_the_check(
    client: RegistryClient, reference: Reference, front: Front
) -> None:
    """Who streams gets less than the whole of a wrong blob, and an error."""
    front.faults = [Fault(*GET, content=WRONG)]
    got: list[bytes] = []
    with pytest.raises(RegistryError, match="content with the digest"):
        got.extend(client.blob_stream(reference, BLOB))
    assert 0 < len(b"".join(got)) < BLOB.size


def test_a_lie_about_the_range(client: RegistryClient, reference: Reference, front: Front) -> None:
    front.faults = [Fault(*GET, cut=1_000_000), Fault(*GET, change={"Content-Range": "bytes 5-9/10"})]
    with pytest.raises(RegistryError, match="its bytes from 5 on, where 1000000 was asked for"):
        b"".join(client.blob_stream(reference, BLOB))


def test_fewer_bytes_than_the_manifest_says(
    client: RegistryClient, reference: Reference, front: Front
) -> None:
    more = replace(BLOB, size=BLOB.size + 1)
    with pytest.raises(RegistryError, match=f"sent fewer than the {more.size} bytes that it should have"):
        b"".join(client.blob_stream(reference, more))


@pytest.mark.parametrize(
    ("faults", "pauses"),
    [
        ([Fault(*GET, status=500)], 1),
        ([Fault(*GET, status=503, times=4)], 4),
        ([Fault(*GET, status=429, headers={"Retry-After": "7"})], 1),
        ([Fault(*GET, status=502), Fault(*GET, cut=10), Fault(*GET, status=504)], 3),
    ],
)
def test_troubles_that_pass(
    client: RegistryClient,
    reference: Reference,
    front: Front,
    slept: list[float],
    told: list[str],
    faults: list[Fault],
    pauses: int,
) -> None:
    front.faults = [replace(fault) for fault in faults]
    assert b"".join(client.blob_stream(reference, BLOB)) == DATA
    assert len(slept) == pauses
    if faults[0].headers:
        assert slept == [7.0]
        assert told == [f"{front.host}: HTTP 429: trying again in 7 s"]


@pytest.mark.parametrize(
    ("fault", "tries", "message"),
    [
        (Fault(*GET, status=500, times=-1), 5, "the registry fails with HTTP 500 (5 times)"),
        (Fault(*GET, status=429, times=-1), 5, "the registry asks for fewer requests (429, 5 times)"),
        (
            Fault(*GET, status=429, times=-1, headers={"Retry-After": "3600"}),
            1,
            "the registry asks for fewer requests (429, once) and to be left alone for 3600 s",
        ),
        (
            Fault(*GET, status=403, times=-1),
            1,
            "the registry {host} does not let somebody without a login read it",
        ),
        (
            Fault(*GET, status=404, times=-1),
            1,
            "the registry {host} has no such thing, or does not show it",
        ),
        (
            Fault(*GET, status=401, times=-1),
            1,
            "the registry {host} wants a login, and there is none for it",
        ),
    ],
)
def test_troubles_that_stay(
    client: RegistryClient, reference: Reference, front: Front, fault: Fault, tries: int, message: str
) -> None:
    front.faults = [replace(fault)]
    with pytest.raises(RegistryError) as caught:
        b"".join(client.blob_stream(reference, BLOB))
    named = f"{reference.familiar}@{BLOB.digest}"
    assert caught.value.message == f"{named}: {message.format(host=front.host)}"
    assert len(front.seen) == tries


def test_a_full_disk_here(client: RegistryClient, reference: Reference, tmp_path: Path) -> None:
    """/dev/full says ENOSPC to every write, as a full disk does."""
    part = tmp_path / ".layer.part"
    part.symlink_to("/dev/full")
    with pytest.raises(RegistryError) as caught:
        client.fetch_blob(reference, BLOB, tmp_path / "layer")
    named = f"{reference.familiar}@{BLOB.digest}"
    assert caught.value.message == f"{named}: no space left on this machine for {tmp_path}"
    assert (caught.value.trouble, caught.value.hint) == ("full", "free some space, or choose another folder")
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_would_be_full_is_seen_before_anything_moves(
    client: RegistryClient, reference: Reference, front: Front, tmp_path: Path
) -> None:
    huge = Descriptor(media_type=BLOB.media_type, digest=BLOB.digest, size=10**18)
    with pytest.raises(
        RegistryError, match=r"no space left .*: 1000000000000 MB are to come, and \d+ MB are"
    ):
        client.fetch_blob(reference, huge, tmp_path / "layer")
    assert front.seen == []
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_not_there(client: RegistryClient, reference: Reference, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        client.fetch_blob(reference, BLOB, tmp_path / "none" / "layer")


def test_blobs_that_lie_elsewhere(client: RegistryClient, reference: Reference, front: Front) -> None:
    """Registries send readers on to a storage of theirs, which must not see the login; also after a cut."""
    with front_of(front.upstream, gate=Gate(anybody={"pull"})) as guarded:
        place = replace(reference, host=guarded.host)
        there = f"{front.url}/v2/{place.repository}/blobs/{BLOB.digest}"
        guarded.faults = [Fault(*GET, times=2, status=307, headers={"Location": there})]
        front.faults = [Fault(*GET, cut=1_000_000)]
        assert b"".join(client.blob_stream(place, BLOB)) == DATA
        assert all("Authorization" not in seen.headers for seen in front.seen)
        assert any("Authorization" in seen.headers for seen in guarded.seen)
        assert ranges(front) == ["", "bytes=1000000-"]


def test_redirects_without_end(client: RegistryClient, reference: Reference, front: Front) -> None:
    front.faults = [Fault(*GET, times=-1, status=302, headers={"Location": f"/v2/x/blobs/{BLOB.digest}"})]
    with pytest.raises(RegistryError, match="redirects more than 5 times"):
        b"".join(client.blob_stream(reference, BLOB))


def test_a_slow_registry(client: RegistryClient, reference: Reference, front: Front) -> None:
    """Slow is no fault as long as something comes."""
    front.faults = [Fault(*GET, slow=0.01)]
    assert b"".join(client.blob_stream(reference, BLOB)) == DATA
    assert len(front.seen) == 1
