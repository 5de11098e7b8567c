"""Image reference → `Target`: which suite an official tag stands for. Pure."""

from __future__ import annotations

import re

from envbuild.bootstrap.model import Target
from envbuild.errors import UsageError

_REFERENCE = re.compile(
    r"(?:(?:docker\.io/)?library/|docker\.io/)?(debian|ubuntu)(?::([a-z0-9.]+?)(-slim)?)?"
)
_DEBIAN = {
    "10": "buster",
    "11": "bullseye",
    "12": "bookworm",
    "13": "trixie",
    "14": "forky",
    "latest": "stable",
}
_UBUNTU = {"20.04": "focal", "22.04": "jammy", "24.04": "noble", "26.04": "resolute"}


def parse_target(reference: str) -> Target:
    """What `reference` asks for. Raises UsageError for anything but a plain Debian or Ubuntu release."""
    match = _REFERENCE.fullmatch(reference)
    distribution, tag, slim = match.groups() if match else ("", None, None)
    if not match or (distribution == "ubuntu" and (slim or not tag)):
        raise UsageError(
            f"{reference}: only a plain Debian or Ubuntu base can be bootstrapped",
            hint="such as debian:bookworm-slim or ubuntu:24.04",
        )
    known = _DEBIAN if distribution == "debian" else _UBUNTU
    suite = known.get(tag or "latest", tag or "")
    if not suite.isalpha():
        raise UsageError(
            f"{reference}: {tag} cannot be bootstrapped: mirrors hold the newest point of each release only",
            hint=f"name the release: {distribution}:{_newest(known)}",
        )
    return Target(reference=reference, distribution=distribution, suite=suite, slim=bool(slim))


def _newest(known: dict[str, str]) -> str:
    return known.get("12") or known["24.04"]
