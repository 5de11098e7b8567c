"""`envbuild smoke`: run the smoke tests of an image again."""

from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, PlatformOption, Quiet, Verbose, examples

NAME = "smoke"
EPILOG = examples(
    "envbuild smoke                  the image that spec.yml names",
    "envbuild smoke dl-env:latest    an image made by envbuild; its own spec and lock say what to check",
    "envbuild smoke --json | jq '.checks[] | select(.status != \"passed\")'",
)


def command(
    target: Annotated[
        str, typer.Argument(metavar="SPEC|IMAGE", help="A spec, or an image made by envbuild.")
    ] = "spec.yml",
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Fail unless the checks on a GPU ran, whatever the spec says.")
    ] = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> int:
    """Run the smoke tests of an image again.

    They run without network, rights or a writable root. Exit code 6 when one fails, 8 when all that is amiss
    is a GPU that the spec requires.
    """
    from envbuild import pipeline
    from envbuild.cli.errors import ENGINE, OK, SMOKE
    from envbuild.cli.progress import progress
    from envbuild.cli.show import show_report
    from envbuild.cli.surroundings import current_site, redactor, request

    site = current_site()
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        report = pipeline.smoke(
            request(Path(target), site, sink, platform=platform, engine=engine), target, gpu=gpu
        )
    show_report(report, as_json=json, quiet=quiet)
    if report.missing_gpu:
        return ENGINE
    return OK if report.passed else SMOKE
