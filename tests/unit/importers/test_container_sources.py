"""cog.yaml, repo2docker folders, devcontainer.json and Dockerfiles: each with its spec and its findings.

`ENVBUILD_GOLDEN=write` writes the expected files anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from envbuild.errors import SpecError
from envbuild.importers.model import Wishes
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text
from envbuild.spec.parse import parse_spec

CORPUS = Path(__file__).parent / "corpus"
SOURCES = {
    "cog": "cog.yaml",
    "devcontainer": "devcontainer.json",
    "dockerfile": "Dockerfile",
    "repo2docker": ".",
}
WRITTEN = ("expected.yml", "findings.txt", "error.txt")
CASES = [
    path.relative_to(CORPUS).as_posix() for name in SOURCES for path in sorted((CORPUS / name).glob("*"))
]


def imported(source: Path) -> dict[str, str]:
    """What the source becomes: the texts of its written files."""
    try:
        draft = import_from(source, Wishes())
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
    source = Path(SOURCES[module])
    now = imported(source if source.exists() else Path())
    paths = {written: CORPUS / case / written for written in WRITTEN}
    if os.environ.get("ENVBUILD_GOLDEN") == "write":
        for path in paths.values():
            path.unlink(missing_ok=True)
        for written, text in now.items():
            paths[written].write_text(text, encoding="utf-8")
    kept = {written: path.read_text(encoding="utf-8") for written, path in paths.items() if path.is_file()}
    assert kept == now, f"{case} differs: look at the change, then make golden"


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 30
