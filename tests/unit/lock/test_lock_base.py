import json

import pytest

from envbuild.errors import BaseUnavailable, EngineError
from envbuild.images import ImageInfo, Ran
from envbuild.lock.base import Held, inspect_base, parse_probe, resolve_base
from envbuild.lock.model import LockedBase

NAME = "debian:bookworm-slim"
DIGEST, OTHER = "sha256:" + "a" * 64, "sha256:" + "d" * 64
ID = "sha256:" + "c" * 64


def image(**changed):
    return ImageInfo(**({"id": ID, "layers": ("sha256:1",), "platform": "linux/amd64"} | changed))


def resolved(store, reference=NAME, previous=None, allow=False):
    return resolve_base(
        reference, store=store, platform="linux/amd64", previous=previous, allow_unpinned=allow
    )


@pytest.fixture
def store(desk):
    desk.store.remote = {}
    return desk.store


@pytest.mark.parametrize(
    "repository",
    [
        "debian",
        "docker.io/library/debian",
        "mirror.example.org/hub/library/debian",
        "m.example.org:5000/debian",
    ],
)
def test_an_image_from_a_registry_is_pinned_by_its_digest(store, repository):
    store.images[NAME] = image(digests=(f"other/thing@{OTHER}", f"{repository}@{DIGEST}"))
    base = resolved(store)
    assert (base.locked.digest, base.locked.image_id) == (DIGEST, None)
    assert base.locked.diff_ids == ("sha256:1",)
    assert base.locked.build_reference == f"{NAME}@{DIGEST}"


def test_an_image_that_only_the_store_has_is_pinned_by_its_id(store):
    recipe = {"suite": "bookworm", "packages": ["dash=1"]}
    store.images[NAME] = image(
        digests=(f"other/thing@{OTHER}",), labels={"dev.envbuild.base.recipe": json.dumps(recipe)}
    )
    base = resolved(store)
    assert (base.locked.digest, base.locked.image_id, base.locked.recipe) == (None, ID, recipe)
    assert base.locked.build_reference == "envbuild-base:" + "c" * 16


@pytest.mark.parametrize("label", ["{", "[]", "null"])
def test_a_recipe_that_is_none_says_nothing(store, label):
    store.images[NAME] = image(labels={"dev.envbuild.base.recipe": label})
    assert resolved(store).locked.recipe is None


def test_an_image_for_another_platform_does_not_count(store):
    store.images[NAME] = image(platform="linux/arm64/v8")
    store.remote[NAME] = DIGEST
    base = resolved(store)
    assert (base.locked.digest, base.image) == (DIGEST, None)


def test_an_image_that_is_not_at_hand_is_pinned_by_its_registry(store):
    store.remote[NAME] = DIGEST
    assert resolved(store).locked == LockedBase(reference=NAME, digest=DIGEST)
    assert store.pulled == []


def test_a_digest_in_the_spec_stays(store):
    base = resolved(store, reference=f"{NAME}@{DIGEST}")
    assert base.locked.digest == DIGEST
    assert base.locked.build_reference == f"{NAME}@{DIGEST}"


def test_a_pin_is_kept_though_the_tag_moved(store):
    store.remote[NAME] = OTHER
    kept = LockedBase(reference=NAME, digest=DIGEST, distribution="debian:12", glibc="2.36")
    assert resolved(store, previous=kept).locked == kept


def test_a_local_pin_is_kept_while_the_store_has_the_image(store):
    store.images[NAME] = image(id=OTHER)
    kept = LockedBase(reference=NAME, image_id=ID)
    assert resolved(store, previous=kept).locked.image_id == OTHER
    store.images[ID] = image()
    assert resolved(store, previous=kept).locked.image_id == ID


def test_a_pin_of_another_reference_does_not_count(store):
    store.remote[NAME] = OTHER
    assert resolved(store, previous=LockedBase(reference="debian:12", digest=DIGEST)).locked.digest == OTHER


def test_a_base_that_nobody_has_names_three_ways_on(store):
    with pytest.raises(BaseUnavailable) as caught:
        resolved(store)
    assert caught.value.message == (
        "base image debian:bookworm-slim: not in the engine's store, and its registry gives no answer:"
        " the registry cannot be reached"
    )
    assert caught.value.hint == (
        "three ways on:\n"
        "- name a mirror of the registry in the site config (registry_mirrors)\n"
        "- make the base from a Debian mirror: envbuild bootstrap debian:bookworm-slim\n"
        "- lock the rest now and pin the base later: --allow-unpinned-base"
    )


def test_a_base_that_is_there_for_another_platform_is_told_so(store):
    store.images[NAME] = image(platform="linux/arm64")
    with pytest.raises(BaseUnavailable) as caught:
        resolved(store)
    assert caught.value.message == (
        "base image debian:bookworm-slim: in the engine's store for linux/arm64 only,"
        " and its registry gives no answer: the registry cannot be reached"
    )


def test_a_base_that_no_debian_mirror_can_make_is_not_to_be_bootstrapped(store):
    with pytest.raises(BaseUnavailable) as caught:
        resolved(store, reference="nvidia/cuda:12.8.1-base-ubuntu24.04")
    assert (
        "- take a base that a Debian mirror can make: envbuild bootstrap debian:bookworm-slim,"
        " and base: debian:bookworm-slim in the spec\n"
    ) in caught.value.hint


def test_an_unpinned_base_is_allowed_on_request(store):
    base = resolved(store, allow=True)
    assert base.locked == LockedBase(reference=NAME)
    assert not base.locked.pinned
    assert base.locked.build_reference == NAME


class BrokenStore:
    """A stand-in for a store whose engine is not there."""

    def image(self, reference):
        raise EngineError("no engine")


def test_no_engine_is_an_engine_error_unless_the_base_may_stay_unpinned():
    with pytest.raises(EngineError):
        resolved(BrokenStore())
    assert not resolved(BrokenStore(), allow=True).locked.pinned


PROBED = """\
distribution=debian:12
codename=bookworm
glibc=2.36
apt=yes
python=/usr/local/bin/python3 3.12.4
python=/usr/local/bin/python3.12 3.12.4
"""


def test_what_the_image_holds_is_read_from_it(store):
    store.images[NAME] = image()
    store.probe = Ran(code=0, stdout=PROBED, stderr="", seconds=0.1)
    base = inspect_base(resolved(store), store)
    assert base.ran
    assert base.held == Held(
        distribution="debian:12",
        glibc="2.36",
        apt=True,
        apt_python="3.11",
        pythons=(("/usr/local/bin/python3", "3.12.4"), ("/usr/local/bin/python3.12", "3.12.4")),
    )
    assert (base.locked.distribution, base.locked.glibc) == ("debian:12", "2.36")
    assert store.runs[0]["image"] == ID
    assert not store.runs[0]["network"]


def test_an_image_that_does_not_run_here_is_looked_up_in_the_table(store):
    store.images[NAME] = image()
    store.probe = Ran(code=126, stdout="", stderr="exec format error", seconds=0.1)
    base = inspect_base(resolved(store), store)
    assert (base.ran, base.held.glibc, base.locked.glibc) == (False, "2.36", "2.36")


def test_a_debian_that_names_no_version_is_known_by_its_codename():
    assert parse_probe("distribution=debian:\ncodename=trixie\nglibc=2.41\n").distribution == "debian:13"


def test_a_stranger_is_what_it_says():
    held = parse_probe("distribution=arch:\nglibc=2.43\n")
    assert held == Held(distribution="arch", glibc="2.43")
