"""The YAML reader: what is taken as written, what is refused and in which words."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

import time

import pytest

from envbuild.errors import SpecError
from envbuild.spec.reading import MAX_BYTES
from envbuild.spec.yaml import MAX_NODES, read_yaml


def read(text: str | bytes):
    return read_yaml(text.encode() if isinstance(text, str) else text, "spec.yml")


def refusal(text: str | bytes) -> str:
    with pytest.raises(SpecError) as caught:
        read(text)
    assert len(caught.value.problems) == 1
    return str(caught.value.problems[0])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 3.10", {"a": "3.10"}),
        ("a: on\nb: no\nc: yes\nd: true", {"a": "on", "b": "no", "c": "yes", "d": "true"}),
        (
            "a: 012\nb: 1e3\nc: 1_000\nd: 0x1f\ne: 12:30:45",
            {"a": "012", "b": "1e3", "c": "1_000", "d": "0x1f", "e": "12:30:45"},
        ),
        ("a: 2024-01-01", {"a": "2024-01-01"}),
        (
            "a:\nb: ~\nc: null\nd: ''\ne: 'null'\nf: \"~\"",
            {"a": None, "b": None, "c": None, "d": "", "e": "null", "f": "~"},
        ),
        ("1: x\nno: y", {"1": "x", "no": "y"}),
        ("a: [1, {b: c}]", {"a": ["1", {"b": "c"}]}),
        ("a: |\n  x\n   y\nb: >-\n  c\n  d", {"a": "x\n y\n", "b": "c d"}),
        ("a: &v [1]\nb: *v", {"a": ["1"], "b": ["1"]}),
        ("a: &a {x: 1, y: 2}\nb:\n  <<: *a\n  y: 3", {"a": {"x": "1", "y": "2"}, "b": {"y": "3", "x": "1"}}),
        (
            "a: &a {x: 1}\nb: &b {x: 2, z: 3}\nc: {<<: [*a, *b]}",
            {"a": {"x": "1"}, "b": {"x": "2", "z": "3"}, "c": {"x": "1", "z": "3"}},
        ),
        ("a: {'<<': 1}", {"a": {"<<": "1"}}),
        ("\ufeffa: ü 漢 🙂", {"a": "ü 漢 🙂"}),
        ("a: 1\r\nb: 2\r\n", {"a": "1", "b": "2"}),
        ("---\na: 1\n...\n", {"a": "1"}),
        ("a:\tx", {"a": "x"}),
    ],
)
def test_values_stay_as_written(text: str, value: object) -> None:
    assert read(text).value == value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "spec.yml: is empty; `envbuild init` writes a spec to start from"),
        ("# nothing\n", "spec.yml: is empty; `envbuild init` writes a spec to start from"),
        ("---\n", "spec.yml: is empty; `envbuild init` writes a spec to start from"),
        (b"a: 1\n\x7fELF\0", "spec.yml:2: is a binary file; name a UTF-8 text file"),
        (b"a: 1\nb: \xff", "spec.yml:2: is not UTF-8 text: byte 0xff; save the file as UTF-8"),
        ("a: 1".encode("utf-16"), "spec.yml:1: is a binary file; name a UTF-8 text file"),
        ("a: 1\nb: \x07", "spec.yml:2: holds the control character '\\x07'; remove it"),
        ("a: x\u2028y", "spec.yml:1: holds the control character '\\u2028'; remove it"),
        ("#" * (MAX_BYTES + 1), "spec.yml: is larger than 1 MB; name a text file written by hand"),
        ("a:\n\tb: 1", "spec.yml:2: a tab is used where spaces belong; indent with spaces"),
        ("a:\n  \tb: 1", "spec.yml:2: a tab is used where spaces belong; indent with spaces"),
        ("a: |\n  x\n \ty", "spec.yml:3: a tab is used where spaces belong; indent with spaces"),
        ("a: !!python/object:os.system x", "spec.yml:1: the tag 'tag:yaml.org,2002:python/object:os.system' is not used here; write the plain value"),
        ("a: !x {b: 1}", "spec.yml:1: the tag '!x' is not used here; write the plain value"),
        ("a: 1\n---\nb: 2", "spec.yml:2: a second document begins; keep one document in the file"),
        ("a: *x", "spec.yml:1: the alias *x has no anchor &x before it; define the anchor first"),
        ("a: &x [*x]", "spec.yml:1: the alias *x has no anchor &x before it; define the anchor first"),
        ("? [a]\n: b", "spec.yml:1: a key is a list or a mapping; a key is one word of text before a colon"),
        ("a: {~: 1}", "spec.yml:1: a key is missing; a key is one word of text before a colon"),
        ("a: {<<: 1}", "spec.yml:1: `<<` takes a mapping, or a list of them; write the keys out"),
        ("a: {<<: [[]]}", "spec.yml:1: `<<` takes a mapping, or a list of them; write the keys out"),
        ("a: b: c", "spec.yml:1: a second `: ` on one line; put the value in quotes, or begin a new line"),
        ("x: 1\na: 'b\n\nc: d", "spec.yml:2: a quote is opened and never closed; close it"),
        ("a: @x", "spec.yml:1: a value cannot start with '@'; put it in quotes"),
        ("a: `x`", "spec.yml:1: a value cannot start with '`'; put it in quotes"),
        ("a: [1\n\nb: 2", "spec.yml:1: a comma or `]` is missing after the `[` that opens here; add it"),
        ("a: {b: 1\nc: 2", "spec.yml:1: a comma or `}` is missing after the `{` that opens here; add it"),
        ("a: 1\n b: 2\n- c", "spec.yml:2: a second `: ` on one line; put the value in quotes, or begin a new line"),
        ("a:\n  b: 1\n c: 2", "spec.yml:3: is not valid YAML: did not find expected key; look at indentation and quotes around here"),
        ("a: " + "[" * 30, "spec.yml:1: values are nested deeper than 20 levels; a spec needs far fewer"),
    ],
)  # fmt: skip
def test_refusals(text: str | bytes, message: str) -> None:
    assert refusal(text) == message


def test_a_key_given_twice_is_reported_beside_what_else_is_wrong() -> None:
    document = read("a: 1\nb:\n  c: 1\n  c: 2\na: 3")
    assert [str(problem) for problem in document.problems] == [
        "spec.yml:5: a: the key is given twice, first in line 1; keep one of them",
        "spec.yml:4: b.c: the key is given twice, first in line 3; keep one of them",
    ]
    assert document.value == {"a": "1", "b": {"c": "1"}}


def test_lines_of_key_paths() -> None:
    document = read("a: 1\nb:\n  - x\n  - c: y\n\n    d: |\n      z\ne: &e {f: 1}\ng: *e\n")
    assert document.lines == {
        (): 1,
        ("a",): 1,
        ("b",): 2,
        ("b", 0): 3,
        ("b", 1): 4,
        ("b", 1, "c"): 4,
        ("b", 1, "d"): 6,
        ("e",): 8,
        ("e", "f"): 8,
        ("g",): 9,
        ("g", "f"): 8,
    }


LAUGHS = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
MERGED = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 60))
TWICE = f"a: &a {{{'b: 1, ' * 5000}}}\nc: [{'*a, ' * 5000}]\n"
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))


@pytest.mark.parametrize(
    "text", [LAUGHS, MERGED, TWICE, CHAIN, "a: [" + "x, " * 300_000 + "]", "- - " * 250_000]
)
def test_small_files_that_would_grow_are_refused_at_once(text: str) -> None:
    begun = time.process_time()
    assert "a spec needs far fewer" in refusal(text)
    assert time.process_time() - begun < 3


def test_many_values_message() -> None:
    said = f"spec.yml:1: the file holds more than {MAX_NODES} values, aliases written out; a spec needs far fewer"
    assert refusal("a: [" + "x, " * 30_000 + "]") == said
