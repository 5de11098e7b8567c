"""Image references: taking them apart, and rewriting them for a registry mirror. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB = "docker.io"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """`host/repository[:tag][@digest]`; the host is docker.io and the repository library/… where the text
    says neither.
    """

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The name as people and `docker tag` write it."""
        if self.host != HUB:
            return self.name
        return self.repository.removeprefix("library/")

    @property
    def version(self) -> str:
        """What follows the name: `@sha256:…`, else `:tag`."""
        return f"@{self.digest}" if self.digest else f":{self.tag or 'latest'}"


def parse_reference(text: str) -> Reference:
    """As docker does: the first part is a host if it has a dot or colon, or is localhost."""
    rest, _, digest = text.partition("@")
    first, slash, others = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, repository = first, others
    else:
        host, repository = HUB, rest
    repository, _, tag = repository.partition(":")
    if host in {HUB, "index.docker.io"}:
        host = HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return Reference(host=host, repository=repository, tag=tag, digest=digest)


def mirrored(text: str, mirrors: Mapping[str, str]) -> str:
    """The reference at the site's mirror of its registry; unchanged when there is no mirror."""
    reference = parse_reference(text)
    mirror = mirrors.get(reference.host)
    if not mirror:
        return text
    mirror = mirror.removeprefix("https://").removeprefix("http://").rstrip("/")
    return f"{mirror}/{reference.repository}{reference.version}"
