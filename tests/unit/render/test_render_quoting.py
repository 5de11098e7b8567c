"""Each value comes back unchanged: from a real shell, from JSON, and from the word parser of Dockerfiles."""

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dockerwords import process_word, split_words

from envbuild.render import quoting
from envbuild.render.quoting import UnwritableError, Written

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n\r"))
NASTY = [
    "",
    " ",
    "a b",
    "'",
    '"',
    "\\",
    "\\\\",
    "a\\",
    "$HOME",
    "${HOME:-x}",
    "$(id)",
    "`id`",
    "; rm -rf /",
    "#no comment",
    "<<EOF",
    "-n",
    "*",
    "~",
    "!!",
    "%s",
    "\t",
    "é\u2028\u0085ü😀",
    "\ufeff",
]


@given(st.lists(LINE, min_size=1, max_size=8))
@settings(max_examples=60, deadline=None)
def test_shell_words_come_back_from_a_real_shell(values: list[str]) -> None:
    check_shell(values)


def test_nasty_words_come_back_from_a_real_shell() -> None:
    check_shell(NASTY)


def check_shell(values: list[str]) -> None:
    words = " ".join(quoting.shell_word(value) for value in values)
    ran = subprocess.run(["sh", "-c", f"printf '%s\\0' {words}"], capture_output=True, check=True)
    assert ran.stdout.decode().split("\0")[:-1] == values


@given(LINE)
def test_docker_words_come_back_from_the_rules_of_dockerfiles(value: str) -> None:
    check_docker_word(value)


@pytest.mark.parametrize("value", NASTY)
def test_nasty_docker_words(value: str) -> None:
    check_docker_word(value)


def check_docker_word(value: str) -> None:
    line = f"NAME={quoting.docker_word(value)}"
    (word,) = split_words(line)
    assert process_word(word.partition("=")[2], {"HOME": "/expanded"}) == value


@given(LINE)
def test_paths_of_copy_come_back(value: str) -> None:
    assert process_word(json.loads(quoting.docker_path(value)), {"HOME": "/expanded"}) == value


@given(st.lists(TEXT))
def test_json_words_are_one_line_and_come_back(values: list[str]) -> None:
    line = quoting.json_words(values)
    assert json.loads(line) == values
    assert len(f"{line}.".splitlines()) == 1
    assert "<<" not in line


@given(st.text())
def test_a_comment_stays_on_its_line(value: str) -> None:
    assert len(f"{quoting.comment(value)}.".splitlines()) == 1


def test_plain_words_stay_plain() -> None:
    assert quoting.docker_word("sha256:ab12") == "sha256:ab12"
    assert quoting.docker_word("-x") == '"-x"'
    assert quoting.shell_word("git=1:2.39") == "git=1:2.39"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("a\nb", "'a\\nb' holds a line break, which no line of a Dockerfile can carry"),
        ("a\rb", "'a\\rb' holds a carriage return, which no line of a Dockerfile can carry"),
        ("a\0b", "'a\\x00b' holds a NUL character, which no line of a Dockerfile can carry"),
        ("\ud800", "'\\ud800' holds half a character, which is no valid text"),
    ],
)
def test_what_cannot_be_written_is_refused(value: str, said: str) -> None:
    for write in (quoting.shell_word, quoting.docker_word, quoting.docker_path):
        with pytest.raises(UnwritableError) as caught:
            write(value)
        assert str(caught.value) == said


def test_json_carries_line_breaks_but_not_nul() -> None:
    assert quoting.json_words(["a\nb"]) == '["a\\nb"]'
    with pytest.raises(UnwritableError):
        quoting.json_words(["\0"])


def test_templates_print_only_what_a_filter_has_seen() -> None:
    assert quoting.only_written(Written("x")) == "x"
    assert quoting.only_written(3) == 3
    with pytest.raises(TypeError):
        quoting.only_written("x")
