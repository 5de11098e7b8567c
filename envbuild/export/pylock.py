"""pylock.toml, the PEP 751 lock of the Python packages alone, for uv, pip and others. Pure.

[tool.envbuild] stays out: what it says of base, Debian and conda packages means nothing to others, and its
digest is that of the lock file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported
from envbuild.export.said import ensure_lock, head, unsaid_indexes

if TYPE_CHECKING:
    from envbuild.export.model import Source, Wishes

FILE = "pylock.toml"
_FIRST = ("lock-version", "environments", "requires-python", "extras", "dependency-groups", "default-groups",
          "created-by")  # fmt: skip


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:  # noqa: ARG001  # it can be said in one way only
    """The file. Raises LockError without a lock."""
    import tomli_w

    document = ensure_lock(source).document
    order = [key for key in (*_FIRST, *document) if key in document and key not in {"tool", "packages"}]
    data = {key: document[key] for key in dict.fromkeys(order)} | {"packages": document.get("packages", [])}
    left = (*unsaid_indexes(source), *left_of(source, {"pip", "python"}))
    return Exported(files={FILE: head(source, left) + "\n" + tomli_w.dumps(data)}, left=left)
