"""docs/coming-from.md without an engine: its daily jobs with real pip and real uv, and what is imported and
exported; packages are tiny ones from an index on loopback.
"""

import ast
import contextlib
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.guides import PAGE, ROOT, Typist, jobs, python_with, sections, typed
from support.index import Index
from support.need import missing

TEXT = PAGE.read_text(encoding="utf-8")
JOBS = (
    *("Create", "Enter", "Install", "Upgrade", "List", "Export", "Recreate", "Clone", "Rename", "Remove"),
    "Clean up",
)
TOOLS = ("venv, pip", "conda", "uv", "envbuild")
UNIT, ENGINE = "tests/unit/cli/test_guides_without_engine.py", "tests/engine/test_guides.py"
TYPED_IN = {
    "A venv, and pip freeze": f"{UNIT}::test_a_venv_and_pip_freeze",
    "A project of uv": f"{UNIT}::test_a_project_of_uv",
    "conda's guide: a data-science environment": f"{ENGINE}::test_a_data_science_environment",
    "conda env export, and conda env create -f": f"{ENGINE}::test_export_and_create",
    "A conda environment that is installed": f"{ENGINE}::test_an_installed_environment",
    "PyTorch from conda, more from pip": f"{ENGINE}::test_pytorch_and_pip",
    "An old one: Python 3.6 and TensorFlow 2.1": f"{ENGINE}::test_an_old_one",
}
"""Section with a console block → the test that types it."""


@pytest.fixture
def index() -> Iterator[Index]:
    with contextlib.closing(Index()) as made:
        made.add("numpy", "1.26.4")
        made.add("numpy", "2.1.0")
        made.add("pandas", "2.2.3", ["numpy"])
        made.add("torch", "2.8.0", ["filelock"])
        made.add("filelock", "3.20.0")
        made.add("rich", "14.0.0")
        yield made


@pytest.fixture
def typist(tmp_path: Path, index: Index) -> Iterator[Typist]:
    """Somebody whose pip and uv know the index on loopback and no other."""
    found = python_with("3.12")
    own = {
        "PATH": f"{tmp_path}/home/bin:{Path(sys.executable).parent}:{found or ''}:{os.environ['PATH']}",
        "PIP_INDEX_URL": index.url,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "UV_NO_CONFIG": "1",
        "UV_DEFAULT_INDEX": index.url,
        "UV_PYTHON_DOWNLOADS": "never",
        "DOCKER_HOST": f"unix://{tmp_path}/nowhere.sock",
    }
    with contextlib.closing(Typist(tmp_path / "work", tmp_path / "home", own)) as made:
        yield made


# --- the page itself ---


def test_every_job_has_a_row_for_every_tool() -> None:
    for tool in TOOLS:
        assert tuple(jobs(TEXT, tool)) == JOBS


def test_every_console_block_is_typed_by_a_test() -> None:
    assert {heading for heading, below in sections(TEXT).items() if typed(below)} == set(TYPED_IN)
    for heading, test in TYPED_IN.items():
        path, _, name = test.partition("::")
        tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
        found = next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name)
        said = {node.value for node in ast.walk(found) if isinstance(node, ast.Constant)}
        assert heading in said, f"{test} does not type the section {heading}"


def test_every_command_in_running_text_stands_in_a_table_or_a_block() -> None:
    known = {line.partition("  #")[0].strip() for line in typed(TEXT)}
    known |= {line for tool in TOOLS for lines in jobs(TEXT, tool).values() for line in lines}
    plain = re.sub(r"^```.*?^```", "", TEXT, flags=re.MULTILINE | re.DOTALL)
    quoted = re.findall(r"`((?:envbuild|docker|pip|uv|python) [^`]+)`", plain)
    assert quoted
    bare = {"envbuild image", "envbuild import", "pip freeze"}  # words for what is meant, and typed elsewhere
    assert [line for line in quoted if line not in known | bare] == []


# --- the daily jobs of others, so that the page says nothing of them that is not so ---


def test_the_daily_jobs_with_venv_and_pip(typist: Typist) -> None:
    told = {}
    for job, lines in jobs(TEXT, "venv, pip").items():
        told[job] = "".join(typist(line) for line in lines)
        if job == "Install":
            assert (typist.folder / ".venv/bin/pip").is_file()
    assert "Successfully installed numpy-2.1.0 pandas-2.2.3" in told["Install"]
    assert re.search(r"numpy +2\.1\.0", told["List"])
    assert (typist.folder / "requirements.txt").read_text() == "numpy==2.1.0\npandas==2.2.3\n"
    assert "Successfully installed numpy-2.1.0 pandas-2.2.3" in told["Recreate"]
    assert not (typist.folder / ".venv").exists()
    assert "Files removed: " in told["Clean up"]


@pytest.fixture
def uv(typist: Typist) -> Typist:
    """Somebody who has uv, and a Python 3.12 that it finds."""
    if python_with("3.12") is None:
        missing("Python 3.12", "the guide asks for it, and uv would download it")
    return typist


def test_the_daily_jobs_with_uv(uv: Typist) -> None:
    told = {}
    for job, lines in jobs(TEXT, "uv").items():
        told[job] = "".join(uv(line) for line in lines)
        if job == "Create":
            assert (uv.folder / ".python-version").read_text() == "3.12\n"
        if job == "Recreate":
            assert (uv.folder / ".venv").is_dir()
    assert told["Enter"].endswith("1\n")
    assert "+ torch==2.8.0" in told["Install"]
    assert re.search(r"torch +2\.8\.0", told["List"])
    assert "torch==2.8.0" in (uv.folder / "requirements.txt").read_text()
    assert (uv.folder.parent / "dl2/uv.lock").is_file()
    assert uv.folder.name == "new"
    assert not (uv.folder / ".venv").exists()


# --- what people have, brought along ---


def said(path: Path) -> Any:
    """A spec's keys, all values as they are written."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)


def test_a_venv_and_pip_freeze(typist: Typist) -> None:
    told = {line: typist(line) for line in typed(sections(TEXT)["A venv, and pip freeze"])}
    frozen = said(typist.folder / "spec.yml")
    assert (frozen["name"], frozen["python"]) == ("dl", "3.11")
    assert frozen["pip"]["packages"] == ["numpy==2.1.0", "pandas==2.2.3", "rich==14.0.0"]
    assert "next: envbuild image" in told["envbuild import requirements.txt --python 3.11 --name dl"]
    asked = said(typist.folder / "asked.yml")
    assert asked["python"] == ".".join(map(str, sys.version_info[:2]))
    assert sorted(asked["pip"]["packages"]) == frozen["pip"]["packages"]
    assert asked["pip"]["packages"][-1] == "numpy==2.1.0"  # which nobody asked for
    wishes = (typist.folder / "wishes.txt").read_text().splitlines()
    assert [line for line in wishes if line and not line.startswith("#")] == asked["pip"]["packages"]
    assert "Requirement already satisfied: numpy==2.1.0" in told["pip install -r wishes.txt"]


def test_a_project_of_uv(uv: Typist) -> None:
    told = {line: uv(line) for line in typed(sections(TEXT)["A project of uv"])}
    assert told['uv run python -c "import torch; print(torch.__version__)"'].endswith("2.8.0\n")
    pinned = said(uv.folder / "spec.yml")
    assert (pinned["name"], pinned["python"]) == ("dl", "3.12")
    assert pinned["pip"]["packages"] == ["torch==2.8.0", "filelock==3.20.0"]
    wished = said(uv.folder / "wishes.yml")
    assert wished["pip"]["packages"] == ["torch>=2.8.0"]
    for line in ("envbuild import uv.lock", "envbuild import pyproject.toml -o wishes.yml"):
        assert "left: " in told[line]
        assert "the project itself, dl, is not carried; bring its" in told[line]
