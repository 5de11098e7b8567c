import re
import subprocess

import pytest

from envbuild.errors import LockError, Unsolvable
from envbuild.images import ImageInfo, Ran
from envbuild.lock.apt import parse_answer
from envbuild.lock.make import Upgrade
from envbuild.lock.model import LockedApt
from envbuild.lock.pylock import dump_lock
from envbuild.site.model import Site

ANSWER = """\
::update
::resolve
Reading package lists...
Note, selecting 'libglu1-mesa-dev' instead of 'libglu-dev'
Inst libssl3 [3.0.1-1] (3.0.22-1~deb12u2 Debian-Security:12/oldstable-security [amd64])
Inst git-man (1:2.39.5-0+deb12u3 Debian:12.15/oldstable [all])
Inst git (1:2.39.5-0+deb12u3 Debian:12.15/oldstable [amd64])
Inst libglu1-mesa-dev (9.0.2-1.1 Debian:12.15/oldstable [amd64])
Conf git (1:2.39.5-0+deb12u3 Debian:12.15/oldstable [amd64])
::sizes
'http://127.0.0.1/g/git_2.39.5-0%2bdeb12u3_amd64.deb' git_1%3a2.39.5-0+deb12u3_amd64.deb 7264380 MD5Sum:x
'http://127.0.0.1/o/libssl3_3.0.22-1%7edeb12u2_amd64.deb' libssl3_3.0.22-1~deb12u2_amd64.deb 2039888 SHA256:x
::installed
installed bash 5.2.15-2+b13
not-installed git
"""
PACKAGES = (
    LockedApt(name="bash", version="5.2.15-2+b13", size=0, requested=True),
    LockedApt(name="git", version="1:2.39.5-0+deb12u3", size=7264380, requested=True),
    LockedApt(name="git-man", version="1:2.39.5-0+deb12u3"),
    LockedApt(name="libglu1-mesa-dev", version="9.0.2-1.1", requested=True),
    LockedApt(name="libssl3", version="3.0.22-1~deb12u2", size=2039888),
)
SPEC = "name: x\npython: 3.12\napt:\n  - git\n  - bash\n  - libglu-dev\n"


@pytest.fixture
def at_hand(desk):
    desk.store.images["debian:bookworm-slim"] = ImageInfo(id="sha256:" + "c" * 64, platform="linux/amd64")
    desk.store.apt = Ran(code=0, stdout=ANSWER, stderr="", seconds=3.0)
    return desk


def refused(desk, code, stdout):
    desk.store.apt = Ran(code=code, stdout=stdout, stderr="", seconds=1.0)
    with pytest.raises(LockError) as caught:
        desk.lock(SPEC)
    return caught.value


def test_the_answer_of_apt_becomes_packages():
    assert parse_answer(ANSWER, ["git=1:2.39.5-0+deb12u3", "bash", "libglu-dev"]) == PACKAGES


def test_packages_are_resolved_in_the_base_image(at_hand):
    lock = at_hand.lock(SPEC)
    assert (lock.apt, lock.apt_resolved) == (PACKAGES, True)
    run = at_hand.store.runs[-1]
    assert run["argv"][-3:] == ["bash", "git", "libglu-dev"]
    assert run["network"]


def test_relocking_prefers_the_pins(at_hand):
    lock = at_hand.lock(SPEC)
    at_hand.lock(SPEC, previous=lock)
    pins = at_hand.store.runs[-1]["stdin"].partition("--- pins\n")[2].partition("--- ca\n")[0]
    assert pins.splitlines() == [f"{package.name}={package.version}" for package in PACKAGES]


@pytest.mark.parametrize(
    ("upgrade", "count"), [(Upgrade(everything=True), 0), (Upgrade(packages=("git", "libssl3")), 3)]
)
def test_upgrading_lets_pins_go(at_hand, upgrade, count):
    lock = at_hand.lock(SPEC)
    at_hand.lock(SPEC, previous=lock, upgrade=upgrade)
    pins = at_hand.store.runs[-1]["stdin"].partition("--- pins\n")[2].partition("--- ca\n")[0]
    assert len(pins.splitlines()) == count


def test_settings_of_the_site_travel_on_standard_input_alone(at_hand, tmp_path):
    pem = tmp_path / "ca.pem"
    pem.write_text("-----BEGIN CERTIFICATE-----\n")
    at_hand.site = Site(
        index_url=at_hand.index.url,
        ca_bundle=pem,
        proxies={"http": "http://proxy.example.org:3128"},
        apt_mirrors={"http://a.example.org/debian": "http://joe:s3cret@m.example.org/debian"},
    )
    text = dump_lock(at_hand.lock(SPEC))
    run = at_hand.store.runs[-1]
    mirrors = "http://a.example.org/debian=http://joe:s3cret@m.example.org/debian"
    assert f"export ENVBUILD_APT_MIRRORS={mirrors}" in run["stdin"].replace("'", "")
    assert run["stdin"].endswith("--- ca\n-----BEGIN CERTIFICATE-----\n")
    assert run["env"] == {
        "HTTP_PROXY": "http://proxy.example.org:3128",
        "http_proxy": "http://proxy.example.org:3128",
    }
    assert "s3cret" not in f"{run['argv']}{text}"


def test_a_package_that_does_not_exist_is_shown_in_the_spec(at_hand):
    answer = (
        "::update\n::resolve\nE: Unable to locate package libglu-dev\n"
        "E: Package 'git' has no installation candidate\n::names\nlibglx-dev\nlibglu1-dev\n"
    )
    error = refused(at_hand, 92, answer)
    assert isinstance(error, Unsolvable)
    assert error.message == "apt: not all Debian packages exist for this base image"
    spec = at_hand.folder / "spec.yml"
    assert [str(problem) for problem in error.problems] == [
        f"{spec}:6: apt[2]: there is no Debian package libglu-dev; did you mean libglu1-dev?",
        f"{spec}:4: apt[0]: there is no Debian package git",
    ]


def test_a_version_that_the_mirror_does_not_have(at_hand):
    error = refused(at_hand, 92, "::update\n::resolve\nE: Version '9:9' for 'git' was not found\n::names\n")
    assert [str(problem).partition(":4: ")[2] for problem in error.problems] == [
        "apt[0]: the mirror has no version 9:9 of git; leave the version out, and the lock will hold it"
    ]


def test_packages_that_do_not_go_together(at_hand):
    answer = (
        "::update\n::resolve\nThe following packages have unmet dependencies:\n git : Conflicts: bash\n"
        "E: Unable to correct problems, you have held broken packages.\n::names\n"
    )
    assert refused(at_hand, 92, answer).message == (
        "apt: the Debian packages do not go together:\ngit : Conflicts: bash\n"
        "E: Unable to correct problems, you have held broken packages."
    )


def test_a_mirror_that_does_not_answer(at_hand):
    error = refused(at_hand, 91, "::update\nE: Failed to fetch http://127.0.0.1/x  Connection refused\n")
    assert error.message == (
        "apt: the Debian mirror does not answer: Failed to fetch http://127.0.0.1/x  Connection refused"
    )
    assert error.hint == (
        "check the network and the proxy, or name a mirror in the site config (apt_mirrors)"
    )


def test_a_container_that_breaks_or_hangs(at_hand):
    assert refused(at_hand, 127, "mktemp: not found\n").message == (
        "apt: cannot resolve the Debian packages in the base image: mktemp: not found"
    )
    assert refused(at_hand, None, "").message == "apt: resolving the Debian packages took longer than 300 s"


def test_the_scripts_are_valid_posix_sh():
    from importlib.resources import files

    for name in ("apt.sh", "probe.sh"):
        text = files("envbuild.lock").joinpath(f"scripts/{name}").read_text(encoding="utf-8")
        checked = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True, check=False)
        assert (checked.returncode, checked.stderr) == (0, "")
        assert not re.search(r"\[\[|\bfunction\b|\$'", text)


def test_the_probe_tells_of_the_machine_it_runs_on():
    from importlib.resources import files

    from envbuild.lock.base import parse_probe

    text = files("envbuild.lock").joinpath("scripts/probe.sh").read_text(encoding="utf-8")
    ran = subprocess.run(
        ["sh", "-c", text], text=True, capture_output=True, check=True, env={"PATH": "/usr/bin:/bin"}
    )
    held = parse_probe(ran.stdout)
    assert re.fullmatch(r"[a-z]+(:[\d.]+)?", held.distribution)
    assert held.glibc == "" or re.fullmatch(r"2\.\d+", held.glibc)
    assert all(re.fullmatch(r"3\.\d+\.\d+", version) for _, version in held.pythons)
