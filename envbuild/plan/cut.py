"""One group's own lock, cut from the whole: a PEP 751 document and names in, TOML text out. Pure.

Each step that installs packages gets a file with its own packages only: a change elsewhere leaves it cached.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import tomli_w

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_LEFT_OUT = frozenset({"packages", "tool", "created-by"})


class Cutter:
    """Cuts groups out of one lock; each package is handed on unchanged."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        # What made the lock is no concern of a step: a new uv alone should not make every group's file new.
        self._head = {"lock-version": "1.0", "created-by": "envbuild"}
        self._head |= {key: document[key] for key in sorted(document) if key not in _LEFT_OUT}
        self._rows: dict[str, list[Mapping[str, Any]]] = {}
        for row in document.get("packages", ()):
            self._rows.setdefault(normal(row["name"]), []).append(row)

    def cut(self, names: Iterable[str]) -> str:
        """The lock of the packages called `names`, sorted. Raises KeyError for one that is not there."""
        rows = [
            row
            for name in sorted({normal(name) for name in names})
            for row in sorted(self._rows[name], key=lambda row: (str(row.get("version", "")), repr(row)))
        ]
        return tomli_w.dumps(self._head | {"packages": rows})


def normal(name: str) -> str:
    """A package's name as indexes compare it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()
