"""Tags of nvidia/cuda, as rows: which releases exist, on which systems, in which flavours. Pure, from
cuda_images.yml.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from envbuild.facts.tables import table
from envbuild.facts.versions import is_dotted, numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_FIRST_CUDNN_9, _FIRST_PLAIN_TOKEN = (12, 3), (12, 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """A CUDA release with images.

    tags      system (`ubuntu24.04`) → what stands between version and system in its tags
    evidence  where it is known from, when not from the publisher's own list; else ""
    """

    cuda: str
    tags: Mapping[str, tuple[str, ...]]
    evidence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherSystem:
    """A system whose single tags are not listed: first and last release with images, "" for no bound."""

    first: str
    last: str
    cudnn: bool

    def has(self, release: str) -> bool:
        """Whether images of `release` exist on it."""
        after = not self.first or numbers(release) >= numbers(self.first)
        return after and (not self.last or numbers(release) <= numbers(self.last))


def as_of() -> str:
    """The day of the table."""
    return str(table("cuda_images")["as_of"])


def releases(version: str = "") -> tuple[Release, ...]:
    """Releases with images that X.Y or X.Y.Z may stand for, newest first; all for ""."""
    if not version:
        return _releases()
    return tuple(row for row in _releases() if row.cuda == version or row.cuda.startswith(f"{version}."))


def gone(version: str) -> bool:
    """Whether there were images of it, and all of them were deleted."""
    return not releases(version) and any(
        name == version or name.startswith(f"{version}.") or version.startswith(f"{name}.")
        for name in table("cuda_images")["gone"]
    )


def nearest(version: str, fits: Callable[[Release], bool]) -> Release | None:
    """The release nearest to `version` that fits: of the nearest X.Y (the older of two) the newest."""
    if not is_dotted(version):
        return None
    wanted = numbers(version)
    found = [release for release in _releases() if fits(release)]

    def far(release: Release) -> tuple[int, tuple[int, ...], int]:
        major, minor, patch = numbers(release.cuda)
        return abs(_weight(wanted) - (major * 1000 + minor)), (major, minor), -patch

    return min(found, key=far, default=None)


def other_system(name: str) -> OtherSystem | None:
    """A system beside those that `releases` lists; None when there are no images for it."""
    data = table("cuda_images")["systems"]
    row = data["rows"].get(name)
    if row is None:
        return None
    return OtherSystem(
        first=row.get("first", ""), last=row.get("last", ""), cudnn=name not in data["no_cudnn"]
    )


def with_cudnn(tags: Sequence[str], flavour: str) -> str | None:
    """The token with cuDNN of a flavour (`cudnn8-runtime`) among `tags`."""
    return next((tag for tag in tags if tag.startswith("cudnn") and tag.endswith(f"-{flavour}")), None)


def scheme_token(release: str, flavour: str, *, cudnn: bool) -> str:
    """The token that a release's tag would have: `cudnn8-runtime` until 12.2, `cudnn9-` in 12.3, `cudnn-`."""
    if not cudnn or flavour == "base":
        return flavour
    minor = numbers(release)[:2]
    digit = "" if minor >= _FIRST_PLAIN_TOKEN else "9" if minor >= _FIRST_CUDNN_9 else "8"
    return f"cudnn{digit}-{flavour}"


def cudnn_major(token: str) -> str:
    """The cuDNN major of an image by the token of its tag; "" when it has none."""
    if not token.startswith("cudnn"):
        return ""
    digit = token.removeprefix("cudnn")[:1]
    return digit if digit.isdigit() else "9"


def _weight(wanted: tuple[int, ...]) -> int:
    major, minor = (*wanted, 0)[:2]
    return major * 1000 + minor


@cache
def _releases() -> tuple[Release, ...]:
    rows = (
        Release(
            cuda=row["cuda"],
            tags={system: tuple(tags) for system, tags in row["tags"].items()},
            evidence=row.get("evidence", ""),
        )
        for row in table("cuda_images")["images"]
    )
    return tuple(sorted(rows, key=lambda row: numbers(row.cuda), reverse=True))
