"""From what an engine calls a step back to the Dockerfile's lines, and from those to the spec. Pure.

Input: a BuildContext, and names such as `[image 3/9] RUN …` (BuildKit) or `STEP 3/9: RUN …` (buildah).
Engines number their steps by their own rules and expand variables in the text, so the number leads, the text
helps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.names import parse_reference

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.render.model import BuildContext, Step

# What BuildKit numbers beside FROM (dockerfile2llb, cmdTotal); buildah numbers every instruction.
NUMBERED = frozenset({"RUN", "COPY", "ADD", "WORKDIR"})
_VERTEX = re.compile(r"^\[(?P<place>[^\]]*?)\s*(?P<number>\d+)/(?P<total>\d+)\] (?P<text>.*)$", re.DOTALL)
_FROM = re.compile(r"^FROM\s+(?:--\S+\s+)*\S+(?:\s+AS\s+(?P<name>\S+))?\s*$", re.IGNORECASE)
_ESCAPE = re.compile(r"^#\s*escape\s*=\s*(\S)\s*$", re.IGNORECASE)
LONGEST = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Its lines (from 1, both included), its text on one line, its stage (-1: before any)."""

    keyword: str
    text: str
    first: int
    last: int
    stage: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What an engine's step is: a title, the Dockerfile line (0: unknown), the step of ours."""

    title: str
    line: int = 0
    step: Step | None = None
    keyword: str = ""


def parse_dockerfile(text: str) -> tuple[Instruction, ...]:
    """All instructions in order; comments and empty lines between continued lines are dropped."""
    escape = "\\"
    found: list[Instruction] = []
    parts: list[str] = []
    first, stage = 0, -1
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.strip()
        if number == 1 and (directive := _ESCAPE.match(line)):
            escape = directive.group(1)
        if not line or line.startswith("#"):
            continue
        first = first or number
        continued = line.endswith(escape)
        parts.append(line[: -len(escape)].strip() if continued else line)
        if continued:
            continue
        words = " ".join(part for part in parts if part)
        keyword = words.split(None, 1)[0].upper()
        stage += keyword == "FROM"
        found.append(Instruction(keyword=keyword, text=words, first=first, last=number, stage=stage))
        parts, first = [], 0
    return tuple(found)


class Steps:
    """The instructions of one context, to be found by what engines call them."""

    def __init__(self, context: BuildContext) -> None:
        self._steps = context.steps
        instructions = parse_dockerfile(context.dockerfile)
        count = max((instruction.stage for instruction in instructions), default=0) + 1
        self._stages: list[list[Instruction]] = [[] for _ in range(count)]
        for instruction in instructions:
            if instruction.stage >= 0:
                self._stages[instruction.stage].append(instruction)
        self._names = [_stage_name(stage, index, count) for index, stage in enumerate(self._stages)]

    def vertex(self, name: str) -> Place | None:
        """The place of a BuildKit vertex such as `[image 3/9] RUN …`; None when it is no instruction."""
        match = _VERTEX.match(name)
        if not match:
            return None
        # `[linux/arm64 image 3/9]` when the platform is not the engine's own.
        place = [word for word in match["place"].split() if "/" not in word]
        stage = place[-1] if place else ""
        if stage not in self._names:
            return self._place(None, match["text"])
        instructions = self._stages[self._names.index(stage)]
        numbered = [instruction for instruction in instructions if instruction.keyword in NUMBERED]
        # FROM has a number, too, unless it begins with nothing or with another stage: the total tells.
        with_from = int(match["total"]) - len(numbered)
        if with_from in {0, 1}:
            listed = [*(i for i in instructions[:1] if with_from), *numbered]
            at = int(match["number"]) - 1
            chosen = listed[at] if at < len(listed) else None
        else:
            chosen = _by_text(instructions, match["text"])
        return self._place(chosen, match["text"])

    def numbered(self, stage: int, number: int, text: str) -> Place:
        """The place of buildah's step `number` (from 1, every instruction counts) of a stage (from 0)."""
        instructions = self._stages[stage] if stage < len(self._stages) else []
        chosen = instructions[number - 1] if number <= len(instructions) else None
        return self._place(chosen or _by_text(instructions, text), text)

    def registries(self) -> tuple[str, ...]:
        """Hosts of the images that FROM names outright; those behind an ARG are in the engine's store
        already.
        """
        images = (stage[0].text.split()[1:] for stage in self._stages if stage)
        named = (next((word for word in words if not word.startswith("--")), "") for words in images)
        outside = [name for name in named if name and "$" not in name and name.lower() not in self._names]
        return tuple(dict.fromkeys(parse_reference(name).host for name in outside))

    def _place(self, instruction: Instruction | None, text: str) -> Place:
        short = " ".join(text.split())
        short = short if len(short) <= LONGEST else short[: LONGEST - 1] + "…"
        if instruction is None:
            return Place(title=short, keyword=text.split(None, 1)[0].upper() if text else "")
        step = next((s for s in self._steps if s.first <= instruction.first <= s.last), None)
        title = step.title if step else short
        if step and self._companions(step) > 1:
            title = f"{title} ({instruction.keyword})"
        return Place(title=title, line=instruction.first, step=step, keyword=instruction.keyword)

    def _companions(self, step: Step) -> int:
        """How many instructions with a number of their own a step of ours has."""
        return sum(
            step.first <= instruction.first <= step.last and instruction.keyword in NUMBERED
            for stage in self._stages
            for instruction in stage
        )


def _stage_name(stage: Sequence[Instruction], index: int, count: int) -> str:
    """As BuildKit names a stage: its own name in lower case, `stage-N` among several, else nothing."""
    match = _FROM.match(stage[0].text) if stage else None
    if match and match["name"]:
        return match["name"].lower()
    return f"stage-{index}" if count > 1 else ""


def _by_text(instructions: Sequence[Instruction], text: str) -> Instruction | None:
    wanted = " ".join(text.split())
    return next((i for i in instructions if " ".join(i.text.split()) == wanted), None)
