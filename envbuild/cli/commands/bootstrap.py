"""`envbuild bootstrap`: make a base image from a Debian mirror."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from envbuild.cli.options import Engine, Json, Quiet, Verbose, examples

if TYPE_CHECKING:
    from envbuild.bootstrap.model import Bootstrapped, Recipe

NAME = "bootstrap"
EPILOG = examples(
    "envbuild bootstrap debian:bookworm-slim                          where no registry can be reached",
    "envbuild bootstrap debian:bookworm-slim --like pylock.dl.toml    the same base as a colleague's",
)


def command(
    reference: Annotated[
        str, typer.Argument(metavar="REF", help="Name of the base to make, such as debian:bookworm-slim.")
    ],
    like: Annotated[
        Path | None,
        typer.Option(
            "--like",
            metavar="LOCKFILE",
            help="Make it by the recipe in this lock, and say whether it came out the same.",
        ),
    ] = None,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make a base image from Debian packages.

    mmdebstrap makes it from a Debian mirror; the engine gets it under its usual name.
    """
    from envbuild.bootstrap.make import bootstrap
    from envbuild.cli.output import emit, emit_json
    from envbuild.cli.progress import progress
    from envbuild.cli.surroundings import connector, current_site, redactor

    site = current_site()
    recipe = None if like is None else recipe_in(like)
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        made = bootstrap(reference, site=site, engine=connector(engine, site)(), like=recipe, sink=sink)
    if json:
        emit_json(made)
        return
    if not quiet:
        for line in lines(made):
            emit(line)


def lines(made: "Bootstrapped") -> list[str]:
    """What is said of a bootstrapped base."""
    from envbuild.cli.output import human_seconds

    packages = len(made.recipe["packages"])
    text = [
        f"{made.reference}: made of {packages} Debian packages in {human_seconds(made.seconds)}",
        f"  id       {made.image_id}",
        f"  layer    {made.diff_id}",
    ]
    if made.same_as_recipe:
        text.append("  same     yes: byte for byte what the lock records")
    elif made.same_as_recipe is False:
        text.append("  same     no: it differs from what the lock records")
        text += [f"    {difference}" for difference in made.differences]
    return text


def recipe_in(lock: Path) -> "Recipe":
    """The recipe of the bootstrapped base in a lock. Raises LockError when there is none."""
    from envbuild.errors import LockError
    from envbuild.lock.pylock import read_lock

    read = read_lock(lock)
    if read is None:
        raise LockError(f"{lock}: no such lock", hint="--like takes a pylock.<name>.toml")
    if read.base.recipe is None:
        raise LockError(
            f"{lock}: its base {read.base.reference} was not made by bootstrap", hint="pull that base instead"
        )
    return read.base.recipe
