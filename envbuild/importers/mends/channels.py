"""`defaults` and its parts → conda-forge, but where only they have a package. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.mends.mending import facts, is_below, match_of, without_channel
from envbuild.importers.model import Entry

if TYPE_CHECKING:
    from envbuild.importers.mends.mending import Mending

FORGE = "conda-forge"
_ADDRESS = re.compile(
    r"https?://(?:repo\.(?:anaconda\.com|continuum\.io)/pkgs/\w+|conda\.anaconda\.org/(?:anaconda|main|r|msys2))/?"
)
_FEWEST = 4
_TERMS = "whose terms may want a paid licence from your organisation"


def mend_channels(draft: Mending) -> None:
    """Channels of Anaconda's own written as conda-forge; kept for an old tensorflow-gpu, with a word."""
    if not draft.conda and not draft.channels:
        return
    known = facts("conda")["defaults"]
    names: list[str] = known["channels"]
    ours = [entry for entry in draft.channels if _is_default(entry.text, names)]
    if old := _old_tensorflow(draft):
        _keep(draft, ours, old, known["address"])
        return
    if ours and _is_exact(draft):
        _address(draft, ours, known["address"])
    elif ours:
        said = list(dict.fromkeys(entry.text for entry in ours))
        what = f"{_and(said)}, {_TERMS}: {FORGE} is written instead"
        draft.say("changed", ours[0], what, f"write {known['address']} to have it back")
        first = draft.channels.index(ours[0])
        has = any(entry.text == FORGE for entry in draft.channels)
        kept = [entry for entry in draft.channels if entry not in ours]
        if not has:
            before = len([entry for entry in draft.channels[:first] if entry not in ours])
            kept.insert(before, replace(ours[0], text=FORGE))
        draft.channels = kept
    elif not draft.channels:
        draft.channels = [Entry(text=FORGE)]
        what = f"names no channel, which means `defaults` to conda: {FORGE} is written"
        draft.say("changed", None, what)
    _prefixes(draft, names)


def _prefixes(draft: Mending, names: list[str]) -> None:
    def change(entry: Entry) -> Entry:
        match = match_of(entry)
        if match is None or not _is_default(match.channel, names):
            return entry
        plain = without_channel(entry)
        draft.say("changed", entry, f"{entry.text} is written {plain.text}: it comes from {FORGE}")
        return plain

    draft.rewrite(change)


def _keep(draft: Mending, ours: list[Entry], old: Entry, address: str) -> None:
    """The package is with `defaults` alone: name that channel by its address."""
    first = facts("conda")["tensorflow-gpu"]["first_on_conda_forge"]
    what = f"{old.text}: {FORGE} has builds with CUDA from {first} on, so `defaults` is asked, {_TERMS}"
    draft.say("changed", old, what, f"take tensorflow-gpu {first} or later to do without it")
    if not draft.cuda and not draft.named("cudatoolkit") and (cuda := _cuda_of(old)):
        draft.cuda = cuda
        draft.say("changed", old, f"{old.text} is built with CUDA {cuda}: `cuda: {cuda}` is written too")
    kept = [entry for entry in draft.channels if entry not in ours]
    draft.channels = [*kept, replace(ours[0], text=address) if ours else Entry(text=address)]


def _is_exact(draft: Mending) -> bool:
    """Whether nearly all packages have one exact version, as in an export: few channels have them all."""
    exact = [entry for entry in draft.conda if (match := match_of(entry)) and match.version.startswith("==")]
    return len(exact) >= _FEWEST and len(exact) >= len(draft.conda) * 0.8


def _address(draft: Mending, ours: list[Entry], address: str) -> None:
    """The first of Anaconda's channels by its address, the others gone."""
    what = f"{ours[0].text}, {_TERMS}, is kept by its address: it has these exact versions"
    draft.say(
        "changed", ours[0], what, f"write {FORGE}, and versions without patch releases, to do without it"
    )
    draft.channels = [
        replace(entry, text=address) if entry is ours[0] else entry
        for entry in draft.channels
        if entry is ours[0] or entry not in ours
    ]


def _cuda_of(old: Entry) -> str:
    from envbuild.facts.tensorflow import tensorflow_release

    match = match_of(old)
    release = tensorflow_release(match.version.lstrip("=")) if match else None
    return release.cuda if release and "." in release.cuda else ""


def _old_tensorflow(draft: Mending) -> Entry | None:
    first = facts("conda")["tensorflow-gpu"]["first_on_conda_forge"]
    found = [entry for entry, match in draft.named("tensorflow-gpu") if is_below(match.version, first)]
    return found[0] if found else None


def _is_default(text: str, names: list[str]) -> bool:
    return text in names or _ADDRESS.fullmatch(text) is not None


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
