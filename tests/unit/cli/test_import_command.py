"""`envbuild import`: what it writes, says and refuses, word by word."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from envbuild.cli.app import run
from envbuild.spec.parse import parse_spec

if TYPE_CHECKING:
    from pathlib import Path

REQUIREMENTS = "numpy==2.1.*  # arrays\npandas\n"
SPEC = """\
# From requirements.txt, by `envbuild import`. All keys: docs/spec.md, or `envbuild schema`.
name: dl
python: 3.12

pip:
  packages:
    - "numpy==2.1.*"  # arrays
    - pandas
"""
DOCKERFILE = """\
FROM python:3.11-slim
RUN apt-get update && apt-get install -y git && pip install rich
ENV HF_TOKEN=hf_0123456789 MODE=fast
COPY app.py /srv/
EXPOSE 80
USER root
"""
Import = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("VIRTUAL_ENV", "CONDA_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    inside = tmp_path / "dl"
    inside.mkdir()
    monkeypatch.chdir(inside)
    return inside


@pytest.fixture
def imported(folder: Path, capsys: pytest.CaptureFixture[str]) -> Import:
    def call(*arguments: str) -> tuple[int, str, str]:
        code = run(["import", *arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return call


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))  # noqa: PTH208  # hidden files too, as they lie there


def test_a_file(folder: Path, imported: Import) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    code, out, err = imported("requirements.txt", "--python", "3.12", "--name", "dl")
    assert (code, out, err) == (
        0,
        "spec.yml: written from requirements.txt: Python 3.12, 2 Python requirements\nnext: envbuild image\n",
        "",
    )
    assert (folder / "spec.yml").read_text() == SPEC
    assert names(folder) == ["requirements.txt", "spec.yml"]


def test_the_current_folder(folder: Path, imported: Import) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    code, _, err = imported("--python", "3.12")
    assert (code, (folder / "spec.yml").read_text()) == (0, SPEC)
    assert err == "note: requirements.txt: names no environment: it is called dl; `--name` says another\n"


def test_the_spec_lies_beside_its_source(folder: Path, imported: Import) -> None:
    (folder / "envs a").mkdir()
    (folder / "envs a" / "requirements.txt").write_text(REQUIREMENTS)
    for source in ("envs a/requirements.txt", "envs a"):
        code, out, _ = imported(source, "--python", "3.12", "--name", "dl", "--force")
        assert code == 0
        assert out == (
            "envs a/spec.yml: written from requirements.txt: Python 3.12, 2 Python requirements\n"
            "next: envbuild image 'envs a/spec.yml'\n"
        )
        assert (folder / "envs a/spec.yml").read_text() == SPEC
    assert names(folder) == ["envs a"]


def test_a_devcontainer_is_written_to_the_project(folder: Path, imported: Import) -> None:
    (folder / ".devcontainer").mkdir()
    (folder / ".devcontainer/devcontainer.json").write_text('{"image": "debian:bookworm-slim"}')
    assert imported(".devcontainer/devcontainer.json", "-q") == (0, "spec.yml\n", "")
    assert parse_spec((folder / "spec.yml").read_bytes(), folder / "spec.yml").base == "debian:bookworm-slim"


def test_what_was_left_is_said(folder: Path, imported: Import) -> None:
    (folder / "Dockerfile").write_text(DOCKERFILE)
    (folder / "app.py").write_text("")
    code, out, err = imported("Dockerfile", "--name", "dl")
    assert code == 0
    assert out == (
        "spec.yml: written from Dockerfile: Python 3.11, 1 Debian package, 1 Python requirement, 1 variable,"
        " 1 file or folder\n"
        "2 things could not be carried: see above, or the end of spec.yml\n"
        "next: envbuild image\n"
    )
    left = (
        "left: Dockerfile:3: ENV: the variable HF_TOKEN looks like a credential, which an image must not"
        " hold; put it into the site config, or give it to the container when it starts\n"
        "left: Dockerfile:5: EXPOSE: ports are opened by who starts the container; `docker run -p`\n"
    )
    assert err == left + (
        "note: Dockerfile: is read line by line and never run: packages, variables, files and commands of its"
        " last stage; compare the spec with it\n"
        "note: Dockerfile: its containers run as root; those of the spec as app; `user: root` keeps root\n"
        "note: Dockerfile:1: FROM: python:3.11-slim becomes Python 3.11 on the default base\n"
    )
    assert "hf_0123456789" not in (folder / "spec.yml").read_text() + out + err
    assert imported("Dockerfile", "--name", "dl", "-q", "-f") == (0, "spec.yml\n", left)


def test_to_standard_output(folder: Path, imported: Import) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    assert imported("requirements.txt", "-o", "-", "--python", "3.12", "--name", "dl") == (0, SPEC, "")
    assert names(folder) == ["requirements.txt"]


def test_to_another_folder(folder: Path, imported: Import) -> None:
    (folder / "src").mkdir()
    (folder / "src/app.py").write_text("")
    (folder / "src/Dockerfile").write_text(DOCKERFILE)
    code, out, err = imported("src/Dockerfile", "-o", "envs/new/dl.yml", "--name", "dl", "-q")
    assert (code, out) == (0, "envs/new/dl.yml\n")
    assert "left: src/Dockerfile:4: copy: app.py does not lie below the folder of the spec; " in err
    assert parse_spec((folder / "envs/new/dl.yml").read_bytes(), folder / "envs/new/dl.yml").copy == ()
    assert imported("src/Dockerfile", "-o", ".", "--name", "dl", "-q")[:2] == (0, "spec.yml\n")
    (copy,) = parse_spec((folder / "spec.yml").read_bytes(), folder / "spec.yml").copy
    assert (copy.source, copy.target) == ("src/app.py", "/srv/app.py")


def test_json(folder: Path, imported: Import) -> None:
    (folder / "Dockerfile").write_text(DOCKERFILE)
    code, out, err = imported("Dockerfile", "--name", "dl", "--json")
    told = json.loads(out)
    assert (code, err) == (0, "")
    assert told["spec"] == (folder / "spec.yml").read_text()
    about = {key: told[key] for key in ("path", "format", "name", "python")}
    assert about == {"path": "spec.yml", "format": "Dockerfile", "name": "dl", "python": "3.11"}
    assert told["carried"] == {"apt": 1, "conda": 0, "pip": 1, "env": 1, "copy": 0, "run": 0}
    assert told["left"] == 3
    assert {
        "kind": "left",
        "file": "Dockerfile",
        "line": 5,
        "key": "EXPOSE",
        "what": "ports are opened by who starts the container",
        "todo": "`docker run -p`",
    } in told["findings"]


def test_a_spec_that_is_there_is_kept(folder: Path, imported: Import) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    (folder / "spec.yml").write_text("mine\n")
    assert imported("requirements.txt") == (
        2,
        "",
        "error: spec.yml is there already\nhint: write elsewhere with -o, or overwrite it with --force\n",
    )
    assert (folder / "spec.yml").read_text() == "mine\n"
    assert imported("requirements.txt", "--force", "-q") == (0, "spec.yml\n", "")
    assert "pandas" in (folder / "spec.yml").read_text()


def venv(prefix: Path) -> None:
    """A stand-in for a venv: the files that pip and venv leave behind."""
    package = prefix / "lib/python3.12/site-packages/rich-14.0.0.dist-info"
    package.mkdir(parents=True)
    (prefix / "pyvenv.cfg").write_text("home = /usr/bin\nversion = 3.12.4\n")
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: rich\nVersion: 14.0.0\n")
    (package / "INSTALLER").write_text("pip\n")
    (package / "REQUESTED").write_text("")
    (package / "RECORD").write_text("")


def test_an_installed_environment(folder: Path, imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = folder.parent / "tools"
    venv(prefix)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("WORKON_HOME", str(folder.parent))
    expected = "spec.yml: written from installed environment: Python 3.12, 1 Python requirement\n"
    for said in (str(prefix), "../tools", "tools"):
        code, out, _ = imported("--from-env", said, "-f")
        assert (code, out) == (0, f"{expected}next: envbuild image\n")
    monkeypatch.setenv("VIRTUAL_ENV", str(prefix))
    (folder / "spec.yml").unlink()
    code, out, _ = imported("--from-env", ".")
    assert (code, out) == (0, f"{expected}next: envbuild image\n")
    spec = parse_spec((folder / "spec.yml").read_bytes(), folder / "spec.yml")
    assert (spec.name, spec.python) == ("tools", "3.12")
    assert [requirement.text for requirement in spec.pip.requirements] == ["rich==14.0.0"]


def test_no_such_environment(folder: Path, imported: Import, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    said = "nosuch: is neither a folder nor the name of an environment; name its folder\n"
    assert imported("--from-env", "nosuch") == (3, "", said)
    assert names(folder) == []


@pytest.mark.parametrize(
    ("files", "arguments", "said"),
    [
        (
            {},
            (),
            ".: holds nothing that can be imported; docs/importing.md lists the formats\n",
        ),
        ({}, ("gone.yml",), "gone.yml: there is no such file or folder; correct the name\n"),
        ({"Dockerfile": "RUN true\n"}, (), "Dockerfile: has no FROM; name a Dockerfile\n"),
        (
            {"cog.yaml": "build: [1]\n"},
            (),
            (
                "cog.yaml:1: build: is a list, where a table belongs; "
                "correct it, or let its tool write it again\n"
            ),
        ),
        (
            {"devcontainer.json": '{\n  "image": \n}\n'},
            (),
            "devcontainer.json:3: is not valid JSON: '}' where a value belongs; correct it\n",
        ),
        (
            {"devcontainer.json": '{"build": {"dockerfile": "Gone"}}\n'},
            (),
            "devcontainer.json:1: build.dockerfile: there is no Gone beside it; correct the name\n",
        ),
    ],
    ids=["nothing", "missing", "no FROM", "another type", "broken JSON", "missing Dockerfile"],
)
def test_unreadable_input_writes_nothing(
    folder: Path, imported: Import, files: dict[str, str], arguments: tuple[str, ...], said: str
) -> None:
    for name, text in files.items():
        (folder / name).write_text(text)
    assert imported(*arguments) == (3, "", said)
    assert names(folder) == sorted(files)


def test_wrong_usage_writes_nothing(folder: Path, imported: Import) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    for arguments, text in (
        (
            ("requirements.txt", "--from-env", "."),
            "error: requirements.txt and --from-env exclude each other\nhint: choose one of them\n",
        ),
        (
            ("--from-env", "."),
            "error: --from-env .: no environment is active\nhint: name its folder, or activate it\n",
        ),
        (
            ("--python", "2.7"),
            (
                "error: --python: Python 2.7 is not supported: 3.6 or later is\n"
                "hint: write a version such as 3.12\n"
            ),
        ),
        (
            ("--name", "D L"),
            (
                "error: --name: 'D L' is no name: a-z, 0-9, single - or _ inside, at most 64 characters\n"
                "hint: write d-l\n"
            ),
        ),
    ):
        assert imported(*arguments) == (2, "", text)
    code, _, err = imported("--format", "zip")
    assert (code, err.splitlines()[0]) == (2, "error: --format zip: there is no such format")
    assert names(folder) == ["requirements.txt"]


def test_a_folder_that_may_not_be_written(folder: Path, imported: Import) -> None:
    (folder / "requirements.txt").write_text(REQUIREMENTS)
    (folder / "file").write_text("")
    code, out, err = imported("requirements.txt", "-o", "file/spec.yml", "-q")
    assert (code, out, err) == (2, "", "error: file is no folder\nhint: write elsewhere with -o\n")
    assert names(folder) == ["file", "requirements.txt"]
