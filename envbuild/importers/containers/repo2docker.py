"""A folder for repo2docker (Binder) → a draft, by the order of files that repo2docker's documentation gives.

What stands in `binder/` or `.binder/` counts alone; a Dockerfile counts before all others, an environment.yml
before a Pipfile, and that before a requirements.txt.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from envbuild.errors import SpecError
from envbuild.importers.containers.dockerfile import read_dockerfile
from envbuild.importers.containers.gathered import Gathered, Where
from envbuild.importers.containers.installs import Installer
from envbuild.importers.containers.run_steps import take_script
from envbuild.importers.model import CopyEntry
from envbuild.importers.text.sources import refused, shown_path, source_text

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Draft, Wishes

HOME = "/workspace"
_MOST = 1_000_000
_LEFT = {
    "install.R": ("R packages", "`apt: [r-base]` and a `run:` step, or r- packages under `conda`"),
    "DESCRIPTION": ("the R package that it describes", "`apt: [r-base]` and a `run:` step"),
    "Project.toml": ("packages of Julia", "install them in a `run:` step"),
    "JuliaProject.toml": ("packages of Julia", "install them in a `run:` step"),
    "REQUIRE": ("packages of Julia", "install them in a `run:` step"),
    "default.nix": ("an environment of Nix", "name what it holds under `apt` and `pip`"),
}
_PYTHON = (
    (("environment.yml", "environment.yaml"), "conda.environment_yml"),
    (("Pipfile",), "python.pipfile"),
    (("Pipfile.lock",), "python.pipfile_lock"),
    (("requirements.txt",), "python.requirements_txt"),
)
_BASH = re.compile(r"\[\[|<<<|pipefail|\w=\(|^\s*source\s|&>", re.MULTILINE)


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of the folder `path`. SpecError when both `binder` and `.binder` are there."""
    where = shown_path(path)
    folders = [name for name in ("binder", ".binder") if (path / name).is_dir()]
    if len(folders) == 2:
        raise refused(where, "holds both binder and .binder", "keep one of them")
    home = path / folders[0] if folders else path
    if (home / "Dockerfile").is_file():
        into = read_dockerfile(home / "Dockerfile", wishes, context=path, arguments={})
        into.where = Where(shown_path(home))
        into.say("note", "has a Dockerfile: as in repo2docker, no other file beside it counts")
        return into.draft("repo2docker")
    into = Gathered(Where(shown_path(home)))
    _apt(home, into)
    used = _packages(home, into, wishes)
    _runtime(home, into, used)
    _own_code(path, into, wishes, binder=bool(folders), used=used)
    for name, said in _LEFT.items():
        if (home / name).is_file():
            into.where = Where(shown_path(home / name))
            into.say("left", *said)
    _post_build(path, home, into, wishes)
    _start(path, home, into)
    into.where = Where(where)
    into.copy.append(CopyEntry(source=".", target=HOME, file=where))
    into.say("note", f"the folder is copied to {HOME}, which was /home/jovyan")
    into.say(
        "note", "repo2docker adds jupyterlab and notebook by itself", "name them under `pip` if they are used"
    )
    return into.draft("repo2docker")


def _text(path: Path, into: Gathered) -> str | None:
    """The file's text; None when there is none, or none that can be read, which is said."""
    if not path.is_file():
        return None
    into.where = Where(shown_path(path))
    try:
        return source_text(path, limit=_MOST)
    except SpecError as error:
        into.say("left", error.problems[0].what, error.problems[0].todo)
        return None


def _apt(home: Path, into: Gathered) -> None:
    text = _text(home / "apt.txt", into)
    for number, line in enumerate((text or "").splitlines(), start=1):
        into.where = Where(shown_path(home / "apt.txt"), number)
        into.add(into.apt, *line.partition("#")[0].split())


def _packages(home: Path, into: Gathered, wishes: Wishes) -> str:
    """What the first of the files with Python packages says; returns its name."""
    used = ""
    for names, module in _PYTHON:
        for name in names:
            if not (home / name).is_file():
                continue
            into.where = Where(shown_path(home / name))
            if used and (used, name) != ("Pipfile", "Pipfile.lock"):
                into.say(
                    "left", f"does not count: repo2docker takes {used} alone", "add what it says where needed"
                )
            elif not used and into.absorb_file(module, home / name, wishes):
                used = name
    if used.startswith("environment") and not into.channels:
        into.where = Where(shown_path(home / used))
        into.add(into.channels, "conda-forge")
    return used


def _runtime(home: Path, into: Gathered, used: str) -> None:
    text = _text(home / "runtime.txt", into)
    if text is None:
        return
    said = text.strip()
    match = re.fullmatch(r"python-(3(?:\.\d+){1,2})", said)
    if said.startswith("r-"):
        into.say("left", f"R as of {said[2:]}", "`apt: [r-base]`, or r-base under `conda`")
    elif used.startswith("environment"):
        into.say("left", f"does not count: repo2docker takes {used} alone", "name Python there")
    elif match:
        into.python = match[1]
    else:
        into.say("left", "names no Python such as python-3.11", "`--python` says it")


def _own_code(path: Path, into: Gathered, wishes: Wishes, *, binder: bool, used: str) -> None:
    """repo2docker installs the folder itself where it is a package and nothing stands in `binder/`."""
    if binder or used.startswith("environment"):
        return
    for name in ("pyproject.toml", "setup.py"):
        if not (path / name).is_file():
            continue
        into.where = Where(shown_path(path / name))
        if name == "pyproject.toml" and "[project]" in (_text(path / name, into) or ""):
            into.absorb_file("python.pyproject", path / name, wishes)
        into.say(
            "left", "the package itself is not installed", f"`env: {{PYTHONPATH: {HOME}}}`, or publish it"
        )
        return


def _post_build(path: Path, home: Path, into: Gathered, wishes: Wishes) -> None:
    text = _text(home / "postBuild", into)
    if text is None:
        return
    first, _, body = text.partition("\n")
    if not first.startswith("#!"):
        first, body = "#!/bin/sh", text
    if not re.search(r"\b(?:ba|da|z)?sh\b", first):
        into.say("left", f"is no shell script: {first}", "run it in a `run:` step")
        return
    installer = Installer(into, lambda name: _beside(path, name), wishes)
    rest = take_script(body, installer, {})
    if not rest:
        return
    into.add_run(f"bash -c {shlex.quote(rest)}" if _BASH.search(rest) else rest)
    into.say("changed", "runs as root after the packages are installed, before your files are there")
    names = sorted(entry.name for entry in path.iterdir())
    if used := [name for name in names if re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w.-])", rest)]:
        into.say("left", f"uses {', '.join(used[:6])}, not there yet when it runs", "do it in `entrypoint`")


def _beside(path: Path, name: str) -> Path | None:
    if name.startswith(("/", "~")) or ".." in name.split("/") or "\0" in name:
        return None
    try:
        return path / name if (path / name).is_file() else None
    except OSError:
        return None


def _start(path: Path, home: Path, into: Gathered) -> None:
    start = home / "start"
    if not start.is_file():
        return
    into.where = Where(shown_path(start))
    into.entrypoint = (f"{HOME}/{start.relative_to(path).as_posix()}",)
    into.say("note", 'becomes the entrypoint; it has to be executable, and to end with exec "$@"')
