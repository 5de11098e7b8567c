"""Commands that only enter an environment are left out; what they run is kept as written."""

from __future__ import annotations

import pytest

from envbuild.importers.containers.wrappers import is_environment_path, unwrapped, unwrapped_text


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("conda run --no-capture-output -n dl python train.py", "python train.py"),
        ("/opt/conda/bin/conda run -p /opt/env -- serve --port 80", "serve --port 80"),
        ("uv run --no-sync --extra gpu serve.py --port 80", "python serve.py --port 80"),
        ("poetry run uvicorn app:app", "uvicorn app:app"),
        ("conda run -n dl", "conda run -n dl"),
        ("conda install numpy", "conda install numpy"),
        ("python -m conda run", "python -m conda run"),
        ("pixi run train", "pixi run train"),
    ],
)
def test_the_command_within(text: str, inner: str) -> None:
    assert " ".join(unwrapped(tuple(text.split()))) == inner
    assert unwrapped_text(text) == inner


def test_quotes_of_a_shell_stay() -> None:
    assert unwrapped_text("conda run -n dl python -c 'import x; x.y(\"a b\")'") == (
        "python -c 'import x; x.y(\"a b\")'"
    )


@pytest.mark.parametrize(
    ("value", "only"),
    [
        ("/opt/venv/bin:$PATH", True),
        ("/opt/conda/envs/dl/bin:/opt/miniconda3/bin:${PATH}", True),
        ("/root/.local/bin:$PATH", True),
        ("/usr/local/nvidia/bin:$PATH", False),
        ("/opt/venv/bin:/opt/tool/bin:$PATH", False),
        ("$PATH", False),
    ],
)
def test_a_path_of_an_environment(value: str, only: bool) -> None:
    assert is_environment_path(value) is only
