"""What `push` prints: for people, for programs, for scripts."""

import json
from dataclasses import replace

import pytest

from envbuild.cli.published import published_data, published_lines, show_published
from envbuild.engine.push import Pushed
from envbuild.names import read_reference
from envbuild.publish.model import Arrived, Attached, Destination, Published
from envbuild.registry import kinds
from envbuild.smoke.model import CheckResult, SmokeReport

DIGEST = "sha256:" + "ab" * 32
REPORT = SmokeReport(
    image_id="sha256:1",
    engine="docker 28",
    results=(CheckResult(name="import a", kind="import", status="passed", seconds=0.5),),
    seconds=2.5,
)
TYPES = (kinds.LOCK, kinds.SMOKE, kinds.CYCLONEDX)


def arrived(*, new: bool, name: str = "a.test/lab/env") -> Arrived:
    return Arrived(
        destination=Destination(repository=read_reference(name), tags=("1", "latest")),
        digest=DIGEST,
        pushed=Pushed(digest=DIGEST, sent=2, there=5, size=3_100_000) if new else None,
        attached=tuple(Attached(artifact_type=kind, digest=DIGEST, new=new) for kind in TYPES),
        set_tags=("latest",) if new else (),
        left="envbuild-0123456789ab" if new else "",
    )


def published(*places: Arrived, report: SmokeReport | None = REPORT) -> Published:
    return Published(name="spec.yml", image_id="sha256:1", arrived=places, report=report, seconds=1.26)


def test_a_push_in_words() -> None:
    assert published_lines(published(arrived(new=True))) == [
        "a.test/lab/env:1: pushed",
        "  also     a.test/lab/env:latest",
        f"  digest   {DIGEST}",
        "  layers   2 layers sent (3.1 MB), 5 already there",
        "  attached lock, smoke report, SBOM (CycloneDX)",
        "  left     the tag envbuild-0123456789ab, for this registry deletes nothing",
        "smoke: 1 passed in 2.5 s",
        "time: 1.3 s",
        "",
        "next:",
        "  envbuild inspect a.test/lab/env:1      what is in it, from the registry alone",
        "  envbuild reproduce a.test/lab/env:1    on another machine: the same environment, tested there",
    ]


def test_nothing_to_do_and_not_tested_in_words() -> None:
    assert published_lines(published(arrived(new=False), report=None))[:6] == [
        "a.test/lab/env:1: nothing to do, it is there",
        "  also     a.test/lab/env:latest",
        f"  digest   {DIGEST}",
        "  attached lock, smoke report, SBOM (CycloneDX) already there",
        "smoke: not run (--no-smoke)",
        "time: 1.3 s",
    ]


def test_a_further_tag_in_words() -> None:
    tagged = replace(arrived(new=False), set_tags=("1",))
    assert published_lines(published(tagged))[:4] == [
        "a.test/lab/env:1: pushed",
        "  also     a.test/lab/env:latest",
        f"  digest   {DIGEST}",
        "  layers   all already there",
    ]


def test_a_push_for_programs() -> None:
    found = json.loads(json.dumps(published_data(published(arrived(new=True), arrived(new=False)))))
    first, second = found.pop("repositories")
    assert found.pop("smoke")["passed"] is True
    assert found == {"name": "spec.yml", "id": "sha256:1", "seconds": 1.26}
    assert first == {
        "repository": "a.test/lab/env",
        "references": ["a.test/lab/env:1", "a.test/lab/env:latest"],
        "digest": DIGEST,
        "pinned": f"a.test/lab/env@{DIGEST}",
        "up_to_date": False,
        "layers": {"sent": 2, "mounted": 0, "there": 5, "bytes": 3_100_000},
        "set_tags": ["latest"],
        "attached": [{"type": kind, "digest": DIGEST, "new": True} for kind in TYPES],
        "left_tag": "envbuild-0123456789ab",
    }
    assert (second["up_to_date"], second["layers"], second["left_tag"]) == (True, None, None)
    assert published_data(published(arrived(new=True), report=None))["smoke"] == {
        "run": False,
        "why": "--no-smoke",
    }


def test_a_push_for_scripts(capsys: pytest.CaptureFixture[str]) -> None:
    places = (arrived(new=True), arrived(new=False, name="b.test/env"))
    show_published(published(*places), as_json=False, quiet=True)
    assert capsys.readouterr().out == f"a.test/lab/env@{DIGEST}\nb.test/env@{DIGEST}\n"
