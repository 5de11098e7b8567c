"""Measure envbuild beside hand-written Dockerfiles in one run, and write docs/benchmarks.md: `make bench`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import figures
from benchmarks.page import page
from benchmarks.peers import TOOL, tag

if TYPE_CHECKING:
    from benchmarks.figures import Bench, Figure

ROOT = Path(__file__).resolve().parent.parent
ALL = ("start", "imported", "conda", "render", "nothing", "bump", "cold")


def main() -> int:
    """Take the figures that were asked for; exit code 1 when an aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--rounds", type=int, default=3, choices=range(1, len(figures.VERSIONS)), help="how often to build"
    )
    parser.add_argument(
        "--only", action="append", choices=ALL, help="take this figure only; the page is not written"
    )
    options = parser.parse_args()
    wanted = options.only or ALL

    taken = [figures.start()] if "start" in wanted else []
    if "imported" in wanted:
        taken.append(figures.imported(ROOT / ".cache/bench/imported"))
    if "conda" in wanted:
        taken += figures.conda(ROOT / ".cache/bench/conda", options.rounds)
    for figure in taken:
        say(figure)
    packages, engine = {}, ""
    if set(wanted) - {"start", "imported", "conda"}:
        bench = figures.Bench(ROOT / ".cache/bench", options.rounds)
        taken += take(bench, wanted)
        info = bench.peers.engine.info
        engine = f"{info.kind} {info.version}"
        packages = bench.count() if "cold" in wanted else {}
        figures.clean(bench.peers, [TOOL, tag("uv"), tag("pip"), f"{figures.NAME}:latest"])
    if not options.only:
        (ROOT / "docs/benchmarks.md").write_text(page(taken, packages, engine), encoding="utf-8")
    return 0 if all(figure.met for figure in taken) else 1


def take(bench: Bench, wanted: list[str] | tuple[str, ...]) -> list[Figure]:
    """The figures that need an engine, each said as soon as it is known."""
    taken: list[Figure] = []
    for name in ALL[3:]:
        if name in wanted:
            answer = getattr(figures, name)(bench)
            new = answer if isinstance(answer, list) else [answer]
            for figure in new:
                say(figure)
            taken += new
    return taken


def say(figure: Figure) -> None:
    """One line of progress."""
    met = "met" if figure.met else "MISSED"
    sys.stderr.write(f"{figure.what}: {figure.ours} / {figure.other} = {figure.ratio:.2f}x ({met})\n")


if __name__ == "__main__":
    sys.exit(main())
