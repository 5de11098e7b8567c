"""Stages of a Dockerfile that only hand files over → the Python packages that they hand over, and no more."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.containers.dockerfile_steps import Steps
from envbuild.importers.containers.from_image import take_image
from envbuild.importers.containers.gathered import Gathered, Where

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.importers.containers.instructions import Instruction

_TOOLS = re.compile(r"\b(?:pip3?|uv|conda|mamba|micromamba|poetry|pdm|pipenv|pixi)\b")
_STATE = frozenset({"ARG", "ENV", "WORKDIR", "COPY", "ADD"})


def take_packages(found: Iterable[Instruction], image: str, outer: Steps, name: str) -> bool:
    """Put the Python packages of the stage `name` into the draft of `outer`; False when it installs none.

    found  the instructions of the stage and of those that it is made from, without FROM
    image  the one that it begins with
    """
    file = outer.into.where.file
    beside = Gathered(Where(file))
    steps = Steps(
        into=beside,
        wishes=outer.wishes,
        context=outer.context,
        arguments=outer.arguments,
        outer=outer.outer,
        handed=True,
    )
    if image and "$" not in image and image != "scratch":
        take_image(image, beside)
        beside.pip.clear()
    beside.findings.clear()
    for instruction in found:
        said = len(beside.findings)
        beside.where = Where(file, instruction.line, instruction.keyword)
        if instruction.keyword in _STATE:
            steps.take(instruction)
            del beside.findings[said:]
        elif instruction.keyword == "RUN" and _TOOLS.search(instruction.text):
            steps.take(instruction)
            kept = [each for each in beside.findings[said:] if each.kind == "left" or each.file != file]
            beside.findings[said:] = kept
    lost = [each for each in beside.findings if each.kind == "left"]
    if not (beside.pip or beside.conda or lost):
        return False
    packages = beside.draft("Dockerfile")
    outer.into.say("note", f"the Python packages of the stage {name} are taken along, and no more of it")
    outer.into.absorb(
        replace(
            packages,
            name="",
            base="",
            cuda="",
            cudnn=None,
            apt=(),
            run=(),
            copy=(),
            env=(),
            targets=(),
            imports=(),
        )
    )
    return True
