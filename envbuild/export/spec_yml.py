"""spec.yml: the spec itself, byte for byte; from an image, the one inside it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.export.model import AS_LOCKED, Exported, Left

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.export.model import Source, Wishes

FILE = "spec.yml"


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:  # noqa: ARG001  # it can be said in one way only
    """The spec, and the files beside it that it names."""
    return Exported(files={FILE: source.spec.source.text}, left=tuple(_left(source)))


def _left(source: Source) -> Iterator[Left]:
    spec = source.spec
    todo = "it is in the image, not beside the spec" if source.place else "take it along"
    for index, item in enumerate(spec.copy):
        yield Left(key=f"copy[{index}]", what=f"the file or folder {item.source}", todo=todo)
    lost = "export --format requirements.txt writes what was locked" if source.place else "take them along"
    if spec.pip.files:
        yield Left(
            key="pip.requirements", what=f"the files {', '.join(spec.pip.files)}", todo="take them along"
        )
    elif ("pip", "requirements") in spec.source.lines:
        yield Left(key="pip.requirements", what="the files that it names", todo=lost)
    conda = spec.conda
    for name in conda.channels if conda else ():
        if name.startswith("./"):
            yield Left(key="conda.channels", what=f"the folder {name}", todo="take it along")
