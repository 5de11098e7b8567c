"""Locks of conda packages from generated channels, each in a process of its own; beside plain py-rattler.

`python -m benchmarks.conda make FOLDER RECORDS`, `… ours SPEC CACHE` and `… peer SPEC CACHE` are what the
figures run; the last two print seconds, records, and the peak memory of whatever solved.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import Any

ANSWER = 861
"""Records of the large answer: `root`, Python, and what they need."""

SMALL = 15
VERSIONS = 10
PYTHONS = ("3.10.14", "3.11.9", "3.12.4", "3.13.1")
SPEC = "name: bench\npython: 3.12\nconda:\n  channels: ['{url}']\n  packages: [{packages}]\n"
ASKED = {
    "small": "small",
    "large": "root",
    "unknown": "root, nosuchpackage",
    "conflict": f"root, p{ANSWER - 3:04}<5",
}
"""What is asked for → the spec's packages; the last two have no answer."""


def make(folder: Path, records: int) -> None:
    """A channel of so many records of ten versions per name; no package files, a solve needs none.

    The names p0000… depend on each other and on one Python; x00000… fill it up.
    """
    chance = random.Random(20261121)  # noqa: S311  the same channel each time
    rows: dict[str, dict[str, Any]] = {}
    for version in PYTHONS:
        _add(rows, "python", version, [])
    names = [f"p{number:04}" for number in range(ANSWER - 2)]
    for number, name in enumerate(names):
        later = names[number + 1 : number + 40]
        _versions(rows, chance, name, [*chance.sample(later, min(4, len(later)))])
    for version in range(1, VERSIONS + 1):  # no version of the last but one does with an old one of the last
        rows[f"{names[-2]}-{version}.0-h0_0.conda"]["depends"] = ["python >=3.11", f"{names[-1]} >=6"]
    _add(rows, "root", "1.0", [*names])
    tools = [f"s{number:02}" for number in range(SMALL - 2)]
    for name in tools:
        _versions(rows, chance, name, [])
    _add(rows, "small", "1.0", tools)
    number = 0
    while len(rows) < records:
        _versions(rows, chance, f"x{number:05}", chance.sample(names, 4))
        number += 1
    for subdir, packages in (("linux-64", rows), ("noarch", {})):
        data = {"info": {"subdir": subdir}, "packages": {}, "packages.conda": packages, "repodata_version": 1}
        (folder / subdir).mkdir(parents=True, exist_ok=True)
        (folder / subdir / "repodata.json").write_text(json.dumps(data), encoding="utf-8")


def _versions(rows: dict[str, Any], chance: random.Random, name: str, needs: list[str]) -> None:
    for version in range(1, VERSIONS + 1):
        depends = ["python >=3.12,<3.13.0a0" if version % 2 else "python >=3.11"]
        depends += [f"{need} >={chance.randint(1, max(1, version - 1))}" for need in needs]
        _add(rows, name, f"{version}.0", depends)


def _add(rows: dict[str, Any], name: str, version: str, depends: list[str]) -> None:
    file = f"{name}-{version}-h0_0.conda"
    rows[file] = {
        "name": name,
        "version": version,
        "build": "h0_0",
        "build_number": 0,
        "depends": depends,
        "subdir": "linux-64",
        "license": "MIT",
        "md5": hashlib.md5(file.encode()).hexdigest(),  # noqa: S324  what channels say
        "sha256": hashlib.sha256(file.encode()).hexdigest(),
        "size": 1000,
        "timestamp": 1_700_000_000_000,
    }


def ours(spec: Path, cache: Path) -> tuple[float, int]:
    """Seconds of envbuild's lock of a spec and its records; 0 when there are none."""
    from envbuild.conda.solve import CondaWish, solve_conda
    from envbuild.errors import Unsolvable
    from envbuild.site.model import Site
    from envbuild.spec.load import load_spec

    wish = CondaWish(spec=load_spec(spec), platform="linux/amd64", glibc="2.36", cuda="")
    begun = time.perf_counter()
    try:
        found = len(solve_conda(wish, site=Site(), environ={"XDG_CACHE_HOME": str(cache)}))
    except Unsolvable:
        found = 0
    return time.perf_counter() - begun, found


def peer(spec: Path, cache: Path) -> tuple[float, int]:
    """The same by plain py-rattler, its import included: envbuild's figure has it too."""
    import yaml

    begun = time.perf_counter()
    import rattler
    from rattler.exceptions import SolverError

    conda = yaml.safe_load(spec.read_text(encoding="utf-8"))["conda"]
    solving = rattler.solve(
        conda["channels"],
        [rattler.MatchSpec(text) for text in ["python 3.12.*", *conda["packages"]]],
        gateway=rattler.Gateway(cache_dir=cache / "peer"),
        platforms=["linux-64", "noarch"],
    )

    async def solve() -> int:
        return len(await solving)

    try:
        found = asyncio.run(solve())
    except SolverError:
        found = 0
    return time.perf_counter() - begun, found


def main() -> None:
    """One of the three."""
    what, folder, more = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    if what == "make":
        make(folder, int(more))
        return
    seconds, records = {"ours": ours, "peer": peer}[what](folder, Path(more))
    who = resource.RUSAGE_CHILDREN if what == "ours" else resource.RUSAGE_SELF
    kilobytes = resource.getrusage(who).ru_maxrss
    sys.stdout.write(json.dumps({"seconds": seconds, "records": records, "kilobytes": kilobytes}) + "\n")
    sys.stdout.flush()
    time.sleep(0.2)  # py-rattler crashes now and then when its process ends at once


if __name__ == "__main__":
    main()
