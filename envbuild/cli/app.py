"""The `envbuild` command line: arguments → exit code. Imports typer alone: commands bring what they need."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from envbuild import __version__
from envbuild.cli.commands import (
    bootstrap,
    diff,
    doctor,
    export,
    gpu_audit,
    image,
    import_,
    init,
    inspect,
    load,
    lock,
    plan,
    preflight,
    pull,
    push,
    render,
    reproduce,
    save,
    schema,
    smoke,
)
from envbuild.cli.conclude import conclude
from envbuild.cli.errors import USAGE
from envbuild.cli.options import examples

_COMPLETE = "_ENVBUILD_COMPLETE"
_EPILOG = examples(
    "envbuild init               write a spec.yml",
    "envbuild image              lock it, build its image, and smoke-test that",
    "docker run -it NAME         enter the environment",
) + (
    "\n\n\b\nExit codes:\n"
    "  0 ok, 1 bug, 2 usage or site config, 3 spec, 4 lock, 5 build, 6 smoke test,\n"
    "  7 registry, 8 engine or GPU runtime, 9 refused by preflight, 130 interrupted"
)

app = typer.Typer(
    name="envbuild",
    rich_markup_mode=None,  # rich would double the time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
_MODULES = (
    *(init, import_, lock, plan, render, image, smoke, preflight, gpu_audit),
    *(push, inspect, diff, pull, reproduce, save, load),
    *(export,),
    *(bootstrap, schema, doctor),
)
for _module in _MODULES:
    app.command(name=_module.NAME, epilog=_module.EPILOG)(_module.command)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"envbuild {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True, epilog=_EPILOG)
def _main(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  # its callback does the work
        bool,
        typer.Option(
            "--version", "-V", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Make locked, layered, smoke-tested images for Python and GPU work from one short spec.yml."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(USAGE)


def run(argv: Sequence[str]) -> int:
    """Run the command line and return its exit code. Nothing is raised, and no traceback is shown."""
    arguments = list(argv)
    try:
        code = _invoke(arguments)
        sys.stdout.flush()
    except BaseException as error:  # noqa: BLE001  # the last line of defence: whatever happens gets its text and its code
        return conclude(error, arguments)
    return code


def _invoke(arguments: list[str]) -> int:
    command = typer.main.get_command(app)
    if _COMPLETE in os.environ:
        command.main(arguments, prog_name="envbuild", complete_var=_COMPLETE)
    # Not `command.main`: it would turn an interrupt and a closed pipe into exit codes of its own.
    try:
        with command.make_context("envbuild", arguments) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as error:
        return error.exit_code
