"""The SBOM of a lock: components with package URLs and hashes, and the same bytes for the same lock."""

import json
from dataclasses import replace
from typing import Any

from cyclonedx.model.bom import Bom
from support.planned import DIGEST, conda_record, document, lock, package

from envbuild.lock.model import LockedApt, LockedBase
from envbuild.publish.sbom import cyclonedx

BASE = LockedBase(reference="registry.test/os/debian:bookworm-slim", digest=DIGEST, distribution="debian:12")
LOCK = replace(
    lock([package("rich", "13.9.4"), package("torch", "2.8.0")]),
    base=BASE,
    apt=(LockedApt(name="git", version="1:2.39.5-0+deb12u2"), LockedApt(name="libc6", version="2.36")),
    digest="sha256:" + "cd" * 32,
)


def sbom(**changes: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(cyclonedx(replace(LOCK, **changes), version="1.2.3"))
    return found


def purls(found: dict[str, Any]) -> dict[str, str]:
    return {part["name"]: part.get("purl", "") for part in found["components"]}


def test_what_an_image_is_made_of() -> None:
    assert purls(sbom()) == {
        "registry.test/os/debian": (
            f"pkg:oci/debian@{DIGEST}?repository_url=registry.test/os/debian&tag=bookworm-slim"
        ),
        "python": "pkg:generic/python@3.11.2",
        "git": "pkg:deb/debian/git@1:2.39.5-0%2Bdeb12u2?arch=amd64&distro=debian-12",
        "libc6": "pkg:deb/debian/libc6@2.36?arch=amd64&distro=debian-12",
        "rich": "pkg:pypi/rich@13.9.4",
        "torch": "pkg:pypi/torch@2.8.0",
    }


def test_python_packages_have_the_hash_of_the_file_that_is_installed() -> None:
    rows = {part["name"]: part.get("hashes") for part in sbom()["components"]}
    file = document([package("rich", "13.9.4")])["packages"][0]["wheels"][0]
    assert rows["rich"] == [{"alg": "SHA-256", "content": file["hashes"]["sha256"]}]
    assert rows["git"] is None


def test_conda_packages_say_where_they_are_from() -> None:
    record = conda_record("numpy", "2.1.0", "py312_0")
    old = replace(record, name="six", url="https://conda.example/forge/noarch/six-1-0.tar.bz2", md5="0" * 32)
    found = sbom(conda=(record, old))
    assert purls(found)["numpy"] == (
        "pkg:conda/numpy@2.1.0?build=py312_0&channel=conda-forge&subdir=linux-64&type=conda"
    )
    assert purls(found)["six"].endswith("&type=tar.bz2")
    assert _part(found, "numpy")["hashes"] == [{"alg": "SHA-256", "content": record.sha256}]
    assert {row["alg"] for row in _part(found, "six")["hashes"]} == {"MD5", "SHA-256"}


def test_the_image_itself_and_who_wrote_it() -> None:
    metadata = sbom()["metadata"]
    assert (metadata["component"]["name"], metadata["component"]["type"]) == ("env", "container")
    assert {"name": "dev.envbuild:lock", "value": LOCK.digest} in metadata["component"]["properties"]
    (tool,) = metadata["tools"]["components"]
    assert (tool["name"], tool["version"]) == ("envbuild", "1.2.3")
    assert "timestamp" not in metadata


def test_the_same_lock_gives_the_same_bytes_and_another_one_another_serial_number() -> None:
    assert cyclonedx(LOCK, version="1") == cyclonedx(replace(LOCK), version="1")
    other = sbom(digest="sha256:" + "00" * 32)
    assert sbom()["serialNumber"] != other["serialNumber"]
    assert sbom()["serialNumber"].startswith("urn:uuid:")


def test_every_component_belongs_to_the_image() -> None:
    found = sbom()
    (image,) = [row for row in found["dependencies"] if row["ref"] == "image:env"]
    assert sorted(image["dependsOn"]) == sorted(part["bom-ref"] for part in found["components"])


def test_a_base_that_was_bootstrapped_is_listed_package_by_package() -> None:
    recipe = {"tool": "mmdebstrap", "packages": {"bash": "5.2.15-2+b7", "libc6": "2.36-old"}}
    base = replace(BASE, reference="debian:bookworm-slim", digest=None, image_id=DIGEST, recipe=recipe)
    found = sbom(base=base)
    assert purls(found)["bash"] == "pkg:deb/debian/bash@5.2.15-2%2Bb7?arch=amd64&distro=debian-12"
    assert purls(found)["libc6"].startswith("pkg:deb/debian/libc6@2.36?")  # apt's word is the later one
    assert purls(found)["debian"] == ""  # it lies in no registry
    listed = {item["name"]: item["value"] for item in _part(found, "debian")["properties"]}
    assert listed["dev.envbuild:base.id"] == DIGEST
    assert "dev.envbuild:base.contents" not in listed
    assert {item["name"]: item["value"] for item in _part(sbom(), "registry.test/os/debian")["properties"]}[
        "dev.envbuild:base.contents"
    ] == "not listed"


def test_what_is_not_known_is_left_out() -> None:
    apt = (LockedApt(name="git", version=""),)
    found = sbom(base=replace(BASE, distribution=""), apt=apt)
    assert purls(found)["git"] == ""  # whose git that is, nobody says
    assert "version" not in _part(found, "git")
    rows = [{"name": "tool", "vcs": {"type": "git", "url": "https://git.test/tool", "commit-id": "abc"}}]
    found = sbom(document={"packages": rows})
    assert purls(found)["tool"] == "pkg:pypi/tool?vcs_url=git%2Bhttps://git.test/tool%40abc"


def test_the_library_reads_it_again() -> None:
    bom = Bom.from_json(sbom())  # type: ignore[attr-defined]
    assert {component.name for component in bom.components} == set(purls(sbom()))
    assert bom.metadata.component is not None
    assert bom.metadata.component.name == "env"


def _part(found: dict[str, Any], name: str) -> dict[str, Any]:
    (part,) = [part for part in found["components"] if part["name"] == name]
    return dict(part)
