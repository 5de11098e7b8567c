import re

import pytest

from envbuild.facts.base import BaseFacts, base_facts, short_name
from envbuild.facts.tables import table

BOOKWORM = {"distribution": "debian:12", "glibc": "2.36", "apt": True, "apt_python": "3.11"}
NOBLE = {"distribution": "ubuntu:24.04", "glibc": "2.39", "apt": True, "apt_python": "3.12"}
LOCAL = "/usr/local/bin/python3"


@pytest.mark.parametrize(
    ("reference", "expected"),
    [
        ("debian:bookworm-slim", BaseFacts(**BOOKWORM)),
        ("debian:bookworm", BaseFacts(**BOOKWORM)),
        ("debian:bookworm-20261103-slim", BaseFacts(**BOOKWORM)),
        ("debian:12-slim", BaseFacts(**BOOKWORM)),
        ("debian:12.9", BaseFacts(**BOOKWORM)),
        ("docker.io/library/debian:bookworm-slim@sha256:" + "0" * 64, BaseFacts(**BOOKWORM)),
        ("ubuntu:24.04", BaseFacts(**NOBLE)),
        ("ubuntu:noble", BaseFacts(**NOBLE)),
        ("nvidia/cuda:12.8.1-base-ubuntu24.04", BaseFacts(**NOBLE)),
        ("nvcr.io/nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04", BaseFacts(**NOBLE)),
        ("nvidia/cuda:12.8.1-base-rockylinux9", BaseFacts(distribution="rhel:9", glibc="2.34")),
        ("python:3.12-slim-bookworm", BaseFacts(**BOOKWORM, python="3.12", executable=LOCAL)),
        ("python:3.12.4-bookworm", BaseFacts(**BOOKWORM, python="3.12.4", executable=LOCAL)),
        ("python:3.12-slim", BaseFacts(python="3.12", executable=LOCAL)),
        ("python:3.12-alpine3.20", BaseFacts(distribution="alpine", python="3.12", executable=LOCAL)),
    ],
)
def test_well_known_images_are_known(reference, expected):
    assert base_facts(reference) == expected


@pytest.mark.parametrize(
    "reference",
    [
        "debian",
        "debian:latest",
        "debian:stable",
        "ubuntu:latest",
        "example.org/debian:bookworm",
        "debian:forky",
    ],
)
def test_images_that_move_or_are_strangers_are_unknown(reference):
    assert base_facts(reference) is None


def test_short_name_keeps_the_port_of_a_registry():
    assert short_name("localhost:5000/debian") == "localhost:5000/debian:latest"


def test_every_row_parses_and_has_its_source():
    data = table("base_images")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", data["as_of"])
    assert data["source"]
    for name, row in data["distributions"].items():
        assert set(row) == {"codename", "glibc", "python", "apt"}, name
        assert row["glibc"] is None or re.fullmatch(r"2\.\d+", row["glibc"])
        assert row["python"] is None or re.fullmatch(r"3\.\d+", row["python"])
    for row in data["images"]:
        groups = re.compile(row["match"]).groupindex
        wanted = re.findall(r"\{(\w+)\}", row.get("distribution", "") + row.get("python", ""))
        assert set(wanted) <= set(groups), row
        assert set(row) <= {"match", "distribution", "python", "executable"}
