"""The channel `pytorch`, which stopped: what it has stays, all else comes from conda-forge. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.mends.mending import facts, is_below, match_of, minor_version, without_channel

if TYPE_CHECKING:
    from envbuild.importers.mends.mending import Mending
    from envbuild.importers.model import Entry

_FIRST_WITHOUT = "2.5.2"
_NVIDIA = "nvidia"
_OF_CUDA = ("cuda", "libcu", "libnv", "libnpp", "nsight")


def mend_pytorch(draft: Mending) -> None:
    """Keep the channel for a pytorch that it has; else write what conda-forge has."""
    known = facts("conda")["pytorch"]
    asked = draft.named("pytorch")
    channels = [entry for entry in draft.channels if entry.text in known["channels"]]
    prefixed = [
        entry for entry in draft.conda if (match := match_of(entry)) and match.channel in known["channels"]
    ]
    if not channels and not prefixed and not draft.named(*known["only_there"]):
        return
    if asked and is_below(asked[0][1].version, _FIRST_WITHOUT):
        _keep(draft, (channels or prefixed or [asked[0][0]])[0], asked[0][0], str(known["last"]))
        return
    _to_conda_forge(draft, channels, known)


def _keep(draft: Mending, place: Entry, asked: Entry, last: str) -> None:
    named = asked.text.rpartition("::")[2]
    if ".dev" in named:
        what = f"{named} is a nightly build of a channel that stopped after {last}: it may be gone"
        draft.say("note", asked, what, "write a release, such as pytorch=2.5.1")
    else:
        what = f"the channel pytorch stopped after {last}: it is kept, as it has {named}"
        draft.say("note", place, what)
    for entry, match in draft.named("pytorch-cuda"):
        if (cuda := minor_version(match.version)) and not draft.cuda:
            draft.cuda = cuda
            draft.say("changed", entry, f"{entry.text} needs a GPU: `cuda: {cuda}` is written too")


def _to_conda_forge(draft: Mending, channels: list[Entry], known: dict[str, list[str]]) -> None:
    last = known["last"]
    others = [entry for entry, _ in draft.named(*known["others"])]
    if channels:
        first = draft.channels.index(channels[0])
        forge = replace(channels[0], text="conda-forge")
        stay = channels[:1] if others else []
        rest = [entry for entry in draft.channels if entry not in channels and entry.text != "conda-forge"]
        before = [entry for entry in draft.channels[:first] if entry in rest]
        draft.channels = [*before, forge, *stay, *(entry for entry in rest if entry not in before)]
    what = f"the channel pytorch stopped after {last}: pytorch comes from conda-forge"
    what += f", and the channel stays for {others[0].text}" if others and channels else ""
    place = (channels or draft.conda)[0]
    draft.say("changed", place, what, f"pin pytorch to {last} or older to keep the channel")
    _packages(draft, known)
    _nvidia(draft)


def _packages(draft: Mending, known: dict[str, list[str]]) -> None:
    has_version = bool(draft.named("cuda-version"))

    def change(entry: Entry) -> Entry | None:
        match = match_of(entry)
        if match is None:
            return entry
        if match.name == "pytorch-cuda":
            return _pytorch_cuda(draft, entry, match.version, drop=has_version)
        if match.name == "cpuonly":
            draft.say("changed", entry, "cpuonly is left out: without `cuda:` the builds for CPUs are taken")
            return None
        if match.name == "pytorch-mutex":
            draft.say("changed", entry, "pytorch-mutex is left out: only the channel pytorch has it")
            return None
        if match.channel in known["channels"] and match.name not in known["others"]:
            return without_channel(entry)
        return entry

    draft.rewrite(change)


def _pytorch_cuda(draft: Mending, entry: Entry, version: str, *, drop: bool) -> Entry | None:
    cuda = minor_version(version)
    if not cuda:
        what = f"{entry.text} is left out: only the channel pytorch has it"
        draft.say("changed", entry, what, "say `cuda:` in the spec for the builds with CUDA")
        return None
    draft.cuda = draft.cuda or cuda
    what = (
        f"{entry.text} is written as `cuda: {cuda}` and cuda-version={cuda}: only the channel pytorch has it"
    )
    draft.say("changed", entry, what)
    return None if drop else replace(entry, text=f"cuda-version={cuda}")


def _nvidia(draft: Mending) -> None:
    """Drop the channel nvidia where nothing is left that needs it."""
    channels = [entry for entry in draft.channels if entry.text == _NVIDIA]
    if not channels or any(_needs_nvidia(entry) for entry in draft.conda):
        return
    draft.channels = [entry for entry in draft.channels if entry.text != _NVIDIA]
    what = "the channel nvidia is left out: conda-forge brings the CUDA libraries that pytorch needs"
    draft.say("changed", channels[0], what)


def _needs_nvidia(entry: Entry) -> bool:
    match = match_of(entry)
    if match is None or match.name == "cuda-version":
        return False
    return match.channel.startswith(_NVIDIA) or match.name.startswith(_OF_CUDA)
