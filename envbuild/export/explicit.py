"""The explicit list of conda packages for conda, mamba, micromamba: an address and a hash a line. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.errors import LockError
from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported
from envbuild.export.said import ensure_conda, head, local_channels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.conda.model import CondaRecord
    from envbuild.export.model import Source, Wishes

FILE = "explicit.txt"


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:
    """The list. Raises LockError without a lock, without conda packages, and where md5 is asked for and not
    known.
    """
    from envbuild.conda.explicit import explicit_text

    lock = ensure_conda(source)
    text = explicit_text(lock.conda, lock.platform)
    if wishes.md5:
        text = _with_md5(text, lock.conda)
    left = (*local_channels(source), *left_of(source, {"conda", "python"}))
    return Exported(files={FILE: head(source, left) + text}, left=left)


def _with_md5(text: str, records: Sequence[CondaRecord]) -> str:
    """Each `#sha256:…` replaced by `#md5`: conda before 24.9 and older micromamba know no other."""
    unknown = [row.file for row in records if not row.md5]
    if unknown:
        raise LockError(
            f"--md5: the lock knows no md5 of {unknown[0]}", hint="leave --md5 out: sha256 is known of all"
        )
    known = {f"{row.url}#sha256:{row.sha256}": f"{row.url}#{row.md5}" for row in records}
    return "".join(f"{known.get(line, line)}\n" for line in text.splitlines())
