"""`envbuild lock`: make or renew the lock of a spec, or check it."""

from typing import Annotated

import typer

from envbuild.cli.options import (
    DEFAULT_SPEC,
    AllowUnpinned,
    Engine,
    Json,
    PlatformOption,
    Quiet,
    Spec,
    Verbose,
    examples,
)

NAME = "lock"
EPILOG = examples(
    "envbuild lock                            lock spec.yml; an existing lock keeps its pins",
    "envbuild lock --upgrade                  renew every pin",
    "envbuild lock --upgrade-package numpy    renew one, keep the others",
    "envbuild lock --check                    say what is stale, change nothing (exit code 4)",
)


def command(
    spec: Spec = DEFAULT_SPEC,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", "-U", help="Renew every pin, the base image's too.")
    ] = False,
    upgrade_package: Annotated[
        list[str] | None,
        typer.Option(
            "--upgrade-package",
            "-P",
            metavar="NAME",
            help="Renew the pin of this package only; may be repeated.",
        ),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit code 4 when the lock is missing or stale.")
    ] = False,
    allow_unpinned_base: AllowUnpinned = False,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Write the lock of a spec, or check it.

    It holds every package, the base image and the Python, by version and digest.
    """
    from envbuild import pipeline
    from envbuild.cli.output import emit, emit_json
    from envbuild.cli.progress import progress
    from envbuild.cli.summaries import lock_data, lock_lines
    from envbuild.cli.surroundings import current_site, redactor, request
    from envbuild.errors import UsageError
    from envbuild.outcomes import LockOptions

    names = tuple(upgrade_package or ())
    if check and (upgrade or names):
        raise UsageError(
            "--check changes nothing, --upgrade and --upgrade-package do", hint="choose one of them"
        )
    site = current_site()
    options = LockOptions(
        frozen=check, upgrade=upgrade, upgrade_packages=names, allow_unpinned_base=allow_unpinned_base
    )
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        outcome = pipeline.lock(request(spec, site, sink, platform=platform, engine=engine), options)
    if json:
        emit_json(lock_data(outcome))
    elif not quiet:
        for line in lock_lines(outcome):
            emit(line)
