"""`envbuild preflight`: can a machine run this?"""

from pathlib import Path
from typing import Annotated

import typer

from envbuild.cli.options import Engine, Json, PlatformOption, examples

NAME = "preflight"
EPILOG = examples(
    "envbuild preflight                                    spec.yml on this machine",
    "envbuild preflight dl-env:latest                      an image, by its labels",
    "envbuild preflight --host driver=550.54,gpu=A100      a cluster's node, from a laptop",
    "envbuild preflight --host driver=none                 a machine without an NVIDIA driver",
    "envbuild preflight --host gpu=8.6,gpu=H100,driver=580 several GPUs; a compute capability does, too",
    "envbuild preflight --json | jq -r .verdict",
)


def command(
    target: Annotated[
        str,
        typer.Argument(metavar="SPEC|LOCK|IMAGE", help="A spec, a lock (.toml), or an image of this engine."),
    ] = "spec.yml",
    host: Annotated[
        str | None,
        typer.Option(
            "--host",
            metavar="driver=VERSION,gpu=NAME…",
            help="Ask about this machine instead of the one at hand.",
        ),
    ] = None,
    platform: PlatformOption = None,
    engine: Engine = None,
    json: Json = False,
) -> int:
    """Say whether a machine's driver and GPUs can run an image, and why.

    The verdict is ok, limits (it works, but …), refused, or unknown. A spec without a lock is judged by its
    own pins and envbuild's tables, without network. Exit code 9 when refused.
    """
    from envbuild import fits
    from envbuild.cli.errors import OK, PREFLIGHT
    from envbuild.cli.output import emit, emit_json
    from envbuild.cli.surroundings import current_site, request
    from envbuild.cli.verdicts import verdict_data, verdict_lines
    from envbuild.events import ignore
    from envbuild.gpu.describe import parse_host

    asked = request(Path(target), current_site(), ignore, platform=platform, engine=engine)
    found = fits.fit(asked, target, parse_host(host) if host is not None else None)
    if json:
        emit_json(verdict_data(found))
    else:
        for line in verdict_lines(found):
            emit(line)
    return PREFLIGHT if found.verdict.verdict == "refused" else OK
