"""`envbuild gpu-audit` on real images: its reader runs in them, with their own Python, and touches nothing.

The libraries in them are stand-ins.
"""

import io
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
from support.commandline import CommandLine
from support.elf import library, plain_library
from support.projects import Project


def tar_of(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o644
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def command(tmp_path: Path, engine_url: str) -> CommandLine:
    (tmp_path / "work").mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home", engine_url)


@pytest.fixture
def scratch(api: docker.APIClient) -> Iterator[str]:
    """An image that holds a library and nothing else: no shell, no Python."""
    name = f"envbuild-test-{uuid.uuid4().hex[:12]}"
    api.import_image_from_data(tar_of({"lib/libx.so": library(["80"])}), repository=name, tag="latest")
    yield f"{name}:latest"
    api.remove_image(f"{name}:latest")


@pytest.mark.network
def test_an_image_of_envbuilds(project: Project, api: docker.APIClient) -> None:
    """Packages by their RECORD, other libraries by their folder, and no container left behind."""
    vendor = project.folder / "vendor"
    members = {"thing/lib/libthing.so.12": library(["80", "90a"], ["90"]), "thing/plain.so": plain_library()}
    files = {f"site/{name}": content for name, content in members.items()}
    files["site/thing-1.2.dist-info/RECORD"] = "".join(f"{name},,\n" for name in members).encode()
    files["lib/libown.so"] = library(["86"])
    for name, content in files.items():
        (vendor / name).parent.mkdir(parents=True, exist_ok=True)
        (vendor / name).write_bytes(content)
    project.spec("copy:\n  - {from: vendor, to: /opt/vendor}\n")
    project("image", "--no-smoke")
    found = project.json("gpu-audit", project.tag, "--target", "H100", "--target", "RTX 3090")
    assert api.containers(all=True, filters={"ancestor": project.tag}) == []
    shown = {package["name"]: package for package in found["packages"]}
    assert set(shown) == {"thing", "/opt/vendor/lib"}
    thing = shown["thing"]
    assert (thing["version"], thing["found_by"]) == ("1.2", f"read in the image {project.tag}")
    assert thing["serves"] == {"H100": "cubin", "RTX 3090": "cubin"}
    assert [each["path"] for each in thing["libraries"]] == ["/opt/vendor/site/thing/lib/libthing.so.12"]
    assert thing["libraries"][0]["entries"] == {"sm_80": 1, "sm_90a": 1, "compute_90": 1}
    assert thing["without_device_code"] == 1
    assert shown["/opt/vendor/lib"]["serves"] == {"H100": "none", "RTX 3090": "cubin"}


@pytest.mark.network
def test_a_spec_by_its_own_image(project: Project) -> None:
    """Nothing is remembered or unpacked here, but the image was made from this lock."""
    project.spec("targets: [A100, H100, M40]\npip:\n  packages: [nvidia-cufile-cu12==1.13.1.3]\n")
    project("image", "--no-smoke")
    found = project.json("gpu-audit")
    assert [(each["name"], each["found_by"], each["main"]) for each in found["packages"]] == [
        (
            "nvidia-cufile-cu12",
            f"read in the image {project.tag}",
            "/opt/env/lib/python3.11/site-packages/nvidia/cufile/lib/libcufile.so.0",
        )
    ]
    assert found["packages"][0]["serves"] == {"A100": "cubin", "H100": "ptx", "M40": "none"}
    assert (found["unread"], found["notes"]) == ([], [])


def test_an_image_without_python(command: CommandLine, base_image: str) -> None:
    _, said = command("gpu-audit", base_image, code=2)
    assert f"error: {base_image}: there is no Python in this image to read its libraries with" in said
    assert "hint: audit the files themselves: envbuild gpu-audit FILE.so|FILE.whl|FOLDER" in said


def test_an_image_without_a_shell(command: CommandLine, scratch: str, api: docker.APIClient) -> None:
    _, said = command("gpu-audit", scratch, code=2)
    assert f"error: {scratch}: there is no Python in this image to read its libraries with" in said
    assert api.containers(all=True, filters={"ancestor": scratch}) == []


def test_an_image_that_is_not_there(command: CommandLine) -> None:
    _, said = command("gpu-audit", "envbuild-test-no-such-image:latest", code=2)
    assert "envbuild-test-no-such-image:latest: neither a file nor an image of this engine" in said


def test_a_file_needs_no_engine(command: CommandLine) -> None:
    (command.folder / "libx.so").write_bytes(library(["80"], ["90"]))
    command.environ["DOCKER_HOST"] = "unix:///no/such/socket"
    said, _ = command("gpu-audit", "libx.so", "--target", "A100", "--target", "RTX 5090")
    assert said.splitlines() == [
        "LIBRARY    SIZE  CUBINS  PTX  A100   RTX 5090  NOTE",
        "libx.so  8.7 kB  80      90   cubin  PTX",
    ]
