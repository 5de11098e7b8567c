"""Tables of pdm, flit and hatch in a pyproject.toml: what a spec can hold of them, and words on the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.python.project_sources import Index
from envbuild.spec.pep508 import normalise

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.importers.model import Finding
    from envbuild.importers.text.places import Place


def pdm_groups(pdm: Place) -> dict[str, Place]:
    """pdm's own groups of development dependencies, by their names."""
    return {normalise(name): place for name, place in pdm.table("dev-dependencies").items()}


def pdm_indexes(pdm: Place) -> Iterator[Index]:
    """pdm's sources that are indexes; those of pages of links are none."""
    for row in pdm.rows("source"):
        if "url" in row and row.text("type", "index") == "index":
            name = row.text("name")
            yield Index(name=name, url=row.needed("url"), place=row, default=name == "pypi")


def flit_metadata(tool: Place) -> Place:
    """The table in which flit had names and packages before `[project]`."""
    return tool.table("flit").table("metadata")


def said_of_tools(tool: Place) -> list[Finding]:
    """What pdm and hatch say that is not carried."""
    found: list[Finding] = []
    if overrides := tool.table("pdm").table("resolution").at("overrides"):
        what = "overrides is left out: a spec overrides nothing that packages ask for"
        found.append(overrides.finding("left", what))
    environments = [
        name
        for name, place in tool.table("hatch").table("envs").items()
        if isinstance(place.value, dict) and ("dependencies" in place or "extra-dependencies" in place)
    ]
    if environments:
        several = len(environments) > 1
        what = f"the environment{'s' if several else ''} {', '.join(environments)} of hatch "
        what += f"{'are' if several else 'is'} not read"
        place = tool.table("hatch").at("envs")
        found.append(place.finding("left", what, "write the packages in use under `pip.packages`"))
    return found
