"""`envbuild init`: write a spec.yml to start from."""

import re
import shlex
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import Quiet, examples

NAME = "init"
EPILOG = examples(
    "envbuild init                       asks on a terminal, else takes the defaults and says so",
    "envbuild init --name dl --python 3.12 --pip numpy --pip pandas",
    "envbuild init dl --cuda 12.8 --pip 'torch==2.8.*'",
    "envbuild init dl --conda 'pytorch=2.5=cuda*' --channel conda-forge --cuda 12.8",
)
_PYTHON = "3.11"  # what the default base's distribution has: nothing to download for it


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What a spec shall start with; None: not said."""

    name: str | None = None
    python: str | None = None
    cuda: str | None = None
    apt: tuple[str, ...] | None = None
    pip: tuple[str, ...] | None = None
    conda: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


def command(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Where to write spec.yml; made if it is not there.", show_default=False
        ),
    ] = Path(),
    name: Annotated[
        str | None,
        typer.Option("--name", help="Name of the environment and its image; the folder's unless given."),
    ] = None,
    python: Annotated[
        str | None,
        typer.Option("--python", metavar="X.Y", help=f"Version of Python; {_PYTHON} unless given."),
    ] = None,
    cuda: Annotated[
        str | None, typer.Option("--cuda", metavar="X.Y", help="Version of CUDA; none unless given.")
    ] = None,
    apt: Annotated[
        list[str] | None, typer.Option("--apt", metavar="PACKAGE", help="A Debian package; may be repeated.")
    ] = None,
    pip: Annotated[
        list[str] | None,
        typer.Option("--pip", metavar="REQUIREMENT", help="A Python requirement; may be repeated."),
    ] = None,
    conda: Annotated[
        list[str] | None,
        typer.Option(
            "--conda",
            metavar="PACKAGE",
            help="A conda package, as a MatchSpec; may be repeated. Python too then.",
        ),
    ] = None,
    channel: Annotated[
        list[str] | None,
        typer.Option(
            "--channel", metavar="NAME", help="A conda channel; may be repeated. conda-forge unless given."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite a spec.yml that is there.")] = False,
    quiet: Quiet = False,
) -> None:
    """Write a spec.yml to start from.

    What no flag says is asked on a terminal; elsewhere the defaults are taken, and said.
    """
    from envbuild.cli.output import emit
    from envbuild.errors import UsageError

    path = folder / "spec.yml"
    if path.exists() and not force:
        raise UsageError(f"{path} is there already", hint="edit it, or overwrite it with --force")
    wishes = Wishes(
        name=name or None,
        python=python or None,
        cuda=cuda,
        apt=None if apt is None else tuple(apt),
        pip=None if pip is None else tuple(pip),
        conda=tuple(conda or ()),
        channels=tuple(channel or ()),
    )
    usual_name = name_from(folder)
    if sys.stdin.isatty() and sys.stderr.isatty():
        wishes = ask(wishes, usual_name)
    elif not quiet and (taken := defaults_taken(wishes, usual_name)):
        sys.stderr.write(f"taken as default: {taken}\n")
    write(path, wishes, usual_name)
    if not quiet:
        emit(f"{path}: written")
        emit("next: envbuild image" + ("" if folder == Path() else f" {shlex.quote(str(path))}"))


def name_from(folder: Path) -> str:
    """A name in the grammar of `name:` made from the folder's; `env` where nothing of that is left."""
    words = re.findall(r"[a-z0-9]+", folder.resolve().name.lower())
    return "-".join(words)[:64].rstrip("-") or "env"


def defaults_taken(wishes: Wishes, usual_name: str) -> str:
    """Which defaults stand in for what was not said, for people."""
    taken = []
    if wishes.name is None:
        taken.append(f"name {usual_name}")
    if wishes.python is None:
        taken.append(f"Python {_PYTHON}")
    if wishes.cuda is None:
        taken.append("no CUDA")
    if wishes.apt is None:
        taken.append("no Debian packages")
    if wishes.pip is None and not wishes.conda:
        taken.append("no Python packages")
    return ", ".join(taken)


def ask(wishes: Wishes, usual_name: str) -> Wishes:
    """`wishes` with what was not said from the person at the terminal."""

    def answer(question: str, usual: str = "") -> str:
        # Not typer.prompt: it prints blanks to standard output even when told to ask on standard error.
        sys.stderr.write(f"{question}{f' [{usual}]' if usual else ''}: ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        return line.strip() or usual

    if wishes.name is None:
        wishes = replace(wishes, name=answer("Name of the environment", usual_name))
    if wishes.python is None:
        wishes = replace(wishes, python=answer("Version of Python", _PYTHON))
    if wishes.cuda is None:
        wishes = replace(wishes, cuda=answer("Version of CUDA (empty: none)"))
    if wishes.apt is None:
        wishes = replace(wishes, apt=tuple(answer("Debian packages (empty: none)").split()))
    if wishes.pip is None:
        wishes = replace(wishes, pip=tuple(answer("Python packages (empty: none)").split()))
    return wishes


def write(path: Path, wishes: Wishes, usual_name: str) -> None:
    """Write the spec. Raises UsageError for an answer that a spec could not hold, and writes nothing."""
    from envbuild.files import write_atomically
    from envbuild.spec.starter import starter

    text = starter(
        name=wishes.name or usual_name,
        python=wishes.python or _PYTHON,
        cuda=wishes.cuda or None,
        apt=wishes.apt or (),
        packages=wishes.pip or (),
        conda=wishes.conda,
        channels=wishes.channels,
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(path, text.encode())
