"""A new image's own device code is held against `targets`, and remembered for the next lock.

The package is a stand-in: a wheel called cupy-cuda12x whose only library was "compiled" for the 8.0 alone.
"""

import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from support.audits import wheel_of
from support.commandline import CommandLine
from support.elf import library
from support.index import Index

from envbuild.engine.engine import Engine

TAG = "py3-none-manylinux_2_28_x86_64"
METADATA = b"Metadata-Version: 2.1\nName: cupy-cuda12x\nVersion: 13.6.0\n"


@pytest.fixture
def envbuild(tmp_path: Path, engine_url: str, base_image: str) -> Iterator[CommandLine]:
    with closing(Index()) as index:
        members = {
            "cupy_cuda12x-13.6.0.dist-info/METADATA": METADATA,
            "cupy/__init__.py": b"",
            "cupy/cuda/thrust.so": library(["80"]),
        }
        file, data, _ = wheel_of("cupy_cuda12x", "13.6.0", members, TAG)
        index.files[file] = data
        (tmp_path / "work").mkdir()
        command = CommandLine(tmp_path / "work", tmp_path / "home", engine_url)
        command.environ |= {"UV_DEFAULT_INDEX": index.url, "ENVBUILD_BUILD_NETWORK": "host"}
        for name in ("PIP_INDEX_URL", "UV_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX"):
            command.environ.pop(name, None)
        yield command


def test_a_target_that_the_files_do_not_serve_fails_the_image(envbuild: CommandLine, engine: Engine) -> None:
    name = f"envbuild-test-{uuid.uuid4().hex[:12]}"
    spec = envbuild.folder / "spec.yml"
    text = (
        f"name: {name}\npython: 3.11\ntargets: [A100, T4]\naccept: [cuda-missing]\n"
        'pip: {packages: ["cupy-cuda12x==13.6.0"]}\n'
    )
    spec.write_text(text)
    try:
        out, err = envbuild("image", code=6)
        assert "device code" in out
        assert "cupy-cuda12x has no code for T4" in out
        assert f"{name}:failed" in err
        # What was read stands above the tables, which know nothing of this package: the lock is refused now.
        _, err = envbuild("lock", "--upgrade", code=4)
        assert "targets[1]" in err
        assert "no code for" in err
        spec.write_text(text.replace(", T4", ""))
        out, _ = envbuild("image")
        assert "cupy-cuda12x serves A100" in out
    finally:
        engine.untag(f"{name}:failed")
        engine.untag(f"{name}:latest")
