"""Stand-ins for installed packages."""

from pathlib import Path

import pytest
from support.audits import unpack, wheel_of
from support.elf import library, plain_library


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder like an environment's, with stand-ins for two packages and a library of nobody's."""
    site = tmp_path / "env/lib/python3.11/site-packages"
    made = {
        "cuda_thing": {
            "cuda_thing/lib/libthing.so.12": library(["80", "90"], ["90"]),
            "cuda_thing/a.py": b"",
        },
        "plain-thing": {"plain_thing/mod.so": plain_library()},
    }
    for name, members in made.items():
        _, data, _ = wheel_of(name.replace("-", "_"), "1.2", members)
        unpack(data, site)
    (tmp_path / "env/vendor").mkdir()
    (tmp_path / "env/vendor/libown.so").write_bytes(library(["86"]))
    return tmp_path / "env"
