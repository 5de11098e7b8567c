"""A Dockerfile → a draft of its obvious parts, best effort: what its last stage installs and sets.

Nothing is run. Commands that are known (apt, pip, uv, conda) become packages; others become `run:` steps.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.importers.containers.dockerfile_steps import Steps
from envbuild.importers.containers.from_image import take_image
from envbuild.importers.containers.gathered import Gathered, Where
from envbuild.importers.containers.handed_over import take_packages
from envbuild.importers.containers.instructions import Instruction, instructions
from envbuild.importers.text.shell import expanded
from envbuild.importers.text.sources import refused, shown_path, source_text

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.importers.model import Draft, Wishes

_MOST = 1_000_000
_FROM = re.compile(r"(?P<image>\S+)(?:\s+[Aa][Ss]\s+(?P<name>\S+))?")
_BEST_EFFORT = "is read line by line and never run: packages, variables, files and commands of its last stage"


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of the Dockerfile `path`. SpecError when it has no FROM."""
    gathered = read_dockerfile(path, wishes, context=path.parent, arguments={})
    return gathered.draft("Dockerfile")


def read_dockerfile(
    path: Path, wishes: Wishes, *, context: Path, arguments: Mapping[str, str], target: str = ""
) -> Gathered:
    """The same, for who builds it in folder `context`, with build arguments, up to the stage `target`."""
    file = shown_path(path)
    stages = _stages(instructions(source_text(path, limit=_MOST)))
    into = Gathered(Where(file))
    into.say("note", _BEST_EFFORT, "compare the spec with it")
    if len(stages) < 2:
        raise refused(file, "has no FROM", "name a Dockerfile")
    known = _global_arguments(stages[0], arguments)
    chain, image = _chain(stages, _wanted(stages, target), known)
    steps = Steps(into=into, wishes=wishes, context=context, arguments=dict(arguments), outer=known)
    asked = _asked(stages, chain)
    for number, stage in enumerate(stages[1:], start=1):
        if number in chain:
            continue
        into.where = Where(file, stage[0].line, "FROM")
        name = _name(stage[0]) or str(number - 1)
        if number in asked:
            parts, start = _chain(stages, number, known)
            # What the last stage is made from, too, is taken there
            own = [each for at in parts if at not in chain for each in stages[at][1:]]
            if take_packages(own, start, steps, name):
                steps.files.stages |= {name.lower(), str(number - 1)}
                continue
        what = f"the stage {name} is not carried: it only hands files over"
        into.say("left", what, "build it in a `run:` step, or bring its results with `copy:`")
    first = stages[chain[0]][0]
    into.where = Where(file, first.line, "FROM")
    if "$" in image:
        into.say("left", f"the base image {image} depends on an argument", "write `base:` yourself")
    elif image == "scratch":
        into.say("left", "scratch is an empty image: nothing can run in it", "the default base is taken")
    else:
        take_image(image, into)
        steps.user = "mambauser" if image.startswith("mambaorg/") else ""
    for number in chain:
        for instruction in stages[number][1:]:
            into.where = Where(file, instruction.line, instruction.keyword)
            steps.take(instruction)
    steps.end()
    if image.startswith("continuumio/") and into.conda:
        into.where = Where(file, first.line, "FROM")
        into.add(into.channels, "defaults")
    return into


def _stages(found: tuple[Instruction, ...]) -> list[list[Instruction]]:
    """What stands before the first FROM, then each stage."""
    stages: list[list[Instruction]] = [[]]
    for instruction in found:
        if instruction.keyword == "FROM" and instruction.text:
            stages.append([])
        stages[-1].append(instruction)
    return stages


def _global_arguments(before: list[Instruction], given: Mapping[str, str]) -> dict[str, str]:
    """ARG lines before the first FROM; what the build is given wins."""
    known: dict[str, str] = {}
    for instruction in before:
        if instruction.keyword == "ARG":
            name, _, value = instruction.text.partition("=")
            known[name.strip()] = given.get(name.strip(), expanded(value.strip().strip("\"'"), known))
    return known


def _name(instruction: Instruction) -> str:
    match = _FROM.fullmatch(instruction.text.strip())
    return (match["name"] or "") if match else ""


def _wanted(stages: list[list[Instruction]], target: str) -> int:
    """The number of the stage to take: the one called `target`, else the last."""
    for number, stage in enumerate(stages[1:], start=1):
        if target and _name(stage[0]).lower() == target.lower():
            return number
    return len(stages) - 1


def _asked(stages: list[list[Instruction]], chain: list[int]) -> set[int]:
    """The stages that those in `chain` copy from."""
    sources = {
        instruction.flag("from").lower()
        for number in chain
        for instruction in stages[number]
        if instruction.keyword in {"COPY", "ADD"}
    }
    return {
        number
        for number in range(1, len(stages))
        if {_name(stages[number][0]).lower(), str(number - 1)} & (sources - {""})
    }


def _chain(stages: list[list[Instruction]], last: int, known: Mapping[str, str]) -> tuple[list[int], str]:
    """The stages that make up stage `last`, the first one first, and the image that they begin with."""
    chain = [last]
    while True:
        number = chain[0]
        match = _FROM.match(stages[number][0].text.strip())
        image = expanded(match["image"], known) if match else ""
        earlier = [at for at in range(1, number) if _name(stages[at][0]).lower() == image.lower()]
        if not earlier:
            return chain, image
        chain.insert(0, earlier[-1])
