"""`envbuild render`: show the Dockerfile, or write a whole build context."""

from pathlib import Path
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

NAME = "render"
EPILOG = examples(
    "envbuild render               print the Dockerfile",
    "envbuild render -o context    write the context; then: docker build context",
)


def command(
    spec: Spec = DEFAULT_SPEC,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="DIR", help="Write Dockerfile and all files it needs into this folder."
        ),
    ] = None,
    share: Annotated[
        bool,
        typer.Option(
            "--share",
            help="Take uv and micromamba from their public images, not from this machine, for other people.",
        ),
    ] = False,
    locked: Locked = False,
    allow_unpinned_base: AllowUnpinned = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Print the Dockerfile, or write a whole build context.

    The folder that -o writes builds with plain `docker build`. Locks the spec first if need be.
    """
    from envbuild import pipeline
    from envbuild.cli.output import emit, emit_json
    from envbuild.cli.progress import progress
    from envbuild.cli.summaries import context_data
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.outcomes import LockOptions

    site = current_site()
    options = LockOptions(frozen=locked, allow_unpinned_base=allow_unpinned_base)
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        asked = request(spec, site, sink, platform=platform, engine=engine)
        if output is None:
            context = pipeline.render(asked, options, share=share).context
        else:
            context = pipeline.write(asked, options, output, share=share).context
    if json:
        emit_json(context_data(context, output))
    elif output is None:
        emit(context.dockerfile.rstrip("\n"))
    elif not quiet:
        emit(f"{output}: a build context of {len(context.files) + len(context.copies) + 1} files and folders")
        emit(f"build it: docker build {output}")
