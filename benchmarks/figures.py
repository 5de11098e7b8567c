"""The figures: what is measured, beside what, and what was aimed at."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.conda import ANSWER, ASKED, SMALL, SPEC
from benchmarks.measure import Times, alternate, command
from benchmarks.peers import Peers, replacing, tag
from envbuild.engine.connect import connect
from envbuild.site.load import load_site

if TYPE_CHECKING:
    from collections.abc import Sequence

NAME = "envbuild-bench"
PACKAGES = (
    "numpy",
    "scipy",
    "pandas",
    "scikit-learn",
    "matplotlib",
    "pyarrow",
    "transformers",
    "datasets",
    "jupyterlab",
)
LIGHT = "tqdm"
VERSIONS = ("4.66.3", "4.66.4", "4.66.5", "4.66.6", "4.67.0", "4.67.1")
ENVBUILD = str(Path(sys.executable).with_name("envbuild"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table. `limit` is the aim for ours / other, or for ours in seconds if `absolute`."""

    what: str
    ours: Times
    other: Times
    limit: float
    absolute: bool = False

    @property
    def ratio(self) -> float:
        """Our time as a part of the other's."""
        return self.ours.median / self.other.median

    @property
    def met(self) -> bool:
        """Whether the aim was reached in this run."""
        return (self.ours.median if self.absolute else self.ratio) <= self.limit


class Bench:
    """A spec in `folder`, a lock for each version of the light package, and the peers."""

    def __init__(self, folder: Path, rounds: int) -> None:
        self.folder = folder
        self.rounds = rounds
        # An account of this run's own: the layers above it are in no cache of an earlier run.
        self.mark = f"run{os.getpid()}x{int(time.time())}"
        self.spec = folder / "spec.yml"
        self.lock = folder / f"pylock.{NAME}.toml"
        folder.mkdir(parents=True, exist_ok=True)
        self.locks = [self._lock_with(version) for version in VERSIONS[: rounds + 1]]
        self.packages = len(tomllib.loads(self.locks[0])["packages"])
        self.use(0)
        command([ENVBUILD, "image", str(self.spec), "--no-smoke"])  # names the base that the peers start from
        self.peers = self._peers()

    def _lock_with(self, version: str) -> str:
        self.spec.write_text(spec_text(version, self.mark), encoding="utf-8")
        command([ENVBUILD, "lock", str(self.spec)])
        return self.lock.read_text(encoding="utf-8")

    def _peers(self) -> Peers:
        from envbuild.lock.pylock import read_lock

        site = load_site(os.environ)
        engine = connect(site.engine, os.environ, network=site.build_network)
        locked = read_lock(self.lock)
        assert locked is not None  # noqa: S101  # it has just been written
        peers = Peers(engine=engine, site=site, base=locked.base.build_reference, platform=locked.platform)
        peers.make_tool(Path(shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"))
        return peers

    def use(self, number: int) -> None:
        """Make the spec and the lock those with the light package's version of that number."""
        self.spec.write_text(spec_text(VERSIONS[number], self.mark), encoding="utf-8")
        self.lock.write_text(self.locks[number], encoding="utf-8")

    def requirements(self, number: int) -> str:
        """The same packages for the peers."""
        packages = tomllib.loads(self.locks[number])["packages"]
        lines = [f"{package['name']}=={package['version']}" for package in packages]
        return "\n".join([f"# {self.mark}", *lines, ""])

    def image(self, *options: str) -> float:
        """Run `envbuild image` without smoke tests."""
        with replacing(self.peers.engine, f"{NAME}:latest"):
            return command([ENVBUILD, "image", str(self.spec), "--no-smoke", "--locked", *options])

    def count(self) -> dict[str, int]:
        """How many packages each image holds."""
        return {name: self.peers.packages(name) for name in (f"{NAME}:latest", tag("uv"), tag("pip"))}


def spec_text(version: str, user: str) -> str:
    """The spec of the measured environment."""
    packages = "".join(f"    - {package}\n" for package in [*PACKAGES, f"{LIGHT}=={version}"])
    return (
        f"name: {NAME}\npython: 3.11\nbase: debian:bookworm-slim\nuser: {user}\npip:\n  packages:\n{packages}"
    )


def start() -> Figure:
    """`envbuild --version` beside an empty Python program."""
    times = alternate(
        {
            "envbuild --version": lambda _: command([ENVBUILD, "--version"]),
            "python -c pass": lambda _: command([sys.executable, "-c", "pass"]),
        },
        20,
    )
    return _figure("`envbuild --version` / `python -c pass`", times, 0.10, absolute=True)


def imported(folder: Path) -> Figure:
    """`envbuild import` of an environment.yml of 300 lines beside an empty Python program."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "environment.yml"
    conda = [f"  - package-{n}={1 + n % 5}.{n % 9}.{n % 7}" for n in range(200)]
    pip = [f"      - wheel-{n}=={1 + n % 5}.{n % 9}.{n % 7}  # pinned" for n in range(92)]
    head = ["name: big", "channels:", "  - conda-forge", "  - bioconda", "dependencies:", "  - python=3.11"]
    source.write_text("\n".join([*head, *conda, "  - pip", "  - pip:", *pip, ""]), encoding="utf-8")
    times = alternate(
        {
            "envbuild import": lambda _: command([ENVBUILD, "import", str(source), "--force"]),
            "python -c pass": lambda _: command([sys.executable, "-c", "pass"]),
        },
        20,
    )
    return _figure("`envbuild import` of 300 lines / `python -c pass`", times, 0.30, absolute=True)


def render(bench: Bench) -> Figure:
    """`envbuild render` from a lock beside an empty Python program."""
    bench.use(0)
    times = alternate(
        {
            "envbuild render": lambda _: command([ENVBUILD, "render", str(bench.spec)]),
            "python -c pass": lambda _: command([sys.executable, "-c", "pass"]),
        },
        10,
    )
    return _figure("`envbuild render` from a lock / `python -c pass`", times, 0.25, absolute=True)


def nothing(bench: Bench) -> Figure:
    """`envbuild image` when nothing changed, beside an all-cached build of the uv Dockerfile."""
    bench.use(0)
    bench.image()
    requirements = bench.requirements(0)
    bench.peers.build("uv", requirements)
    times = alternate(
        {
            "envbuild image": lambda _: bench.image(),
            "cached build": lambda _: bench.peers.build("uv", requirements),
        },
        10,
    )
    return _figure("`envbuild image`, nothing to do / all-cached build", times, 0.25, absolute=True)


def cold(bench: Bench) -> list[Figure]:
    """No layer cache, empty cache mounts (what no-cache means to BuildKit), the base image at hand."""
    bench.use(0)
    requirements = bench.requirements(0)
    times = alternate(
        {
            "envbuild": lambda _: bench.image("--no-cache"),
            "uv": lambda _: bench.peers.build("uv", requirements, no_cache=True),
            "pip": lambda _: bench.peers.build("pip", requirements, no_cache=True),
        },
        bench.rounds,
    )
    what = f"cold build, {bench.packages} packages"
    return [
        Figure(what=f"{what} / uv Dockerfile", ours=times["envbuild"], other=times["uv"], limit=1.15),
        Figure(what=f"{what} / pip Dockerfile", ours=times["envbuild"], other=times["pip"], limit=0.3),
    ]


def bump(bench: Bench) -> Figure:
    """One light package changes its version, caches warm. Each round takes a version that no round had."""
    bench.use(0)
    bench.image()
    bench.peers.build("uv", bench.requirements(0))

    def ours(number: int) -> float:
        bench.use(number + 1)
        return bench.image()

    times = alternate(
        {"envbuild": ours, "uv": lambda number: bench.peers.build("uv", bench.requirements(number + 1))},
        bench.rounds,
    )
    return _figure(f"{LIGHT} bumped / uv Dockerfile", times, 0.5)


def conda(folder: Path, rounds: int) -> list[Figure]:
    """Locks of conda packages from a channel of 90,000 records, beside plain py-rattler."""
    channel = folder / "channel"
    command([sys.executable, "-m", "benchmarks.conda", "make", str(channel), "90000"])
    limits = {"small": 0.5, "large": 4.0, "unknown": 5.0, "conflict": 5.0}
    named = {"small": f"{SMALL} records", "large": f"{ANSWER} records"}
    named |= {"unknown": "a name that is not there", "conflict": "a conflict"}
    taken = []
    for kind, packages in ASKED.items():
        spec = folder / f"{kind}.yml"
        spec.write_text(SPEC.format(url=channel.resolve().as_uri(), packages=packages), encoding="utf-8")
        runs = {who: partial(_solved, who, spec, folder / "cache") for who in ("ours", "peer")}
        times = alternate(runs, rounds + 2)
        taken.append(_figure(f"conda, {named[kind]} of 90k / py-rattler", times, limits[kind], absolute=True))
    return taken


def _solved(who: str, spec: Path, cache: Path, _: int) -> float:
    ran = subprocess.run(
        [sys.executable, "-m", "benchmarks.conda", who, str(spec), str(cache)],
        capture_output=True,
        text=True,
        check=True,
    )
    return float(json.loads(ran.stdout)["seconds"])


def _figure(what: str, times: dict[str, Times], limit: float, *, absolute: bool = False) -> Figure:
    ours, other = times.values()
    return Figure(what=what, ours=ours, other=other, limit=limit, absolute=absolute)


def clean(peers: Peers, references: Sequence[str]) -> None:
    """Take away the names that the run gave."""
    for reference in references:
        peers.engine.untag(reference)
