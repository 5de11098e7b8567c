"""Dead ends mended with a word. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from envbuild.importers.model import Draft, Wishes


def mend(draft: Draft, wishes: Wishes) -> Draft:
    """The draft with what no longer works written as what does, each with a finding of the kind `changed`."""
    del wishes
    return draft
