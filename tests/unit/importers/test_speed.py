"""Importing takes no time that somebody would notice."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from envbuild.importers.model import Wishes
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 0.3
"""Seconds for an environment.yml of 300 lines; about 0.07 on two cores of 2026."""


def test_an_environment_file_of_300_lines(tmp_path: Path) -> None:
    lines = ["name: big", "channels: [conda-forge, defaults]", "dependencies:", "  - python=3.11"]
    lines += [f"  - package{number}=1.{number}.0=py311h{number:06x}_0  # note" for number in range(200)]
    lines += ["  - pip:", *(f"      - dist{number}>=1.{number},<3" for number in range(95))]
    path = tmp_path / "environment.yml"
    path.write_text("\n".join(lines) + "\n")
    times = []
    for _ in range(3):
        start = time.perf_counter()
        text = spec_text(import_from(path, Wishes()))
        times.append(time.perf_counter() - start)
    assert len(lines) == 300
    assert text.count("\n    - ") == 297  # two channels, 200 packages, 95 of pip
    assert min(times) < LIMIT
