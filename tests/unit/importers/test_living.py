"""Where an environment is that somebody names, and what is none. The corpus has whole environments."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.errors import SpecError
from envbuild.importers.installed.prefix import find_prefix, read_prefix
from envbuild.importers.model import Wishes
from envbuild.importers.read import import_from, import_living

RECORD = '{"name": "numpy", "version": "1.26.4", "build": "py311_0", "channel": "conda-forge"}'


def conda(prefix: Path) -> Path:
    (prefix / "conda-meta").mkdir(parents=True)
    (prefix / "conda-meta" / "numpy-1.26.4-py311_0.json").write_text(RECORD)
    return prefix


def refusal(text: str, environ: dict[str, str]) -> str:
    with pytest.raises(SpecError) as caught:
        find_prefix(text, environ)
    return str(caught.value)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path / "home"


def test_by_conda_s_list(home: Path, tmp_path: Path) -> None:
    elsewhere = conda(tmp_path / "data" / "dl")
    (home / ".conda").mkdir()
    (home / ".conda" / "environments.txt").write_text(f"{tmp_path}/gone/dl\n{elsewhere}\n")
    assert find_prefix("dl", {"HOME": str(home)}) == elsewhere


@pytest.mark.parametrize("root", ["miniforge3", "anaconda3", ".conda"])
def test_by_usual_roots(home: Path, root: str) -> None:
    prefix = conda(home / root / "envs" / "dl")
    assert find_prefix("dl", {"HOME": str(home)}) == prefix


def test_by_variables(home: Path, tmp_path: Path) -> None:
    mamba = conda(tmp_path / "mamba" / "envs" / "dl")
    other = conda(tmp_path / "own" / "gpu")
    base = conda(tmp_path / "mamba")
    environ = {
        "HOME": str(home),
        "MAMBA_ROOT_PREFIX": str(tmp_path / "mamba"),
        "CONDA_ENVS_PATH": f"{tmp_path}/nowhere:{tmp_path}/own",
    }
    assert find_prefix("dl", environ) == mamba
    assert find_prefix("gpu", environ) == other
    assert find_prefix("base", environ) == base


def test_by_virtualenvwrapper(home: Path) -> None:
    prefix = home / ".virtualenvs" / "web"
    prefix.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text("version = 3.12.1\n")
    assert find_prefix("web", {"HOME": str(home)}) == prefix


def test_a_folder_comes_before_a_name(home: Path) -> None:
    conda(home / "miniforge3" / "envs" / "dl")
    (home / "dl").mkdir()
    assert find_prefix("dl", {"HOME": str(home)}) == Path("dl")


def test_none_and_several(home: Path) -> None:
    environ = {"HOME": str(home)}
    assert refusal("dl", environ) == (
        "dl: is neither a folder nor the name of an environment; name its folder"
    )
    first = conda(home / "anaconda3" / "envs" / "dl")
    second = conda(home / "miniforge3" / "envs" / "dl")
    assert refusal("dl", environ) == (
        f"dl: is the name of 2 environments: {first} and {second}; name the folder of one"
    )


def test_what_is_no_environment(home: Path) -> None:
    (home / "src").mkdir()
    (home / "file").write_text("")
    for name, words in {
        "src": "is neither a venv nor a conda environment; it has no pyvenv.cfg and no conda-meta",
        "file": "is no folder; name its folder, or a conda environment by its name",
        "gone/env": "there is no such environment; name its folder, or a conda environment by its name",
    }.items():
        with pytest.raises(SpecError) as caught:
            read_prefix(Path(name), Wishes())
        assert str(caught.value) == f"{name}: {words}"


def test_all_packages_on_demand(home: Path) -> None:
    prefix = conda(home / "dl")
    for name in ("python", "libblas"):
        record = RECORD.replace("numpy", name)
        (prefix / "conda-meta" / f"{name}.json").write_text(record)
    (prefix / "conda-meta" / "history").write_text("# update specs: ['numpy']\n# update specs: not a list\n")
    asked = import_living(Path("dl"), Wishes())
    every = import_living(Path("dl"), Wishes(environment="all"))
    assert [entry.text for entry in asked.conda] == ["numpy==1.26.4"]
    assert [entry.text for entry in every.conda] == ["libblas==1.26.4", "numpy==1.26.4"]


def test_a_venv_takes_the_name_of_its_project(home: Path) -> None:
    prefix = home / "Tagger" / ".venv"
    prefix.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text("version = 3.12.1\n")
    draft = import_from(prefix, Wishes())
    assert (draft.name, draft.python, draft.pip) == ("tagger", "3.12", ())


def venv(prefix: Path, settings: str = "version = 3.11.2\n", python: str = "3.11") -> Path:
    """A venv with rich in it; returns its site-packages."""
    packages = prefix / "lib" / f"python{python}" / "site-packages"
    (packages / "rich-14.0.0.dist-info").mkdir(parents=True)
    (packages / "rich-14.0.0.dist-info" / "METADATA").write_text("Name: rich\nVersion: 14.0.0\n")
    (prefix / "pyvenv.cfg").write_text(settings)
    return packages


def test_what_cannot_be_read_in_a_venv_is_named(tmp_path: Path) -> None:
    packages = venv(tmp_path / "dl")
    (packages / "six-1.17.0.dist-info").mkdir()
    (packages / "six-1.17.0.dist-info" / "METADATA").write_bytes(b"")
    (packages / "gone-1.dist-info").mkdir()
    (packages / "~ip-23.dist-info").mkdir()
    (packages / "mine.egg-link").write_text("/home/me/mine\n.\n")
    draft = read_prefix(tmp_path / "dl", Wishes())
    assert [entry.text for entry in draft.pip] == ["rich==14.0.0"]
    what = "which package and version this is cannot be read"
    assert [(found.kind, found.key, found.what, found.todo) for found in draft.findings] == [
        ("left", name, what, "name it under `pip.packages`, if it is in use")
        for name in ("gone-1.dist-info", "mine.egg-link", "six-1.17.0.dist-info")
    ]


@pytest.mark.parametrize(
    ("settings", "pythons", "expected"),
    [
        ("version = 3.9.2\n", ("3.9", "3.10"), ("3.9", "rich==3.9")),
        ("version_info = 3.10.1\n", ("3.9", "3.10"), ("3.10", "rich==3.10")),
        ("", ("3.9", "3.10"), ("3.10", "rich==3.10")),
        ("version = 3.12.1\n", ("3.9", "3.10"), ("3.12", "rich==3.10")),
    ],
)
def test_packages_are_those_of_the_venv_s_own_python(
    tmp_path: Path, settings: str, pythons: tuple[str, ...], expected: tuple[str, str]
) -> None:
    for python in pythons:
        metadata = venv(tmp_path / "dl", settings, python) / "rich-14.0.0.dist-info" / "METADATA"
        metadata.write_text(f"Name: rich\nVersion: {python}\n")
    draft = read_prefix(tmp_path / "dl", Wishes())
    assert (draft.python, *(entry.text for entry in draft.pip)) == expected


def test_a_venv_without_its_packages_says_so(tmp_path: Path) -> None:
    (tmp_path / "dl").mkdir()
    (tmp_path / "dl" / "pyvenv.cfg").write_text("version = 3.11.2\n")
    (finding,) = read_prefix(tmp_path / "dl", Wishes()).findings
    assert (finding.kind, finding.what) == (
        "left",
        "has no lib/python3.…/site-packages, so no package of it is read",
    )


def test_records_of_conda_that_cannot_be_read_and_logins_are_named(tmp_path: Path) -> None:
    meta = conda(tmp_path / "dl") / "conda-meta"
    channel = "https://me:s3cret@conda.example.org/t/t0ken/lab/linux-64"
    (meta / "own-1-0.json").write_text(
        f'{{"name": "own", "version": "1", "build": "0", "channel": "{channel}"}}'
    )
    (meta / "six-1.16.0-0.json").write_text('{"name": 3')
    draft = read_prefix(tmp_path / "dl", Wishes())
    assert [(found.kind, found.key, found.what) for found in draft.findings[1:]] == [
        ("left", "conda-meta/six-1.16.0-0.json", "is no record of a package that can be read"),
        ("changed", "", "the login for the channel https://conda.example.org/lab is not carried"),
    ]
    assert "s3cret" not in repr(draft)
    assert "t0ken" not in repr(draft)
