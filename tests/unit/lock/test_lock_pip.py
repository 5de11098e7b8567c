import pytest

from envbuild.errors import LockError, Unsolvable, UsageError
from envbuild.lock.make import Upgrade
from envbuild.lock.pip import uv_platform
from envbuild.lock.pylock import dump_lock, read_lock, write_lock
from envbuild.site.model import Site

SPEC = "name: x\npython: 3.12\npip:\n  packages:\n    - alpha\n    - beta<2\n"


@pytest.fixture
def stocked(desk):
    desk.index.add("alpha", "1.0", requires=["gamma"])
    desk.index.add("beta", "1.0")
    desk.index.add("beta", "2.0")
    desk.index.add("gamma", "1.0")
    return desk


def versions(lock):
    return {package.name: package.version for package in lock.packages}


def test_requirements_become_exact_files(stocked):
    lock = stocked.lock(SPEC)
    assert versions(lock) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.0"}
    alpha = lock.packages[0]
    file = "alpha-1.0-py3-none-any.whl"
    assert (alpha.file, alpha.size, alpha.from_source) == (file, len(stocked.index.files[file]), False)
    row = lock.document["packages"][0]["wheels"][0]
    assert row["url"] == f"http://{stocked.index.host}/files/{file}"
    assert len(row["hashes"]["sha256"]) == 64
    assert lock.document["created-by"] == "envbuild"


def test_the_same_answers_give_the_same_bytes(stocked):
    first = dump_lock(stocked.lock(SPEC))
    shuffled = "name: x\npython: 3.12\npip: {packages: ['beta<2', alpha]}  # another order\n"
    assert dump_lock(stocked.lock(shuffled)) == first


def test_no_requirements_are_a_valid_lock_too(desk):
    from packaging.pylock import Pylock

    lock = desk.lock("name: x\npython: 3.12\n")
    assert lock.packages == ()
    Pylock.from_dict(lock.document).validate()
    path = desk.folder / "pylock.x.toml"
    write_lock(path, lock)
    assert read_lock(path) == lock


def test_relocking_after_an_edit_keeps_all_other_pins(stocked):
    old = stocked.lock(SPEC)
    stocked.index.add("alpha", "1.1", requires=["gamma"])
    stocked.index.add("gamma", "1.1")
    stocked.index.add("delta", "1.0")
    edited = stocked.lock(f"{SPEC}    - delta\n", previous=old)
    assert versions(edited) == {"alpha": "1.0", "beta": "1.0", "delta": "1.0", "gamma": "1.0"}
    fresh = stocked.lock(f"{SPEC}    - delta\n")
    assert versions(fresh)["gamma"] == "1.1"


def test_upgrade_renews_all(stocked):
    old = stocked.lock(SPEC)
    stocked.index.add("alpha", "1.1", requires=["gamma"])
    stocked.index.add("gamma", "1.1")
    lock = stocked.lock(SPEC, previous=old, upgrade=Upgrade(everything=True))
    assert versions(lock) == {"alpha": "1.1", "beta": "1.0", "gamma": "1.1"}


def test_upgrade_package_renews_that_one(stocked):
    old = stocked.lock(SPEC)
    stocked.index.add("alpha", "1.1", requires=["gamma"])
    stocked.index.add("gamma", "1.1")
    lock = stocked.lock(SPEC, previous=old, upgrade=Upgrade(packages=("Gamma",)))
    assert versions(lock) == {"alpha": "1.0", "beta": "1.0", "gamma": "1.1"}


def test_upgrading_a_stranger_is_a_usage_error(stocked):
    old = stocked.lock(SPEC)
    with pytest.raises(UsageError) as caught:
        stocked.lock(SPEC, previous=old, upgrade=Upgrade(packages=("gama",)))
    assert caught.value.message == "--upgrade-package gama: neither the spec nor its lock has this package"
    assert caught.value.hint == "did you mean gamma?"


def test_requirements_that_do_not_go_together(stocked):
    stocked.index.add("alpha", "2.0", requires=["beta>=2"])
    with pytest.raises(Unsolvable) as caught:
        stocked.lock("name: x\npython: 3.12\npip:\n  packages:\n    - alpha>=2\n    - beta<2\n    - gamma\n")
    error = caught.value
    assert error.message.startswith("no set of packages satisfies the requirements:\n  Because ")
    spec = stocked.folder / "spec.yml"
    assert [str(problem) for problem in error.problems] == [
        f"{spec}:5: pip.packages[0]: alpha>=2 is part of the conflict",
        f"{spec}:6: pip.packages[1]: beta<2 is part of the conflict",
    ]


def test_a_package_that_does_not_exist(stocked):
    with pytest.raises(Unsolvable) as caught:
        stocked.lock("name: x\npython: 3.12\npip: {packages: [alpha, omega]}\n")
    assert caught.value.message == (
        "no set of packages satisfies the requirements:\n"
        "  Because omega was not found in the package registry and you require omega, there is no solution"
    )
    assert [problem.path for problem in caught.value.problems] == ["pip.packages[1]"]


def test_a_package_for_another_platform_only(stocked):
    stocked.index.add("winner", "1.0", tag="cp312-cp312-win_amd64")
    with pytest.raises(Unsolvable) as caught:
        stocked.lock("name: x\npython: 3.12\npip: {packages: [winner]}\n")
    assert "winner==1.0 has no wheels with a matching platform tag" in caught.value.message
    assert "win_amd64" in caught.value.hint
    assert [problem.what for problem in caught.value.problems] == ["winner cannot be had"]


def test_the_targets_python_and_platform_decide(stocked):
    tags = ("cp311-cp311-manylinux_2_17_x86_64", "cp312-cp312-manylinux_2_17_x86_64")
    for tag in (*tags, "cp312-cp312-manylinux_2_17_aarch64", "cp312-cp312-manylinux_2_38_x86_64"):
        stocked.index.add("fast", "1.0", tag=tag)
    spec = "name: x\npython: 3.12\npip: {packages: [fast]}\n"
    assert stocked.lock(spec).packages[0].file == "fast-1.0-cp312-cp312-manylinux_2_17_x86_64.whl"
    arm = stocked.lock(spec, platform="linux/arm64")
    assert arm.packages[0].file == "fast-1.0-cp312-cp312-manylinux_2_17_aarch64.whl"


def test_a_requirement_that_does_not_apply_is_left_out_and_said(stocked):
    spec = "name: x\npython: 3.12\npip: {packages: [\"beta; sys_platform == 'win32'\"]}\n"
    assert stocked.lock(spec).packages == ()
    notes = [event.text for event in stocked.events if hasattr(event, "text")]
    version = stocked.lock(spec).python.version
    wish = "pip.packages[0]: beta; sys_platform == 'win32'"
    assert [note.partition(": ")[2] for note in notes] == [
        f"{wish} does not apply to Python {version} on linux/amd64"
    ]


def test_an_index_that_cannot_be_reached(desk):
    address = desk.index.url
    desk.index.close()
    with pytest.raises(LockError) as caught:
        desk.lock("name: x\npython: 3.12\npip: {packages: [alpha]}\n")
    assert caught.value.message.startswith(f"the package index does not answer: {address}/alpha/: ")
    assert caught.value.hint.startswith("check the address, the proxy, the CA bundle and the credentials: ")
    desk.index.__init__()  # so that the fixture has something to close


def test_a_file_that_changed_under_its_name_is_refused_until_it_is_accepted(stocked):
    old = stocked.lock(SPEC)
    stocked.index.add("gamma", "1.0", requires=["beta"])
    with pytest.raises(LockError) as caught:
        stocked.lock(SPEC, previous=old)
    assert caught.value.message == (
        "gamma-1.0-py3-none-any.whl: the index has another file of this name than the lock: another hash"
    )
    assert caught.value.hint == (
        "find out why before you trust it; to accept the new file: envbuild lock --upgrade-package gamma"
    )
    new = stocked.lock(SPEC, previous=old, upgrade=Upgrade(packages=("gamma",)))
    assert new.packages[2] != old.packages[2]


def test_credentials_of_the_site_are_used_and_never_written(stocked):
    stocked.index.login = "joe:s3cret/word"
    stocked.site = Site(index_url=f"http://joe:s3cret%2Fword@{stocked.index.host}/simple")
    text = dump_lock(stocked.lock(SPEC))
    assert "alpha-1.0" in text
    assert "size = " in text
    assert not [word for word in ("joe", "s3cret", "@127") if word in text]


def test_credentials_of_the_site_serve_the_specs_index_on_the_same_host(stocked):
    stocked.index.login = "joe:s3cret"
    stocked.site = Site(index_url=f"http://joe:s3cret@{stocked.index.host}/other")
    spec = f"name: x\npython: 3.12\npip: {{packages: [alpha], index_url: {stocked.index.url}}}\n"
    assert versions(stocked.lock(spec)) == {"alpha": "1.0", "gamma": "1.0"}


def test_wrong_credentials_are_not_shown(stocked):
    stocked.index.login = "joe:right"
    stocked.site = Site(index_url=f"http://joe:wr0ng@{stocked.index.host}/simple")
    with pytest.raises(LockError) as caught:
        stocked.lock(SPEC)
    assert "wr0ng" not in f"{caught.value.message}{caught.value.hint}"
    assert "401" in f"{caught.value.message}{caught.value.hint}"


def test_sizes_are_asked_once_and_then_known(stocked):
    lock = stocked.lock(SPEC)
    assert stocked.index.heads() == 3
    assert stocked.lock(SPEC) == lock
    assert stocked.index.heads() == 3
    (stocked.folder.parent / "cache" / "envbuild" / "sizes.json").unlink()
    assert stocked.lock(SPEC, previous=lock) == lock
    assert stocked.index.heads() == 3


def test_a_broken_cache_of_sizes_costs_time_only(stocked):
    lock = stocked.lock(SPEC)
    (stocked.folder.parent / "cache" / "envbuild" / "sizes.json").write_text("{]")
    assert stocked.lock(SPEC) == lock


@pytest.mark.parametrize(
    ("platform", "glibc", "expected"),
    [
        ("linux/amd64", "2.36", "x86_64-manylinux_2_36"),
        ("linux/amd64", "2.41", "x86_64-manylinux_2_40"),
        ("linux/amd64", "2.30", "x86_64-manylinux_2_28"),
        ("linux/arm64", "2.31", "aarch64-manylinux_2_31"),
        ("linux/amd64", "2.12", "x86_64-unknown-linux-gnu"),
        ("linux/arm64", "", "aarch64-unknown-linux-gnu"),
    ],
)
def test_wheels_must_run_on_the_bases_glibc(platform, glibc, expected):
    assert uv_platform(platform, glibc) == expected


def test_a_platform_that_nobody_knows():
    with pytest.raises(LockError) as caught:
        uv_platform("linux/s390x", "2.36")
    assert caught.value.message == "platform linux/s390x: not supported"
    assert caught.value.hint == "use one of linux/amd64, linux/arm64"
