"""`envbuild load`: bring an image from a file into the engine."""

from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, PlatformOption, Quiet, Verbose, examples

NAME = "load"
EPILOG = examples(
    "envbuild load dl-env.oci.tar.zst                        check it, load it, give it its name",
    "envbuild load dl-env.oci.tar.zst --extract project      with spec.yml and lock in the folder project",
    "envbuild load dl-env.oci.tar.zst --name dl-env:theirs   under another name",
    "envbuild load dl-env.oci.tar.zst --strict               not if this machine cannot run it",
)


def command(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An OCI archive, such as `save` writes.")],
    name: Annotated[
        str, typer.Option("--name", metavar="REF", help="What to call the image instead of its own names.")
    ] = "",
    strict: Annotated[
        bool,
        typer.Option("--strict", help="Refuse an image that this machine cannot run (exit code 9)."),
    ] = False,
    extract: Annotated[
        Path | None,
        typer.Option("--extract", metavar="DIR", help="Write its spec and lock there; nothing is replaced."),
    ] = None,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Load an image from a file that `save` wrote.

    All of the file is checked first, against its digests and the image's own labels. Whether this machine can
    run the image is said, and refused only with --strict. The image gets its name last.
    """
    from envbuild.cli.arrivals import show_loaded
    from envbuild.cli.progress import progress
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.reproduce.load import load

    site = current_site()
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        asked = request(file, site, sink, platform=platform, engine=engine)
        loaded = load(asked, file, name=name, strict=strict, folder=extract)
    show_loaded(loaded, as_json=json, quiet=quiet)
