"""What an image's steps left in it: its history, told by whichever builder made it → `Step`s. Pure.

Steps of our own Dockerfiles are known by what they call (dockerfiles/*.j2); BuildKit and buildah word them
differently. The lock, put into groups as the plan did, says which packages each of them brought.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from envbuild.plan.groups import group_packages
from envbuild.remote.model import LayerKind, Step

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.conda.model import CondaRecord
    from envbuild.lock.model import Lock, LockedPackage

# All that our steps see of the build's own files lies in one folder, a mount (dockerfiles/mounts.j2).
_OURS = re.compile(r"/shm/envbuild/(?:scripts/(?P<script>apt|user|python)\.sh|uv pip install)")
_GROUP = re.compile(r"(?:/groups|conda)/\d\d-(?P<name>[\w.-]+?)(?:\.tar|/)?")
_RUN = "/shm/envbuild/scripts/site.sh /bin/sh -ec "
_RUN_AS_JSON = '/shm/envbuild/scripts/site.sh", "/bin/sh", "-ec", '
_BUILDKIT = "# buildkit"
_BUILT: frozenset[LayerKind] = frozenset({"apt", "user", "python", "pip", "run", "metadata"})
LAYERS = 40
"""The budget of plan/make.py: what is left of it beside other steps bounds the groups."""
_SHELL = re.compile(r"(?:RUN )?(?:\|\d+ .*?)?/bin/sh -c (?:#\(nop\) *)?", re.DOTALL)
_LONGEST = 16_000  # characters of a step that are looked at: those of apt name their packages


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a history: the command as the builder wrote it, and whether it left no layer."""

    command: str
    comment: str = ""
    empty: bool = False


def entries_of(config: Mapping[str, Any]) -> tuple[Entry, ...]:
    """The history in an image's config, oldest first; what makes no sense is an entry that says nothing."""
    rows = config.get("history")
    return tuple(_entry(row) for row in rows) if isinstance(rows, list) else ()


def _entry(row: object) -> Entry:
    if not isinstance(row, dict):
        return Entry(command="")
    return Entry(
        command=str(row.get("created_by") or ""),
        comment=str(row.get("comment") or ""),
        empty=row.get("empty_layer") is True,
    )


def metadata_at(entries: Sequence[Entry]) -> int | None:
    """Which entry put spec and lock into the image; the last, where an image of ours stands on another."""
    found = [number for number, entry in enumerate(entries) if _is_metadata(_plain(entry))]
    return found[-1] if found else None


def steps_of(entries: Sequence[Entry], *, base: str = "", lock: Lock | None = None) -> tuple[Step, ...]:
    """What each entry stands for.

    base  what the base image is called
    lock  tells which packages its steps installed, in the groups of our plans; None: nobody knows
    """
    last = metadata_at(entries)
    if last is None:
        return tuple(_foreign(entry, "other") for entry in entries)
    before = metadata_at(entries[:last])
    first = next(
        (
            number
            for number in range(0 if before is None else before + 1, last + 1)
            if _own_kind(entries[number]) in _BUILT
        ),
        last,
    )
    below = tuple(_foreign(entry, "base") for entry in entries[:first])
    if sum(not step.empty for step in below) == 1 and base:
        below = tuple(step if step.empty else Step(kind="base", what=base) for step in below)
    own = _own_steps(entries[first : last + 1], lock)
    above = (_foreign(entry, "added") for entry in entries[last + 1 :])
    return (*below, *own, *above)


def _own_steps(entries: Sequence[Entry], lock: Lock | None) -> tuple[Step, ...]:
    """What the entries stand for that envbuild's Dockerfile made."""
    kinds = _own_kinds(entries)
    groups = _groups(lock, kinds) if lock else ()
    conda = _conda_groups(lock, kinds) if lock else ()
    seen: dict[LayerKind, int] = {}
    found = []
    for entry, kind in zip(entries, kinds, strict=True):
        number = seen.get(kind, 0)
        seen[kind] = number + 1
        step = _own_step(entry, kind)
        if kind == "pip" and groups:
            step = groups[number]
        elif kind == "conda" and conda:
            step = conda[number]
        elif kind in {"run", "copy"}:
            step = replace(step, index=number)
        found.append(replace(step, empty=entry.empty))
    return tuple(found)


def _groups(lock: Lock, kinds: Sequence[LayerKind]) -> tuple[Step, ...]:
    """The groups of Python packages, if the image has as many steps for them: else another envbuild planned
    it, and only where all packages went into one step is it sure what that holds.
    """
    ours = {"apt", "user", "conda", "python", "run", "copy", "metadata"}
    beside = sum(kind in ours for kind in kinds)
    groups = group_packages(lock.packages, LAYERS - beside)
    if len(groups) == kinds.count("pip"):
        return tuple(_pip(group.name, group.packages) for group in groups)
    return (_pip("", lock.packages),) if kinds.count("pip") == 1 else ()


def _conda_groups(lock: Lock, kinds: Sequence[LayerKind]) -> tuple[Step, ...]:
    """The same for conda packages, which get what the plan leaves beside one group of Python's."""
    beside = sum(kind in {"apt", "user", "python", "run", "copy", "metadata"} for kind in kinds)
    groups = group_packages(lock.conda, LAYERS - beside - bool(lock.packages))
    if len(groups) == kinds.count("conda"):
        return tuple(_conda(group.name, group.packages) for group in groups)
    return (_conda("", lock.conda),) if kinds.count("conda") == 1 else ()


def _conda(name: str, packages: Sequence[CondaRecord]) -> Step:
    names = ", ".join(package.name for package in packages)
    return Step(kind="conda", what=names, name=name, words=tuple(package.exact for package in packages))


def _pip(name: str, packages: Sequence[LockedPackage]) -> Step:
    names = tuple(dict.fromkeys(package.name for package in packages))
    words = tuple(f"{package.name}=={package.version}".removesuffix("==") for package in packages)
    return Step(kind="pip", what=", ".join(names), name=name, words=words)


def _own_step(entry: Entry, kind: LayerKind) -> Step:
    text = _plain(entry)
    words: tuple[str, ...] = ()
    match kind:
        case "apt":
            words = _apt_packages(entry.command)
            what = ", ".join(word.partition("=")[0] for word in words)
        case "pip":
            what = "Python packages"
        case "conda":
            found = next(filter(None, map(_GROUP.fullmatch, text.split())), None)
            return Step(kind=kind, what="conda packages", name=found["name"] if found else "")
        case "python":
            what = "Python and the empty environment"
        case "metadata":
            what = "spec, lock"
        case "user":
            told = text.partition("user.sh ")[2].split()
            what = f"{told[0]} (uid {told[1]})" if len(told) > 1 else "the image's user"
        case "run":
            what = _squeezed(_command(text))
        case "copy":
            what = _copied(text)
        case _:
            what = _squeezed(text.removeprefix("WORKDIR "))
    return Step(kind=kind, what=what, words=words)


def _command(text: str) -> str:
    """What a step of the user's ran; buildah keeps the list of arguments as the Dockerfile has it."""
    if _RUN in text:
        return text.partition(_RUN)[2].removeprefix("-- ")
    try:
        return str(json.loads(text[text.index('["/bin/sh"') :])[-1])
    except (ValueError, LookupError, TypeError, RecursionError):
        return text.partition(_RUN_AS_JSON)[2]


def _copied(text: str) -> str:
    """`COPY copy/0/src /workspace/src/` → `src → /workspace/src`; buildah does not tell the source."""
    words = text.split()
    source = next((word for word in words if word.startswith("copy/")), "")
    target = words[-1].rstrip("/") or "/"
    return f"{source.rpartition('/')[2] or 'files'} → {target}"


def _own_kinds(entries: Sequence[Entry]) -> list[LayerKind]:
    """What each is; what is copied before Python is looked at are conda packages, which brought it."""
    kinds = [_own_kind(entry) for entry in entries]
    python = kinds.index("python") if "python" in kinds else 0
    return ["conda" if kind == "copy" and at < python else kind for at, kind in enumerate(kinds)]


def _own_kind(entry: Entry) -> LayerKind:
    text = _plain(entry)
    if _RUN in text or _RUN_AS_JSON in text:
        return "run"
    if ours := _OURS.search(text):
        scripts: dict[str | None, LayerKind] = {"apt": "apt", "user": "user", "python": "python"}
        return scripts.get(ours["script"], "pip")
    if _is_metadata(text):
        return "metadata"
    if text.startswith(("COPY ", "ADD ")):
        return "copy"
    return "workdir" if text.startswith("WORKDIR ") else "other"


def _is_metadata(text: str) -> bool:
    return text.startswith(("COPY ", "ADD ")) and text.endswith((" /opt/envbuild/", " /opt/envbuild"))


def _foreign(entry: Entry, kind: LayerKind) -> Step:
    return Step(kind=kind, what=_squeezed(_plain(entry)) or _squeezed(entry.comment), empty=entry.empty)


def _plain(entry: Entry) -> str:
    """The command without what builders put around it."""
    text = entry.command[:_LONGEST].strip().removesuffix(_BUILDKIT).rstrip()
    if shell := _SHELL.match(text):
        return text[shell.end() :]
    return text.removeprefix("RUN ")


def _squeezed(text: str) -> str:
    return " ".join(text.split())


def _apt_packages(command: str) -> tuple[str, ...]:
    text = command.partition("scripts/apt.sh")[2].strip().removesuffix(_BUILDKIT)
    try:
        return tuple(shlex.split(text))
    except ValueError:
        return tuple(text.split())
