"""Image references: their grammar, taking them apart, and rewriting them for a registry mirror. Pure.

The grammar is docker's (distribution/reference). Who reads a name that somebody typed uses `read_reference`,
which refuses what docker would refuse; `parse_reference` takes apart what is known to be a name.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from envbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB = "docker.io"
HUB_HOSTS = frozenset({HUB, "index.docker.io", "registry-1.docker.io"})

_HOST_PART = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_DOMAIN = rf"(?:{_HOST_PART}(?:\.{_HOST_PART})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?"
_PART = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_PATH = rf"{_PART}(?:/{_PART})*"
TAG = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
DIGEST = r"sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128}"
REPOSITORY = rf"(?:{_DOMAIN}/)?{_PATH}"
REFERENCE = rf"({REPOSITORY})(?::{TAG})?(?:@(?:{DIGEST}))?"

LONGEST_NAME = 255
_LONGEST = 500  # no reference is longer; a bound keeps the patterns cheap whatever they are given


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

    def __str__(self) -> str:
        """All that is known of it, as people write it."""
        return (
            self.familiar + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")
        )


def parse_reference(text: str) -> Reference:
    """As docker does: the first part is a host if it has a dot or colon, or is localhost."""
    rest, _, digest = text.partition("@")
    first, slash, others = rest.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        host, repository = first, others
    else:
        host, repository = HUB, rest
    repository, _, tag = repository.partition(":")
    if host in HUB_HOSTS:
        host = HUB
        repository = repository if "/" in repository else f"library/{repository}"
    return Reference(host=host, repository=repository, tag=tag, digest=digest)


def read_reference(text: str) -> Reference:
    """A reference that somebody typed, by docker's grammar. Raises UsageError, which says what to write."""
    if len(text) > _LONGEST or not re.fullmatch(REFERENCE, text):
        raise _bad(text)
    found = parse_reference(text)
    if not re.fullmatch(_PATH, found.repository):  # `Lab/x`: the grammar alone would take Lab for a host
        raise _bad(text)
    port = re.search(r":([0-9]+)$", found.host)
    if port and not 0 < int(port[1]) < 65536:
        raise UsageError(f"{_shown(text)} is no image reference: there is no port {port[1]}")
    if len(found.name) > LONGEST_NAME:
        raise UsageError(
            f"{_shown(text)} is no image reference: its name is longer than {LONGEST_NAME} characters"
        )
    if re.fullmatch(r"[a-f0-9]{64}", text):
        raise UsageError(
            f"{_shown(text)} is an image's id, which no registry knows", hint="write the image's name"
        )
    return found


def _bad(text: str) -> UsageError:
    _, scheme, rest = text.partition("://")
    if scheme:
        return UsageError(
            f"{_shown(text)} is no image reference: it has a scheme",
            hint=f"write {rest}" if _is_good(rest) else "",
        )
    lower = _lowered(text)
    if lower != text and _is_good(lower):
        return UsageError(
            f"{_shown(text)} is no image reference: its path has capitals", hint=f"write {lower}"
        )
    return UsageError(
        f"{_shown(text)} is no image reference",
        hint="write [host[:port]/]path[:tag][@digest], such as registry.example.org/lab/dl-env:1",
    )


def _lowered(text: str) -> str:
    """With a path in lower case; host, tag and digest stay."""
    rest, at, digest = text.partition("@")
    name, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        name, colon, tag = rest, "", ""
    first, slash, others = name.partition("/")
    if not (slash and ("." in first or ":" in first)):
        first = first.lower()
    return f"{first}{slash}{others.lower()}{colon}{tag}{at}{digest}"


def _is_good(text: str) -> bool:
    try:
        read_reference(text)
    except UsageError:
        return False
    return True


def _shown(text: str) -> str:
    return repr(text if len(text) <= 120 else text[:119] + "…")


def mirrored(text: str, mirrors: Mapping[str, str]) -> str:
    """The reference at the site's mirror of its registry; unchanged when there is no mirror."""
    reference = parse_reference(text)
    found = at_mirror(reference, mirrors)
    return text if found == reference else f"{found.name}{found.version}"


def at_mirror(reference: Reference, mirrors: Mapping[str, str]) -> Reference:
    """As `mirrored`, for a reference that was taken apart."""
    mirror = mirrors.get(reference.host)
    if not mirror:
        return reference
    mirror = mirror.removeprefix("https://").removeprefix("http://").rstrip("/")
    host, _, folder = mirror.partition("/")
    path = f"{folder}/{reference.repository}" if folder else reference.repository
    return replace(reference, host=host, repository=path)
