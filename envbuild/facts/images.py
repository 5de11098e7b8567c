"""Which releases of CUDA have nvidia/cuda images. Pure, from cuda_images.yml."""

from __future__ import annotations

from envbuild.facts.tables import table


def newest_image(version: str) -> str | None:
    """The newest CUDA release with images that `version` (X.Y or X.Y.Z) may stand for; None: no such."""
    releases = [str(row["cuda"]) for row in table("cuda_images")["images"]]
    fitting = [release for release in releases if release == version or release.startswith(f"{version}.")]
    return max(fitting, key=lambda release: tuple(map(int, release.split("."))), default=None)
