"""URLs and the secrets in them: where one points, and how to show text without credentials. Pure."""

from __future__ import annotations

import base64
import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote, quote_plus, unquote, urlsplit, urlunsplit

HIDDEN = "***"
_PASSWORDLESS = ("ssh", "git+ssh")  # `ssh://git@host`: the user is part of the address, not a secret
_USERINFO = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<info>[^\s/?#'\"<>]*)@")
_QUERY = re.compile(r"(?i)([?&][^=&#\s]*(?:token|passw|secret|signature|api[_-]?key)[^=&#\s]*=)[^&#\s'\"]+")
_TOKEN = re.compile(r"(?P<head>://[^\s/?#'\"<>]+(?:/[^\s/?#'\"<>]+)*?/t/)(?P<token>[^\s/?#'\"<>]+)")
"""conda channels take a token in the path: `https://host/t/<token>/channel`."""
_FILLERS = ("", "x-oauth-basic", "x")


def redact_url(text: str) -> str:
    """`text` with the credentials of every URL in it replaced by `***`; other text comes back unchanged."""

    def hide(match: re.Match[str]) -> str:
        scheme, info = match["scheme"], match["info"]
        if scheme.lower() in _PASSWORDLESS and ":" not in info:
            return match[0]
        return f"{scheme}://{HIDDEN}@"

    shown = _TOKEN.sub(rf"\g<head>{HIDDEN}", _USERINFO.sub(hide, text))
    return _QUERY.sub(rf"\g<1>{HIDDEN}", shown)


def secrets_of(url: str) -> frozenset[str]:
    """Every spelling of the credentials in `url`: as written, decoded, percent-encoded, in HTTP Basic; and a
    token in its path.
    """
    return _token_of(url) | _login_of(url)


def _token_of(url: str) -> frozenset[str]:
    found = _TOKEN.search(url)
    return frozenset({found["token"], unquote(found["token"])}) if found else frozenset()


def _login_of(url: str) -> frozenset[str]:
    try:
        parts = urlsplit(url)
    except ValueError:
        return frozenset()
    info, at, _ = parts.netloc.rpartition("@")
    user, _, password = info.partition(":")
    if not at or (parts.scheme in _PASSWORDLESS and not password):
        return frozenset()
    known = {user, password} if unquote(password).lower() in _FILLERS else {password}
    plain = {unquote(word) for word in known}
    words = {info, *known, *plain}
    words |= {form(word) for word in plain for form in (quote, quote_plus, lambda text: quote(text, safe=""))}
    basic = f"{unquote(user)}:{unquote(password)}".encode()
    words.add(base64.b64encode(basic).decode())
    return frozenset(word for word in words if word.lower() not in _FILLERS)


@lru_cache(maxsize=8)
def secrets_pattern(urls: tuple[str, ...]) -> re.Pattern[str] | None:
    """A pattern that finds the secrets of all `urls` in any text; None when there are none.

    Secrets of up to three characters are found as whole words only: hiding every "a" of a log helps nobody.
    """
    words = frozenset[str]().union(*(secrets_of(url) for url in urls))
    if not words:
        return None
    ordered = sorted(words, key=lambda word: (-len(word), word))
    alternatives = (
        re.escape(word) if len(word) > 3 else rf"(?<!\w){re.escape(word)}(?!\w)" for word in ordered
    )
    return re.compile("|".join(alternatives))


def is_loopback(url: str) -> bool:
    """Whether `url` points at this machine itself."""
    host = (urlsplit(url).hostname or "").rstrip(".")
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local_path(value: str) -> bool:
    """Whether an index is a folder on this machine: `file://…`, or no URL at all."""
    return value.startswith("file:") or "://" not in value


def with_credentials(url: str, user: str, password: str) -> str:
    """`url` with user and password in it, percent-encoded; unchanged when it has some, or both are empty."""
    parts = urlsplit(url)
    if "@" in parts.netloc or not (user or password):
        return url
    info = quote(user, safe="") + (f":{quote(password, safe='')}" if password else "")
    return urlunsplit(parts._replace(netloc=f"{info}@{parts.netloc}"))
