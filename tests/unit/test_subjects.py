"""What names on the command line mean, as far as files tell; engines and registries are tested elsewhere."""

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest
from support.planned import lock, package

from envbuild import subjects
from envbuild.engine.engine import Engine
from envbuild.errors import EngineError, LockError, RegistryError, SpecError, StaleLock, UsageError
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import Lock, LockedApt
from envbuild.lock.pylock import dump_lock
from envbuild.outcomes import Request
from envbuild.registry.client import RegistryClient
from envbuild.site.model import Site
from envbuild.spec.load import load_spec

SPEC = "name: env\npython: 3.11\n"


def no_engine() -> Engine:
    raise EngineError("no container engine found")


def request_for(engine: Callable[[], Engine] = no_engine, url: str = "unix:///nonexistent") -> Request:
    return Request(
        spec_path=Path("spec.yml"), site=Site(), platform="linux/amd64", connect=engine, engine=url
    )


def no_client() -> NoReturn:
    raise AssertionError("nobody should ask a registry")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "spec.yml").write_text(SPEC)
    return tmp_path


def write_lock(folder: Path, **fields: object) -> Lock:
    spec = load_spec(folder / "spec.yml")
    made = lock([package("idna", "3.10")], inputs=inputs_of(spec), **fields)
    (folder / "pylock.env.toml").write_text(dump_lock(made))
    return made


def find(target: str, *, strict: bool = False) -> subjects.Subject:
    return subjects.find(request_for(), target, no_client, strict=strict)


def test_a_lock_file(folder: Path) -> None:
    write_lock(folder)
    found = find("pylock.env.toml")
    assert isinstance(found, subjects.LockFile)
    assert (found.name, found.lock.name) == ("pylock.env.toml", "env")
    assert subjects.contents_of(found).kind == "lock"


def test_a_spec_and_its_lock(folder: Path) -> None:
    bare = find("spec.yml")
    assert isinstance(bare, subjects.SpecFile)
    assert (bare.lock, bare.why_not) == (None, "it has no lock yet (envbuild lock)")
    with pytest.raises(LockError) as caught:
        subjects.ensure_lock(bare)
    assert (caught.value.message, caught.value.hint) == (
        "spec.yml: it has no lock yet (envbuild lock)",
        "make it: envbuild lock",
    )
    write_lock(folder)
    fresh = find("spec.yml")
    assert isinstance(fresh, subjects.SpecFile)
    assert fresh.lock is not None
    assert subjects.ensure_lock(fresh) == fresh.lock
    assert subjects.contents_of(fresh).pip == {"idna": "3.10"}
    (folder / "spec.yml").write_text(SPEC + "apt: [git]\n")
    stale = find("spec.yml")
    assert isinstance(stale, subjects.SpecFile)
    assert (stale.lock, stale.why_not) == (
        None,
        "pylock.env.toml does not answer it any more (envbuild lock)",
    )
    with pytest.raises(StaleLock) as told:
        subjects.ensure_lock(stale)
    assert (told.value.changes, told.value.hint) == (("apt: + git",), "renew it: envbuild lock")
    contents = subjects.contents_of(stale)
    assert contents.notes == ("spec.yml: pylock.env.toml does not answer it any more (envbuild lock)",)
    assert contents.wishes == {"python": "3.11", "apt": ["git"]}


def test_a_lock_for_another_platform_answers_until_one_is_asked_for(folder: Path) -> None:
    write_lock(folder, platform="linux/arm64")
    found, strict = find("spec.yml"), find("spec.yml", strict=True)
    assert isinstance(found, subjects.SpecFile)
    assert isinstance(strict, subjects.SpecFile)
    assert found.lock is not None
    assert strict.lock is None


def test_files_that_are_not_there(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.toml: there is no such file"):
        find("absent.toml")
    with pytest.raises(SpecError, match=r"absent\.yml"):
        find("absent.yml")


@pytest.mark.parametrize("name", [".", "..", "envs", "envs/", "./envs"])
def test_a_folder_is_no_image(folder: Path, name: str) -> None:
    (folder / "envs").mkdir(exist_ok=True)
    (folder / "envs" / "spec.yml").write_text("name: x\n")
    with pytest.raises(UsageError) as caught:
        find(name)
    assert caught.value.message == f"{name}: is a folder"
    if "envs" in name:
        assert caught.value.hint == "name the spec in it: envs/spec.yml"


def test_a_file_is_a_spec_whatever_it_is_called(folder: Path) -> None:
    (folder / "environment").write_text(SPEC)
    assert isinstance(find("environment"), subjects.SpecFile)
    (folder / "lab").mkdir()
    assert subjects.find_file(request_for(), "lab", strict=False) is None  # a folder is none


def test_without_an_engine_the_registry_is_asked(folder: Path) -> None:
    with pytest.raises(AssertionError, match="nobody should ask a registry"):
        find("lab/env:1")


def test_no_name_is_no_folder(folder: Path) -> None:
    subjects.ensure_no_folder("")
    with pytest.raises(UsageError):
        subjects.ensure_no_folder(".")


def test_the_prefix_leads_past_the_engine(folder: Path) -> None:
    def unwanted() -> Engine:
        raise AssertionError("nobody should ask the engine")

    asked: list[str] = []

    def client() -> RegistryClient:
        asked.append("client")
        raise RegistryError("nothing there", trouble="missing")

    with pytest.raises(RegistryError):
        subjects.find(request_for(unwanted), "docker://lab/env:1", client, strict=False)
    assert asked == ["client"]


def test_an_error_is_left_alone_where_the_engine_has_no_such_image() -> None:
    error = RegistryError("nothing there", trouble="missing", hint="look again")
    assert subjects.with_engine(request_for(), "lab/env:1", error) is error
    assert subjects.with_engine(request_for(), "docker://lab/env:1", error) is error


def test_sizes_of_a_lock() -> None:
    found = subjects.lock_sizes(
        lock(
            [
                package("torch", "2.8.0", 900_000_000),
                package("idna", "3.10", 60_000),
                package("rich", "14", None),
            ],
            apt=(LockedApt(name="git", version="1", size=7), LockedApt(name="libc6", version="2", size=0)),
        )
    )
    assert found == {"apt": 7, "pip: torch": 900_000_000}  # rich has no size: its group has none
    assert subjects.lock_sizes(lock()) == {}
