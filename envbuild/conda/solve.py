"""A spec's conda packages → exact records, by py-rattler's solver. Asks the channels; writes a cache only.

What the image will run on comes from the wish (platform, glibc, cuda), never from this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.conda.ask import ask, need_rattler
from envbuild.conda.channels import channels_of, folder_of
from envbuild.conda.place import mirrored
from envbuild.conda.reasons import Asked, names_asked, unsolvable
from envbuild.conda.records import asked_url, locked_records
from envbuild.conda.trouble import changed, failed
from envbuild.conda.virtual import minor, subdir_of, virtual_packages
from envbuild.files import cache_folder
from envbuild.spec.matchspec import parse_match

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.conda.channels import Channel
    from envbuild.conda.model import CondaRecord
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec

LONGEST = 600
"""Seconds that channels and solver have together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CondaWish:
    """What is asked of the channels.

    platform  `linux/amd64` or `linux/arm64`
    glibc     the base's, X.Y; "" unknown
    cuda      X.Y[.Z] that the image may count on; "" none
    pins      records of the earlier lock, kept where they still fit and their channel still has them
    """

    spec: Spec
    platform: str
    glibc: str
    cuda: str
    pins: tuple[CondaRecord, ...] = ()


def solve_conda(wish: CondaWish, *, site: Site, environ: Mapping[str, str]) -> tuple[CondaRecord, ...]:
    """The records that answer `wish`, sorted by name; Python's is among them.

    Raises SpecError for a channel that cannot be used, Unsolvable when no set of packages fits, LockError for
    everything else.
    """
    need_rattler()
    channels = channels_of(wish.spec)
    sources = {source_of(channel, wish.spec, site): channel for channel in channels}
    answer = ask(_job(wish, sources, environ), site=site, environ=environ, seconds=LONGEST)
    if "records" in answer:
        return locked_records(answer["records"], sources, names_asked(wish.spec))
    if "unsolvable" in answer:
        raise unsolvable(answer, _asked(wish, sources))
    if "changed" in answer:
        raise changed(answer["changed"])
    raise failed(answer, wish.spec, sources, site)


def _asked(wish: CondaWish, sources: Mapping[str, Channel]) -> Asked:
    subdir = subdir_of(wish.platform)
    return Asked(spec=wish.spec, subdir=subdir, glibc=wish.glibc, cuda=minor(wish.cuda), sources=sources)


def _job(wish: CondaWish, sources: Mapping[str, Channel], environ: Mapping[str, str]) -> dict[str, Any]:
    conda = wish.spec.conda
    return {
        "do": "solve",
        "sources": list(sources),
        "subdir": subdir_of(wish.platform),
        "specs": specs_of(wish.spec, sources),
        "constraints": constraints_of(wish.cuda),
        "virtual": virtual_packages(wish.platform, glibc=wish.glibc, cuda=wish.cuda),
        "priority": conda.priority if conda else "strict",
        "pins": [
            {"name": pin.name, "url": asked_url(pin.url, sources), "sha256": pin.sha256} for pin in wish.pins
        ],
        "cache": str(cache_folder(environ) / "conda" / "repodata"),
        "seconds": LONGEST,
    }


def source_of(channel: Channel, spec: Spec, site: Site) -> str:
    """The URL that py-rattler is asked with: canonical, or a folder's. Mirrors of http come in by `ask`."""
    place = mirrored(channel.url, site)
    if place.startswith(("./", "file:")):
        return folder_of(place, spec.source.folder).as_uri()
    return channel.url


def specs_of(spec: Spec, sources: Mapping[str, Channel]) -> list[str]:
    """What is asked for, as py-rattler reads it: Python first, then the spec's packages in order."""
    places = {channel.text: source for source, channel in sources.items()}
    wanted = f"=={spec.python}" if spec.python.count(".") > 1 else f"{spec.python}.*"
    found = [f"python {wanted}"]
    for text in spec.conda.packages if spec.conda else ():
        channel = parse_match(text).channel
        if channel in places and "::" in text:
            found.append(f"{places[channel]}::{text.partition('::')[2].strip()}")
        else:
            found.append(text)
    return found


def constraints_of(cuda: str) -> list[str]:
    """What must hold of a package if it is installed at all: with `cuda`, the version of `cuda-version`."""
    return [f"cuda-version {minor(cuda)}.*"] if cuda else []
