"""Compiled templates are kept where only the user can write, and nothing depends on them."""

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment

from envbuild.render.compiled import compiled_templates


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "envbuild" / "templates"


def rendered(text: str) -> str:
    environment = Environment(loader=DictLoader({"t": text}), bytecode_cache=compiled_templates())
    return environment.get_template("t").render(name="x")


def test_a_template_is_kept_compiled_and_a_changed_one_is_compiled_anew(cache: Path) -> None:
    assert rendered("a {{ name }}") == "a x"
    assert len(list(cache.iterdir())) == 1
    assert rendered("a {{ name }}") == "a x"
    assert rendered("b {{ name }}") == "b x"


def test_the_folder_is_the_user_s_alone(cache: Path) -> None:
    assert compiled_templates() is not None
    assert cache.stat().st_mode & 0o777 == 0o700
    cache.chmod(0o770)
    assert compiled_templates() is None


def test_a_place_that_cannot_be_a_folder_costs_time_only(cache: Path) -> None:
    cache.parent.mkdir()
    cache.write_text("a file")
    assert compiled_templates() is None
    assert rendered("a {{ name }}") == "a x"


def test_a_broken_entry_costs_time_only(cache: Path) -> None:
    rendered("a {{ name }}")
    (entry,) = cache.iterdir()
    entry.write_bytes(b"not bytecode")
    assert rendered("a {{ name }}") == "a x"


def test_a_folder_that_went_away_costs_time_only(cache: Path) -> None:
    environment = Environment(loader=DictLoader({"t": "a {{ name }}"}), bytecode_cache=compiled_templates())
    cache.rmdir()
    assert environment.get_template("t").render(name="x") == "a x"
