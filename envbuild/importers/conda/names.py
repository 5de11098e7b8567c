"""What conda's addresses and file names say: channel, name, version, build. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.importers.model import Entry
from envbuild.importers.python.indexes import without_login
from envbuild.importers.text.sources import refused
from envbuild.spec import grammar
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.errors import SpecError
    from envbuild.importers.model import Finding
    from envbuild.importers.text.places import Place

_HOST = "conda.anaconda.org"  # where a name without an address lies
_TOKEN = re.compile(r"/t/[^/]+(?=/)")
_SUBDIR = re.compile(r"/((?:linux|osx|win|freebsd|zos|emscripten|wasi)-[a-z0-9_]+|noarch)(?=/|$)")
_ENDINGS = (".conda", ".tar.bz2")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageFile:
    """A package's file by its address; `channel` as a spec names it, `url` without credentials."""

    name: str
    version: str
    build: str
    subdir: str
    channel: str

    @property
    def exact(self) -> str:
        """As a MatchSpec that only this build answers."""
        return f"{self.name}={self.version}={self.build}"


def package_file(url: str) -> PackageFile | None:
    """What the address of a conda package says; None when it is none."""
    plain = url.split("#")[0]
    base, _, file = plain.rpartition("/")
    ending = next((ending for ending in _ENDINGS if file.lower().endswith(ending)), "")
    parts = unquote(file[: len(file) - len(ending)]).rsplit("-", 2)
    if not ending or len(parts) != 3 or not all(parts):
        return None
    subdir = base.rpartition("/")[2]
    return PackageFile(
        name=parts[0], version=parts[1], build=parts[2], subdir=subdir, channel=channel_of(base)
    )


def channel_of(url: str) -> str:
    """The channel of `url`, its own address or a file's, as a spec names it: `conda-forge`, or an address
    without credentials."""
    if "://" not in url:
        return _SUBDIR.sub("", url).rstrip("/")
    plain = _TOKEN.sub("", without_login(url.split("#")[0]))
    if plain.lower().endswith(_ENDINGS):
        plain = plain.rpartition("/")[0]
    plain = _SUBDIR.sub("", plain).rstrip("/")
    try:
        parts = urlsplit(plain)
        host, path = parts.hostname or "", parts.path.strip("/")
    except ValueError:
        return plain
    return path if host == _HOST and path else plain


def has_login(url: str) -> bool:
    """Whether `url` holds a user name, a password or a token."""
    return without_login(url) != url or _TOKEN.search(url + "/") is not None


def channels_of(found: Iterable[tuple[str, Place]]) -> tuple[tuple[Entry, ...], tuple[Finding, ...]]:
    """Channels as entries, each once in this order, and words on credentials that are not carried."""
    entries: dict[str, Entry] = {}
    findings: list[Finding] = []
    for url, place in found:
        name = channel_of(url)
        if has_login(url):
            what = f"the login for the channel {name} is not carried"
            findings.append(place.finding("changed", what, "put it into the site config (conda_mirrors)"))
        entries.setdefault(name, Entry(text=name, file=place.file, line=place.line, key=place.key))
    return tuple(entries.values()), tuple(findings)


def conda_python(conda: Iterable[Entry], wish: str) -> str:
    """The version of the package python among `name=version=build` entries; "" when there is none.

    Raises SpecError when there are two, when it is none that a spec can have, or when `wish` is another.
    """
    found = [entry for entry in conda if entry.text.startswith("python=")]
    versions = [entry.text.split("=")[1] for entry in found]
    if not found:
        return ""
    last, version = found[-1], versions[-1]
    if len(set(versions)) > 1:
        raise _refused(
            last, f"python is given twice: {' and '.join(versions)}", "let its tool write it again"
        )
    try:
        grammar.python(version)
    except Bad as bad:
        raise _refused(last, bad.what, "make the environment anew with a later Python") from bad
    if wish and wish.split(".")[:2] != version.split(".")[:2]:
        what = f"is for Python {version}, and {wish} is asked for"
        raise _refused(last, what, "leave --python out, or make the list anew")
    return version


def _refused(entry: Entry, what: str, todo: str) -> SpecError:
    return refused(entry.file, what, todo, line=entry.line, path=entry.key)
