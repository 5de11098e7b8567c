"""PEP 508 requirements and requirements files: what is taken, from which line, and what is refused."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as PackagingRequirement

from envbuild.spec import pep508
from envbuild.spec.requirements import logical_lines
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.spec.model import Spec

HEAD = "name: x\npython: 3.12\n"
RELEASE = "write a release such as name==1.2, or `name @ https://…` of an archive"
PEP508 = "write it as PEP 508 says"
PATHS = "name a release, and bring sources with `copy:` and `run:`"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("numpy", "numpy"),
        ("Typing_Extensions", "typing-extensions"),
        ("a.b--c", "a-b-c"),
        ("torch==2.8.*", "torch"),
        ("torch >= 2, < 3 , != 2.1.*", "torch"),
        ("rich[jupyter, x]~=13.0", "rich"),
        ("x===weird", "x"),
        ("x==1.0+cu128", "x"),
        ("x==1.0rc1", "x"),
        ('x>1; python_version < "3.9" and sys_platform == "linux"', "x"),
        ("x @ https://files.example.org/x-1.whl", "x"),
        ("x@https://files.example.org/x-1.tar.gz#sha256=00 ; os_name=='posix'", "x"),
        ("x (>=1)", "x"),
    ],
)
def test_requirements(text: str, name: str) -> None:
    assert pep508.requirement_name(text) == name


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        ("", "the requirement is empty", "remove it"),
        ("  ", "the requirement is empty", "remove it"),
        ("a\nb", "'a\\nb' is more than one line", "write one requirement per item"),
        ("a==", "'a==' is no requirement: expected semicolon (after name with no version specifier) or end", PEP508),
        ("a b", "'a b' is no requirement: expected semicolon (after name with no version specifier) or end", PEP508),
        ("a=1", "'a=1' is no requirement: expected semicolon (after name with no version specifier) or end", PEP508),
        ("a>=1.*", "'a>=1.*' is no requirement: .* suffix can only be used with `==` or `!=` operators", PEP508),
        ("a;x=='1'", "\"a;x=='1'\" is no requirement: expected a marker variable or quoted string", PEP508),
        ("-e .", "'-e .' is an option, no requirement", "see `pip:` in docs/spec.md for what can be set"),
        (".", "'.' is a path on this machine", PATHS),
        ("./pkg", "'./pkg' is a path on this machine", PATHS),
        ("/srv/x-1.whl", "'/srv/x-1.whl' is a path on this machine", PATHS),
        ("pkg/sub", "'pkg/sub' is a path on this machine", PATHS),
        ("x-1.0-py3-none-any.whl", "'x-1.0-py3-none-any.whl' is a path on this machine", PATHS),
        ("file:///srv/x", "'file:///srv/x' is a path on this machine", PATHS),
        ("C:\\x", "'C:\\\\x' is a path on this machine", PATHS),
        ("x @ file:///srv/x.whl", "'x @ file:///srv/x.whl' does not lie at an http or https address", RELEASE),
        ("git+https://h/x", "'git+https://h/x' is a version control address, which has no hash to lock", RELEASE),
        ("x @ git+ssh://h/x", "'x @ git+ssh://h/x' is a version control address, which has no hash to lock", RELEASE),
        ("https://h/x.whl", "'https://h/x.whl' is an address without a name", "write 'name @ https://h/x.whl'"),
        ("x @ https://u:p@h/x", "the address holds a user name or a password", "put credentials into the site config"),
        ("x @ https://h/${T}", "'x @ https://h/${T}' holds a $: variables are not replaced in a spec", "write the address out"),
        ("x" * 2001, f"'{'x' * 59}…' is longer than 2000 characters", "shorten it"),
    ],
)  # fmt: skip
def test_refused_requirements(text: str, what: str, todo: str) -> None:
    with pytest.raises(Bad) as caught:
        pep508.requirement_name(text)
    assert (caught.value.what, caught.value.todo) == (what, todo)


OPERATORS = st.sampled_from(["==", "!=", ">=", "<=", ">", "<", "~=", "===", "=", ""])
VERSIONS = st.from_regex(r"[0-9]{1,2}(\.[0-9]{1,2}){0,2}(\.\*)?", fullmatch=True)
CLAUSES = st.lists(st.tuples(OPERATORS, VERSIONS).map("".join), max_size=3).map(", ".join)
EXTRAS = st.sampled_from(["", "[a]", "[a, b_c]", "[]", "[a,]"])
NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,6}", fullmatch=True)


@settings(deadline=None)
@given(st.tuples(NAMES, EXTRAS, CLAUSES).map(" ".join))
@example("a~=1")
@example("a>=1.*")
def test_the_short_way_and_packaging_agree(text: str) -> None:
    """What the pattern takes, packaging takes, under the same name."""
    match = pep508._SIMPLE.fullmatch(text)
    if match:
        assert PackagingRequirement(text).name == match[1]
    else:
        try:
            PackagingRequirement(text)
        except InvalidRequirement:
            with pytest.raises(Bad):
                pep508.requirement_name(text)


def test_logical_lines() -> None:
    text = "# c\na  # c\n\nb \\\n  >=1\\\n# not joined\nc#not-a-comment\n\\\nd\ne\\"
    assert list(logical_lines(text)) == [
        (2, "a"),
        (4, "b   >=1"),
        (7, "c#not-a-comment"),
        (8, "d"),
        (10, "e"),
    ]


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        path = folder / (name.replace("__", "/") + ".txt")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


def test_files_are_read_in_order_with_their_own_lines(load: Callable[[str], Spec], tmp_path: Path) -> None:
    write(
        tmp_path,
        requirements="numpy>=1 # c\n-r sub/more.txt\n\nrich ; python_version > '3'\n--requirement=last.txt\n",
        sub__more="click\n-r ../last.txt\n-r../last.txt\n",
        last="attrs\\\n>=20\n",
    )
    spec = load(HEAD + "pip: {packages: [first], requirements: [requirements.txt, ./sub/more.txt]}")
    assert [(item.text, item.name, item.file, item.line, item.path) for item in spec.pip.requirements] == [
        ("first", "first", "spec.yml", 3, "pip.packages[0]"),
        ("numpy>=1", "numpy", "requirements.txt", 1, ""),
        ("click", "click", "sub/more.txt", 1, ""),
        ("attrs>=20", "attrs", "last.txt", 1, ""),
        ("rich ; python_version > '3'", "rich", "requirements.txt", 4, ""),
    ]
    assert spec.pip.files == ("requirements.txt", "sub/more.txt", "last.txt")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a b", f"'a b' is no requirement: expected semicolon (after name with no version specifier) or end; {PEP508}"),
        ("--index-url https://h", "the option --index-url is not read from a requirements file; use `pip.index_url` in the spec"),
        ("--extra-index-url=https://h", "the option --extra-index-url is not read from a requirements file; use `pip.extra_index_urls` in the spec"),
        ("-c c.txt", "the option -c is not read from a requirements file; write the bounds into the requirements themselves"),
        ("-e .", "the option -e is not read from a requirements file; bring sources with `copy:` and install them in `run:`"),
        ("--pre", "the option --pre is not read from a requirements file; leave it out"),
        ("a==1 --hash=sha256:00", "the option --hash is not read from a requirements file; leave hashes out: the lock records them"),
        ("-r ../up.txt", "'../up.txt' leaves the spec's folder; move the file there"),
        ("-r /etc/passwd", "'/etc/passwd' is an absolute path; write one relative to the spec's folder"),
        ("-r gone.txt", "there is no 'gone.txt' beside the spec; create it, or correct the name"),
        ("-r requirements.txt", "'requirements.txt' includes itself; remove that -r line"),
        ("-r b.txt", None),
    ],
)  # fmt: skip
def test_lines_of_a_file(
    line: str, said: str | None, below: Callable[[str], list[str]], tmp_path: Path
) -> None:
    write(tmp_path, requirements=f"numpy\n\n{line}\n", b="attrs\n")
    found = below("pip: {requirements: [requirements.txt]}")
    assert found == ([f"requirements.txt:3: {said}"] if said else [])


def test_a_circle_and_more(below: Callable[[str], list[str]], tmp_path: Path) -> None:
    write(tmp_path, a="-r b.txt\n", b="x y\n-r a.txt\n", c="x --hash=sha256:0\ny --hash=sha256:0\n")
    (tmp_path / "bad.txt").write_bytes(b"x\n\xff")
    (tmp_path / "out.txt").symlink_to("/etc/hostname")
    (tmp_path / "folder").mkdir()
    assert below("pip:\n  requirements: [a.txt, c.txt, bad.txt, out.txt, ../x, folder, '']") == [
        "spec.yml:4: pip.requirements[4]: '../x' leaves the spec's folder; move the file there",
        "spec.yml:4: pip.requirements[6]: the path is empty; write one relative to the spec's folder",
        "spec.yml:4: pip.requirements[3]: 'out.txt' leads out of the spec's folder by a symbolic link; copy the file there",
        f"b.txt:1: 'x y' is no requirement: expected semicolon (after name with no version specifier) or end; {PEP508}",
        "b.txt:2: 'a.txt' includes itself; remove that -r line",
        "bad.txt:2: is not UTF-8 text: byte 0xff; save the file as UTF-8",
        "c.txt:1: the option --hash is not read from a requirements file; leave hashes out: the lock records them",
        "folder: is a folder; name the file in it",
    ]


def test_too_many_files(below: Callable[[str], list[str]], tmp_path: Path) -> None:
    for number in range(60):
        (tmp_path / f"r{number}.txt").write_text(f"-r r{number + 1}.txt\n")
    assert below("pip: {requirements: [r0.txt]}") == [
        "r49.txt:1: 'r50.txt' is one file too many: at most 50 are read; join some of them"
    ]
