"""What goes wrong between py-rattler and the channels → `LockError`s: what, where, why, what to do. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from envbuild.conda.place import mirrors_of, prefix_of, redacted
from envbuild.errors import LockError, Problem
from envbuild.site.carry import redact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.conda.channels import Channel
    from envbuild.conda.model import CondaRecord
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec

_STATUS = re.compile(r"HTTP status (?:client|server) error \((\d{3}) ([^)]*)\) for url \(([^)]*)\)")
_URL = re.compile(r"url \(([^)]*)\)")
_CONFIG = "put the login or token into this site's config, under conda_mirrors"
_RENEW = "renew the lock: envbuild lock --upgrade"
_TODO = {"401": _CONFIG, "403": _CONFIG, "404": _RENEW, "410": _RENEW}
_REACH = "check the address, the proxy and the CA bundle: envbuild doctor"


def failed(answer: Mapping[str, Any], spec: Spec, sources: Mapping[str, Channel], site: Site) -> LockError:
    """The error that `{"failed": …, "text": …, "source": …}` means."""
    text = redacted(redact(answer["text"], site))
    channel = sources.get(answer.get("source", ""))
    what, todo = _words(text, channel, site)
    if channel is None:
        return LockError(f"conda: {what}", hint=todo)
    named = spec.conda.channels if spec.conda else ()
    number = named.index(channel.text) if channel.text in named else -1
    key = ("conda", "channels", number) if number >= 0 else ("conda",)
    problem = Problem(
        file=str(spec.source.path),
        line=spec.source.line(key),
        path=f"conda.channels[{number}]" if number >= 0 else "conda",
        what=f"the channel {channel.text} {what}",
    )
    return LockError(str(problem), hint=todo)


def _words(text: str, channel: Channel | None, site: Site) -> tuple[str, str]:
    """(what, hint); `what` goes on after "the channel NAME "."""
    last = text.strip().splitlines()[-1].removeprefix("Caused by: ")
    found = _STATUS.search(text)
    status, said, url = (found[1], found[2], found[3]) if found else ("", "", "")
    if "could not find subdir" in text:
        return _missing(text, url, channel, site)
    if status == "401":
        return f"wants a login: {status} {said} for {url}", _CONFIG
    if status == "403":
        return f"refuses: {status} {said} for {url}", f"check the rights of the login; {_CONFIG}"
    if status:
        return (
            f"does not answer: {status} {said} for {url}",
            "try again later, or name a mirror (conda_mirrors)",
        )
    if "failed to parse" in text or "failed to extract repodata" in text:
        hint = "it may be half-written, or a login page: look at its repodata.json"
        return f"has an index that cannot be read: {last}", hint
    where = _URL.search(text)
    at = f" at {where[1]}" if where else ""
    if "certificate" in text:
        return f"has a certificate that is not trusted{at}: {last}", f"name your site's CA bundle: {_REACH}"
    if "error sending request" in text or "Connect" in text:
        return f"cannot be reached{at}: {last}", _REACH
    return f"cannot be used: {'; '.join(text.strip().splitlines())}", ""


def _missing(text: str, url: str, channel: Channel | None, site: Site) -> tuple[str, str]:
    found = re.search(r"subdir '([^']+)'", text)
    subdir = found[1] if found else "noarch"
    hint = "check its name; every channel has a folder noarch with a repodata.json"
    if channel and prefix_of(channel.url, site) in mirrors_of(site):
        hint += "; this site has a mirror for it (conda_mirrors)"
    return f"has no {subdir}/repodata.json{f': 404 for {url}' if url else ''}", hint


def changed(rows: Sequence[Mapping[str, str]]) -> LockError:
    """A channel has another file than the lock under the same name: that must never be."""
    first = rows[0]
    file = first["url"].rpartition("/")[2]
    more = f" (and {len(rows) - 1} more)" if len(rows) > 1 else ""
    return LockError(
        f"{file}: the channel has another file of this name than the lock: another hash{more}",
        hint=f"find out why before you trust it; to accept the new file: "
        f"envbuild lock --upgrade-package {first['name']}",
    )


_HASH = re.compile(
    r"hash mismatch.*?/(?P<file>[^/\s]+) to .*?expected [0-9a-f]+, got (?P<found>[0-9a-f]{64})"
)


def not_installed(text: str, records: Sequence[CondaRecord], site: Site) -> LockError:
    """What py-rattler says when an install fails."""
    text = redacted(redact(text, site))
    named = {record.file: record for record in records}
    found = _HASH.search(text)
    if found and found["file"] in named:
        return tampered(named[found["file"]], found["found"])
    file = next((file for file in named if file in text), "")
    last = text.strip().splitlines()[-1].removeprefix("Caused by: ")
    status = _STATUS.search(text)
    if file and status:
        hint = _TODO.get(status[1], "try again later, or name a mirror (conda_mirrors)")
        return LockError(f"{file}: {status[1]} {status[2]} for {status[3]}", hint=hint)
    if file and "error sending request" in text:
        where = _URL.search(text)
        return LockError(
            f"{file}: cannot be fetched{f' from {where[1]}' if where else ''}: {last}", hint=_REACH
        )
    if "No space left" in text or "Disk quota exceeded" in text or "Read-only file system" in text:
        hint = "free some space, or name another cache folder: XDG_CACHE_HOME"
    elif file:
        hint = (
            "the channel may have given another file, or half of one: try again; "
            f"to accept another file: envbuild lock --upgrade-package {named[file].name}"
        )
    else:
        hint = ""
    return LockError(f"{file or 'the conda packages'}: cannot be installed: {last}", hint=hint)


def tampered(record: CondaRecord, found: str) -> LockError:
    """A file is not what the lock says; `found` is its sha256."""
    what = f"{record.url.rsplit('/', 2)[0]} has another file of this name than the lock"
    return LockError(
        f"{record.file}: hash mismatch: {what}: sha256 {found} instead of {record.sha256}",
        hint="find out why before you trust it; to accept the new file: "
        f"envbuild lock --upgrade-package {record.name}",
    )
