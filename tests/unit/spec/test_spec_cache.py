"""A spec from the cache is the spec that the check would give, and no change goes unseen."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SpecError
from envbuild.spec import cache
from envbuild.spec.load import load_spec
from envbuild.spec.parse import parse_spec

if TYPE_CHECKING:
    from pathlib import Path

SPEC = """\
name: dl-env
python: 3.12.4
cuda: {version: 12.8, flavour: devel, cudnn: true, os: ubuntu24.04}
targets: [A100, 9.0]
accept: [target, two-cudas]
apt: [git, libgl1=1.6.0-1]
pip:
  packages: ["torch==2.8.*"]
  requirements: [requirements.txt]
  torch_backend: cu128
env: {EMPTY: "", MONEY: "a$b `c` \\"d\\" é"}
copy: [{from: data, to: /data}]
run: ["echo a\\necho b"]
entrypoint: [python, -m, app]
cmd: []
smoke: {imports: [torch], commands: ["true"], gpu: none, timeout: 20, memory: 512MiB}
image: {repository: registry.example.org:5000/lab/dl-env, tags: [latest, 1.0], labels: {org.example.a: "1"}}
"""


@pytest.fixture
def spec_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "project"
    (folder / "data").mkdir(parents=True)
    (folder / "requirements.txt").write_text("rich\n-r more.txt\n")
    (folder / "more.txt").write_text("numpy<2\n")
    (folder / "spec.yml").write_text(SPEC)
    return folder / "spec.yml"


def entries(spec_file: Path) -> list[Path]:
    return sorted((spec_file.parents[1] / "cache").rglob("*.json"))


def test_the_second_load_is_the_same_spec_from_the_cache(spec_file: Path) -> None:
    checked = load_spec(spec_file)
    data = spec_file.read_bytes()
    assert cache.recall(data, spec_file) == checked == load_spec(spec_file) == parse_spec(data, spec_file)


def test_a_known_spec_needs_neither_pydantic_nor_yaml(spec_file: Path) -> None:
    load_spec(spec_file)
    code = (
        "import sys; from pathlib import Path; from envbuild.spec.load import load_spec;"
        "load_spec(Path(sys.argv[1])); print({'pydantic', 'yaml'} & set(sys.modules))"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, spec_file],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert ran.stdout == "set()\n"


def test_other_bytes_or_another_path_are_checked_again(spec_file: Path, tmp_path: Path) -> None:
    load_spec(spec_file)
    data = spec_file.read_bytes()
    assert cache.recall(data + b"\n", spec_file) is None
    assert cache.recall(data, tmp_path / "spec.yml") is None


def test_a_changed_requirements_file_is_seen_also_an_included_one(spec_file: Path) -> None:
    assert [wish.text for wish in load_spec(spec_file).pip.requirements][-1] == "numpy<2"
    (spec_file.parent / "more.txt").write_text("numpy<3\n")
    assert [wish.text for wish in load_spec(spec_file).pip.requirements][-1] == "numpy<3"
    (spec_file.parent / "more.txt").unlink()
    with pytest.raises(SpecError, match=r"more\.txt"):
        load_spec(spec_file)


def test_a_copy_source_that_went_or_leads_outside_is_seen(spec_file: Path, tmp_path: Path) -> None:
    load_spec(spec_file)
    (spec_file.parent / "data").rmdir()
    with pytest.raises(SpecError, match="copy"):
        load_spec(spec_file)
    (tmp_path / "elsewhere").mkdir()
    (spec_file.parent / "data").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SpecError, match="copy"):
        load_spec(spec_file)


def test_a_spec_with_problems_is_not_kept(spec_file: Path) -> None:
    spec_file.write_text("name: x\n")
    with pytest.raises(SpecError):
        load_spec(spec_file)
    assert entries(spec_file) == []


@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"spec": {"kind": "Nobody"}, "lines": []}'])
def test_a_broken_entry_costs_time_only(spec_file: Path, text: str) -> None:
    checked = load_spec(spec_file)
    (entry,) = entries(spec_file)
    entry.write_text(text)
    assert load_spec(spec_file) == checked


def test_a_cache_that_cannot_be_written_costs_time_only(
    spec_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_spec(spec_file).name == "dl-env"


def test_entries_are_for_the_user_alone(spec_file: Path) -> None:
    load_spec(spec_file)
    (entry,) = entries(spec_file)
    assert entry.stat().st_mode & 0o777 == 0o600
    assert entry.parent.stat().st_mode & 0o777 == 0o700
