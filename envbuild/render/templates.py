"""Where the templates are: beside the package in a checkout, inside it once installed. Looks at the file
system."""

from __future__ import annotations

from pathlib import Path

import envbuild
from envbuild.errors import EnvbuildError


def find_templates() -> Path:
    """The folder of the Dockerfile templates. Raises EnvbuildError when the installation is broken."""
    package = Path(envbuild.__file__).parent
    for folder in (package.parent / "dockerfiles", package / "_dockerfiles"):
        if (folder / "head.j2").is_file():
            return folder
    raise EnvbuildError(
        "the Dockerfile templates are missing from this installation", hint="install envbuild again"
    )
