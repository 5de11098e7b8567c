"""Bootstrap's pure parts: which release a name means, sources and mirrors, how recipes differ."""

# ruff: noqa: E501  (a case reads best in one row)

from __future__ import annotations

import pytest

from envbuild.bootstrap.recipe import compare
from envbuild.bootstrap.sources import mirrored_sources, plain_sources
from envbuild.bootstrap.target import parse_target
from envbuild.errors import UsageError


@pytest.mark.parametrize(
    ("reference", "distribution", "suite", "slim"),
    [
        ("debian:bookworm-slim", "debian", "bookworm", True),
        ("debian:bookworm", "debian", "bookworm", False),
        ("docker.io/library/debian:12-slim", "debian", "bookworm", True),
        ("docker.io/debian:13", "debian", "trixie", False),
        ("library/debian:sid", "debian", "sid", False),
        ("debian:stable-slim", "debian", "stable", True),
        ("debian", "debian", "stable", False),
        ("debian:latest", "debian", "stable", False),
        ("ubuntu:24.04", "ubuntu", "noble", False),
        ("ubuntu:jammy", "ubuntu", "jammy", False),
    ],
)
def test_releases(reference: str, distribution: str, suite: str, slim: bool) -> None:
    target = parse_target(reference)
    assert (target.reference, target.distribution, target.suite, target.slim) == (
        reference,
        distribution,
        suite,
        slim,
    )


@pytest.mark.parametrize(
    "reference",
    [
        "python:3.12-slim",
        "registry.example/debian:bookworm",
        "debian:bookworm@sha256:1",
        "debian:$(id)",
        "",
        "ubuntu",
        "ubuntu:noble-slim",
    ],
)
def test_anything_else_is_refused(reference: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(reference)
    assert caught.value.message == f"{reference}: only a plain Debian or Ubuntu base can be bootstrapped"
    assert caught.value.hint == "such as debian:bookworm-slim or ubuntu:24.04"


@pytest.mark.parametrize(
    ("reference", "tag", "hint"),
    [
        ("debian:12.11-slim", "12.11", "name the release: debian:bookworm"),
        ("debian:99", "99", "name the release: debian:bookworm"),
        ("ubuntu:24.10", "24.10", "name the release: ubuntu:noble"),
    ],
)
def test_a_point_release_cannot_be_had(reference: str, tag: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_target(reference)
    assert caught.value.message == (
        f"{reference}: {tag} cannot be bootstrapped: mirrors hold the newest point of each release only"
    )
    assert caught.value.hint == hint


DEFAULT = "deb [signed-by=/k] http://a.example/debian bookworm main\n\ndeb http://a.example/debian-security s main\n"


def test_plain_sources_have_no_options() -> None:
    assert (
        plain_sources(DEFAULT)
        == "deb http://a.example/debian bookworm main\ndeb http://a.example/debian-security s main\n"
    )
    assert plain_sources("# nothing\n") == ""


@pytest.mark.parametrize(
    ("apt", "debian", "urls"),
    [
        ({}, None, ["http://a.example/debian", "http://a.example/debian-security"]),
        ({}, "https://m/d/", ["https://m/d", "https://m/d-security"]),
        ({"http://a.example": "https://m"}, None, ["https://m/debian", "https://m/debian-security"]),
        (
            {"http://a.example": "https://m", "http://a.example/debian-security": "https://s"},
            "https://n",
            ["https://m/debian", "https://s"],
        ),
        (
            {"http://a.example/debian-security": "https://s"},
            "https://n/debian",
            ["https://n/debian", "https://s"],
        ),
    ],
)
def test_mirrors(apt: dict[str, str], debian: str | None, urls: list[str]) -> None:
    made = mirrored_sources(DEFAULT, apt, debian)
    assert [line["url"] for line in map(parts, made.splitlines()) if line] == urls
    assert made.startswith("deb [signed-by=/k] ")


def parts(line: str) -> dict[str, str]:
    return {"url": next(word for word in line.split() if "://" in word)} if line else {}


def test_an_archive_that_is_not_debians_is_not_mirrored_by_debian_mirror() -> None:
    line = "deb http://a.example/ubuntu noble main\n"
    assert mirrored_sources(line, {}, "https://m/debian") == line


def recipe(diff_id: str, tool: str = "t 1", **packages: str) -> dict[str, object]:
    plain = {"distribution": "debian", "suite": "s", "variant": "minbase", "architecture": "amd64"}
    return {**plain, "source_date_epoch": 1, "tool": tool, "packages": packages, "diff_id": diff_id}


def test_same_bytes_are_the_same_whatever_made_them() -> None:
    assert compare(recipe("x", tool="t 1"), recipe("x", tool="t 2")) == ()


def test_differences_name_packages_and_tools() -> None:
    assert compare(recipe("x", a="1", b="1", c="1"), recipe("y", tool="t 2", a="2", c="1", d="1")) == (
        "tool: t 1 → t 2",
        "packages: a 1 → 2",
        "packages: - b 1",
        "packages: + d 1",
    )


def test_same_packages_with_other_bytes() -> None:
    assert compare(recipe("x", a="1"), recipe("y", a="1")) == (
        "the same packages, but other bytes in the layer",
    )


def test_a_recipe_from_elsewhere_may_lack_things() -> None:
    assert "packages: + a 1" in compare({"suite": "s"}, recipe("y", a="1"))
