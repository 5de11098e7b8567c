"""The corpus: sources as people have them, each with its spec and findings, or with its errors.

A case is a folder `corpus/<module>/<case>/` with the source, perhaps `wishes.yml`, and `expected.yml` with
`findings.txt`, or `error.txt`. `ENVBUILD_GOLDEN=write` writes those anew; look at the difference before
committing it. Cases of containers and folders for repo2docker have a test of their own.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from envbuild.errors import SpecError
from envbuild.importers.formats import find_format
from envbuild.importers.model import Wishes
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text
from envbuild.spec.parse import parse_spec

CORPUS = Path(__file__).parent / "corpus"
OWN_TEST = {"cog", "devcontainer", "dockerfile", "repo2docker"}
WHOLE_FOLDER = {"folder", "living"}
WRITTEN = ("expected.yml", "findings.txt", "error.txt", "wishes.yml")
CASES = [
    path.relative_to(CORPUS).as_posix()
    for path in sorted(CORPUS.glob("*/*"))
    if path.parent.name not in OWN_TEST and path.is_dir()
]


def source_of(folder: Path, module: str) -> Path:
    """The file of the case, relative to its folder: the usual name, else the first by name."""
    if module in WHOLE_FOLDER:
        return Path()
    fitting = [
        (path.name != found.name, path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and (found := find_format(path, path.read_bytes()[:8192])) is not None
        and found.module.rpartition(".")[2] == module
    ]
    return min(fitting)[1]


def wishes_of(folder: Path) -> Wishes:
    path = folder / "wishes.yml"
    said: dict[str, Any] = yaml.safe_load(path.read_text()) if path.is_file() else {}
    values = {key: tuple(value) if isinstance(value, list) else str(value) for key, value in said.items()}
    return Wishes(**values)


def imported(folder: Path, module: str, wishes: Wishes) -> dict[str, str]:
    """What the case becomes: the texts of its written files."""
    try:
        draft = import_from(source_of(folder, module), wishes)
    except SpecError as error:
        return {"error.txt": f"{error}\n"}
    text = spec_text(draft)
    parse_spec(text.encode(), Path("spec.yml"))
    findings = "".join(f"{finding.kind}: {finding}\n" for finding in draft.findings)
    return {"expected.yml": text, "findings.txt": findings}


@pytest.mark.parametrize("case", CASES)
def test_source(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name = case.split("/")
    folder = tmp_path / name
    shutil.copytree(CORPUS / case, folder, ignore=shutil.ignore_patterns(*WRITTEN))
    monkeypatch.chdir(folder)
    now = imported(folder, module, wishes_of(CORPUS / case))
    if os.environ.get("ENVBUILD_GOLDEN") == "write":
        for written in WRITTEN[:3]:
            (CORPUS / case / written).unlink(missing_ok=True)
        for written, text in now.items():
            (CORPUS / case / written).write_text(text, encoding="utf-8")
    kept = {
        written: (CORPUS / case / written).read_text(encoding="utf-8")
        for written in WRITTEN[:3]
        if (CORPUS / case / written).is_file()
    }
    assert kept == now, f"{case} differs: look at the change, then make golden"


def test_the_corpus_is_there() -> None:
    modules = {case.partition("/")[0] for case in CASES}
    assert {"environment_yml", "requirements_txt", "pyproject", "folder", "living"} <= modules
    assert len(CASES) >= 60
