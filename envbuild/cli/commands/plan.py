"""`envbuild plan`: show the layers that an image will have."""

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

NAME = "plan"
EPILOG = examples(
    "envbuild plan                 a table: layer, what is in it, size, why it is where it is",
    "envbuild plan --json | jq -r '.layers[].kind'",
)


def command(
    spec: Spec = DEFAULT_SPEC,
    locked: Locked = False,
    allow_unpinned_base: AllowUnpinned = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Show the layers that the image will have.

    They go from stable to volatile. Locks the spec first if need be.
    """
    from envbuild import pipeline
    from envbuild.cli.output import emit, emit_json, emit_table
    from envbuild.cli.progress import progress
    from envbuild.cli.summaries import PLAN_HEADERS, PLAN_RIGHT, plan_data, plan_rows
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.outcomes import LockOptions

    site = current_site()
    options = LockOptions(frozen=locked, allow_unpinned_base=allow_unpinned_base)
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        made = pipeline.plan(request(spec, site, sink, platform=platform, engine=engine), options).plan
    if json:
        emit_json(plan_data(made))
        return
    emit_table(PLAN_HEADERS, plan_rows(made), PLAN_RIGHT)
    for note in made.notes:
        emit(f"note: {note}")
