"""`envbuild export`: an environment in the words of another tool."""

from typing import TYPE_CHECKING, Annotated

import typer

from envbuild.cli.options import Engine, Json, Locked, Quiet, ShownPlatform, Verbose, examples

if TYPE_CHECKING:
    from envbuild.registry.client import RegistryClient

NAME = "export"
EPILOG = examples(
    "envbuild export --format environment.yml                      what spec.yml's lock says, for conda",
    "envbuild export --format environment.yml --from-history       what the spec names, no more",
    "envbuild export --format requirements.txt -o requirements.txt pip's, with a hash for every file",
    "envbuild export --format pylock.toml dl-env:latest            from an image of the engine",
    "envbuild export --format apptainer registry.example.org/lab/dl-env:1 -o dl-env.def",
    "envbuild export --format spec.yml pylock.dl-env.toml          from a lock",
    "envbuild export --format dockerfile -o context                a folder for docker build",
) + (
    "\n\n\b\nFormats:\n"
    "  environment.yml    conda, mamba, micromamba\n"
    "  requirements.txt   pip, uv\n"
    "  pylock.toml        uv, pip and others (PEP 751)\n"
    "  explicit           conda, mamba, micromamba: addresses and hashes\n"
    "  conda-lock.yml     conda-lock, mamba, micromamba\n"
    "  pixi.toml          pixi\n"
    "  dockerfile         a folder for docker build\n"
    "  devcontainer.json  VS Code, Codespaces and others\n"
    "  apptainer          Apptainer, Singularity\n"
    "  spec.yml           envbuild itself"
)


def command(
    format_: Annotated[
        str, typer.Option("--format", metavar="FORMAT", help="What to write; the formats stand below.")
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="SPEC|LOCK|IMAGE", help="A spec, a lock (.toml), or an image of the engine or a registry."
        ),
    ] = "spec.yml",
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR|-",
            help="Where to write it: a file, a folder (under the format's usual name), or - for standard"
            " output, which is where it goes unless given.",
        ),
    ] = None,
    from_history: Annotated[
        bool,
        typer.Option(
            "--from-history",
            help="environment.yml, requirements.txt, pixi.toml: what the spec names, not what was locked.",
        ),
    ] = False,
    md5: Annotated[
        bool, typer.Option("--md5", help="explicit: md5 in place of sha256, for conda before 24.9.")
    ] = False,
    no_hashes: Annotated[bool, typer.Option("--no-hashes", help="requirements.txt: without hashes.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Write over a file that is there.")] = False,
    locked: Locked = False,
    platform: ShownPlatform = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write an environment as a file of another tool.

    From a spec (locked first if need be), a lock, or an image, by the spec and lock in it. What the format
    cannot say is listed on standard error, and in the file where it may hold comments.
    """
    import contextlib
    import functools
    import os
    from pathlib import Path

    from envbuild.cli import exports
    from envbuild.cli.progress import progress
    from envbuild.cli.sources import find_source
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.export.formats import find_format
    from envbuild.export.model import Wishes
    from envbuild.outcomes import LockOptions

    chosen = find_format(format_)
    wishes = Wishes(from_history=from_history, md5=md5, hashes=not no_hashes)
    exports.ensure_sensible(chosen, wishes)
    path = exports.place(chosen, output, force=force)
    site = current_site()
    with (
        progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink,
        contextlib.ExitStack() as stack,
    ):

        @functools.cache
        def client() -> "RegistryClient":
            from envbuild.registry.connect import client_of

            return stack.enter_context(client_of(site, os.environ))

        asked = request(Path(target), site, sink, platform=platform, engine=engine)
        source = find_source(
            asked,
            target,
            client,
            options=LockOptions(frozen=locked),
            needs_lock=chosen.needs_lock and not from_history,
            strict=platform is not None,
        )
        done = exports.write(asked, chosen, source, wishes, path)
    exports.show(chosen, done, path, as_json=json, quiet=quiet)
