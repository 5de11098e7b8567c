"""Where this site has a channel from: canonical URL → the site's own, with mirror and credentials. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.site.urls import HIDDEN, redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.site.model import Site

_TOKEN = re.compile(r"/t/[^/\s'\"]+(?=/|$|[\s'\"])")


def mirrors_of(site: Site) -> Mapping[str, str]:
    """The site's `conda_mirrors`, without slashes at the ends."""
    return {old.rstrip("/"): new.rstrip("/") for old, new in site.conda_mirrors.items()}


def mirrored(url: str, site: Site) -> str:
    """`url` (of a channel, or of a file in one) as this site reaches it; unchanged where it says nothing.

    The longest prefix that ends at a `/` counts. The result may hold credentials: show it by `redacted` only.
    """
    found = prefix_of(url, site)
    return mirrors_of(site)[found] + url[len(found) :] if found else url


def prefix_of(url: str, site: Site) -> str:
    """The key of `conda_mirrors` that applies to `url`, "" for none."""
    fitting = [old for old in mirrors_of(site) if url == old or url.startswith(f"{old}/")]
    return max(fitting, key=len, default="")


def redacted(text: str) -> str:
    """`text` without the credentials and tokens of any URL in it."""
    return _TOKEN.sub(f"/t/{HIDDEN}", redact_url(text))


def without_login(url: str) -> str:
    """`url` without `user:password@`."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def login_of(url: str) -> tuple[str, str] | None:
    """User and password in `url`, decoded; None when it has none."""
    info, at, _ = urlsplit(url).netloc.rpartition("@")
    user, _, password = info.partition(":")
    return (unquote(user), unquote(password)) if at else None
