"""Platforms of images: how they are written, and which of an index fits. Pure.

After containerd's rules: arm64 means arm64/v8, arm means arm/v7; an older variant of the same architecture
runs too (arm/v6 where v7 is wanted, amd64 where amd64/v3 is), a newer one does not.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.registry.model import Descriptor

_ALIASES = {"x86_64": "amd64", "x86-64": "amd64", "aarch64": "arm64", "i386": "386", "armhf": "arm"}
_USUAL = {"arm64": 8, "arm": 7, "amd64": 1}


def platform_text(found: Mapping[str, Any]) -> str:
    """`os/architecture[/variant]` out of an image's config, or of an entry's `platform`; "" for none."""
    system, machine = str(found.get("os") or ""), str(found.get("architecture") or "")
    variant = str(found.get("variant") or "")
    if not (system and machine):
        return ""
    return f"{system}/{machine}/{variant}" if variant else f"{system}/{machine}"


def fits(wanted: str, offered: str) -> bool:
    """Whether an image for `offered` runs where `wanted` does. One that does not say its platform may."""
    return not wanted or not offered or _rank(wanted, offered) is not None


def best(wanted: str, offered: Sequence[Descriptor]) -> Descriptor | None:
    """The entry of an index that fits `wanted` best, the first of equals; None when none does."""
    ranked = [(rank, entry) for entry in offered if (rank := _rank(wanted, entry.platform)) is not None]
    return max(ranked, key=lambda pair: pair[0])[1] if ranked else None


def offers(entries: Sequence[Descriptor]) -> tuple[str, ...]:
    """The platforms of an index, for a message; attestations (`unknown/unknown`) are none."""
    found = {entry.platform for entry in entries if entry.platform and "unknown" not in entry.platform}
    return tuple(sorted(found))


def _rank(wanted: str, offered: str) -> int | None:
    """How well it fits, a newer variant better; None when it does not."""
    system, machine, variant = _parts(wanted)
    other_system, other_machine, other_variant = _parts(offered)
    if (system, machine) != (other_system, other_machine) or other_variant > variant:
        return None
    return other_variant


def _parts(platform: str) -> tuple[str, str, int]:
    system, _, rest = platform.lower().partition("/")
    machine, _, variant = rest.partition("/")
    machine = _ALIASES.get(machine, machine)
    number = re.match(r"v?([0-9]+)", variant)
    return system, machine, int(number[1]) if number else _USUAL.get(machine, 0)
