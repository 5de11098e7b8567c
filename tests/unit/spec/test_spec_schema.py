"""The JSON Schema and the reference: they come from the model, and say only what the reader does."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from envbuild.spec.schema import EXAMPLE, json_schema, reference_markdown
from envbuild.spec.starter import quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.spec.model import Spec

REFERENCE = Path(__file__).parents[3] / "docs" / "spec.md"
SCHEMA = json_schema()
SECTIONS = {"": SCHEMA, **SCHEMA["$defs"]}
PROPERTIES = [(name, key) for name, section in SECTIONS.items() for key in section["properties"]]


def test_docs_hold_the_reference() -> None:
    assert REFERENCE.read_text() == reference_markdown()


def test_the_example_loads(load: Callable[[str], Spec], tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "requirements.txt").write_text("numpy\n")
    assert load(EXAMPLE).name == "dl-env"
    assert EXAMPLE in reference_markdown()


def test_the_schema_says_what_it_is() -> None:
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert SCHEMA["required"] == ["name", "python"]
    assert list(SCHEMA["properties"])[:3] == ["name", "python", "base"]
    assert json.loads(json.dumps(SCHEMA)) == SCHEMA
    assert all(section["additionalProperties"] is False for section in SECTIONS.values())


@pytest.mark.parametrize(("section", "key"), PROPERTIES)
def test_every_key_is_described(section: str, key: str) -> None:
    prop = SECTIONS[section]["properties"][key]
    assert prop["description"].endswith(".")
    assert "title" not in prop


def examples() -> list[Any]:
    """Each example of the schema, put at its place in a spec."""
    places = {
        "": None,
        "CudaFile": "cuda",
        "PipFile": "pip",
        "SmokeFile": "smoke",
        "ImageFile": "image",
        "CopyFile": "copy",
    }
    found = []
    for section, place in places.items():
        for key, prop in SECTIONS[section]["properties"].items():
            found += [
                pytest.param(place, key, value, id=f"{place}.{key}") for value in prop.get("examples", ())
            ]
    return found


@pytest.mark.parametrize(("place", "key", "value"), examples())
def test_every_example_loads(
    place: str | None, key: str, value: Any, load: Callable[[str], Spec], tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "requirements.txt").write_text("numpy\n")
    base: dict[str, Any] = {"cuda": {"version": "12.8"}, "copy": {"from": "src", "to": "/x"}}.get(
        place or "", {}
    )
    inner = {**base, key: value}
    spec = {place: [inner] if place == "copy" else inner} if place else inner
    load(yaml.safe_dump({"name": "x", "python": "3.12", **spec}))


@pytest.mark.parametrize("text", ["", "a", "a b", "null", "~", "- x", "a: b", "a:b", "#", "a #b", "é🙂", "\x7f\x85\u2028\ufeff", "a\nb\t\"'\\", "@x", "*x", "&x", "!x", "%x", "`x`", "3.10", "https://h/x"])  # fmt: skip
def test_quoted_text_reads_back(text: str) -> None:
    from envbuild.spec.yaml import read_yaml

    for template in ("k: {}", "k: [{}]", "k: {{k: {}}}", "k: {}  # c"):
        value: Any = read_yaml(template.format(quoted(text)).encode(), "x").value
        while isinstance(value, dict | list):
            value = value["k"] if isinstance(value, dict) else value[0]
        assert value == text
