"""Shell text taken apart, Dockerfile text, options, and JSON with comments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SpecError
from envbuild.importers.containers.gathered import holds_secret, is_secret
from envbuild.importers.containers.instructions import instructions
from envbuild.importers.text.jsonc import jsonc_of
from envbuild.importers.text.options import parted
from envbuild.importers.text.shell import commands, expanded

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b && c 'd e' ; f", [("a", "b"), ("c", "d e"), ("f",)]),
        ("X=1 Y=2 apt-get install -y x > /dev/null 2>&1", [("apt-get", "install", "-y", "x")]),
        ("sudo apt install x", [("apt", "install", "x")]),
        ("a # why && b\nc", [("a",), ("c",)]),
        ("echo 'a && b' \"c; d\"", [("echo", "a && b", "c; d")]),
        ("a \\\n  b", [("a", "b")]),
        ("a || b", [()]),
        ("a | b && c", [(), ("c",)]),
        ("cd x && (make || exit 1)", [("cd", "x"), ()]),
        ("echo $(date; ls)", [()]),
        ("a=${x:-b;c} d", [()]),
        ("", []),
    ],
)
def test_commands(text: str, found: list[tuple[str, ...]]) -> None:
    assert [command.words for command in commands(text)] == found


@pytest.mark.parametrize(
    "text",
    [
        "if [ -d x ]; then a; fi",
        "for x in a b; do echo $x; done",
        "a && { b; c; }",
        "cat <<EOT > x\na\nEOT",
        "echo 'open",
        "case x in a) b;; esac",
        "! a && b",
    ],
)
def test_what_only_a_shell_can_tell_stays_whole(text: str) -> None:
    (command,) = commands(text)
    assert (command.text, command.words) == (text, ())


def test_how_commands_are_joined() -> None:
    found = [(command.joined, command.text) for command in commands("a && b; c\nd")]
    assert found == [("", "a"), ("&&", "b"), (";", "c"), ("\n", "d")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$A/${A}", "1/1"),
        ("${A:-x} ${B:-x} ${E:-x} ${E-x}", "1 x x "),
        ("${A:+x}${B:+x}${E+x}${E:+x}", "xx"),
        (r"\$A $B ${B}", "$A $B ${B}"),
        ("${A", "${A"),
    ],
)
def test_variables(text: str, value: str) -> None:
    assert expanded(text, {"A": "1", "E": ""}) == value


def test_instructions() -> None:
    text = "# escape=`\nFROM --platform=$P a AS b\nrun a `\n# no\n\n  && b\nENV a=1 `\n  b=2\n"
    text += "RUN --network=none <<-X cat\n\tc\n\tX\n"
    found = instructions(text)
    assert [(each.keyword, each.text, each.line) for each in found] == [
        ("FROM", "a AS b", 2),
        ("RUN", "a \\\n  && b", 3),
        ("ENV", "a=1 b=2", 7),
        ("RUN", "<<-X cat", 9),
    ]
    assert found[0].flag("platform") == "$P"
    assert [(doc.word, doc.text, doc.literal) for doc in found[3].heredocs] == [("X", "c", False)]


def test_options() -> None:
    found = parted(
        ("install", "-y", "-rx", "--to=a", "--to", "b", "p", "--", "-q"), frozenset({"-r", "--to"})
    )
    assert found.rest == ("install", "p", "-q")
    assert found.given == (("-y", ""), ("-r", "x"), ("--to", "a"), ("--to", "b"))
    assert found.values("--to") == ("a", "b")


def test_json_with_comments(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('// a\n{\n\t"a": [1, -2.5e1, true, null,], /* b\n */ "c//": "d\\u0041 // e",\n}\n')
    found = jsonc_of(path)
    assert found.value == {"a": [1, -25.0, True, None], "c//": "dA // e"}
    assert (found.at("a").line, found.at("a").at(1).line, found.at("c//").line) == (3, 3, 4)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (" // a\n", ": is empty; name a file that says something"),
        ('{"a" 1}', ":1: is not valid JSON: no colon behind the key 'a'; correct it"),
        ("{a: 1}", ":1: is not valid JSON: 'a' where a key belongs; correct it"),
        ('{"a": 1\n "b": 2}', ":2: is not valid JSON: a comma or `}` is missing; correct it"),
        ('{"a": [1, 2', ":1: is not valid JSON: a `]` is missing at the end; correct it"),
        ('{"a": nil}', ":1: is not valid JSON: 'n' where a value belongs; correct it"),
        ('{"a": "b\n"}', ":1: is not valid JSON: invalid control character; correct it"),
        ('{"a": "b', ":1: is not valid JSON: unterminated string; correct it"),
        ("{} {}", ":1: is not valid JSON: '{' stands behind the end of the value; correct it"),
        ("[" * 60, ":1: is not valid JSON: values are nested deeper than 50 levels; correct it"),
    ],
)
def test_json_that_is_broken(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_text(text)
    with pytest.raises(SpecError) as caught:
        jsonc_of(path)
    assert str(caught.value) == f"{path}{said}"


@pytest.mark.parametrize(
    ("name", "value", "secret"),
    [
        ("HF_TOKEN", "x", True),
        ("HF_TOKEN", "", False),
        ("AWS_SECRET_ACCESS_KEY", "x", True),
        ("OPENAI_API_KEY", "x", True),
        ("TOKENIZERS_PARALLELISM", "false", False),
        ("PIP_INDEX_URL", "https://packages.example.org/simple", False),
        ("PIP_INDEX_URL", "https://me:pw@packages.example.org/simple", True),
        ("PATH_TO", "/a", False),
        ("GITHUB_PAT", "x", True),
    ],
)
def test_variables_that_look_like_credentials(name: str, value: str, *, secret: bool) -> None:
    assert is_secret(name, value) is secret


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("curl https://u:p@example.org/", True),
        ("export API_KEY=abc && make", True),
        ('export API_KEY="$OTHER" && make', False),
        ("curl -H 'Authorization: Bearer abcdef123456' x", True),
        ('curl -H "Authorization: Bearer $TOKEN" x', False),
        ("tool login --password hunter2", True),
        ("tool login --password $P", False),
        ("make MODE=fast", False),
    ],
)
def test_commands_that_hold_credentials(text: str, *, secret: bool) -> None:
    assert holds_secret(text) is secret
