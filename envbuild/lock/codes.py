"""What is remembered of locked wheels' device code: PEP 751 document → `Code` by package. Reads the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.fatbin.memory import recall_audit
from envbuild.gpu.libraries import code_of
from envbuild.lock.packages import chosen_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.facts.model import Code


def codes_of(document: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Code]:
    """The device code of the packages whose wheels were read before (by `gpu-audit`), by their sha256."""
    found = {}
    for row in document.get("packages", ()):
        digest = (chosen_file(row) or {}).get("hashes", {}).get("sha256", "")
        libraries = recall_audit(digest, environ)
        if libraries and (code := code_of(libraries)):
            found[row["name"]] = code
    return found
