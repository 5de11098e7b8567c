"""What conda packages need in a build context: a plan and a `CondaSource` in, files and copies out. Pure."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from envbuild.plan.model import CondaLayer
from envbuild.plan.paths import safe_name
from envbuild.render.model import CopySource

if TYPE_CHECKING:
    from envbuild.conda.source import CondaSource
    from envbuild.plan.model import Plan

FOLDER = "conda"
BINARY = "micromamba"


def conda_layers(plan: Plan) -> list[CondaLayer]:
    """The groups of conda packages, in order."""
    return [layer for layer in plan.layers if isinstance(layer, CondaLayer)]


def conda_folders(plan: Plan) -> list[str]:
    """Each group's name as a folder (`01-cuda`), in order."""
    return [f"{at:02}-{safe_name(layer.name)}" for at, layer in enumerate(conda_layers(plan), 1)]


def conda_groups(plan: Plan) -> str:
    """Which package goes into which group: a line each, folder and the package's file in conda-meta."""
    pairs = zip(conda_folders(plan), conda_layers(plan), strict=True)
    return "".join(f"{folder} {record}\n" for folder, layer in pairs for record in layer.records)


def conda_files(plan: Plan, source: CondaSource) -> dict[str, bytes]:
    """What a stage of the build reads; a staged environment has no such stage."""
    if not plan.explicit or source.how == "staged":
        return {}
    return {
        f"{FOLDER}/explicit.txt": plan.explicit.encode(),
        f"{FOLDER}/groups.txt": conda_groups(plan).encode(),
    }


def conda_copies(plan: Plan, source: CondaSource) -> dict[str, CopySource]:
    """Files of this machine that the context takes.

    No digest looks into them: the list of packages, which is in every context's digest, says what they hold.
    """
    if not plan.explicit:
        return {}
    found = {f"{FOLDER}/{name}.tar": path for name, path in source.groups.items()}
    found |= {f"{FOLDER}/pkgs/{name}": path for name, path in source.packages.items()}
    if source.binary:
        found[BINARY] = source.binary
    return {name: CopySource(path=path, digest="", folder=False) for name, path in found.items()}


def staged_digest(plan: Plan) -> str:
    """The sha256 of the list of packages and their groups: what an installed environment follows from."""
    return hashlib.sha256(f"{plan.explicit}\0{conda_groups(plan)}".encode()).hexdigest()
