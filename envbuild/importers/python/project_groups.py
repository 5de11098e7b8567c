"""Which lists of a pyproject.toml are wished for: extras and groups, with what they include. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from envbuild.importers.model import Finding
    from envbuild.importers.text.places import Place

_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")
_SELF = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*\[([^\]]*)\]\s*")


def extra_items(project: Place, name: str, above: tuple[str, ...] = ()) -> Iterator[Place]:
    """The requirements of one extra, those of `project[other]` in it, too. SpecError: no such extra."""
    extras = project.table("optional-dependencies")
    own = normalise(project.text("name"))
    by_name = {normalise(key): place for key, place in extras.items()}
    wanted = normalise(name)
    if wanted in above:
        return
    if wanted not in by_name:
        raise extras.error(f"there is no extra {shown(name)}", _known("extras", list(by_name)))
    for item in by_name[wanted].as_list():
        found = _SELF.fullmatch(item.as_text())
        if found and own and normalise(found[1]) == own:
            for inner in found[2].split(","):
                yield from extra_items(project, inner.strip(), (*above, wanted))
        else:
            yield item


def group_items(groups: Place, name: str, above: tuple[str, ...] = ()) -> Iterator[Place]:
    """The requirements of one dependency group, with those of groups that it includes. SpecError as said."""
    by_name = {normalise(key): place for key, place in groups.items()}
    wanted = normalise(name)
    if wanted in above:
        circle = " → ".join((*above, wanted))
        raise groups.at(name).error(f"the group includes itself: {circle}", "take one out")
    if wanted not in by_name:
        raise groups.error(f"there is no group {shown(name)}", _known("groups", list(by_name)))
    for item in by_name[wanted].as_list():
        if isinstance(item.value, dict):
            yield from group_items(groups, item.needed("include-group"), (*above, wanted))
        else:
            yield item


def name_in(text: str) -> str:
    """The name that a requirement begins with, normalised; "" when there is none."""
    found = _NAME.match(text)
    return normalise(found[1]) if found else ""


def named_files(files: Place) -> list[str]:
    """The names under setuptools' `file`: a text or a list of texts; [] when there is none."""
    if isinstance(files.value, str):
        return [files.as_text()]
    return [one.as_text() for one in files.as_list()]


def not_taken(place: Place, kind: str, option: str, names: list[str], wished: Iterable[str]) -> list[Finding]:
    """A note that names the extras or groups nobody wished for."""
    taken = {normalise(name) for name in wished}
    others = [name for name in names if normalise(name) not in taken]
    if not others:
        return []
    plural = kind if len(others) > 1 else kind.removesuffix("s")
    what = f"the {plural} {', '.join(others)} {'are' if len(others) > 1 else 'is'} not taken along"
    return [place.finding("note", what, f"`{option} {others[0]}` takes it")]


def _known(kind: str, names: list[str]) -> str:
    return f"its {kind} are {', '.join(names)}" if names else f"it has no {kind}"
