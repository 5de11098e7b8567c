import json

import pytest

from envbuild.errors import LockError
from envbuild.lock.base import Held
from envbuild.lock.python import choose_python, debian_python_version, managed_python, newest_managed
from envbuild.site.model import Site

DEBIAN = Held(distribution="debian:12", glibc="2.36", apt=True, apt_python="3.11")
NOBLE = Held(distribution="ubuntu:24.04", glibc="2.39", apt=True, apt_python="3.12")
OFFICIAL = Held(
    distribution="debian:12",
    glibc="2.36",
    apt=True,
    apt_python="3.11",
    pythons=(("/usr/local/bin/python3", "3.12.4"), ("/usr/bin/python3.11", "3.11.2")),
)


@pytest.mark.parametrize(
    ("wanted", "held", "source", "version", "request_", "packages", "reason"),
    [
        ("3.12", OFFICIAL, "base", "3.12.4", "/usr/local/bin/python3", (), "b has Python 3.12.4 itself"),
        ("3.12.4", OFFICIAL, "base", "3.12.4", "/usr/local/bin/python3", (), "b has Python 3.12.4 itself"),
        ("3.11", OFFICIAL, "base", "3.11.2", "/usr/bin/python3.11", (), "b has Python 3.11.2 itself"),
        (
            "3.11",
            DEBIAN,
            "apt",
            "3.11",
            "/usr/bin/python3.11",
            ("python3.11", "python3-distutils"),
            "debian:12 has Python 3.11 as its own package",
        ),
        (
            "3.12",
            NOBLE,
            "apt",
            "3.12",
            "/usr/bin/python3.12",
            ("python3.12",),
            "ubuntu:24.04 has Python 3.12 as its own package",
        ),
    ],
)
def test_the_bases_own_python_comes_first(wanted, held, source, version, request_, packages, reason):
    python = choose_python(wanted, held, "b")
    assert (python.source, python.version, python.request) == (source, version, request_)
    assert (python.packages, python.reason) == (packages, reason)


@pytest.mark.parametrize(
    ("wanted", "held", "reason"),
    [
        ("3.12", DEBIAN, "b has Python 3.11, not 3.12, so uv brings its own"),
        ("3.1", DEBIAN, "b has Python 3.11, not 3.1, so uv brings its own"),
        ("3.11.9", DEBIAN, "3.11.9 is asked for exactly, so uv brings its own"),
        ("3.12.5", OFFICIAL, "b has Python 3.11, not 3.12.5, so uv brings its own"),
        ("3.12", Held(distribution="rhel:9"), "b has no Python 3.12, so uv brings its own"),
        ("3.12", None, "it is not known which Python b has, so uv brings its own"),
    ],
)
def test_else_uv_brings_one_and_says_why(wanted, held, reason):
    assert choose_python(wanted, held, "b") is None
    python = managed_python(wanted, "3.12.16", held, "b")
    assert (python.source, python.request, python.reason) == ("managed", "3.12.16", reason)


def downloads(tmp_path, *versions):
    """A list of Pythons as UV_PYTHON_DOWNLOADS_JSON_URL names one."""
    rows = {}
    for version in versions:
        core, _, pre = version.partition("rc")
        major, minor, patch = map(int, core.split("."))
        for machine in ("x86_64", "aarch64"):
            rows[f"cpython-{version}-linux-{machine}-gnu"] = {
                "name": "cpython",
                "arch": {"family": machine, "variant": None},
                "os": "linux",
                "libc": "gnu",
                "major": major,
                "minor": minor,
                "patch": patch,
                "prerelease": f"rc{pre}" if pre else "",
                "url": f"http://127.0.0.1:9/{version}-{machine}.tar.gz",
                "sha256": None,
                "variant": None,
                "build": None,
            }
    path = tmp_path / "pythons.json"
    path.write_text(json.dumps(rows))
    return Site(python_downloads=str(path))


def newest(site, wanted, environ, keep="", platform="linux/amd64"):
    return newest_managed(wanted, platform, keep=keep, site=site, environ=environ)


def test_the_newest_patch_of_the_sites_list_is_taken(desk, tmp_path):
    site = downloads(tmp_path, "3.12.9", "3.12.10", "3.13.1", "3.14.0rc2")
    assert newest(site, "3.12", desk.environ) == "3.12.10"
    assert newest(site, "3.12", desk.environ, platform="linux/arm64") == "3.12.10"
    assert newest(site, "3.12.9", desk.environ) == "3.12.9"


def test_a_locked_patch_is_kept_while_it_exists(desk, tmp_path):
    site = downloads(tmp_path, "3.12.9", "3.12.10")
    assert newest(site, "3.12", desk.environ, keep="3.12.9") == "3.12.9"
    assert newest(site, "3.12", desk.environ, keep="3.12.1") == "3.12.10"
    assert newest(site, "3.12", desk.environ, keep="3.11.9") == "3.12.10"


def test_uvs_own_list_is_known_offline(desk):
    version = newest(Site(), "3.12", desk.environ)
    assert version.startswith("3.12.")


@pytest.mark.parametrize(
    ("wanted", "hint"),
    [
        ("3.99", "name another version, or a base image that has this one; newer ones may need a newer uv"),
        ("3.14", "only unfinished releases of it exist: 3.14.0rc2"),
    ],
)
def test_a_python_that_nobody_has(desk, tmp_path, wanted, hint):
    site = downloads(tmp_path, "3.12.9", "3.14.0rc2")
    with pytest.raises(LockError) as caught:
        newest(site, wanted, desk.environ)
    assert caught.value.message == (
        f"python: {wanted}: neither the base image nor uv has this version for linux/amd64"
    )
    assert caught.value.hint == hint


def test_a_list_that_cannot_be_read_is_said(desk, tmp_path):
    with pytest.raises(LockError) as caught:
        newest(Site(python_downloads=str(tmp_path / "gone.json")), "3.12", desk.environ)
    assert caught.value.message.startswith("uv cannot list the Pythons it has: ")
    assert caught.value.hint == "check python_downloads in the site config"


def test_the_version_of_a_debian_package_names_the_python():
    assert debian_python_version("3.11.2-6+deb12u9") == "3.11.2"
    assert debian_python_version("odd") == ""
