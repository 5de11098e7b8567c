"""`envbuild reproduce`: have a colleague's environment here."""

from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import (
    Accept,
    Engine,
    Force,
    Json,
    NoSmoke,
    PlatformOption,
    Quiet,
    Verbose,
    examples,
)

NAME = "reproduce"
EPILOG = examples(
    "envbuild reproduce registry.example.org/lab/dl-env:1   a colleague's image, checked and tried here",
    "envbuild reproduce spec.yml                            the image of its lock: found, or made anew",
    "envbuild reproduce pylock.dl-env.toml                  the same, by the lock",
    "envbuild reproduce spec.yml --rebuild                  make it anew and compare: is it reproducible?",
    "envbuild reproduce spec.yml --json | jq -r .verdict    identical, equivalent or different",
)


def command(
    target: Annotated[
        str,
        typer.Argument(metavar="REF|SPEC|LOCK", help="An image in a registry, or a spec or lock file."),
    ],
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild",
            help="Make the image anew, without cached steps, though one is at hand; and compare the two.",
        ),
    ] = False,
    no_smoke: NoSmoke = False,
    accept: Accept = None,
    force: Force = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Have a colleague's environment here: pulled, else made anew from its lock.

    What this machine cannot run is refused before anything moves (exit code 9). The last line says whether
    the result is identical, equivalent (the same packages and files, another digest) or different.
    """
    import contextlib
    import functools
    import os

    from envbuild.cli.arrivals import show_reproduced
    from envbuild.cli.progress import progress
    from envbuild.cli.show import show_failure
    from envbuild.cli.surroundings import current_site, redactor, request, rules
    from envbuild.errors import GpuUnavailable, SmokeError
    from envbuild.registry.connect import client_of
    from envbuild.reproduce.rebuild import Options, reproduce

    site = current_site()
    options = Options(smoke=not no_smoke, accept=rules(accept), rebuild=rebuild, force=force)
    try:
        with (
            progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink,
            contextlib.ExitStack() as stack,
        ):
            client = functools.cache(lambda: stack.enter_context(client_of(site, os.environ)))
            asked = request(Path(target), site, sink, platform=platform, engine=engine)
            found = reproduce(asked, client, target, options)
    except (SmokeError, GpuUnavailable) as error:
        show_failure(error.report, as_json=json)
        raise
    show_reproduced(found, as_json=json, quiet=quiet)
