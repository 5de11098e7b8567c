"""`envbuild image`: make the image of a spec."""

from typing import Annotated

import typer

from envbuild.cli.options import (
    DEFAULT_SPEC,
    AllowUnpinned,
    Engine,
    Json,
    Locked,
    PlatformOption,
    Quiet,
    Spec,
    Verbose,
    examples,
)

NAME = "image"
EPILOG = examples(
    "envbuild image                     lock if need be, build, smoke-test, tag",
    "envbuild image --locked            the same in CI: a stale lock is refused",
    "envbuild image --no-smoke -v       without smoke test, with every log line",
    "docker run -it $(envbuild image -q)",
)


def command(
    spec: Spec = DEFAULT_SPEC,
    locked: Locked = False,
    no_smoke: Annotated[bool, typer.Option("--no-smoke", help="Do not smoke-test the image.")] = False,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Use none of the engine's cached steps.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Build and smoke-test again even if nothing changed.")
    ] = False,
    allow_unpinned_base: AllowUnpinned = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    builder: Annotated[
        str,
        typer.Option(
            "--builder", metavar="engine|direct", help="Who builds: an engine; `direct` is not there yet."
        ),
    ] = "engine",
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make the image of a spec.

    Locks it if need be, builds, smoke-tests, and only then gives the image its name.
    """
    from envbuild import pipeline
    from envbuild.cli.progress import progress
    from envbuild.cli.show import show_failure, show_image
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.errors import SmokeError, UsageError
    from envbuild.outcomes import ImageOptions, LockOptions

    if builder == "direct":
        raise UsageError(
            "--builder direct is not there yet", hint="leave it out: a container engine builds the image"
        )
    if builder != "engine":
        raise UsageError(
            f"--builder {builder}: there is no such builder",
            hint="leave it out: a container engine builds the image",
        )
    site = current_site()
    options = ImageOptions(
        lock=LockOptions(frozen=locked, allow_unpinned_base=allow_unpinned_base),
        smoke=not no_smoke,
        force=force,
        no_cache=no_cache,
    )
    try:
        with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
            outcome = pipeline.image(request(spec, site, sink, platform=platform, engine=engine), options)
    except SmokeError as error:
        show_failure(error.report, as_json=json)
        raise
    show_image(outcome, as_json=json, quiet=quiet)
