"""The figures as docs/benchmarks.md."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import LIGHT, PACKAGES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.figures import Figure


def page(figures: Sequence[Figure], packages: Mapping[str, int], engine: str) -> str:
    """The whole page."""
    python = f"Python {platform.python_version()}"
    machine = f"{os.cpu_count()} cores, {platform.system()} {platform.machine()}, {python}"
    head = ["| what | envbuild | beside | ratio | aim | met |", "|---|---|---|---|---|---|"]
    text = Path(__file__).with_name("page.md").read_text(encoding="utf-8")
    return text.format(
        table="\n".join([*head, *rows(figures)]),
        machine=f"{machine}, {engine}, uv {version('uv')}, envbuild {version('envbuild')}",
        installed="\n".join(f"- `{reference}`: {count} packages" for reference, count in packages.items()),
        packages=" ".join(PACKAGES),
        light=LIGHT,
        conda="what an answer needs is chosen among ten versions of each name",
    )


def rows(figures: Sequence[Figure]) -> list[str]:
    """One line of the table for each figure."""
    lines = []
    for figure in figures:
        aim = f"≤ {figure.limit:.2f} s" if figure.absolute else f"≤ {figure.limit:.2f}"
        cells = (
            figure.what,
            figure.ours,
            figure.other,
            f"{figure.ratio:.2f}",
            aim,
            "yes" if figure.met else "**no**",
        )
        lines.append(f"| {' | '.join(str(cell) for cell in cells)} |")
    return lines
