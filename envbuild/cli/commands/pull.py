"""`envbuild pull`: bring an image here, if this machine can run it."""

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

NAME = "pull"
EPILOG = examples(
    "envbuild pull registry.example.org/lab/dl-env:1              look, pull, check, smoke-test, name",
    "envbuild pull registry.example.org/lab/dl-env:1 --no-smoke   without smoke test",
    "envbuild pull REF --accept driver-none                       on a machine without a GPU",
    "docker run -it $(envbuild pull -q REF)",
)


def command(
    reference: Annotated[str, typer.Argument(metavar="REF", help="An image in a registry.")],
    no_smoke: NoSmoke = False,
    accept: Accept = None,
    force: Force = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Pull an image, unless this machine cannot run it.

    The image's labels say what it needs: a machine that does not give it is refused within a second (exit
    code 9), and nothing is pulled. What was judged is pulled, by its digest; its lock is checked, its smoke
    tests run here, and only then it gets its name.
    """
    import os

    from envbuild.cli.arrivals import show_pulled
    from envbuild.cli.progress import progress
    from envbuild.cli.show import show_failure
    from envbuild.cli.surroundings import current_site, redactor, request, rules
    from envbuild.errors import GpuUnavailable, SmokeError
    from envbuild.names import read_reference
    from envbuild.registry.connect import client_of
    from envbuild.reproduce.model import PullOptions
    from envbuild.reproduce.pull import pull
    from envbuild.subjects import REGISTRY

    site = current_site()
    wanted = read_reference(reference.removeprefix(REGISTRY))
    options = PullOptions(smoke=not no_smoke, accept=rules(accept), force=force)
    try:
        with (
            progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink,
            client_of(site, os.environ) as client,
        ):
            asked = request(Path(reference), site, sink, platform=platform, engine=engine)
            pulled = pull(asked, client, wanted, options)
    except (SmokeError, GpuUnavailable) as error:
        show_failure(error.report, as_json=json)
        raise
    show_pulled(pulled, as_json=json, quiet=quiet)
