"""What somebody may name, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support import planned
from support.audits import LocalSandboxes, wheel_of
from support.elf import library

from envbuild.audit.locked import Sources
from envbuild.audit.make import Question, audit, known_targets
from envbuild.audit.model import Audit, Target
from envbuild.errors import LockError, SpecError, UsageError
from envbuild.images import ImageInfo
from envbuild.lock.inputs import inputs_of
from envbuild.lock.pylock import lock_path, write_lock
from envbuild.site.model import Site
from envbuild.spec.load import load_spec


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    return tmp_path / "work"


def ask(target: str, *gpus: str, connect: Any = None) -> Audit:
    environ = {
        "XDG_CACHE_HOME": str(Path.cwd().parent / "cache"),
        "UV_CACHE_DIR": str(Path.cwd().parent / "uv"),
    }
    return audit(Question(target=target, gpus=gpus), Sources(site=Site(), environ=environ, connect=connect))


def test_a_library_a_wheel_and_a_folder(here: Path) -> None:
    (here / "libx.so").write_bytes(library(["80"]))
    file, data, _ = wheel_of("thing", "1", {"x.so": library(["90"])})
    (here / file).write_bytes(data)
    assert [ask(name).kind for name in ("libx.so", file, ".")] == ["file", "wheel", "folder"]
    assert ask("libx.so").packages[0].name == "libx.so"
    assert ask(file).packages[0].name == "thing"
    assert [package.name for package in ask(".").packages] == ["."]


def test_targets_by_name_and_capability(here: Path) -> None:
    (here / "libx.so").write_bytes(library(["80"]))
    found = ask("libx.so", "A100", "GTX 1080 Ti", "12.0")
    assert found.asked
    assert found.targets == (
        Target(name="A100", capability=(8, 0)),
        Target(name="GTX 1080 Ti", capability=(6, 1)),
        Target(name="12.0", capability=(12, 0)),
    )


def test_without_targets_all_that_the_tables_know_from_maxwell_on(here: Path) -> None:
    (here / "libx.so").write_bytes(library(["80"]))
    found = ask("libx.so")
    assert not found.asked
    assert found.targets == known_targets()
    names = [target.name for target in found.targets]
    assert (names[0], "8.6" in names, "3.5" in names) == ("5.0", True, False)
    assert names == sorted(names, key=lambda name: [int(part) for part in name.split(".")])


def test_a_target_that_nobody_knows(here: Path) -> None:
    with pytest.raises(UsageError) as caught:
        ask("libx.so", "RTX 9999")
    assert caught.value.message == "--target RTX 9999: no GPU that the tables know"


@pytest.mark.parametrize("name", ["no.so", "no.so.12", "no.whl", "./no", "/no/such/folder"])
def test_files_that_are_not_there(here: Path, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        ask(name)
    assert caught.value.message == f"{name}: no such file or folder"


def test_an_image_that_is_not_there(here: Path) -> None:
    with pytest.raises(UsageError) as caught:
        ask("dl:latest", connect=LocalSandboxes)
    assert caught.value.message == "dl:latest: neither a file nor an image of this engine"


def test_an_image(here: Path, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("envbuild.audit.make.audit_image.__defaults__", ((str(installed),),))
    engine = LocalSandboxes(images={"dl:latest": ImageInfo(id="sha256:1")})
    found = ask("dl:latest", connect=lambda: engine)
    assert found.kind == "image"
    assert "cuda-thing" in [package.name for package in found.packages]


def make_spec(here: Path, more: str = "") -> Path:
    path = here / "spec.yml"
    path.write_text(f"name: env\npython: 3.11\n{more}")
    return path


def make_lock(path: Path, *names: str) -> None:
    spec = load_spec(path)
    packages = [planned.package(name, "2.8.0") for name in names]
    write_lock(lock_path(spec), planned.lock(packages, inputs=inputs_of(spec)))


def test_a_spec_by_its_lock_and_its_own_targets(here: Path) -> None:
    path = make_spec(here, "targets: [A100, GTX 1080 Ti]\n")
    make_lock(path, "torch")
    found = ask("spec.yml")
    assert (found.kind, found.asked, found.notes) == ("spec", True, ())
    assert [target.name for target in found.targets] == ["A100", "GTX 1080 Ti"]
    assert [package.name for package in found.packages] == ["torch"]
    assert [target.name for target in ask("spec.yml", "H100").targets] == ["H100"]


def test_a_lock_alone(here: Path) -> None:
    path = make_spec(here, "targets: [A100]\n")
    make_lock(path, "torch")
    name = lock_path(load_spec(path)).name
    path.unlink()
    found = ask(name, "A100")
    assert (found.target, found.kind, found.asked) == (name, "spec", True)
    assert [package.name for package in found.packages] == ["torch"]
    assert ask(name).targets == known_targets()
    with pytest.raises(UsageError) as caught:
        ask("pylock.no.toml")
    assert caught.value.message == "pylock.no.toml: no such file or folder"


def test_a_spec_without_targets(here: Path) -> None:
    make_lock(make_spec(here))
    found = ask("spec.yml")
    assert (found.asked, found.packages) == (False, ())


def test_a_lock_that_the_spec_has_left_behind(here: Path) -> None:
    make_lock(make_spec(here), "torch")
    make_spec(here, "pip:\n  packages: [rich]\n")
    assert ask("spec.yml").notes == ("the lock no longer answers the spec: this is about the lock",)


def test_a_spec_without_a_lock(here: Path) -> None:
    make_spec(here)
    with pytest.raises(LockError) as caught:
        ask("spec.yml")
    assert caught.value.message == "spec.yml: it has no lock yet, which says which wheels"
    assert caught.value.hint == "envbuild lock spec.yml"


def test_no_spec(here: Path) -> None:
    with pytest.raises(SpecError):
        ask("spec.yml")
