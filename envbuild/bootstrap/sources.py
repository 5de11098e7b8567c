"""apt's one-line sources: which mirrors the build of a base asks, and what the base itself says. Pure.

The site's mirrors serve the bootstrap only: the image keeps the distribution's own sources, so it is the same
everywhere.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_LINE = re.compile(r"deb (?:\[[^]]*\] )?(?P<url>\S+) (?P<rest>.+)")


def plain_sources(default: str) -> str:
    """The default sources without options: `signed-by=…` names a file of one host, not of the image."""
    lines = (_LINE.fullmatch(line.strip()) for line in default.splitlines())
    return "".join(f"deb {line['url']} {line['rest']}\n" for line in lines if line)


def mirrored_sources(default: str, apt_mirrors: Mapping[str, str], debian_mirror: str | None) -> str:
    """The default sources with the site's mirrors in them, options kept.

    The longest prefix in `apt_mirrors` that fits a URL counts. Else `debian_mirror` stands for …/debian, and
    its sibling with `-security` behind it for …/debian-security.
    """

    def replace(line: str) -> str:
        match = _LINE.fullmatch(line.strip())
        if not match:
            return line
        url = match["url"]
        return line.replace(url, _mirror(url, apt_mirrors, debian_mirror), 1)

    return "".join(f"{replace(line)}\n" for line in default.splitlines())


def _mirror(url: str, apt_mirrors: Mapping[str, str], debian_mirror: str | None) -> str:
    fitting = [prefix for prefix in apt_mirrors if url.startswith(prefix)]
    if fitting:
        prefix = max(fitting, key=len)
        return apt_mirrors[prefix] + url.removeprefix(prefix)
    archive = urlsplit(url).path.strip("/")
    if debian_mirror and archive in ("debian", "debian-security"):
        return debian_mirror.rstrip("/") + archive.removeprefix("debian")
    return url
