"""A small piece of real work with conda's packages: solve a system of equations, and see who brought what."""

import json
import os
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from rich.console import Console
from scipy import linalg

SIZE = 200


def main() -> None:
    noise = np.random.default_rng(7)
    matrix = noise.normal(size=(SIZE, SIZE)) + SIZE * np.eye(SIZE)
    wanted = np.arange(SIZE, dtype=float)
    found = linalg.solve(matrix, matrix @ wanted)
    assert np.allclose(found, wanted), float(np.abs(found - wanted).max())

    prefix = Path(os.environ["CONDA_PREFIX"])
    records = [json.loads(path.read_text()) for path in (prefix / "conda-meta").glob("*.json")]
    names = {record["name"] for record in records}
    assert {"python", "numpy", "scipy"} <= names, sorted(names)
    assert "rich" not in names
    assert distribution("rich").read_text("INSTALLER") == "uv"

    Console().print(f"{SIZE} equations solved by {len(names)} conda packages, and told by one of pip's")


if __name__ == "__main__":
    main()
