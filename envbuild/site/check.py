"""Grammar of single site settings: text → checked value, or ValueError (what is wrong; what to write). Pure.

The config file and the `ENVBUILD_*` variables share these functions. No message holds a credential.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.site.urls import is_local_path, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable

INDEX_STRATEGIES = ("first-index", "unsafe-first-match", "unsafe-best-match")
NETWORKS = ("default", "host")
MICROMAMBA = ("auto", "image", "rattler")
_REGISTRY = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[0-9]{1,5})?")
_REGISTRY_PREFIX = re.compile(rf"{_REGISTRY.pattern}(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")


def line_of_text(value: str) -> str:
    """One line without control characters."""
    if not value.isprintable():
        raise ValueError("has a line break or a control character in it; write one plain line")
    return value


def _url(value: str, schemes: tuple[str, ...], kind: str) -> str:
    line_of_text(value)
    try:
        parts = urlsplit(value)
        good = parts.scheme in schemes and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        good = False
    if not good or re.search(r"[\s\"\\^`{|}<>]", value):
        raise ValueError(f"{redact_url(value)!r} is not {kind}; write {schemes[0]}://host/path")
    return value


def web_url(value: str) -> str:
    """An http or https URL."""
    return _url(value, ("https", "http"), "an http or https URL")


def index(value: str) -> str:
    """A Python index: an http or https URL, or a folder on this machine (noted later, not refused)."""
    return line_of_text(value) if is_local_path(value) else web_url(value)


def proxy(value: str) -> str:
    """A proxy URL. `host:port` gets the `http://` that everybody means by it (apt refuses it otherwise)."""
    full = value if "://" in value else f"http://{value}"
    return _url(full, ("http", "https", "socks5", "socks5h"), "a proxy URL")


def engine(value: str) -> str:
    """The URL of a container engine, as in DOCKER_HOST."""
    line_of_text(value)
    scheme, found, rest = value.partition("://")
    if not found or not rest or scheme not in ("unix", "tcp", "http", "https", "ssh", "npipe"):
        raise ValueError(
            f"{redact_url(value)!r} is not an engine's URL; write unix:///path/of/socket or tcp://host:port"
        )
    return value


def _one_of(value: str, choices: tuple[str, ...]) -> str:
    if value not in choices:
        raise ValueError(f"{value!r} is not one of {', '.join(choices)}{suggest(value, choices)}")
    return value


def index_strategy(value: str) -> str:
    """One of uv's index strategies."""
    return _one_of(value, INDEX_STRATEGIES)


def network(value: str) -> str:
    """The network of build steps."""
    return _one_of(value, NETWORKS)


def registry(value: str) -> str:
    """A registry's host, perhaps with a port."""
    if not _REGISTRY.fullmatch(value):
        raise ValueError(
            f"{redact_url(value)!r} is not a registry; write host or host:port, without https://"
        )
    return value


def registry_prefix(value: str) -> str:
    """A registry with a path perhaps: what replaces the host of an image reference."""
    value = value.rstrip("/")
    if not _REGISTRY_PREFIX.fullmatch(value):
        raise ValueError(
            f"{redact_url(value)!r} is not a registry mirror; write host[:port][/path], without https://"
        )
    return value


def apt_prefix(value: str) -> str:
    """A URL prefix of an apt source. `=` separates a pair in ENVBUILD_APT_MIRRORS, so it cannot be in one."""
    if "=" in value:
        raise ValueError(f"{redact_url(value)!r} has a = in it; write the URL's plain beginning")
    return web_url(value)


def conda_prefix(value: str) -> str:
    """A URL prefix of a conda channel.

    Without `=`, which separates a pair in ENVBUILD_CONDA_MIRRORS, and without a login: that belongs to what
    replaces it.
    """
    if "=" in value:
        raise ValueError(f"{redact_url(value)!r} has a = in it; write the URL's plain beginning")
    if "@" in web_url(value):
        raise ValueError(f"{redact_url(value)!r} holds a login; write it into the URL that replaces this one")
    return value.rstrip("/")


def conda_mirror(value: str) -> str:
    """What replaces a URL prefix of a conda channel; may hold a login or a token."""
    return web_url(value).rstrip("/")


def micromamba(value: str) -> str:
    """Where micromamba comes from: one of MICROMAMBA, or the absolute path of a binary."""
    line_of_text(value)
    if value in MICROMAMBA or value.startswith("/"):
        return value
    close = suggest(value, MICROMAMBA)
    raise ValueError(
        f"{value!r} is neither one of {', '.join(MICROMAMBA)} nor an absolute path"
        f"{close or '; write /path/to/micromamba'}"
    )


def suggest(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` when `word` resembles a known one, else ""."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
