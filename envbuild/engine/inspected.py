"""An engine's answer about an image → `ImageInfo`. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.images import ImageInfo

if TYPE_CHECKING:
    from collections.abc import Mapping


def image_info(found: Mapping[str, Any]) -> ImageInfo:
    """What `GET /images/NAME/json` says, as data."""
    config = found.get("Config") or {}
    platform = {
        "os": found.get("Os"),
        "architecture": found.get("Architecture"),
        "variant": found.get("Variant"),
    }
    identifier = str(found["Id"])
    return ImageInfo(
        id=identifier if ":" in identifier else f"sha256:{identifier}",
        tags=tuple(found.get("RepoTags") or ()),
        digests=tuple(found.get("RepoDigests") or ()),
        layers=tuple((found.get("RootFS") or {}).get("Layers") or ()),
        size=int(found.get("Size") or 0),
        platform=platform_of(platform),
        labels=dict(config.get("Labels") or {}),
        env=tuple(config.get("Env") or ()),
        created=str(found.get("Created") or ""),
        user=str(config.get("User") or ""),
        workdir=str(config.get("WorkingDir") or ""),
        entrypoint=tuple(config.get("Entrypoint") or ()),
        cmd=tuple(config.get("Cmd") or ()),
    )


def platform_of(entry: Mapping[str, Any]) -> str:
    """`linux/arm64/v8` of an OCI platform object; "" when it says nothing."""
    parts = (entry.get("os"), entry.get("architecture"), entry.get("variant"))
    return "/".join(str(part) for part in parts if part)
