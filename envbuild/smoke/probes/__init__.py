"""Small scripts that run inside the image, and `probe(name)`, which reads one. Python 3.6 is enough for them.

Each defines `check(device, tools)`, which returns (status, detail) or raises Failed. Behind it are put, in
one text, what all share: `tools.py`, `driver.py`, `advice.py`, and `verdict.py`, which calls it and prints
one JSON line as the last line: {"status": "passed" | "failed" | "not run", "detail": "…"}.
"""

from functools import lru_cache
from importlib.resources import files

SHARED = ("tools", "driver", "advice", "verdict")


@lru_cache
def probe(name: str) -> str:
    """The text of the probe `name`, ready for `python -c`."""
    folder = files(__name__)
    return "\n\n".join(folder.joinpath(f"{part}.py").read_text(encoding="utf-8") for part in (name, *SHARED))
