"""Channels as a spec names them → canonical ones. Looks whether a folder is there, otherwise pure.

A channel is a name (`conda-forge`, `lab/label/dev`), an http(s) URL, a `file:///` URL, or a folder inside the
spec's own, beginning with `./`; its grammar is `spec.channel`'s. Where a site has it from is said by `place`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urlsplit

from envbuild.errors import Problem, SpecError
from envbuild.spec.channel import channel as checked
from envbuild.spec.conda import DEFAULT_CHANNELS
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from envbuild.spec.model import Spec

HOST = "https://conda.anaconda.org"
"""Where a channel that has a name and no address lies."""

_PORTS = {"https": 443, "http": 80}
_LICENCED = {
    "defaults": "main",
    "anaconda": "main",
    "main": "main",
    "pkgs/main": "main",
    "r": "r",
    "pkgs/r": "r",
    "msys2": "msys2",
    "pkgs/msys2": "msys2",
}
"""Names for what Anaconda itself builds → the folder below repo.anaconda.com/pkgs that holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel.

    text  as the spec names it
    url   canonical: no credentials, no slash at the end. A folder inside the spec's stays `./…`, so that a
          lock says the same on every machine
    """

    text: str
    url: str


def channels_of(spec: Spec) -> tuple[Channel, ...]:
    """The spec's channels in order, without repeats; conda-forge when it names none.

    Raises SpecError with a problem for each that cannot be used.
    """
    named = (spec.conda.channels if spec.conda else ()) or DEFAULT_CHANNELS
    found, problems = dict[str, Channel](), list[Problem]()
    for number, text in enumerate(named):
        try:
            channel = read_channel(text, spec.source.folder)
            found.setdefault(channel.url, channel)
        except Bad as bad:
            line = spec.source.line(("conda", "channels", number))
            path = f"conda.channels[{number}]"
            problems.append(
                Problem(file=str(spec.source.path), line=line, path=path, what=bad.what, todo=bad.todo)
            )
    if problems:
        raise SpecError(problems)
    return tuple(found.values())


def read_channel(text: str, folder: Path) -> Channel:
    """One channel, as a spec in `folder` names it. Raises Bad, which says what to write instead."""
    checked(text)
    if text.startswith("./"):
        return _folder(text, folder)
    if "://" in text:
        return Channel(text=text, url=_canonical(text))
    part = _LICENCED.get(text.lower())
    if part:
        raise Bad(
            f"the channel {text} is Anaconda's own, whose terms of service ask organisations of 200 people "
            "and more for a paid licence",
            f"write conda-forge, or, where the terms allow it, https://repo.anaconda.com/pkgs/{part}",
        )
    return Channel(text=text, url=f"{HOST}/{text}")


def _canonical(text: str) -> str:
    """A URL with its host in lower case, without its scheme's own port and slashes at the end."""
    parts = urlsplit(text)
    path = parts.path.rstrip("/")
    if parts.scheme == "file":
        if ".." in path.split("/"):
            raise Bad(f"{text!r} has `..` in its path", "write the path without it")
        return f"file://{path}"
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        raise Bad(f"{text!r} has a port that is none", "write a number up to 65535") from None
    shown = "" if port in {None, _PORTS[parts.scheme]} else f":{port}"
    return f"{parts.scheme}://{host}{shown}{path}"


def _folder(text: str, folder: Path) -> Channel:
    home = folder.resolve()
    place = (folder / text).resolve()
    if place == home or not place.is_relative_to(home):
        what = f"the channel {text} lies outside the spec's folder"
        raise Bad(what, "put it inside, or write file:///folder for one that this machine alone has")
    if not place.is_dir():
        raise Bad(f"{text!r} is no folder", "name the folder that holds linux-64 and noarch")
    written = "/".join(part for part in text.split("/") if part not in {"", "."})
    return Channel(text=text, url=f"./{quote(written)}")


def folder_of(url: str, folder: Path) -> Path:
    """What a local URL (`./…` or `file:///…`) names, for a spec in `folder`."""
    if url.startswith("file:"):
        return Path(unquote(urlsplit(url).path))
    return (folder / unquote(url)).resolve()
