"""WWW-Authenticate headers → what a registry wants to be shown. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  RFC 9110's word for a word
_SCHEME = re.compile(rf"\s*,?\s*({_TOKEN})(?=\s|,|$)(?!\s*=)")
_PARAMETER = re.compile(rf'\s*,?\s*({_TOKEN})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Challenge:
    """One way in: `basic`, or `bearer` with the token server's URL (`realm`) and what to ask it for."""

    scheme: str
    realm: str = ""
    service: str = ""
    scopes: tuple[str, ...] = ()
    error: str = ""


def parse_challenges(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All that the headers offer, bearer first: it says least of the password. Nonsense is left out."""
    found: list[Challenge] = []
    for header in headers:
        found += _parse(header)
    return tuple(sorted(found, key=lambda challenge: challenge.scheme != "bearer"))


def _parse(header: str) -> list[Challenge]:
    found: list[Challenge] = []
    at = 0
    while match := _SCHEME.match(header, at):
        at = match.end()
        values: dict[str, str] = {}
        while parameter := _PARAMETER.match(header, at):
            at = parameter.end()
            quoted, plain = parameter[2], parameter[3]
            values[parameter[1].lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
        scheme = match[1].lower()
        if scheme == "basic" or (scheme == "bearer" and values.get("realm")):
            found.append(
                Challenge(
                    scheme=scheme,
                    realm=values.get("realm", ""),
                    service=values.get("service", ""),
                    scopes=tuple(values.get("scope", "").split()),
                    error=values.get("error", ""),
                )
            )
    return found
