"""What /info says of CDI, and CDI files read where an engine does not list its devices."""

import json
from pathlib import Path
from typing import Any

import pytest

from envbuild.engine.cdi import docker_cdi, podman_cdi
from envbuild.engine.connect import engine_info
from envbuild.engine.model import Endpoint

HERE, THERE = "unix:///x.sock", "tcp://10.0.0.1:2376"
DISCOVERED = [
    {"Source": "cdi", "ID": "nvidia.com/gpu=all"},
    {"Source": "cdi", "ID": "nvidia.com/gpu=0"},
    {"Source": "other", "ID": "nvidia.com/gpu=9"},
    "nonsense",
]
# As `nvidia-ctk cdi generate` writes it, shortened.
YAML = """---
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices:
- name: "0"
  containerEdits:
    deviceNodes:
    - path: /dev/nvidia0
- name: GPU-5a2b
  containerEdits: {}
- name: all
  containerEdits: {}
containerEdits:
  env: [NVIDIA_VISIBLE_DEVICES=void]
"""


@pytest.fixture
def folder(tmp_path: Path) -> str:
    """CDI files: two that are good, some that are not."""
    other = {"cdiVersion": "0.5.0", "kind": "example.com/net", "devices": [{"name": "a"}]}
    files = {
        "nvidia.yaml": YAML.encode(),
        "other.json": json.dumps(other).encode(),
        "broken.yaml": b"a: [",
        "broken.json": b"{",
        "binary.yaml": b"\xff\xfe",
        "list.json": b"[]",
        "nameless.json": b'{"kind": "x.com/y", "devices": [{}]}',
        "kindless.yml": b"devices: []",
        "notes.txt": YAML.replace("nvidia.com", "text.com").encode(),
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.yaml").mkdir()
    return str(tmp_path)


IN_FILES = ("example.com/net=a", "nvidia.com/gpu=0", "nvidia.com/gpu=GPU-5a2b", "nvidia.com/gpu=all")


@pytest.mark.parametrize(
    ("info", "cdi"),
    [
        ({}, None),  # before 25
        ({"CDISpecDirs": []}, False),
        ({"CDISpecDirs": None}, False),
        ({"CDISpecDirs": [], "DiscoveredDevices": []}, False),
    ],
)
def test_docker_without_cdi(info: dict[str, Any], cdi: bool | None) -> None:
    assert docker_cdi(info, HERE) == (cdi, ())


def test_docker_that_lists_its_devices(folder: str) -> None:
    info = {"CDISpecDirs": [folder], "DiscoveredDevices": DISCOVERED}
    assert docker_cdi(info, THERE) == (True, ("nvidia.com/gpu=0", "nvidia.com/gpu=all"))
    assert docker_cdi({**info, "DiscoveredDevices": []}, HERE) == (True, ())


def test_docker_that_does_not_list_them(folder: str) -> None:
    info = {"CDISpecDirs": ["/no/such/folder", folder]}
    assert docker_cdi(info, HERE) == (True, IN_FILES)
    assert docker_cdi(info, THERE) == (True, ())


@pytest.mark.parametrize(
    ("version", "cdi"), [((4, 3), False), ((5, 3), False), ((5, 4), True), ((6, 0), True)]
)
def test_podman(version: tuple[int, int], cdi: bool, folder: str) -> None:
    assert podman_cdi(version, HERE, [folder]) == (cdi, IN_FILES if cdi else ())
    assert podman_cdi(version, "ssh://me@host", [folder]) == (cdi, ())


@pytest.mark.parametrize(
    ("components", "version", "cdi"),
    [
        ([], "28.5.2", True),
        ([{"Name": "Podman Engine"}], "5.4.2", True),
        ([{"Name": "Podman Engine"}], "4.9.3", False),
    ],
)
def test_it_is_part_of_what_an_engine_is(components: list[dict[str, str]], version: str, cdi: bool) -> None:
    """Podman has the key CDISpecDirs too, with nothing in it: it is not asked there."""
    podman = bool(components)
    info = {"CDISpecDirs": None if podman else ["/etc/cdi"], "DiscoveredDevices": DISCOVERED}
    told = {
        "Version": version,
        "ApiVersion": "1.51",
        "Os": "linux",
        "Arch": "amd64",
        "Components": components,
    }
    found = engine_info(told, info, Endpoint(url=THERE, found_by="--engine"))
    assert found.cdi is cdi
    assert found.cdi_devices == (() if podman else ("nvidia.com/gpu=0", "nvidia.com/gpu=all"))
