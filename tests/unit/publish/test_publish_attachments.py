"""What is attached to an image: types, files, titles; and the digest that each artifact will have."""

import json

import pytest
from support.planned import lock, package

from envbuild.publish.attachments import artifacts
from envbuild.publish.model import Subject
from envbuild.registry import kinds, write
from envbuild.registry.model import DOCKER_MANIFEST, Descriptor
from envbuild.registry.parse import digest_of
from envbuild.smoke.model import CheckResult, SmokeReport
from envbuild.smoke.report import to_json

IMAGE = Descriptor(media_type=DOCKER_MANIFEST, digest="sha256:" + "12" * 32, size=1234)
REPORT = SmokeReport(
    image_id="sha256:1",
    engine="docker 28",
    results=(CheckResult(name="import a", kind="import", status="passed", seconds=0.5, detail="1.0"),),
    seconds=2.5,
)
SUBJECT = Subject(
    name="spec.yml",
    image_id="sha256:1",
    local=(),
    references=(),
    tags=(),
    lock=lock([package("rich")]),
    lock_name="pylock.env.toml",
    lock_text=b"# the lock\n",
)


def test_lock_report_and_sbom() -> None:
    found = {item.artifact_type: item.file for item in artifacts(SUBJECT, REPORT, version="1")}
    assert list(found) == [kinds.LOCK, kinds.SMOKE, kinds.CYCLONEDX]
    assert {file.media_type for file in found.values()} == set(found)
    assert (found[kinds.LOCK].data, found[kinds.LOCK].title) == (b"# the lock\n", "pylock.env.toml")
    assert json.loads(found[kinds.SMOKE].data) == to_json(REPORT)
    assert json.loads(found[kinds.CYCLONEDX].data)["bomFormat"] == "CycloneDX"
    assert [file.title for file in found.values()][1:] == ["smoke.json", "env.cdx.json"]


def test_smoke_tests_that_were_left_out_are_said_to_be() -> None:
    found = {item.artifact_type: item.file for item in artifacts(SUBJECT, None, version="1")}
    assert json.loads(found[kinds.SMOKE].data) == {"run": False, "why": "--no-smoke"}


@pytest.mark.parametrize("report", [REPORT, None])
def test_twice_the_same_artifacts(report: SmokeReport | None) -> None:
    first, second = (artifacts(SUBJECT, report, version="1") for _ in range(2))
    assert [item.digest(IMAGE) for item in first] == [item.digest(IMAGE) for item in second]
    assert len({item.digest(IMAGE) for item in first}) == 3


def test_the_digest_is_that_of_the_manifest() -> None:
    item = artifacts(SUBJECT, REPORT, version="1")[0]
    layer = Descriptor(
        media_type=kinds.LOCK,
        digest=digest_of(b"# the lock\n"),
        size=11,
        annotations={"org.opencontainers.image.title": "pylock.env.toml"},
    )
    manifest = write.artifact(IMAGE, kinds.LOCK, [layer], {})
    assert item.digest(IMAGE) == digest_of(manifest)
    assert json.loads(manifest)["subject"]["digest"] == IMAGE.digest
