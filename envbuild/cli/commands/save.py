"""`envbuild save`: an image as one file, for a machine without a network."""

from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, PlatformOption, Quiet, Verbose, examples

NAME = "save"
EPILOG = examples(
    "envbuild save -o dl-env.oci.tar.zst                       spec.yml's image, from the engine",
    "envbuild save dl-env:latest -o dl-env.oci.tar             an image of the engine",
    "envbuild save docker://registry.example.org/lab/dl-env:1 -o dl-env.oci.tar.zst    from the registry,",
    "                                                          with all that is attached to it there",
    "zstd -dc dl-env.oci.tar.zst | docker load                 where there is no envbuild",
)


def command(
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The file to write; packed as its name ends: .oci.tar, .oci.tar.gz, .oci.tar.zst.",
        ),
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="SPEC|IMAGE|REF", help="A spec, an image of the engine, or one in a registry."
        ),
    ] = "spec.yml",
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write an image to one file, with its lock, spec, smoke report and SBOM.

    The file is an OCI archive; `envbuild load` checks all of it, and docker and podman load it, too. An image
    of the engine comes before one in a registry; docker://REF asks the registry.
    """
    import contextlib
    import functools
    import os

    from envbuild.cli.arrivals import show_saved
    from envbuild.cli.progress import progress
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.registry.connect import client_of
    from envbuild.reproduce.save import save

    site = current_site()
    with (
        progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink,
        contextlib.ExitStack() as stack,
    ):
        client = functools.cache(lambda: stack.enter_context(client_of(site, os.environ)))
        asked = request(Path(target), site, sink, platform=platform, engine=engine)
        saved = save(asked, client, target, output)
    show_saved(saved, as_json=json, quiet=quiet)
