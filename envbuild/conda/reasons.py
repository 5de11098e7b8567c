"""What py-rattler answers when it has no records → our errors, pointing at the spec's lines. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.conda.place import redacted
from envbuild.errors import LockError, Unsolvable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.conda.channels import Channel
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec


def unsolvable(
    answer: Mapping[str, Any], spec: Spec, platform: str, cuda: str, channels: Sequence[Channel]
) -> Unsolvable:
    """No set of packages fits."""
    return Unsolvable(answer["unsolvable"])


def changed(rows: Sequence[Mapping[str, str]]) -> LockError:
    """The channel has another file than the lock under the same name."""
    first = rows[0]
    return LockError(
        f"{first['url'].rpartition('/')[2]}: the channel has another file of this name than the lock"
    )


def failed(answer: Mapping[str, Any], sources: Mapping[str, Channel], site: Site) -> LockError:
    """Everything else."""
    return LockError(f"conda: {redacted(answer['text'])}")
