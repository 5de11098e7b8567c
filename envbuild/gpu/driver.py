"""An NVIDIA driver against the CUDA that something was made with. Facts in, a standing out. Pure.

A driver may be told in part ("550"): then it stands for any release that begins so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

from envbuild.facts.drivers import branch_cuda, branch_of, family, toolkits

if TYPE_CHECKING:
    from envbuild.facts.model import Toolkit

Standing = Literal["full", "minor", "below", "unknown"]
"""full: all features; minor: by minor-version compatibility; below: too old; unknown: a fact is missing."""
_Side = Literal["at least", "open", "below"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverAnswer:
    """How a driver stands to a CUDA release; `full` and `floor` are what decides, "" when unknown."""

    standing: Standing
    full: str
    floor: str
    why: str = ""


def numbers(version: str) -> tuple[int, ...]:
    """`550.54.15` → (550, 54, 15); () for what is no version."""
    return tuple(int(part) for part in version.split(".")) if re.fullmatch(r"\d+(\.\d+)*", version) else ()


def side(driver: str, least: str) -> _Side:
    """On which side of `least` a driver lies; open when it is told in part and could lie on either."""
    have, want = numbers(driver), numbers(least)
    if len(have) < len(want) and want[: len(have)] == have:
        return "open"
    length = max(len(have), len(want))
    padded = (*have, *[0] * (length - len(have))), (*want, *[0] * (length - len(want)))
    return "at least" if padded[0] >= padded[1] else "below"


@cache
def stand(driver: str, cuda: str) -> DriverAnswer:
    """How `driver` stands to `cuda` (X, X.Y or X.Y.Z), without cuda-compat."""
    releases = toolkits(cuda)
    row = family(numbers(cuda)[0]) if numbers(cuda) else None
    of_family = row.floor if row else None
    floor = _floor(cuda, of_family, releases)
    full = _full(cuda, releases)

    def answer(standing: Standing, why: str = "") -> DriverAnswer:
        return DriverAnswer(standing=standing, full=full, floor=floor, why=why)

    reached = _reaches(driver, releases, major_only="." not in cuda) if releases else "unknown"
    if reached == "full":
        return answer("full")
    if not floor:
        return answer("unknown", f"which driver CUDA {cuda} needs" if cuda else "which CUDA it was made with")
    where = side(driver, floor)
    if where == "below":
        return answer("below")
    if not of_family:  # CUDA 10 and older: each minor release needs its own driver
        return answer("unknown", f"whether {driver} is new enough for every release that CUDA {cuda} may be")
    if reached == "unknown":
        return answer("unknown", f"which driver CUDA {cuda} comes with")
    return answer("minor")


def compiles_ptx_of(driver: str, cuda: str) -> bool | None:
    """Whether the driver's own compiler takes PTX that CUDA `cuda` made; None: not known."""
    answer = stand(driver, cuda)
    if answer.standing == "full":
        return True
    branch = branch_of(driver)
    own = branch_cuda(branch) if branch is not None else None
    if not own or len(numbers(cuda)) < 2:
        return None
    return numbers(own)[:2] >= numbers(cuda)[:2]


def _floor(cuda: str, of_family: str | None, releases: tuple[Toolkit, ...]) -> str:
    """The least driver: the family's, or a release's own where that is older (11.0) or no family has one."""
    # X.Y may be its release candidate, too (11.0.1): that one's driver is known to run it.
    candidates_too = toolkits(f"{cuda}.1") if cuda.count(".") == 1 else ()
    own = [row.driver for row in (*releases, *candidates_too) if row.driver != "unknown"]
    candidates = [*own, *([of_family] if of_family else [])]
    return min(candidates, key=numbers) if candidates else ""


def _full(cuda: str, releases: tuple[Toolkit, ...]) -> str:
    """The driver that decides about all features, for people; "" when unknown."""
    if not releases:
        return ""
    row = releases[-1] if "." not in cuda else releases[0]
    return "" if row.driver == "unknown" else row.driver


def _reaches(
    driver: str, releases: tuple[Toolkit, ...], *, major_only: bool
) -> Literal["full", "less", "unknown"]:
    """Whether all features are there. X.Y is read as its first release, X as its last: any may be meant."""
    row = releases[-1] if major_only else releases[0]
    if row.driver != "unknown":
        # Told in part: it does not say that it is new enough, so it is not taken for it.
        return "full" if side(driver, row.driver) == "at least" else "less"
    branch = branch_of(driver)
    if branch is None:
        return "unknown"
    if row.branch is not None and branch != row.branch:
        return "full" if branch > row.branch else "less"
    return _between(driver, row)


def _between(driver: str, row: Toolkit) -> Literal["full", "less", "unknown"]:
    """A release without a known driver: it lies between the drivers of its neighbours."""
    major = numbers(row.cuda)[0]
    rows = [other for number in (major, major + 1) for other in toolkits(str(number))]
    place = numbers(row.cuda)
    after = [other.driver for other in rows if numbers(other.cuda) > place and other.driver != "unknown"]
    if after and side(driver, min(after, key=numbers)) == "at least":
        return "full"
    earlier = [other for other in rows if numbers(other.cuda) < place]
    before = [other.driver for other in earlier if other.driver != "unknown"]
    if before and side(driver, max(before, key=numbers)) == "below":
        return "less"
    branches = [other.branch for other in earlier if other.branch is not None]
    branch = branch_of(driver)
    if row.branch is None and branches and branch is not None and branch < max(branches):
        return "less"
    return "unknown"
