"""`docker build` as people have it, without envbuild."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from support.need import missing

LIMIT = 120


def docker_cli() -> str:
    """A docker command that builds with BuildKit: up to 22 it can by itself, newer ones need buildx."""
    seen = []
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        program = shutil.which("docker", path=folder)
        if program is None:
            continue
        told = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
        number = re.search(r"version (\d+)\.", told)
        buildx = subprocess.run([program, "buildx", "version"], capture_output=True, check=False)
        if number and (int(number[1]) < 23 or buildx.returncode == 0):
            return program
        seen.append(f"{program} ({told.strip()}) has no buildx")
    return missing("engine", "; ".join(seen) or "no docker command")


def docker_build(folder: Path, tag: str, environ: Mapping[str, str], *options: str) -> None:
    """`docker build` of a context in `folder`, which has to succeed."""
    built = subprocess.run(
        [docker_cli(), "build", "--quiet", "--tag", tag, *options, str(folder)],
        env={**environ, "DOCKER_BUILDKIT": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
    )
    assert built.returncode == 0, built.stderr
