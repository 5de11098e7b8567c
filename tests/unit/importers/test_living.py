"""Where an environment is that somebody names, and what is none. The corpus has whole environments."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.errors import SpecError
from envbuild.importers.living import find_prefix, read_prefix
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
