"""Stage 1's verb: `load_spec(path) → Spec`. Reads the spec and the files that it names.

Checking a spec is what makes a short command slow: pydantic alone takes 0.1 s to import. A spec that was
found good before is taken from a cache while it, and all that it names, is as it was.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from envbuild.spec import cache
from envbuild.spec.reading import read_limited

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.spec.model import Spec


def load_spec(path: Path) -> Spec:
    """Read and check the spec at `path`.

    Messages call the file what `path` says. Raises SpecError, with every problem of the file.
    """
    data = read_limited(path, os.fsencode(str(path)).decode("utf-8", "replace"))
    if known := cache.recall(data, path):
        return known
    from envbuild.spec.parse import parse_spec

    spec = parse_spec(data, path)
    cache.keep(data, spec)
    return spec
