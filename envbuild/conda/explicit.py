"""Locked records → the @EXPLICIT list that micromamba installs from, each line with its sha256. Pure.

micromamba believes a list: a hash that is missing or misspelt goes unchecked unless it is told otherwise,
and it looks at no platform. So each record is checked here.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote

from envbuild.conda.place import redacted
from envbuild.conda.virtual import subdir_of
from envbuild.errors import LockError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.conda.model import CondaRecord

_URL = re.compile(r"(?:https?://[^/\s#?@]+|file://|\.)/[^\s#?\"'`$\\<>|;&()]+")
_ENDINGS = (".conda", ".tar.bz2")
_HINT = "lock anew: envbuild lock"


def explicit_text(records: Sequence[CondaRecord], platform: str) -> str:
    """The list for `platform` (`linux/amd64`): what a package depends on stands before it.

    Raises LockError for a record that cannot be in such a list.
    """
    for record in records:
        check_record(record, platform)
    lines = [f"# platform: {subdir_of(platform)}", "@EXPLICIT"]
    lines += [f"{record.url}#sha256:{record.sha256}" for record in in_order(records)]
    return "".join(f"{line}\n" for line in lines)


def check_record(record: CondaRecord, platform: str) -> None:
    """Raise LockError for a URL, hash or subdir that no list for `platform` can have."""
    subdir, what = subdir_of(platform), f"the lock's conda package {record.name}"
    if not _URL.fullmatch(record.url) or ".." in unquote(record.url).split("/"):
        raise LockError(f"{what} has no usable URL: {redacted(record.url)!r}", hint=_HINT)
    if redacted(record.url) != record.url:
        raise LockError(f"{what} has credentials in its URL: {redacted(record.url)}", hint=_HINT)
    stem = f"{record.name}-{record.version}-{record.build}"
    if record.file not in {f"{stem}{ending}" for ending in _ENDINGS}:
        raise LockError(f"{what} has the file {record.file} instead of {stem}.conda", hint=_HINT)
    if not re.fullmatch(r"[0-9a-f]{64}", record.sha256):
        raise LockError(
            f"{what} has no sha256 of 64 hex digits: {record.sha256!r}; it would be installed unchecked",
            hint=_HINT,
        )
    if record.size is not None and record.size < 0:
        raise LockError(f"{what} has the size {record.size}, which no file has", hint=_HINT)
    if record.md5 and not re.fullmatch(r"[0-9a-f]{32}", record.md5):
        raise LockError(f"{what} has no md5 of 32 hex digits: {record.md5!r}", hint=_HINT)
    if record.subdir not in {subdir, "noarch"} or record.url.split("/")[-2] != record.subdir:
        found = f"{record.subdir}, {record.url.split('/')[-2]} in its URL"
        raise LockError(f"{what} is for another platform than {subdir}: {found}", hint=_HINT)


def in_order(records: Sequence[CondaRecord]) -> tuple[CondaRecord, ...]:
    """What a package depends on comes before it, by name where that leaves a choice; cycles are cut."""
    known = {record.name: record for record in records}
    done: dict[str, CondaRecord] = {}
    for first in sorted(known):
        stack, open_ = [(first, _needs(known[first], known))], {first}
        while stack:
            name, needs = stack[-1]
            if name in done or not needs:
                done.setdefault(name, known[name])
                open_.discard(name)
                stack.pop()
                continue
            need = needs.pop(0)
            if need not in done and need not in open_:
                open_.add(need)
                stack.append((need, _needs(known[need], known)))
    return tuple(done.values())


def _needs(record: CondaRecord, known: dict[str, CondaRecord]) -> list[str]:
    names = {re.split(r"[\s\[=<>!~]", depend.strip(), maxsplit=1)[0].lower() for depend in record.depends}
    return sorted(names & known.keys() - {record.name})
