"""What the spec tests share: a folder of their own, short ways to load a text and to see what is wrong."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SpecError
from envbuild.spec.load import load_spec

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.spec.model import Spec

HEAD = "name: x\npython: 3.12\n"


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | bytes], Spec]:
    """Load a text as `spec.yml` of an empty folder."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)

    def load_text(text: str | bytes) -> Spec:
        path = Path("spec.yml")
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_spec(path)

    return load_text


@pytest.fixture
def problems(load: Callable[[str | bytes], Spec]) -> Callable[[str | bytes], list[str]]:
    """The messages that a text gets; none when it loads."""

    def problems_of(text: str | bytes) -> list[str]:
        try:
            load(text)
        except SpecError as error:
            return [str(problem) for problem in error.problems]
        return []

    return problems_of


@pytest.fixture
def below(problems: Callable[[str | bytes], list[str]]) -> Callable[[str], list[str]]:
    """The messages that lines get below a valid name and python: the first of them is line 3."""
    return lambda text: problems(HEAD + text)
