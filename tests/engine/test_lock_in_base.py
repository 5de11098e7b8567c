"""Locking in a real base image: what it holds is read by running it, Debian packages by its own apt."""

import os
from pathlib import Path

import pytest

from envbuild.engine.engine import Engine
from envbuild.errors import Unsolvable
from envbuild.lock.make import make_lock
from envbuild.lock.model import Lock
from envbuild.lock.pylock import dump_lock
from envbuild.site.load import load_site
from envbuild.spec.load import load_spec


def locked(engine: Engine, folder: Path, text: str, previous: Lock | None = None) -> Lock:
    path = folder / "spec.yml"
    path.write_text(text, encoding="utf-8")
    environ = {
        **os.environ,
        "XDG_CACHE_HOME": str(folder / "cache"),
        "XDG_CONFIG_HOME": str(folder / "config"),
    }
    site = load_site(environ)
    return make_lock(
        load_spec(path), site=site, store=engine, platform="linux/amd64", previous=previous, environ=environ
    )


@pytest.mark.network
@pytest.mark.usefixtures("base_image")
def test_debian_packages_are_resolved_by_the_bases_own_apt(engine: Engine, tmp_path: Path) -> None:
    spec = "name: x\npython: 3.11\napt: [libgl1, bash]\npip: {packages: [idna]}\n"
    lock = locked(engine, tmp_path, spec)
    assert (lock.base.distribution, lock.base.glibc) == ("debian:12", "2.36")
    assert lock.base.pinned
    assert (lock.python.source, lock.python.request) == ("apt", "/usr/bin/python3.11")
    assert lock.python.version.startswith("3.11.")
    found = {package.name: package for package in lock.apt}
    assert {name for name, package in found.items() if package.requested} == {
        "bash",
        "libgl1",
        "python3.11",
        "python3-distutils",
    }
    assert found["bash"].size == 0
    assert all(package.version for package in lock.apt)
    assert (found["libgl1"].size or 0) > 10_000
    assert dump_lock(locked(engine, tmp_path, spec, previous=lock)) == dump_lock(lock)


@pytest.mark.network
@pytest.mark.usefixtures("base_image")
def test_a_debian_package_that_does_not_exist_is_shown_with_its_neighbour(
    engine: Engine, tmp_path: Path
) -> None:
    with pytest.raises(Unsolvable) as caught:
        locked(engine, tmp_path, "name: x\npython: 3.11\napt:\n  - libgl1\n  - libgl1x\n")
    assert [str(problem) for problem in caught.value.problems] == [
        f"{tmp_path / 'spec.yml'}:5: apt[1]: there is no Debian package libgl1x; did you mean libgl1?"
    ]
