"""`envbuild push`: bring an image to registries, with its lock, smoke report and SBOM."""

from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, PlatformOption, Quiet, To, Verbose, examples

NAME = "push"
EPILOG = examples(
    "envbuild push                                             spec.yml's image to its image.repository",
    "envbuild push --to registry.example.org/lab/dl-env        elsewhere, with all of image.tags",
    "envbuild push dl-env:1.2 --to ghcr.io/me/dl-env --to docker.io/me/dl-env",
    "envbuild push -q                                          prints REPOSITORY@DIGEST",
)


def command(
    target: Annotated[
        str, typer.Argument(metavar="SPEC|IMAGE", help="A spec, or an image made by envbuild.")
    ] = "spec.yml",
    to: To = None,
    no_smoke: Annotated[
        bool,
        typer.Option(
            "--no-smoke",
            help="Push an image though no smoke test is known to have passed; the registry gets to know it.",
        ),
    ] = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Push an image with its lock, smoke report and SBOM.

    Only after its smoke tests passed: where no run is remembered, they run now. Tags are set last, when
    everything is there in every repository; layers that a registry has are not sent again.
    """
    from envbuild import made
    from envbuild.cli.progress import progress
    from envbuild.cli.published import show_published
    from envbuild.cli.show import show_failure
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.errors import GpuUnavailable, SmokeError
    from envbuild.publish.model import Wish
    from envbuild.publish.push import push

    site = current_site()
    wish = Wish(target=target, to=tuple(to or ()), smoke=not no_smoke)
    try:
        with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
            asked = request(Path(target), site, sink, platform=platform, engine=engine)
            published = push(asked, wish, try_image=made.try_image)
    except (SmokeError, GpuUnavailable) as error:
        show_failure(error.report, as_json=json)
        raise
    show_published(published, as_json=json, quiet=quiet)
