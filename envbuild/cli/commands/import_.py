"""`envbuild import`: what people already have, as a spec.yml."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from envbuild.cli.options import Platform, Quiet, examples

if TYPE_CHECKING:
    from envbuild.importers.model import Draft, Wishes

NAME = "import"
EPILOG = examples(
    "envbuild import                             what this folder holds: environment.yml, pyproject.toml, …",
    "envbuild import requirements.txt --python 3.12",
    "envbuild import Dockerfile -o envs/dl/spec.yml",
    "envbuild import pyproject.toml --extra train --group dev",
    "envbuild import --from-env dl               a conda environment by name, or any by its folder",
    "envbuild import --from-env .                the environment that is active",
    "envbuild import poetry.lock -o - | less     show the spec, write nothing",
)
_CONDA_PLATFORMS = {Platform.AMD64: "linux-64", Platform.ARM64: "linux-aarch64"}


def command(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE|DIR", help="What to import; the current folder unless given.", show_default=False
        ),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Where to write it; spec.yml beside the source. -: print it.",
        ),
    ] = None,
    from_env: Annotated[
        str | None,
        typer.Option(
            "--from-env",
            metavar="PREFIX|NAME",
            help="Import an installed environment: its folder, conda's name of it, or . for the active one.",
        ),
    ] = None,
    format_: Annotated[
        str | None,
        typer.Option("--format", metavar="NAME", help="Read it as this format; found by name and content."),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="Name of the environment; the source's, else the folder's.")
    ] = None,
    python: Annotated[
        str | None,
        typer.Option("--python", metavar="X.Y", help="Version of Python; the source's unless given."),
    ] = None,
    extra: Annotated[
        list[str] | None,
        typer.Option("--extra", metavar="NAME", help="Take an extra along; may be repeated."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option("--group", metavar="NAME", help="Take a dependency group along; may be repeated."),
    ] = None,
    environment: Annotated[
        str | None,
        typer.Option(
            "--environment", metavar="NAME", help="Which of several environments that a file holds."
        ),
    ] = None,
    platform: Annotated[
        Platform,
        typer.Option(
            "--platform",
            metavar="linux/amd64|linux/arm64",
            help="What the image is for, where the source differs by platform.",
        ),
    ] = Platform.AMD64,
    force: Annotated[bool, typer.Option("--force", "-f", help="Overwrite a file that is there.")] = False,
    quiet: Quiet = False,
    json: Annotated[
        bool, typer.Option("--json", help="Print the result as JSON: the spec's text, and what was left.")
    ] = False,
) -> None:
    """Write a spec.yml from what you have.

    Reads environment.yml, requirements.txt, pyproject.toml, Pipfile, pixi.toml, the locks of uv, poetry,
    pipenv, conda and pixi, cog.yaml, devcontainer.json, a Dockerfile, a folder for repo2docker, or an
    environment that is installed. Nothing of it is run. What could not be carried is listed.
    """
    from envbuild.cli import imported
    from envbuild.errors import UsageError
    from envbuild.importers.model import Wishes

    if source is not None and from_env is not None:
        raise UsageError(f"{source} and --from-env exclude each other", hint="choose one of them")
    path = None if output == "-" else _target(source, output, from_env)
    if path is not None and path.exists() and not force:
        raise UsageError(
            f"{path} is there already", hint="write elsewhere with -o, or overwrite it with --force"
        )
    wishes = Wishes(
        name=name or "",
        python=python or "",
        extras=tuple(extra or ()),
        groups=tuple(group or ()),
        environment=environment or "",
        platform=_CONDA_PLATFORMS[platform],
    )
    draft = _read(source or Path(), from_env, format_, wishes, path)
    text = imported.text_of(draft)
    if path is not None:
        _write(path, text)
    if json:
        imported.show_json(draft, text, path)
        return
    if path is None:
        sys.stdout.write(text)
    imported.show_findings(draft, quiet=quiet)
    if path is None:
        return
    imported.show_result(draft, path, quiet=quiet)
    if not quiet:
        sys.stdout.write(
            "next: envbuild image" + ("" if path == Path("spec.yml") else f" {shlex.quote(str(path))}") + "\n"
        )


def _target(source: Path | None, output: str | None, from_env: str | None) -> Path:
    """Where to write: what `-o` says, else spec.yml beside the source; in the folder for a folder."""
    if output:
        chosen = Path(output)
        return chosen / "spec.yml" if chosen.is_dir() else chosen
    if source is None or from_env is not None:
        return Path("spec.yml")
    from envbuild.importers.placed import project_folder

    return project_folder(source) / "spec.yml"


def _read(
    source: Path, from_env: str | None, format_: str | None, wishes: "Wishes", path: Path | None
) -> "Draft":
    """The finished draft. Raises SpecError for what cannot be read, UsageError for an unknown format."""
    from envbuild.importers.formats import FORMATS, named_format
    from envbuild.importers.placed import placed, project_folder
    from envbuild.importers.read import import_from, import_living

    if from_env is not None:
        return import_living(_prefix(from_env), wishes)
    chosen = named_format(format_) if format_ is not None else None
    if format_ is not None and chosen is None:
        from envbuild.errors import UsageError

        known = ", ".join(each.name for each in FORMATS if each.module)
        raise UsageError(f"--format {format_}: there is no such format", hint=f"known are {known}")
    draft = import_from(source, wishes, format_=chosen)
    target = path.parent if path is not None else Path()
    return placed(draft, project_folder(source), target)


def _prefix(text: str) -> Path:
    """The folder of an environment: `.` is the one that is active, unless this folder is one itself."""
    import os

    from envbuild.errors import UsageError
    from envbuild.importers.installed.prefix import find_prefix

    if text != "." or Path("pyvenv.cfg").exists() or Path("conda-meta").exists():
        return find_prefix(text, os.environ)
    active = os.environ.get("VIRTUAL_ENV") or os.environ.get("CONDA_PREFIX")
    if not active:
        raise UsageError("--from-env .: no environment is active", hint="name its folder, or activate it")
    return Path(active)


def _write(path: Path, text: str) -> None:
    from envbuild.errors import UsageError
    from envbuild.files import write_atomically

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise UsageError(f"{path.parent} is no folder", hint="write elsewhere with -o") from error
    write_atomically(path, text.encode())
