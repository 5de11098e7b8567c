"""Addresses that only one machine had, and what they tell of name and release. Pure.

`pip freeze` in a conda environment writes `numpy @ file:///croot/numpy_1668…/work`: the folder of a builder.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_FILE = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)(\[[^\]]*\])?\s*@\s*(file:\S+)(\s*;.*)?\s*", re.IGNORECASE
)
_BUILDER = re.compile(
    r"/croot/|/conda-bld/|/feedstock_root/|/build_artifacts/|/ci[_/][^/]*/|/tmp/build/|/tmp/abs_|/C_/|/perseverance|"
    r"/_h_env|/opt/conda/|/ktietz/|/runner/|:/bld/|_\d{10,}/work(?:/|$)",
    re.IGNORECASE,
)
_WHEEL = re.compile(
    r"/([A-Za-z0-9_.]+)-([0-9][A-Za-z0-9_.!+]*)-(?:[0-9][^-/]*-)?[^-/]+-[^-/]+-[^-/]+\.whl(?:#.*)?$"
)
_SDIST = re.compile(r"/([A-Za-z0-9_.-]+)-([0-9][A-Za-z0-9_.!+]*)\.(?:tar\.gz|zip)(?:#.*)?$")
_TELLS = "`envbuild import --from-env` of that environment, or `conda list`, tells it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A requirement that any machine can meet; `plain` without its marker, whether it names a version."""

    text: str
    name: str
    plain: str
    exact: bool


def told_release(text: str) -> Told | None:
    """What `name @ file:///…` of a conda builder is, by name and, where it tells, version.

    None for everything else, such as a wheel in somebody's own folder.
    """
    found = _FILE.fullmatch(text)
    if not found or not _BUILDER.search(found[3]):
        return None
    name, extras, marker = found[1], found[2] or "", (found[4] or "").strip()
    release = _WHEEL.search(found[3]) or _SDIST.search(found[3])
    plain = f"{name}{extras}=={release[2]}" if release else f"{name}{extras}"
    written = f"{plain}{' ' + marker if marker else ''}"
    return Told(text=written, name=name, plain=plain, exact=release is not None)


def told_words(told: list[Told]) -> tuple[str, str]:
    """What to say, and to do, of all that one file names in that way: one finding, however many there are."""
    first = told[0]
    if len(told) == 1:
        what = f"{first.name} lies in a folder of conda's builders: it is written as {first.plain}"
        what += "" if first.exact else ", for the address tells no version"
        return what, "" if first.exact else _TELLS
    first = next((one for one in told if not one.exact), first)
    what = f"{len(told)} packages, such as {first.name}, lie in folders of conda's builders: they are written"
    if first.exact:
        return f"{what} as {first.plain} is", ""
    return f"{what} without a version where the address tells none", _TELLS
