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
    r"/_h_env|/opt/conda/|/ktietz/|/runner/|:/bld/",
    re.IGNORECASE,
)
_WHEEL = re.compile(
    r"/([A-Za-z0-9_.]+)-([0-9][A-Za-z0-9_.!+]*)-(?:[0-9][^-/]*-)?[^-/]+-[^-/]+-[^-/]+\.whl(?:#.*)?$"
)
_SDIST = re.compile(r"/([A-Za-z0-9_.-]+)-([0-9][A-Za-z0-9_.!+]*)\.(?:tar\.gz|zip)(?:#.*)?$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A requirement that any machine can meet, and the words of the finding."""

    text: str
    what: str
    todo: str = ""


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
    what = f"{name} lies in a folder of conda's builders: it is written as {plain}"
    if release:
        return Told(text=written, what=what)
    return Told(
        text=written,
        what=f"{what}, for the address tells no version",
        todo="`envbuild import --from-env` of that environment, or `conda list`, tells it",
    )
