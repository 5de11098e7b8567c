"""Files that somebody brings: what a good one holds; each bad one is refused for what is wrong with it."""

import gzip
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.archives import Member, Members, archive_of, blob_name, digest_of, docker_20, spoiled, tar_of
from support.inspectable import SPEC, a_lock, metadata_of, stand_in
from support.pushed import Made, an_image

from envbuild.archive import read
from envbuild.archive.model import NAME, NAMES, REF_NAME, REFERRERS, SPEC_KIND, Document, Held
from envbuild.archive.read import examine
from envbuild.errors import EnvbuildError, RegistryError, UsageError
from envbuild.lock.pylock import dump_lock
from envbuild.registry import kinds

AMD64 = "linux/amd64"
LOCK = a_lock()
DOCUMENTS = (
    Document(kind=kinds.LOCK, title="pylock.env.toml", data=dump_lock(LOCK).encode()),
    Document(kind=SPEC_KIND, title="spec.yml", data=SPEC.encode()),
    Document(kind=kinds.SMOKE, title="smoke.json", data=b"{}", created="2026-11-21T00:00:00Z"),
)


def look(path: Path, platform: str = AMD64) -> Held:
    return examine(path, platform, lambda done, total: None)


@pytest.fixture(scope="module")
def image() -> Made:
    return stand_in(LOCK, base=b"x" * 3_000_000)


# --- good ones ---


def test_what_a_good_one_holds(tmp_path: Path, image: Made) -> None:
    path = archive_of(tmp_path / "x.oci.tar", image, ["env:1", "env:latest"], DOCUMENTS)
    held = look(path)
    assert held.names == ("env:1", "env:latest")
    assert held.manifest.digest == image.digest
    assert held.manifest.data == image.manifest
    assert held.platform == AMD64
    assert held.config_data == image.blobs[image.config.digest]
    assert held.size == sum(layer.size for layer in image.layers)
    assert [(row.kind, row.title, row.created) for row in held.artifacts] == [
        (document.kind, document.title, document.created) for document in DOCUMENTS
    ]
    assert held.artifacts[0].data == DOCUMENTS[0].data
    assert held.files == {"spec.yml": SPEC.encode(), "pylock.env.toml": dump_lock(LOCK).encode()}


def test_the_same_image_gives_the_same_file(tmp_path: Path, image: Made) -> None:
    first, second = (archive_of(tmp_path / name, image, ["env:1"], DOCUMENTS) for name in ("a.tar", "b.tar"))
    assert first.read_bytes() == second.read_bytes()


def test_the_whole_file_is_told_to_who_watches(tmp_path: Path, image: Made) -> None:
    path = archive_of(tmp_path / "x.oci.tar", image)
    told: list[tuple[int, int]] = []
    examine(path, AMD64, lambda done, total: told.append((done, total)))
    size = path.stat().st_size
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_an_archive_of_somebody_elses_image(tmp_path: Path) -> None:
    held = look(archive_of(tmp_path / "x.tar", an_image(), ["lab/other:2"]))
    assert (held.names, held.files, held.artifacts) == (("lab/other:2",), {}, ())


def entry_of(members: Members) -> dict[str, Any]:
    found: dict[str, Any] = members.json("index.json")["manifests"][0]
    return found


def set_index(members: Members, *entries: dict[str, Any], **more: Any) -> None:
    members.set_json("index.json", {"schemaVersion": 2, "manifests": list(entries), **more})


def test_as_skopeo_writes_it(tmp_path: Path, image: Made) -> None:
    """No media type in the index, no platform, the whole name as the reference's name; docker's table is not
    there.
    """

    def like_skopeo(members: Members) -> None:
        entry = entry_of(members)
        del entry["platform"]
        set_index(members, entry | {"annotations": {REF_NAME: "lab/env:3"}})
        members.drop("manifest.json")

    assert look(spoiled(tmp_path / "x.tar", image, like_skopeo)).names == ("lab/env:3",)


@pytest.mark.parametrize(
    ("annotations", "names"),
    [
        ({NAME: "docker.io/library/env:1"}, ("env:1",)),
        ({NAME: "registry.example.org:5000/lab/env:1"}, ("registry.example.org:5000/lab/env:1",)),
        ({NAME: "env"}, ("env:latest",)),
        ({NAME: "a:1", NAMES: "a:1 b:2"}, ("a:1", "b:2")),
        ({REF_NAME: "latest"}, ()),
        ({NAME: "No Reference"}, ()),
        ({NAME: "../../etc:1"}, ()),
        ({NAME: f"a@sha256:{'0' * 64}"}, ("a:latest",)),
        ({}, ()),
    ],
)
def test_names(tmp_path: Path, image: Made, annotations: dict[str, str], names: tuple[str, ...]) -> None:
    def rename(members: Members) -> None:
        set_index(members, entry_of(members) | {"annotations": annotations})

    assert look(spoiled(tmp_path / "x.tar", image, rename)).names == names


def test_an_index_of_several_platforms(tmp_path: Path) -> None:
    ours, other = an_image(platform=AMD64), an_image(platform="linux/arm64")
    path = archive_of(tmp_path / "x.tar", ours)
    members = Members.of(path)
    rest = Members.of(archive_of(tmp_path / "y.tar", other))
    members.rows = [row for row in rest.rows if row.name.startswith("blobs/")] + members.rows
    set_index(members, entry_of(members), rest.json("index.json")["manifests"][0])
    assert look(members.write(path)).manifest.digest == ours.digest
    assert look(path, "linux/arm64").manifest.digest == other.digest
    with pytest.raises(UsageError, match="holds 2 images: env:latest"):
        look(path, "linux/s390x")

    inner = json.dumps({"schemaVersion": 2, "manifests": members.json("index.json")["manifests"]}).encode()
    digest = members.add_blob(inner)
    nested = {"mediaType": "application/vnd.oci.image.index.v1+json", "digest": digest, "size": len(inner)}
    set_index(members, nested)
    assert look(members.write(path), "linux/arm64").manifest.digest == other.digest
    with pytest.raises(RegistryError, match="holds the image for linux/amd64, linux/arm64, and linux/s390x"):
        look(path, "linux/s390x")


def test_artifacts_that_other_tools_list_beside_the_image(tmp_path: Path, image: Made) -> None:
    """As oras lists them: in the index itself."""

    def like_oras(members: Members) -> None:
        index = members.json("index.json")
        listed = members.json(blob_name(index["annotations"][REFERRERS]))["manifests"]
        set_index(members, *index["manifests"], *listed)

    held = look(spoiled(tmp_path / "x.tar", image, like_oras, documents=DOCUMENTS))
    assert [row.kind for row in held.artifacts] == [document.kind for document in DOCUMENTS]


def test_folders_and_names_with_a_dot_are_fine(tmp_path: Path, image: Made) -> None:
    def with_folders(members: Members) -> None:
        for row in members.rows:
            row.name = f"./{row.name}"
        members.rows[:0] = [Member("./", kind=tarfile.DIRTYPE), Member("./blobs/", kind=tarfile.DIRTYPE)]
        members.rows.append(Member("./README", b"hello"))

    assert look(spoiled(tmp_path / "x.tar", image, with_folders)).manifest.digest == image.digest


# --- bad ones: what the image is made of ---


def swap_layer(members: Members) -> None:
    row = next(row for row in members.rows if len(row.data) == 3_000_000)
    row.data = b"y" + row.data[1:]


def drop_layer(members: Members) -> None:
    members.rows.remove(next(row for row in members.rows if len(row.data) == 3_000_000))


def drop_config(members: Members) -> None:
    manifest = members.json(blob_name(entry_of(members)["digest"]))
    members.drop(blob_name(manifest["config"]["digest"]))


def drop_manifest(members: Members) -> None:
    members.drop(blob_name(entry_of(members)["digest"]))


def change_manifest(change: Callable[[dict[str, Any]], None]) -> Callable[[Members], None]:
    """Another manifest, by its right digest."""

    def changed(members: Members) -> None:
        manifest = members.json(blob_name(entry_of(members)["digest"]))
        change(manifest)
        data = json.dumps(manifest).encode()
        digest = members.add_blob(data)
        set_index(members, entry_of(members) | {"digest": digest, "size": len(data)})

    return changed


def change_config(value: object) -> Callable[[Members], None]:
    def changed(members: Members) -> None:
        data = json.dumps(value).encode()
        digest = members.add_blob(data)
        change_manifest(lambda manifest: manifest["config"].update(digest=digest, size=len(data)))(members)

    return changed


def change_index(**more: Any) -> Callable[[Members], None]:
    return lambda members: set_index(members, entry_of(members), **more)


def twice(name: str) -> Callable[[Members], None]:
    return lambda members: members.rows.append(Member(name, members.get(name).data))


def add(*rows: Member) -> Callable[[Members], None]:
    return lambda members: members.rows.extend(rows)


def raw(name: str, data: bytes) -> Callable[[Members], None]:
    def changed(members: Members) -> None:
        members.get(name).data = data

    return changed


def layer_as_link(members: Members) -> None:
    row = next(row for row in members.rows if len(row.data) == 3_000_000)
    row.data, row.kind, row.link = b"", tarfile.SYMTYPE, "/etc/passwd"


BAD: dict[str, tuple[Callable[[Members], None], type[EnvbuildError], str]] = {
    "a layer with another content": (swap_layer, RegistryError, "holds something else than it says under"),
    "no layer": (drop_layer, RegistryError, "lacks a layer: sha256:"),
    "no config": (drop_config, RegistryError, "lacks the image's config: sha256:"),
    "no manifest": (drop_manifest, RegistryError, "lacks a manifest: sha256:"),
    "another size of a layer": (
        change_manifest(lambda manifest: manifest["layers"][0].update(size=1)),
        RegistryError,
        "has a layer of 3000000 bytes, where 1 belong",
    ),
    "a manifest without sense": (
        change_manifest(lambda manifest: manifest.update(layers="none")),
        RegistryError,
        "makes no sense: layers is no list",
    ),
    "a manifest of an unknown type": (
        change_manifest(lambda manifest: manifest.update(mediaType="x/y")),
        RegistryError,
        "is of a type that is not known here: x/y",
    ),
    "a config that is no object": (change_config([1]), RegistryError, "the image's config is no JSON object"),
    "another platform": (
        change_config({"os": "linux", "architecture": "arm64"}),
        RegistryError,
        "holds an image for linux/arm64, and linux/amd64 was wanted",
    ),
    "an index that is no JSON": (raw("index.json", b"{"), RegistryError, "index.json: is not JSON"),
    "an index that is a manifest": (
        raw("index.json", an_image().manifest),
        RegistryError,
        "its index.json is no index",
    ),
    "an empty index": (lambda members: set_index(members), RegistryError, "its index names no image"),
    "a layout of another version": (
        raw("oci-layout", b'{"imageLayoutVersion": "2.0.0"}'),
        RegistryError,
        "has the layout version 2.0.0, where 1.0.0 is known",
    ),
    "a layout that is no object": (raw("oci-layout", b"[]"), RegistryError, "oci-layout is no JSON object"),
    "two tables of contents": (twice("index.json"), RegistryError, "holds index.json twice, or as a link"),
    "no table of contents": (
        lambda members: (members.drop("index.json"), members.drop("manifest.json"))[0],
        UsageError,
        "is no archive of an image: it has no index.json",
    ),
    "docker's table alone": (
        lambda members: members.drop("index.json"),
        UsageError,
        "is an archive of docker's own kind, not an OCI one",
    ),
    "a layer that is a link": (layer_as_link, RegistryError, "holds a link in place of a blob"),
    "a path that leads out": (add(Member("../../etc/cron.d/x", b"x")), RegistryError, "leads out of it"),
    "an absolute path": (add(Member("/etc/passwd", b"x")), RegistryError, "leads out of it"),
    "a path that leads out of blobs": (
        add(Member("blobs/sha256/../../../x", b"x")),
        RegistryError,
        "leads out of it",
    ),
    "a path of Windows": (add(Member("..\\x", b"x")), RegistryError, "leads out of it"),
    "an index as a link": (
        lambda members: members.get("index.json").__setattr__("kind", tarfile.SYMTYPE),
        RegistryError,
        "holds index.json twice, or as a link",
    ),
    "referrers that are not there": (
        change_index(annotations={REFERRERS: f"sha256:{'0' * 64}"}),
        RegistryError,
        "lacks a manifest: sha256:000",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_a_bad_one_is_refused_for_what_is_wrong_with_it(case: str, tmp_path: Path, image: Made) -> None:
    spoil, kind, why = BAD[case]
    path = spoiled(tmp_path / "x.oci.tar", image, spoil)
    with pytest.raises(EnvbuildError) as caught:
        look(path)
    assert isinstance(caught.value, kind), caught.value
    assert caught.value.message.startswith(f"{path}: ")
    assert why in caught.value.message
    assert "registry" not in caught.value.message


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_one_that_was_cut_off_anywhere(tmp_path: Path, image: Made, suffix: str) -> None:
    path = archive_of(tmp_path / "x.oci.tar", image, documents=DOCUMENTS)
    data = path.read_bytes() if not suffix else gzip.compress(path.read_bytes())
    short = tmp_path / f"short.tar{suffix}"
    end = len(data) - 1024 if not suffix else len(data)
    for size in (0, 1, 511, 512, 5000, end // 2, end - 5000, end - 513, end - 1):
        short.write_bytes(data[:size])
        with pytest.raises((RegistryError, UsageError)) as caught:
            look(short)
        assert "cut off" in caught.value.message or "cannot be unpacked" in caught.value.message, size


def test_artifacts_that_belong_to_another_image(tmp_path: Path, image: Made) -> None:
    def strange(members: Members) -> None:
        other = Members.of(archive_of(tmp_path / "y.tar", an_image(), documents=DOCUMENTS))
        members.rows[:0] = [row for row in other.rows if row.name.startswith("blobs/")]
        set_index(members, entry_of(members), annotations=other.json("index.json")["annotations"])

    with pytest.raises(RegistryError, match="what it says belongs to the image belongs to another"):
        look(spoiled(tmp_path / "x.tar", image, strange))


def test_a_part_of_an_artifact_that_is_not_there(tmp_path: Path, image: Made) -> None:
    def without(members: Members) -> None:
        members.drop(blob_name(digest_of(DOCUMENTS[0].data)))

    with pytest.raises(RegistryError, match="lacks a part of what belongs to the image"):
        look(spoiled(tmp_path / "x.tar", image, without, documents=DOCUMENTS))


def test_several_images(tmp_path: Path) -> None:
    path = archive_of(tmp_path / "x.tar", an_image(), ["a:1"])
    members, more = Members.of(path), Members.of(archive_of(tmp_path / "y.tar", an_image(), ["b:1"]))
    members.rows = [row for row in more.rows if row.name.startswith("blobs/")] + members.rows
    set_index(members, entry_of(members), entry_of(more))
    with pytest.raises(UsageError, match="holds 2 images: a:1, b:1"):
        look(members.write(path))


def test_an_index_within_an_index_without_end(tmp_path: Path, image: Made) -> None:
    def endless(members: Members) -> None:
        entry = entry_of(members)
        for _ in range(5):
            data = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
            entry = {
                "mediaType": "application/vnd.oci.image.index.v1+json",
                "digest": members.add_blob(data),
                "size": len(data),
                "platform": {"os": "linux", "architecture": "amd64"},
            }
        set_index(members, entry)

    with pytest.raises(RegistryError, match="index within an index"):
        look(spoiled(tmp_path / "x.tar", image, endless))


def test_what_is_no_archive(tmp_path: Path) -> None:
    for name, data, why in (
        ("text", b"hello\n" * 1000, "is no tar archive"),
        ("picture", b"\x89PNG\r\n\x1a\n" + bytes(2000), "is no tar archive"),
        ("zip", b"PK\x03\x04" + bytes(2000), "packed by zip"),
        ("zeros", bytes(10240), "has no index.json"),
        ("other tar", tar_of([Member("a", b"b")]), "has no index.json"),
        ("docker", docker_20(b"{}", [b"layer"]), "of docker's own kind"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises((RegistryError, UsageError), match=why):
            look(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        look(tmp_path)
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        look(tmp_path / "nothing")


def test_small_files_without_end_take_no_memory(
    tmp_path: Path, image: Made, monkeypatch: pytest.MonkeyPatch
) -> None:
    def many(members: Members) -> None:
        for number in range(200):
            members.add_blob(b"%d" % number * 1000)

    path = spoiled(tmp_path / "x.tar", image, many)
    monkeypatch.setattr(read, "_KEPT", 100_000)
    with pytest.raises(RegistryError, match="more than makes sense"):
        look(path)
    monkeypatch.setattr(read, "_MOST_ENTRIES", 100)
    with pytest.raises(RegistryError, match="holds more files than an image has"):
        look(path)


def test_a_manifest_of_many_megabytes(tmp_path: Path, image: Made) -> None:
    def large(members: Members) -> None:
        change_manifest(lambda manifest: manifest.update(annotations={"x": "y" * (9 << 20)}))(members)

    with pytest.raises(RegistryError, match="more than makes sense"):
        look(spoiled(tmp_path / "x.tar", image, large))


def test_the_files_of_an_image_come_from_the_topmost_layer_that_has_any(tmp_path: Path) -> None:
    other = a_lock(name="other")
    image = an_image([metadata_of(other), b"no tar at all" * 100, metadata_of(LOCK), gzip.compress(b"")])
    assert look(archive_of(tmp_path / "x.tar", image)).files["pylock.env.toml"] == dump_lock(LOCK).encode()
