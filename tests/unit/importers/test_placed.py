"""Which folder the paths of a source are relative to."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.importers.placed import project_folder


@pytest.mark.parametrize("inside", [".devcontainer", ".devcontainer/gpu"])
def test_the_folder_above_devcontainer_also_from_within(
    inside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / inside
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert project_folder(Path("devcontainer.json")) == tmp_path
    assert project_folder(folder / "devcontainer.json") == tmp_path


def test_any_other_file_lies_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert project_folder(Path("Dockerfile")) == Path()
    assert project_folder(tmp_path / "sub" / "Dockerfile") == tmp_path / "sub"
