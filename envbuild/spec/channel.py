"""A conda channel as a spec names it: text → the same text, or `Bad`. Pure.

Which channels an image may be made from (their licences, those that stopped) is no question of grammar.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from envbuild.spec import grammar
from envbuild.spec.words import Bad, shown

_LONGEST = 500
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_SUBDIR = re.compile(r"(?:^|/)(?:noarch|(?:linux|osx|win|freebsd|zos|emscripten|wasi)-[a-z0-9_]+)/?$")
_WRITE = "write a name such as conda-forge, an https address, file:///folder or ./folder"


def channel(text: str) -> str:
    """A channel: a name, an http, https or file address without credentials, or `./folder`."""
    grammar.check_line(text, "channel")
    if not text.strip():
        raise Bad("the channel is empty", "remove it")
    if len(text) > _LONGEST:
        raise Bad(f"{shown(text)} is longer than {_LONGEST} characters", "shorten it")
    if "://" in text:
        _address(text)
    elif text.startswith("./") and text.strip("./"):
        grammar.relative(text)
        _no_odd(text)
    elif text.startswith(("/", "~", "..")):
        raise Bad(
            f"{shown(text)} is a path on this machine",
            f"write file://{text}" if text.startswith("/") else "write ./folder for one beside the spec",
        )
    elif not _NAME.fullmatch(text):
        raise Bad(f"{shown(text)} is no channel", _WRITE)
    if found := _SUBDIR.search(text):
        raise Bad(
            f"{shown(text)} names a platform: {found[0].strip('/')}", "leave it out: `--platform` says it"
        )
    return text


def _address(text: str) -> None:
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        raise Bad("the channel's address cannot be read", _WRITE) from None
    if "@" in parts.netloc or re.match(r"/t/[^/]+(/|$)", parts.path):
        raise Bad(
            "the channel's address holds a user name, a password or a token",
            "put credentials into the site config (conda_mirrors)",
        )
    if parts.scheme == "file" and (host or not parts.path.startswith("/")):
        raise Bad(f"{shown(text)} names no folder of this machine", "write file:///folder")
    if parts.scheme not in {"http", "https", "file"} or (parts.scheme != "file" and not host):
        raise Bad(f"{shown(text)} is no channel", _WRITE)
    if parts.query or parts.fragment:
        raise Bad(f"{shown(text)} has a ? or a #, which no channel's address has", "leave that out")
    _no_odd(text)


def _no_odd(text: str) -> None:
    if odd := re.search(r"[^A-Za-z0-9_.:/%+~-]", text):
        raise Bad(f"{shown(text)} holds the character {shown(odd[0])}, which no channel has", _WRITE)
