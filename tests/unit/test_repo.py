"""The repository's own surface: make targets, what the documents name, the wheel."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CHANGELOG.md",
        *(ROOT / "docs").glob("*.md"),
        *(ROOT / "examples").rglob("*.md"),
    ]
)
NAMES = [str(path.relative_to(ROOT)) for path in DOCUMENTS]


def make_targets() -> set[str]:
    phony = re.search(r"^\.PHONY: (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert phony
    return set(phony[1].split())


def code_of(text: str) -> str:
    """All code in a Markdown document: fenced, indented, and between backticks."""
    fenced = re.findall(r"^```.*?\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    indented = re.findall(r"^(?: {4}|\t)(.*)$", text, re.MULTILINE)
    return "\n".join([*fenced, *indented, *re.findall(r"`([^`\n]+)`", text)])


def test_make_help_lists_every_target() -> None:
    answer = subprocess.run(
        ["make", "--silent", "help"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    listed = {line.split()[1] for line in answer.stdout.splitlines()}
    assert listed == make_targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_documents_name_only_make_targets_that_exist(document: Path) -> None:
    named = set(re.findall(r"(?:^|\$ |&& |; )make ([a-z]+)", code_of(document.read_text()), re.MULTILINE))
    assert named <= make_targets()


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_documents_name_only_commands_that_exist(document: Path) -> None:
    from typer.main import get_command

    from envbuild.cli.app import app

    commands = set(get_command(app).commands)  # type: ignore[attr-defined]  # typer's app is a group
    typed = r"(?:^|\$ |&& |; )envbuild ([a-z][a-z-]*)"
    named = set(re.findall(typed, code_of(document.read_text()), re.MULTILINE))
    assert named <= commands


@pytest.mark.parametrize("document", DOCUMENTS, ids=NAMES)
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize(
    "script", [*sorted((ROOT / "tools").glob("*.sh")), ROOT / ".ci/run"], ids=lambda path: path.name
)
def test_scripts_are_well_formed(script: Path) -> None:
    subprocess.run(["bash", "-n", str(script)], check=True)
    assert script.name == "lib.sh" or script.stat().st_mode & 0o111


def test_engine_script_refuses_unknown_words() -> None:
    answer = subprocess.run([ROOT / "tools/engine.sh", "reset"], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout, answer.stderr) == (
        2,
        "",
        "usage: tools/engine.sh ensure|stop\n",
    )


@pytest.mark.network  # the build backend comes from the package index
def test_wheel_carries_the_templates_and_finds_them(tmp_path: Path) -> None:
    checkout = tmp_path / "checkout"
    wanted = ("envbuild", "dockerfiles", "pyproject.toml", "README.md", "LICENSE")
    for name in wanted:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        checkout.mkdir(exist_ok=True)
        copy(ROOT / name, checkout / name)
    subprocess.run(
        [sys.executable, "-m", "uv", "build", "--quiet", "--wheel", "--out-dir", tmp_path / "dist", checkout],
        check=True,
        capture_output=True,
        text=True,
        timeout=300,
    )
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "installed")
    folder = ROOT / "dockerfiles"
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    templates = {f"envbuild/_dockerfiles/{path}" for path in files}
    assert {name for name in names if name.startswith("envbuild/_dockerfiles/")} == templates
    assert any(name.endswith("/LICENSE") for name in names)
    shutil.rmtree(checkout)
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'installed')!r})\n"
        "from envbuild.render.templates import find_templates; print(find_templates())"
    )
    found = subprocess.run(
        [sys.executable, "-I", "-c", program], check=True, capture_output=True, text=True, cwd=tmp_path
    )
    assert Path(found.stdout.strip()) == tmp_path / "installed/envbuild/_dockerfiles"


def test_no_two_test_files_have_one_name() -> None:
    """They stand in no packages: pytest could not collect both in one run."""
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]
    assert sorted(names) == sorted(set(names))
