"""conda-lock.yml, version 1 of the unified lock file, for conda-lock, mamba and micromamba. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envbuild.conda.virtual import subdir_of
from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported, Left
from envbuild.export.said import channels, ensure_conda, head, local_channels, pip_rows, unsaid_indexes
from envbuild.export.yaml import dump
from envbuild.lock.packages import chosen_file, without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.conda.model import CondaRecord
    from envbuild.export.model import Source, Wishes

FILE = "conda-lock.yml"
_DEPEND = re.compile(r"([A-Za-z0-9_.-]+)\s*(.*)", re.DOTALL)


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:  # noqa: ARG001  # it says all hashes
    """The file. Raises LockError without a lock, or without conda packages."""
    lock = ensure_conda(source)
    platform = subdir_of(lock.platform)
    rows = [(row, chosen_file(row) or {}) for row in pip_rows(lock)]
    told = [(row, table) for row, table in rows if "sha256" in table.get("hashes", {}) and "url" in table]
    data = {
        "version": 1,
        "metadata": {
            "content_hash": {platform: lock.digest.partition(":")[2]},
            "channels": [{"url": name, "used_env_vars": []} for name in channels(source)],
            "platforms": [platform],
            "sources": [source.spec.source.path.name],
        },
        "package": [
            *(_conda(row, platform) for row in sorted(lock.conda, key=lambda row: row.name)),
            *(_pip(row, table, platform) for row, table in told),
        ],
    }
    silent = [row for row, table in rows if (row, table) not in told]
    left = (
        *(Left(key="pip", what=f"{row['name']}: the lock has no sha256 or address of it") for row in silent),
        *local_channels(source),
        *unsaid_indexes(source),
        *left_of(source, {"conda", "python", "pip"}),
    )
    return Exported(files={FILE: head(source, left) + dump(data)}, left=left)


def _conda(row: CondaRecord, platform: str) -> dict[str, Any]:
    return {
        "name": row.name,
        "version": row.version,
        "manager": "conda",
        "platform": platform,
        "dependencies": _dependencies(row.depends),
        "url": row.url,
        "hash": ({"md5": row.md5} if row.md5 else {}) | {"sha256": row.sha256},
        "category": "main",
        "optional": False,
    }


def _pip(row: Mapping[str, Any], table: Mapping[str, Any], platform: str) -> dict[str, Any]:
    return {
        "name": row["name"],
        "version": row.get("version", ""),
        "manager": "pip",
        "platform": platform,
        "dependencies": {},
        "url": without_credentials(table["url"]),
        "hash": {"sha256": table["hashes"]["sha256"]},
        "category": "main",
        "optional": False,
    }


def _dependencies(depends: Iterable[str]) -> dict[str, str]:
    """Name → the rest of its MatchSpec; several wishes of one name are joined, as all of them hold."""
    found: dict[str, str] = {}
    for text in depends:
        if match := _DEPEND.fullmatch(text.strip()):
            name, rest = match[1], match[2]
            before = found.get(name)
            found[name] = f"{before},{rest}" if before and rest else before or rest
    return dict(sorted(found.items()))
