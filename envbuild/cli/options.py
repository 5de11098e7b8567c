"""Arguments and options that several commands share, each with its help."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SPEC = Path("spec.yml")


class Platform(StrEnum):
    """Platforms that images can be made for."""

    AMD64 = "linux/amd64"
    ARM64 = "linux/arm64"


Spec = Annotated[Path, typer.Argument(metavar="SPEC", help="The spec of the environment.", show_default=True)]
PlatformOption = Annotated[
    Platform | None,
    typer.Option(
        "--platform",
        help="Make it for this platform; the host's own unless given.",
        metavar="linux/amd64|linux/arm64",
    ),
]
ShownPlatform = Annotated[
    Platform | None,
    typer.Option(
        "--platform",
        help="The image for this platform; without it this machine's own, or else the only one there is.",
        metavar="linux/amd64|linux/arm64",
    ),
]
Engine = Annotated[
    str | None,
    typer.Option(
        "--engine",
        metavar="URL",
        help="The engine to use, such as unix:///run/user/1000/podman/podman.sock; found unless given.",
    ),
]
Json = Annotated[
    bool,
    typer.Option("--json", help="Print the result as JSON; events come as JSON lines on standard error."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Say nothing but warnings, errors and the result.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every log line of every step.")]
Locked = Annotated[
    bool,
    typer.Option(
        "--locked", help="Refuse a missing or stale lock (exit code 4) instead of making it anew; for CI."
    ),
]
Accept = Annotated[
    list[str] | None,
    typer.Option(
        "--accept",
        metavar="RULE",
        help="Override a rule of preflight, named as its message does; may be repeated.",
    ),
]
NoSmoke = Annotated[bool, typer.Option("--no-smoke", help="Leave the smoke tests out.")]
Force = Annotated[
    bool, typer.Option("--force", "-f", help="Smoke-test it again even if nothing changed since it passed.")
]
To = Annotated[
    list[str] | None,
    typer.Option(
        "--to",
        metavar="REF",
        help="Where to push: a repository (with all of image.tags) or one tag of it. May be repeated.",
    ),
]
AllowUnpinned = Annotated[
    bool,
    typer.Option(
        "--allow-unpinned-base",
        help="Go on when the base image's digest cannot be had; marks the lock, refused by a push.",
    ),
]


def examples(*lines: str) -> str:
    r"""The epilog of a command's help: one example per line (`\b` keeps the lines as they are)."""
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)
