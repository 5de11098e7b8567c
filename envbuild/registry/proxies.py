"""Which proxy leads to a URL, by the site's `proxies`. Pure."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.site.urls import is_loopback

if TYPE_CHECKING:
    from collections.abc import Mapping


def proxy_for(url: str, proxies: Mapping[str, str]) -> str:
    """The proxy's URL, "" for none. This machine's loopback never goes through one, as with curl and Go."""
    parts = urlsplit(url)
    proxy = proxies.get(parts.scheme, "")
    if not proxy or is_loopback(url) or _excepted(parts.hostname or "", parts.port, proxies.get("no", "")):
        return ""
    return proxy


def _excepted(host: str, port: int | None, words: str) -> bool:
    """NO_PROXY: `*`, hosts with all below them (`.example.org` or `example.org`), `host:port`, addresses and
    networks (`10.0.0.0/8`), separated by commas.
    """
    for word in (part.strip().lower() for part in words.split(",")):
        if word == "*" or (word and (_in_network(host, word) or _is_named(host, port, word))):
            return True
    return False


def _is_named(host: str, port: int | None, word: str) -> bool:
    name, colon, number = word.rpartition(":")
    if colon and number.isdigit() and "]" not in number:
        if port != int(number):
            return False
        word = name
    word = word.removeprefix("*").removeprefix(".").strip("[]")
    return bool(word) and (host == word or host.endswith(f".{word}"))


def _in_network(host: str, word: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(word, strict=False)
    except ValueError:
        return False
