"""Which Python distribution a conda package brings. Names in, names out. Pure, from conda_pypi.yml."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from envbuild.facts.tables import table

if TYPE_CHECKING:
    from collections.abc import Sequence

_PYTHONS = frozenset(
    {"python", "python_abi", "python-abi3", "python-gil", "python-freethreading", "__python"}
)


def pypi_name(name: str, *, noarch: str, depends: Sequence[str]) -> str:
    """The normalised name of the distribution that pip finds in the conda package `name`; "" for none.

    By the table; a package that it does not have brings its own name if it is `noarch: python` or depends on
    Python.
    """
    known = _names().get(name.lower())
    if known is not None:
        return known
    needs = {depend.partition(" ")[0].partition("[")[0] for depend in depends}
    return normal(name) if noarch == "python" or needs & _PYTHONS else ""


def conda_names(distribution: str) -> tuple[str, ...]:
    """The conda packages that bring the distribution of that normalised name, sorted; its own name if none is
    known by another.
    """
    found = sorted(conda for conda, dist in _names().items() if dist == distribution)
    return tuple(found) or (distribution,)


def normal(name: str) -> str:
    """As PEP 503 compares names."""
    return re.sub(r"[-_.]+", "-", name).lower()


@cache
def _names() -> dict[str, str]:
    return {str(conda): str(dist) for conda, dist in table("conda_pypi")["names"].items()}
