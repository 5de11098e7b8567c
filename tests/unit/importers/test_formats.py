"""Which format a file is: by name, else by content; which file of a folder counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.errors import SpecError
from envbuild.importers import folders
from envbuild.importers.folders import find_in_folder
from envbuild.importers.formats import FOLDER, FORMATS, find_format, named_format


@pytest.mark.parametrize(
    ("name", "head", "format_"),
    [
        ("environment.yml", b"", "environment.yml"),
        ("Environment.YAML", b"", "environment.yml"),
        ("dl.yaml", b"name: dl\ndependencies:\n  - numpy\n", "environment.yml"),
        ("env.yml", b"\xef\xbb\xbfchannels: [conda-forge]\n", "environment.yml"),
        ("my-spec.yaml", b"name: dl\npython: 3.12\npip:\n  packages: [numpy]\n", "spec.yml"),
        ("requirements-dev.txt", b"", "requirements.txt"),
        ("dev-requirements.txt", b"", "requirements.txt"),
        ("reqs.txt", b"# tools\n\npytest>=8\n", "requirements.txt"),
        ("deps.in", b"-r base.in\n", "requirements.txt"),
        ("frozen.txt", "numpy==1.26.4\r\n".encode("utf-16"), "requirements.txt"),
        ("env.txt", b"# platform: linux-64\n@EXPLICIT\nhttps://x\n", "explicit"),
        ("pyproject.toml", b"", "pyproject.toml"),
        ("other.toml", b"[project]\nname = 'x'\n", "pyproject.toml"),
        ("uv.lock", b"", "uv.lock"),
        ("poetry.lock", b"", "poetry.lock"),
        ("pylock.dl.toml", b"", "pylock.toml"),
        ("my.lock.toml", b'lock-version = "1.0"\n', "pylock.toml"),
        ("Pipfile", b"", "Pipfile"),
        ("Pipfile.lock", b"", "Pipfile.lock"),
        ("conda-lock.yml", b"", "conda-lock.yml"),
        ("gpu.conda-lock.yml", b"", "conda-lock.yml"),
        ("pixi.toml", b"", "pixi.toml"),
        ("pixi.lock", b"", "pixi.lock"),
        ("cog.yaml", b"", "cog.yaml"),
        ("devcontainer.json", b"", "devcontainer.json"),
        ("Dockerfile.gpu", b"", "Dockerfile"),
        ("gpu.dockerfile", b"", "Dockerfile"),
    ],
)
def test_format_of_a_file(name: str, head: bytes, format_: str) -> None:
    found = find_format(Path(name), head)
    assert found is not None
    assert found.name == format_


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("setup.py", b"from setuptools import setup\n"),
        ("compose.yaml", b"services:\n  web:\n    image: x\n"),
        ("settings.toml", b"[tool]\nx = 1\n"),
        ("letter.txt", b"Dear Sir,\nhow are you?\n"),
        ("data.bin", b"\0\1\2"),
    ],
)
def test_no_format(name: str, head: bytes) -> None:
    assert find_format(Path(name), head) is None


def test_formats_by_name() -> None:
    assert named_format("ENVIRONMENT.yml") == named_format("environment.yml")
    assert named_format("repo2docker") is FOLDER
    assert named_format("tarball") is None
    names = [each.name for each in FORMATS]
    assert len(names) == len(set(names))


def test_the_order_of_a_folder_names_formats_only() -> None:
    """And every format that is imported from a file has a place in it."""
    importable = {each.name for each in FORMATS if each.module}
    assert set(folders.ORDER) == importable - {"conda list"}


def test_what_people_write_comes_before_locks(tmp_path: Path) -> None:
    for name in ("requirements.txt", "environment.yml", "conda-lock.yml"):
        (tmp_path / name).write_text("numpy\n")
    format_, path, notes = find_in_folder(tmp_path)
    assert (format_.name, path.name) == ("environment.yml", "environment.yml")
    assert [note.what for note in notes] == [
        "environment.yml is read; requirements.txt and conda-lock.yml lie beside it"
    ]


@pytest.mark.parametrize("mark", ["apt.txt", "postBuild", "runtime.txt", "binder/environment.yml"])
def test_a_folder_for_repo2docker(tmp_path: Path, mark: str) -> None:
    (tmp_path / mark).parent.mkdir(exist_ok=True)
    (tmp_path / mark).write_text("x\n")
    (tmp_path / "environment.yml").write_text("dependencies: [numpy]\n")
    format_, path, notes = find_in_folder(tmp_path)
    assert (format_, path) == (FOLDER, tmp_path)
    first = mark.partition("/")[0]
    assert [note.what for note in notes] == [f"is read as a folder for repo2docker, as it holds {first}"]


def test_a_devcontainer_counts_when_there_is_nothing_else(tmp_path: Path) -> None:
    (tmp_path / ".devcontainer").mkdir()
    (tmp_path / ".devcontainer" / "devcontainer.json").write_text("{}")
    format_, path, _ = find_in_folder(tmp_path)
    assert (format_.name, path) == ("devcontainer.json", tmp_path / ".devcontainer" / "devcontainer.json")


def test_several_of_one_kind(tmp_path: Path) -> None:
    for name in ("pylock.cpu.toml", "pylock.gpu.toml"):
        (tmp_path / name).write_text('lock-version = "1.0"\n')
    with pytest.raises(SpecError) as caught:
        find_in_folder(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: holds pylock.cpu.toml and pylock.gpu.toml, and none has the usual name; "
        "name one of them"
    )
