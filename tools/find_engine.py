"""Print the engine that envbuild finds here, as one line; exit 8 with the reason when there is none."""

import os
import sys

from envbuild.engine.connect import connect
from envbuild.errors import EnvbuildError
from envbuild.site.load import load_site


def main() -> int:
    """Find the engine the way the commands do."""
    try:
        with connect(load_site(os.environ).engine, os.environ) as engine:
            info = engine.info
    except EnvbuildError as error:
        sys.stderr.write(f"{error.message}\n")
        return 8
    sys.stdout.write(f"{info.kind} {info.version} at {info.url}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
