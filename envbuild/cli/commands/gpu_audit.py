"""`envbuild gpu-audit`: which GPUs the CUDA libraries of something serve, read from the binaries."""

from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, Quiet, Verbose, examples

NAME = "gpu-audit"
EPILOG = examples(
    "envbuild gpu-audit                                     what the lock of spec.yml brings, by its targets",
    "envbuild gpu-audit --download                          the same, with wheels that are nowhere at hand",
    "envbuild gpu-audit dl-env:latest --target H100         an image",
    "envbuild gpu-audit torch-2.8.0-cp312-cp312-manylinux_2_28_x86_64.whl --target 'RTX 5090'",
    "envbuild gpu-audit build/libmine.so --target 8.6 --target 9.0",
    "envbuild gpu-audit --json | jq '.packages[] | {name, serves}'",
)


def command(
    target: Annotated[
        str,
        typer.Argument(
            metavar="SPEC|LOCK|IMAGE|FILE.so|FILE.whl|DIR",
            help="A locked spec, a lock (.toml), an image of this engine, a library, a wheel, or a folder.",
        ),
    ] = "spec.yml",
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            "--target",
            metavar="GPU",
            help="A GPU to serve, by name or capability; may be repeated; the spec's unless given.",
        ),
    ] = None,
    download: Annotated[
        bool,
        typer.Option(
            "--download",
            help="Fetch what of the lock is not at hand, wheels and conda packages, read it, and drop it.",
        ),
    ] = False,
    engine: Engine = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """List which GPUs each CUDA library serves.

    Read from the device code in the files themselves: by a cubin (at once), by PTX (compiled by the driver
    when it first runs), no, or unknown. A package is as good as its main library.
    """
    import os

    from envbuild.audit.locked import Sources
    from envbuild.audit.make import Question, audit
    from envbuild.audit.report import data, headers, rows, summary
    from envbuild.cli.output import emit, emit_json, emit_table, human_size
    from envbuild.cli.progress import progress
    from envbuild.cli.surroundings import connector, current_site, redactor

    site = current_site()
    with progress(redactor(site), json=json, quiet=quiet, verbose=verbose) as sink:
        sources = Sources(
            site=site,
            environ=os.environ,
            connect=connector(engine, site),
            download=download,
            sink=sink,
        )
        made = audit(Question(target=target, gpus=tuple(gpu or ())), sources)
    if json:
        emit_json(data(made))
        return
    table = rows(made, human_size)
    if table:
        emit_table(headers(made), table, {1})
    for line in summary(made):
        emit(line)
