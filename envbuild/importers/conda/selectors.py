"""Platform selectors behind or around a dependency: `# [linux]`, `sel(win)`. Pure."""

from __future__ import annotations

import re

_BEHIND = re.compile(r"\[([a-z0-9_ ]+)\]\s*(.*)")
_AROUND = re.compile(r"sel\(([a-z0-9_ ]+)\)")
_TRUE = {
    "linux-64": frozenset({"linux", "unix", "linux64", "x86_64", "x86"}),
    "linux-aarch64": frozenset({"linux", "unix", "aarch64"}),
}
_KNOWN = frozenset(
    {
        *("linux", "unix", "linux32", "linux64", "x86", "x86_64", "aarch64", "arm64", "armv6l", "armv7l"),
        *("ppc64le", "s390x", "osx", "win", "win32", "win64"),
    }
)


def selector_of(comment: str) -> tuple[str, str]:
    """The selector that a comment begins with, and the rest of it; ("", comment) when it holds none."""
    found = _BEHIND.fullmatch(comment)
    if found and is_true(found[1], "linux-64") is not None:
        return found[1].strip(), found[2]
    return "", comment


def selector_around(key: str) -> str:
    """The selector in a key such as `sel(linux)`; "" for any other key."""
    found = _AROUND.fullmatch(key.strip())
    return found[1].strip() if found else ""


def is_true(selector: str, platform: str) -> bool | None:
    """Whether it applies on `platform` (conda's name of it); None: it names what is not known here."""
    words = selector.split()
    if not words or any(word not in _KNOWN | {"not", "and", "or"} for word in words):
        return None
    return any(_all(part, platform) for part in re.split(r"\bor\b", selector))


def _all(text: str, platform: str) -> bool:
    true = _TRUE.get(platform, _TRUE["linux-64"])
    for part in re.split(r"\band\b", text):
        words = part.split()
        negated = words[:1] == ["not"]
        if (" ".join(words[negated:]) in true) == negated:
            return False
    return True
