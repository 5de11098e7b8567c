"""Rows that py-rattler answered → `CondaRecord`s: canonical URLs, hashes, what pip leaves alone. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.conda.model import CondaRecord
from envbuild.errors import LockError
from envbuild.facts.conda import pypi_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Set

    from envbuild.conda.channels import Channel


def locked_records(
    rows: Iterable[Mapping[str, Any]], sources: Mapping[str, Channel], requested: Set[str]
) -> tuple[CondaRecord, ...]:
    """Sorted by name.

    sources    the URL that py-rattler was asked with → the channel
    requested  names that the spec asks for

    Raises LockError for a record without a sha256.
    """
    found = [_locked(row, sources, requested) for row in rows]
    return tuple(sorted(found, key=lambda record: record.name))


def _locked(row: Mapping[str, Any], sources: Mapping[str, Channel], requested: Set[str]) -> CondaRecord:
    name, noarch, depends = row["name"], row["noarch"], tuple(row["depends"])
    channel, url = canonical(row["url"], sources)
    if not row["sha256"]:
        file = url.rpartition("/")[2]
        raise LockError(
            f"{file}: the index of the channel {channel} has no sha256 of it, so it cannot be locked",
            hint="have the channel indexed anew (rattler-index), or take it from another channel",
        )
    return CondaRecord(
        name=name,
        version=row["version"],
        build=row["build"],
        subdir=row["subdir"],
        channel=channel,
        url=url,
        sha256=row["sha256"],
        md5=row["md5"],
        size=row["size"],
        depends=depends,
        noarch=noarch,
        pypi=pypi_name(name, noarch=noarch, depends=depends),
        requested=name in requested,
    )


def canonical(url: str, sources: Mapping[str, Channel]) -> tuple[str, str]:
    """The text of the channel that a file's `url` lies in, and the URL by that channel's own address."""
    fitting = [source for source in sources if url.startswith(f"{source}/")]
    if not fitting:  # an index may say that its files lie elsewhere
        return next(iter(sources.values())).text, url
    source = max(fitting, key=len)
    return sources[source].text, sources[source].url + url[len(source) :]


def asked_url(url: str, sources: Mapping[str, Channel]) -> str:
    """The other way: a record's URL as py-rattler knows it; unchanged when none of `sources` has it."""
    for source, channel in sources.items():
        if url.startswith(f"{channel.url}/"):
            return source + url[len(channel.url) :]
    return url
