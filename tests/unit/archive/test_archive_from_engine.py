"""Docker archives of every make → image layouts. The archives are stand-ins, made by hand as engines write
them; tests/engine has the engines' own.
"""

import gzip
import io
import json
import os
from pathlib import Path

import pytest
from support.archives import Member, Members, digest_of, docker_20, docker_25, layer_of, podman, tar_of
from support.pushed import an_image

from envbuild.archive import from_engine
from envbuild.archive.from_engine import export
from envbuild.archive.layout import Layout
from envbuild.archive.model import Brought
from envbuild.archive.tar import Broken

TINY = layer_of([Member("opt/envbuild/spec.yml", b"name: env\n")])
BIG = layer_of([Member("big", os.urandom(5 << 20))])
SOME = layer_of([Member("some", b"x" * 5000)])
LAYERS = (BIG, SOME, BIG, TINY)
CONFIG = json.dumps(
    {
        "os": "linux",
        "architecture": "arm64",
        "variant": "v8",
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer) for layer in LAYERS]},
    }
).encode()
MAKES = {"docker 20": docker_20, "docker 25": docker_25, "podman": podman}


def exported(data: bytes, path: Path) -> tuple[Brought, Members]:
    """What was brought, and the finished archive."""
    with path.open("wb") as file:
        layout = Layout(file, path.parent)
        found = export(io.BytesIO(data), layout)
        layout.finish(found, ["env:1"], ())
    return found, Members.of(path)


@pytest.mark.parametrize("make", MAKES)
def test_every_make_gives_the_same_image(make: str, tmp_path: Path) -> None:
    found, members = exported(MAKES[make](CONFIG, LAYERS), tmp_path / "x.tar")
    assert found.config.digest == digest_of(CONFIG)
    assert found.config_data == CONFIG
    assert [layer.digest for layer in found.layers] == [digest_of(layer) for layer in LAYERS]
    assert {layer.media_type for layer in found.layers} == {"application/vnd.oci.image.layer.v1.tar"}
    assert found.manifest.platform == "linux/arm64/v8"
    assert found.tiny[0] == TINY
    assert members.blob(digest_of(BIG)).data == BIG
    manifest = json.loads(members.blob(found.manifest.digest).data)
    assert [layer["size"] for layer in manifest["layers"]] == [len(layer) for layer in LAYERS]
    assert manifest["config"]["digest"] == digest_of(CONFIG)
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]


@pytest.mark.parametrize("make", MAKES)
def test_each_blob_is_there_once(make: str, tmp_path: Path) -> None:
    _, members = exported(MAKES[make](CONFIG, LAYERS), tmp_path / "x.tar")
    names = [row.name for row in members.rows]
    assert len(names) == len(set(names))


def test_all_makes_give_the_same_file(tmp_path: Path) -> None:
    files = set()
    for number, make in enumerate(MAKES.values()):
        exported(make(CONFIG, LAYERS), tmp_path / f"{number}.tar")
        members = Members.of(tmp_path / f"{number}.tar")
        files.add(tuple(sorted((row.name, row.data) for row in members.rows)))
    assert len(files) == 1


def test_layers_that_come_packed_stay_packed(tmp_path: Path) -> None:
    layers = [gzip.compress(layer) for layer in (BIG, TINY)]
    found, members = exported(docker_25(CONFIG, layers), tmp_path / "x.tar")
    assert {layer.media_type for layer in found.layers} == {"application/vnd.oci.image.layer.v1.tar+gzip"}
    assert members.blob(digest_of(layers[0])).data == layers[0]


def test_a_manifest_that_the_engine_keeps_stays(tmp_path: Path) -> None:
    """As engines with containerd's store do; one of other parts is none."""
    image = an_image(LAYERS, "linux/arm64/v8", docker=True)
    other = an_image(LAYERS[:1])
    config = image.blobs[image.config.digest]
    data = docker_25(config, LAYERS, [other.manifest, image.manifest, b'{"layers": ["nonsense"]}'])
    found, members = exported(data, tmp_path / "x.tar")
    assert (found.manifest.digest, found.manifest.media_type) == (image.digest, image.media_type)
    assert members.blob(image.digest).data == image.manifest


def test_more_small_layers_than_are_kept_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(from_engine, "_KEPT", 20_000)
    found, members = exported(docker_20(CONFIG, LAYERS), tmp_path / "x.tar")
    assert [layer.digest for layer in found.layers] == [digest_of(layer) for layer in LAYERS]
    assert members.blob(digest_of(SOME)).data == SOME


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([Member("x", b"y")], "has no manifest.json"),
        ([Member("manifest.json", b"[]")], "has no manifest.json that says what its one image is"),
        ([Member("manifest.json", b'[{"Config": "c.json", "Layers": []}]')], "lacks its c.json"),
        (
            [
                Member("c.json", b"{}"),
                Member("manifest.json", b'[{"Config": "c.json", "Layers": ["l.tar"]}]'),
            ],
            "lacks its l.tar",
        ),
        ([Member("manifest.json", b"{nonsense")], "has no manifest.json"),
    ],
)
def test_what_is_no_docker_archive_is_refused(rows: list[Member], why: str, tmp_path: Path) -> None:
    with pytest.raises(Broken, match=why):
        exported(tar_of(rows), tmp_path / "x.tar")


def test_a_blob_that_is_not_what_its_name_says_is_refused(tmp_path: Path) -> None:
    data = docker_25(CONFIG, LAYERS).replace(BIG[5000:5100], bytes(100))
    with pytest.raises(Broken, match="holds something else than it says under"):
        exported(data, tmp_path / "x.tar")


def test_an_engine_that_stops_in_the_middle_is_noticed(tmp_path: Path) -> None:
    data = docker_20(CONFIG, LAYERS)
    with pytest.raises(Broken, match="cut off"):
        exported(data[: len(data) // 2], tmp_path / "x.tar")
    assert [each.name for each in tmp_path.iterdir()] == ["x.tar"]
