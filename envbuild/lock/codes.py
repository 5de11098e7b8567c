"""What is remembered of locked packages' device code: wheels and conda packages → `Code`. Reads the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.fatbin.memory import recall_audit
from envbuild.gpu.conda import cuda_users, members_of
from envbuild.gpu.libraries import code_of
from envbuild.lock.packages import chosen_file

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.conda.model import CondaRecord
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


def conda_codes_of(records: Sequence[CondaRecord], environ: Mapping[str, str]) -> dict[str, Code]:
    """The device code of conda packages that were read before with all their parts, by their sha256."""
    found = {}
    for user in cuda_users(records):
        read = [recall_audit(record.sha256, environ) for record in members_of(user.name, records)]
        if None not in read and (code := code_of(each for libraries in read for each in libraries or ())):
            found[user.name] = code
    return found
