"""The formats that an environment can be exported to, and which module writes each. Pure."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.export.model import AS_LOCKED

if TYPE_CHECKING:
    from envbuild.export.model import Exported, Source, Wishes


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """One format.

    name        as `--format` has it; `others` are taken, too
    title       what it is for, for people
    file        the name that its file usually has; "" for a folder
    needs_lock  whether it says what was locked
    history     whether it can say what the spec asks for instead
    module      of this room; "" for the build context, which `pipeline.write` makes
    use         the command to type next; {file} is the file's name
    named       names that the file may have, where its readers take no others: a pattern, and for people
    """

    name: str
    title: str
    file: str
    needs_lock: bool
    history: bool = False
    module: str
    others: tuple[str, ...] = ()
    use: str = ""
    named: tuple[str, str] = (".*", "")


FORMATS = (
    Format(
        name="environment.yml",
        title="conda, mamba, micromamba",
        file="environment.yml",
        needs_lock=True,
        history=True,
        module="environment",
        others=("environment", "environment.yaml", "conda"),
        use="conda env create -f {file}",
    ),
    Format(
        name="requirements.txt",
        title="pip, uv: Python packages with hashes",
        file="requirements.txt",
        needs_lock=True,
        history=True,
        module="requirements",
        others=("requirements", "pip"),
        use="pip install -r {file}",
    ),
    Format(
        name="pylock.toml",
        title="uv, pip: the standard lock of Python packages (PEP 751)",
        file="pylock.toml",
        needs_lock=True,
        module="pylock",
        others=("pylock", "uv"),
        use="uv pip install -r {file}",
        named=(r"pylock\.([^.]+\.)?toml", "pylock.toml or pylock.NAME.toml"),
    ),
    Format(
        name="explicit",
        title="conda, mamba, micromamba: the address and hash of each conda package",
        file="explicit.txt",
        needs_lock=True,
        module="explicit",
        others=("explicit.txt", "conda-explicit"),
        use="conda create -n NAME --file {file}",
    ),
    Format(
        name="conda-lock.yml",
        title="conda-lock, mamba, micromamba",
        file="conda-lock.yml",
        needs_lock=True,
        module="conda_lock",
        others=("conda-lock",),
        use="conda-lock install -n NAME {file}",
    ),
    Format(
        name="pixi.toml",
        title="pixi",
        file="pixi.toml",
        needs_lock=True,
        history=True,
        module="pixi",
        others=("pixi",),
        use="pixi install --manifest-path {file}",
    ),
    Format(
        name="dockerfile",
        title="a folder with a Dockerfile and all that it needs, as `render -o` writes it",
        file="",
        needs_lock=True,
        module="",
        others=("docker", "context"),
        use="docker build {file}",
    ),
    Format(
        name="devcontainer.json",
        title="VS Code, Codespaces and others, with the image",
        file="devcontainer.json",
        needs_lock=False,
        module="devcontainer",
        others=("devcontainer",),
        use="put it into .devcontainer/ of the project",
    ),
    Format(
        name="apptainer",
        title="Apptainer, Singularity: a definition that makes a .sif of the image",
        file="apptainer.def",
        needs_lock=False,
        module="apptainer",
        others=("singularity", "apptainer.def", "def"),
        use="apptainer build NAME.sif {file}",
    ),
    Format(
        name="spec.yml",
        title="envbuild itself",
        file="spec.yml",
        needs_lock=False,
        module="spec_yml",
        others=("spec",),
        use="envbuild image {file}",
    ),
)


def find_format(name: str) -> Format:
    """The format called `name`, in any case. Raises UsageError, with the nearest name or all of them."""
    wanted = name.strip().lower()
    known = {word: each for each in FORMATS for word in (each.name, *each.others)}
    if wanted in known:
        return known[wanted]
    near = difflib.get_close_matches(wanted, known, n=1)
    names = ", ".join(each.name for each in FORMATS)
    raise UsageError(
        f"--format {name}: there is no such format",
        hint=f"did you mean {known[near[0]].name}?" if near else f"take one of {names}",
    )


def export(chosen: Format, source: Source, wishes: Wishes = AS_LOCKED) -> Exported:
    """`source` in a format that is a file. Raises LockError where it has no lock, or nothing to say."""
    module = import_module(f"envbuild.export.{chosen.module}")
    done: Exported = module.export(source, wishes)
    return done
