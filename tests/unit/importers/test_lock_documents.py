"""Structured files of other tools: what they hold and where, and what makes them unreadable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SpecError
from envbuild.importers.text.documents import json_of, toml_of, yaml_of
from envbuild.importers.text.places import Place
from envbuild.importers.text.toml_lines import toml_lines

if TYPE_CHECKING:
    from pathlib import Path

READERS = {"toml": toml_of, "json": json_of, "yml": yaml_of}


def refusal(folder: Path, ending: str, text: str) -> str:
    path = folder / f"a.{ending}"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecError) as caught:
        READERS[ending](path)
    return str(caught.value).replace(str(path), path.name)


@pytest.mark.parametrize(
    ("ending", "text", "said"),
    [
        ("toml", "a = 1\nb = [1, 2\n", "a.toml:2: is not valid TOML: unclosed array"),
        ("toml", "a = 1\na = 2\n", "a.toml:2: is not valid TOML: cannot overwrite a value"),
        ("toml", "a = " + "[" * 3000, "a.toml: values are nested too deeply"),
        ("toml", "a = " + "9" * 5000, "a.toml:1: is not valid TOML: "),
        ("toml", "x = 1\n<<<<<<< HEAD\n", "a.toml:2: holds the marks of a merge conflict"),
        ("json", '{\n "a": 1,\n}', "a.json:3: is not valid JSON: expecting property name"),
        ("json", "", "a.json:1: is not valid JSON: expecting value"),
        ("json", "[" * 100_000, "a.json: values are nested too deeply"),
        ("json", "9" * 5000, "a.json: is not valid JSON: a number has too many digits"),
        ("yml", "a: 1\n b: 2\n", "a.yml:2: is not valid YAML: mapping values are not allowed"),
        ("yml", "a: *b\n", "a.yml:1: the alias *b has no anchor before it"),
        (
            "yml",
            "a: 1\nb: !!python/object:os.system x\n",
            "a.yml:2: the tag 'tag:yaml.org,2002:python/object",
        ),
        ("yml", "a: 1\n---\nb: 2\n", "a.yml:2: a second document begins"),
        ("yml", "a: 1\na: 2\n", "a.yml:2: the key 'a' is given twice"),
        ("yml", "[a]: 1\n", "a.yml:1: a key is no text"),
        ("yml", "b: &b {c: 1}\na:\n  <<: *b\n", "a.yml:3: the merge key `<<` is not read here"),
        ("yml", "a: " + "[" * 60 + "]" * 60, "a.yml:1: values are nested too deeply"),
    ],
)
def test_what_cannot_be_read(tmp_path: Path, ending: str, text: str, said: str) -> None:
    assert refusal(tmp_path, ending, text).startswith(said)


def test_yaml_scalars_stay_as_written(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("python: 3.10\nno: no\nnothing: ~\nempty: ''\nlist: [1, null]\n")
    assert yaml_of(path).value == {
        "python": "3.10",
        "no": "no",
        "nothing": None,
        "empty": "",
        "list": ["1", None],
    }


def test_aliases_multiply_nothing(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    rows = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 40)]
    path.write_text("\n".join(rows))
    last = yaml_of(path).at("a39").value
    assert isinstance(last, list)
    assert last[0] is last[1]


def test_yaml_rows_know_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.yml"
    path.write_text("# head\npackage:\n- name: a\n  hash:\n    md5: x\n- name: b\n")
    first, second = yaml_of(path).rows("package")
    assert [first.line, first.at("name").line, first.table("hash").at("md5").line] == [3, 3, 5]
    assert second.line == 6


def test_toml_lines_of_tables_keys_and_long_values() -> None:
    text = """\
a = 1

[[package]]
name = "x" # [not.a.table]
text = '''
[no.table]
key = 1
'''
list = [
    "a]", # ]
    { b = 1 },
]

[package.source]
"quoted.key" = 1
dotted.key = 2

[[package]]
name = "y"

[tool."a b".c]
"""
    assert toml_lines(text) == {
        ("a",): 1,
        ("package", 0): 3,
        ("package", 0, "name"): 4,
        ("package", 0, "text"): 5,
        ("package", 0, "list"): 9,
        ("package", 0, "source"): 14,
        ("package", 0, "source", "quoted.key"): 15,
        ("package", 0, "source", "dotted", "key"): 16,
        ("package", 1): 18,
        ("package", 1, "name"): 19,
        ("tool", "a b", "c"): 21,
    }


def place(value: object) -> Place:
    return Place("a.lock", value, lines={("row",): 7})


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"row": 1}, "a.lock:7: row: is a number, where a text belongs"),
        ({"row": True}, "a.lock:7: row: is true or false, where a text belongs"),
        ({"row": ["x"]}, "a.lock:7: row: is a list, where a text belongs"),
        ({"row": {}}, "a.lock:7: row: is a table, where a text belongs"),
        ({"row": "a\x07"}, "a.lock:7: row: holds the control character '\\x07'; remove it"),
        ({"row": "\ud800"}, "a.lock:7: row: holds the control character '\\ud800'; remove it"),
    ],
)
def test_a_text_of_another_kind(value: object, said: str) -> None:
    with pytest.raises(SpecError) as caught:
        place(value).text("row")
    assert str(caught.value).startswith(said)


def test_lists_tables_and_numbers_of_another_kind() -> None:
    for value, ask, said in [
        ({"row": "x"}, lambda at: at.rows("row"), "is a text, where a list belongs"),
        ({"row": ["x"]}, lambda at: at.rows("row"), "is a text, where a table belongs"),
        ({"row": []}, lambda at: at.table("row"), "is a list, where a table belongs"),
        ({"row": "x"}, lambda at: at.number("row"), "is a text, where a whole number belongs"),
        ({"row": "perhaps"}, lambda at: at.yes("row"), "is a text, where true or false belongs"),
        ({"row": " "}, lambda at: at.needed("row"), "has no row"),
        ([], lambda at: at.table("row").items() and at.as_table(), "is a list, where a table belongs"),
        ({"\n": 1}, lambda at: list(at.items()), "the key '\\n' holds a control character"),
    ]:
        with pytest.raises(SpecError) as caught:
            ask(place(value))
        assert said in str(caught.value)


def test_what_is_missing_is_empty() -> None:
    nothing = place({"row": None})
    assert (nothing.text("row"), nothing.rows("row"), nothing.number("row"), nothing.yes("row")) == (
        "",
        [],
        0,
        False,
    )
    assert nothing.table("row").value == {}
    assert "row" not in nothing
    assert not nothing.at("row")
