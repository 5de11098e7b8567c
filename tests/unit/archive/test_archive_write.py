"""Files that are there whole or not at all, blobs that are held to their digests, and what an engine gets."""

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from support.archives import Members, archive_of, blob_name, digest_of
from support.pushed import LAYER, Made, an_image, blob

from envbuild.archive.layout import Layout, layer_packing
from envbuild.archive.model import Held
from envbuild.archive.read import examine
from envbuild.archive.tar import Broken
from envbuild.archive.to_engine import engine_stream
from envbuild.archive.write import room_for, whole
from envbuild.errors import RegistryError, UsageError
from envbuild.registry.model import Descriptor

ROOT = Path(__file__).resolve().parents[3]


def names(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


def test_a_file_is_there_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with whole(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert names(tmp_path) == ["x"]


@pytest.mark.parametrize("error", [KeyError("x"), KeyboardInterrupt(), UsageError("x"), OSError(5, "x")])
def test_whatever_ends_it_leaves_the_old_file(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail() -> None:
        with whole(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(UsageError if isinstance(error, OSError) else type(error)):
        fail()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["x"]


def test_places_where_nothing_can_be_written(tmp_path: Path) -> None:
    def write(path: Path) -> None:
        with whole(path) as file:
            file.write(b"x")

    with pytest.raises(UsageError, match="is a folder"):
        write(tmp_path)
    with pytest.raises(UsageError, match="there is no folder"):
        write(tmp_path / "nowhere" / "x")
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        write(tmp_path / "file" / "x")


def test_no_room(tmp_path: Path) -> None:
    room_for(tmp_path / "x", 1)
    with pytest.raises(UsageError, match="there is no room for it: it takes 1000000000000 MB"):
        room_for(tmp_path / "x", 10**18)


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tar.zst"])
def test_a_full_disk_by_a_limit_on_files(tmp_path: Path, name: str) -> None:
    """RLIMIT_FSIZE stands in for the end of the disk: the same way out, with EFBIG."""
    code = f"""
import os
from pathlib import Path
from envbuild.archive.packing import packed, packing_for
from envbuild.archive.write import whole
path = Path({str(tmp_path / name)!r})
with whole(path) as file, packed(file, packing_for(path)) as out:
    for _ in range(400):
        out.write(os.urandom(10_000))
"""
    ran = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1] == (
        f"envbuild.errors.UsageError: {tmp_path / name}: no space left to write it"
    )
    assert names(tmp_path) == []


# --- blobs ---


def test_a_blob_is_written_once_and_held_to_digest_and_size(tmp_path: Path) -> None:
    out = io.BytesIO()
    layout = Layout(out, tmp_path)
    good = blob(b"content")
    layout.add(good, (b"con", b"tent"))
    size = len(out.getvalue())
    layout.add(good, (b"content",))
    assert len(out.getvalue()) == size
    for wrong in (b"konten", b"Content", b"content and more", b""):
        other = Descriptor(media_type=LAYER, digest=digest_of(b"other"), size=7)
        with pytest.raises(Broken, match="holds something else than it says under"):
            layout.add(other, (wrong,))


def test_layers_are_named_by_what_they_are_packed_by(tmp_path: Path) -> None:
    layout = Layout(io.BytesIO(), tmp_path)
    for data, ending in (
        (b"plain", ""),
        (b"\x1f\x8b...", "+gzip"),
        (b"\x28\xb5\x2f\xfd.", "+zstd"),
        (b"", ""),
    ):
        found = layout.add_layer(iter((data,)), len(data))
        assert found.media_type == f"{LAYER}{ending}"
        assert found.digest == digest_of(data)
    assert layer_packing(b"\x1f") == ""
    assert names(tmp_path) == []


def test_plain_docker_finds_its_table_of_contents(tmp_path: Path) -> None:
    image = an_image([b"a", b"b", b"a"])
    members = Members.of(archive_of(tmp_path / "x.tar", image, ["env:1", "env:2"]))
    (row,) = members.json("manifest.json")
    assert row["RepoTags"] == ["env:1", "env:2"]
    assert members.get(row["Config"]).data == image.blobs[image.config.digest]
    assert [members.get(path).data for path in row["Layers"]] == [b"a", b"b", b"a"]


# --- for the engine ---


@pytest.fixture
def image() -> Made:
    return an_image([b"a" * 3_000_000, b"b", b"", b"b"])


def look(path: Path) -> Held:
    return examine(path, "linux/amd64", lambda done, total: None)


def all_of(held: Held, *, oci: bool = False) -> bytes:
    with engine_stream(held, lambda done, total: None, oci=oci) as stream:
        return stream.read()


def test_an_engine_gets_docker_s_form(tmp_path: Path, image: Made) -> None:
    data = all_of(look(archive_of(tmp_path / "x.tar", image)))
    (tmp_path / "out.tar").write_bytes(data)
    members = Members.of(tmp_path / "out.tar")
    (row,) = members.json("manifest.json")
    assert row["RepoTags"] is None
    assert members.get(row["Config"]).data == image.blobs[image.config.digest]
    assert [members.get(path).data for path in row["Layers"]] == [b"a" * 3_000_000, b"b", b"", b"b"]
    assert members.rows[0].name == "manifest.json"
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        assert len(archive.getnames()) == len(set(archive.getnames())) == 5


def test_an_engine_with_containerd_s_store_gets_the_layout(tmp_path: Path, image: Made) -> None:
    held = look(archive_of(tmp_path / "x.tar", image))
    (tmp_path / "out.tar").write_bytes(all_of(held, oci=True))
    again = look(tmp_path / "out.tar")
    assert (again.manifest, again.config_data, again.names) == (held.manifest, held.config_data, ())


@pytest.mark.parametrize("how", ["changed", "gone", "cut"])
def test_a_file_that_changes_after_it_was_checked(tmp_path: Path, image: Made, how: str) -> None:
    path = archive_of(tmp_path / "x.tar", image)
    held = look(path)
    layer = image.layers[0].digest
    if how == "changed":
        members = Members.of(path)
        members.blob(layer).data = b"z" * 3_000_000
        members.write(path)
    elif how == "gone":
        members = Members.of(path)
        members.drop(blob_name(layer))
        members.write(path)
    else:
        path.write_bytes(path.read_bytes()[:1_000_000])
    with pytest.raises(RegistryError) as caught:
        all_of(held)
    why = "ends in the middle of a file: it was cut off" if how == "cut" else "changed while it was read"
    assert caught.value.message == f"{path}: {why}"


def test_reading_may_stop_early(tmp_path: Path, image: Made) -> None:
    held = look(archive_of(tmp_path / "x.tar", image))
    with engine_stream(held, lambda done, total: None, oci=False) as stream:
        start = stream.read(4096)
    (tmp_path / "x.tar").unlink()
    name, _, rest = start.partition(b"\0")
    assert name == b"manifest.json"
    assert json.loads(rest[512 - len(name) - 1 :].partition(b"\0")[0])[0]["RepoTags"] is None
