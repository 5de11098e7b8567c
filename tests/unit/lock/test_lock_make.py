from dataclasses import replace
from pathlib import Path

import pytest

from envbuild import __version__
from envbuild.errors import BaseUnavailable, LockError
from envbuild.events import Notice, StepDone, StepFailed, StepStarted
from envbuild.images import ImageInfo, Ran
from envbuild.lock.drift import drift
from envbuild.lock.make import Upgrade, make_lock
from envbuild.lock.pylock import lock_path, read_lock, write_lock

DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "d" * 64
SPEC = "name: x\npython: 3.12\n"
CUDA = "nvidia/cuda:12.8.1-base-ubuntu24.04"


def notices(desk):
    return [event.text for event in desk.events if isinstance(event, Notice)]


def test_a_lock_says_what_it_answers_and_who_made_it(desk):
    lock = desk.lock(SPEC)
    assert (lock.name, lock.platform, lock.inputs) == ("x", "linux/amd64", {"python": "3.12"})
    assert lock.base.digest == DIGEST
    assert lock.tools["envbuild"] == __version__
    assert lock.tools["uv"][0].isdigit()
    assert drift(desk.spec(SPEC), lock, "linux/amd64") == ()
    write_lock(lock_path(desk.spec(SPEC)), lock)
    assert read_lock(lock_path(desk.spec(SPEC))) == lock


def test_nothing_is_pulled_when_the_table_knows_enough(desk):
    assert desk.lock(SPEC).base.glibc == "2.36"
    assert desk.store.pulled == []


def test_the_base_is_pulled_when_debian_packages_are_to_be_resolved(desk):
    desk.store.apt = Ran(code=0, stdout="Inst git (1:2 D [amd64])\n", stderr="", seconds=1)
    lock = desk.lock(f"{SPEC}apt: [git]\n")
    assert desk.store.pulled == [f"debian:bookworm-slim@{DIGEST}"]
    assert [package.version for package in lock.apt] == ["1:2"]
    assert lock.base.diff_ids == ("sha256:1",)


def test_the_base_is_pulled_when_nobody_knows_what_it_holds(desk):
    desk.store.remote["example.org/mine:1"] = DIGEST
    lock = desk.lock(f"{SPEC}base: example.org/mine:1\n")
    assert desk.store.pulled == [f"example.org/mine:1@{DIGEST}"]
    assert lock.base.distribution == "debian:12"


def test_debians_own_python_is_locked_with_its_version(desk):
    answer = "Inst python3.11 (3.11.2-6+deb12u9 D [amd64])\nInst python3-distutils (3.11.2-3 D [all])\n"
    desk.store.apt = Ran(code=0, stdout=answer, stderr="", seconds=1)
    lock = desk.lock("name: x\npython: 3.11\n")
    assert (lock.python.source, lock.python.version) == ("apt", "3.11.2")
    assert lock.python.packages == ("python3.11", "python3-distutils")
    assert desk.store.runs[-1]["argv"][-2:] == ["python3.11", "python3-distutils"]
    assert lock.document["requires-python"] == ">=3.11.2"


def test_cuda_names_the_base_and_says_why(desk):
    desk.store.remote[CUDA] = DIGEST
    desk.store.apt = Ran(code=0, stdout="Inst python3.12 (3.12.3-1 U [amd64])\n", stderr="", seconds=1)
    desk.store.probe = Ran(
        code=0, stdout="distribution=ubuntu:24.04\nglibc=2.39\napt=yes\n", stderr="", seconds=1
    )
    lock = desk.lock(f"{SPEC}cuda: 12.8\n")
    assert lock.base.reference == lock.cuda["reference"] == CUDA
    assert lock.cuda["version"] == "12.8"
    assert lock.cuda["reasons"].startswith("CUDA 12.8.1: the newest known image of 12.8; flavour base: ")
    assert (lock.python.version, lock.base.distribution) == ("3.12.3", "ubuntu:24.04")


def test_an_unpinned_base_locks_the_rest_and_says_so(desk):
    desk.store.remote = {}
    with pytest.raises(BaseUnavailable):
        desk.lock(f"{SPEC}cuda: 12.8\napt: [git]\n")
    assert isinstance(desk.events[-1], StepFailed)
    desk.events.clear()
    lock = desk.lock(f"{SPEC}cuda: 12.8\napt: [git]\n", allow_unpinned_base=True)
    assert not lock.base.pinned
    assert (lock.base.glibc, lock.python.source, lock.apt_resolved) == ("2.39", "apt", False)
    assert [(package.name, package.version) for package in lock.apt] == [("git", ""), ("python3.12", "")]
    assert notices(desk) == [
        f"{CUDA} is not pinned: the lock holds all but the base, and its image cannot be pushed",
        f"{CUDA} is not at hand: Debian packages are locked by name only, without versions",
    ]


def test_relocking_keeps_base_and_python(desk):
    old = desk.lock(SPEC)
    desk.store.remote["debian:bookworm-slim"] = OTHER
    assert desk.lock(SPEC, previous=old).base.digest == DIGEST
    assert desk.lock(SPEC, previous=old, upgrade=Upgrade(everything=True)).base.digest == OTHER
    assert desk.lock(SPEC, previous=old, platform="linux/arm64").base.digest == OTHER


def test_a_base_without_apt_cannot_have_debian_packages(desk):
    desk.store.remote["rockylinux:9"] = DIGEST
    desk.store.probe = Ran(code=0, stdout="distribution=rocky:9\nglibc=2.34\n", stderr="", seconds=1)
    with pytest.raises(LockError) as caught:
        desk.lock(f"{SPEC}base: rockylinux:9\napt: [git]\n")
    assert caught.value.message == "apt: rockylinux:9 has no apt, so git cannot be installed"
    assert caught.value.hint == "use a Debian or Ubuntu base, or leave apt out"


@pytest.mark.parametrize("reference", ["alpine:3.20", "example.org/musl:1"])
def test_a_base_without_glibc_is_refused(desk, reference):
    desk.store.remote[reference] = DIGEST
    desk.store.probe = Ran(code=0, stdout="distribution=alpine:3.20\n", stderr="", seconds=1)
    with pytest.raises(LockError) as caught:
        desk.lock(f"{SPEC}base: {reference}\n")
    assert caught.value.message == f"base image {reference}: it has no glibc"


def test_an_image_of_another_machine_is_locked_by_names(desk):
    desk.store.images["debian:bookworm-slim"] = ImageInfo(id="sha256:1", platform="linux/arm64")
    desk.store.probe = Ran(code=255, stdout="", stderr="exec format error", seconds=1)
    lock = desk.lock(f"{SPEC}apt: [git]\n", platform="linux/arm64")
    assert not lock.apt_resolved
    assert len(notices(desk)) == 1


def test_steps_begin_and_end(desk):
    desk.lock(SPEC)
    begun = [event.id for event in desk.events if isinstance(event, StepStarted)]
    assert (
        begun
        == [event.id for event in desk.events if isinstance(event, StepDone)]
        == ["lock:base", "lock:pip"]
    )


def test_a_read_only_folder_is_said_before_any_work(desk, read_only):
    spec = desk.spec(SPEC)
    spec = replace(spec, source=replace(spec.source, path=Path("spec.yml")))
    with read_only(desk.folder), pytest.raises(LockError) as caught:
        make_lock(spec, site=desk.site, store=desk.store, platform="linux/amd64", environ=desk.environ)
    assert caught.value.message == "pylock.x.toml: cannot write the lock: the folder is read-only"
    assert desk.events == []
