"""Small scripts that run inside the image, and `probe(name)`, which reads one. Python 3.6 is enough for them.

Each defines `check(device, sample)`, which returns (status, detail). `verdict.py` is put behind it, calls
it, and prints one JSON line as the last line: {"status": "passed" | "failed" | "not run", "detail": "…"}.
"""

from functools import lru_cache
from importlib.resources import files


@lru_cache
def probe(name: str) -> str:
    """The text of the probe `name`, ready for `python -c`."""
    folder = files(__name__)
    return "\n\n".join(
        folder.joinpath(f"{part}.py").read_text(encoding="utf-8") for part in (name, "verdict")
    )
