"""cog.yaml, repo2docker folders, devcontainer.json and Dockerfiles: each with its spec and its findings.

`ENVBUILD_GOLDEN=write` writes the expected files anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

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
EXPECTED = ("expected.yml", "findings.txt")
CASES = [
    path.relative_to(CORPUS).as_posix() for name in SOURCES for path in sorted((CORPUS / name).glob("*"))
]


@pytest.mark.parametrize("case", CASES)
def test_source(case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "case"
    shutil.copytree(CORPUS / case, folder, ignore=shutil.ignore_patterns(*EXPECTED))
    monkeypatch.chdir(folder)
    source = Path(SOURCES[case.partition("/")[0]])
    draft = import_from(source if source.exists() else Path(), Wishes())
    text = spec_text(draft)
    parse_spec(text.encode(), Path("spec.yml"))
    findings = "".join(f"{finding.kind}: {finding}\n" for finding in draft.findings)
    for name, now in zip(EXPECTED, (text, findings), strict=True):
        path = CORPUS / case / name
        if os.environ.get("ENVBUILD_GOLDEN") == "write":
            path.write_text(now, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == now, (
            f"{path} differs: look at the change, then make golden"
        )


def test_the_corpus_is_there() -> None:
    assert len(CASES) >= 25
