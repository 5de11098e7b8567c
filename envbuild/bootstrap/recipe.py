"""How a base was made, and how two of them differ. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.bootstrap.model import Recipe, Target


def make_recipe(
    target: Target, *, tool: str, architecture: str, epoch: int, packages: Mapping[str, str], diff_id: str
) -> dict[str, Any]:
    """The recipe of a base; `packages` are names with versions, `diff_id` digests its plain layer."""
    return {
        "tool": tool,
        "distribution": target.distribution,
        "suite": target.suite,
        "variant": target.variant,
        "architecture": architecture,
        "source_date_epoch": epoch,
        "packages": dict(sorted(packages.items())),
        "diff_id": diff_id,
    }


def compare(wanted: Recipe, made: Recipe) -> tuple[str, ...]:
    """How `made` differs from `wanted`, one line each; empty when the bytes are the same."""
    if wanted.get("diff_id") == made["diff_id"]:
        return ()
    plain = ("distribution", "suite", "variant", "architecture", "source_date_epoch", "tool")
    lines = [f"{key}: {wanted.get(key)} → {made[key]}" for key in plain if wanted.get(key) != made[key]]
    old, new = wanted.get("packages") or {}, made["packages"]
    for name in sorted({*old, *new}):
        if name not in new:
            lines.append(f"packages: - {name} {old[name]}")
        elif name not in old:
            lines.append(f"packages: + {name} {new[name]}")
        elif old[name] != new[name]:
            lines.append(f"packages: {name} {old[name]} → {new[name]}")
    return tuple(lines or ["the same packages, but other bytes in the layer"])
