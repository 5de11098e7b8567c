"""Times of commands, taken several times, alternating between those that are compared."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

# A normal installation has its modules compiled; a variable that forbids that would be measured instead.
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """Wall times in seconds, in the order they were taken."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        digits = 1 if self.median >= 10 else 2 if self.median >= 1 else 3
        spread = f"{min(self.seconds):.{digits}f}-{max(self.seconds):.{digits}f}"
        return f"{self.median:.{digits}f} s ({spread}, n={len(self.seconds)})"


def command(arguments: Sequence[str]) -> float:
    """Run a command; returns seconds. What it prints is shown only if it fails."""
    begun = time.perf_counter()
    ran = subprocess.run(arguments, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    seconds = time.perf_counter() - begun
    if ran.returncode:
        raise RuntimeError(f"{' '.join(arguments)} ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}")
    return seconds


def alternate(runs: Mapping[str, Callable[[int], float]], rounds: int) -> dict[str, Times]:
    """Take each `rounds` times; who goes first changes. A run is told the number of its round."""
    taken: dict[str, list[float]] = {name: [] for name in runs}
    names = list(runs)
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            taken[name].append(runs[name](number))
    return {name: Times(name=name, seconds=tuple(seconds)) for name, seconds in taken.items()}
