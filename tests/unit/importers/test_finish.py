"""A draft made such that a spec can hold it: name, Python, grammar, secrets."""

from __future__ import annotations

from pathlib import Path

import pytest

from envbuild.errors import UsageError
from envbuild.importers.finish import finish, near_name
from envbuild.importers.model import CopyEntry, Draft, Entry, Wishes
from envbuild.importers.pythons import choose_python

HERE = Path(__file__).parent


def finished(**values: object) -> Draft:
    return finish(Draft(format="test", name="x", python="3.12", **values), HERE, Wishes())  # type: ignore[arg-type]


def said(draft: Draft) -> list[str]:
    return [f"{finding.kind}: {finding}" for finding in draft.findings]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("dl-env", "dl-env"),
        ("DL Env", "dl-env"),
        ("a__b--c", "a-b-c"),
        ("-x-", "x"),
        ("ümlaut", "mlaut"),
        ("日本", ""),
        ("", ""),
        ("x" * 80, "x" * 64),
        ("x" * 63 + "-y", "x" * 63),
    ],
)
def test_near_name(text: str, name: str) -> None:
    assert near_name(text) == name


def test_name_comes_from_wish_source_folder() -> None:
    draft = Draft(format="test", python="3.12", name="From Source")
    assert finish(draft, HERE, Wishes(name="wished")).name == "wished"
    assert finish(draft, HERE, Wishes()).name == "from-source"
    assert finish(Draft(format="test", python="3.12"), HERE, Wishes()).name == HERE.name
    assert finish(Draft(format="test", python="3.12"), Path("/"), Wishes()).name == "env"


def test_wishes_are_held_to_their_grammar() -> None:
    with pytest.raises(UsageError, match="--name: 'No!' is no name"):
        finish(Draft(format="test"), HERE, Wishes(name="No!"))
    with pytest.raises(UsageError, match="--python: '3' is no Python version"):
        finish(Draft(format="test"), HERE, Wishes(python="3"))


def test_a_wished_python_wins_and_says_so() -> None:
    draft = finish(Draft(format="test", name="x", python=">=3.12"), HERE, Wishes(python="3.11"))
    assert draft.python == "3.11"
    assert said(draft) == ["changed: test: python: asks for Python >=3.12: 3.11 is written, as you said"]


@pytest.mark.parametrize(
    ("text", "version", "why"),
    [
        ("3.11", "3.11", ""),
        ("3.11.4", "3.11.4", ""),
        ("==3.10.*", "3.10", ""),
        ("=3.9", "3.9", ""),
        ("", "3.12", "says no version of Python: 3.12 is written"),
        (">=3.8", "3.12", "asks for Python >=3.8: 3.12 is written"),
        (">=3.9,<3.11", "3.10", "asks for Python >=3.9,<3.11: 3.10 is written"),
        (">=3.9 <3.11", "3.10", "asks for Python >=3.9 <3.11: 3.10 is written"),
        (">=3.13", "3.13", "asks for Python >=3.13: 3.13 is written"),
        (">3.12", "3.13", "asks for Python >3.12: 3.13 is written"),
        ("<=3.11", "3.11", "asks for Python <=3.11: 3.11 is written"),
        ("^3.9", "3.12", "asks for Python ^3.9: 3.12 is written"),
        ("~3.9", "3.9", "asks for Python ~3.9: 3.9 is written"),
        ("~=3.10.2", "3.10", "asks for Python ~=3.10.2: 3.10 is written"),
        ("~=3.9", "3.12", "asks for Python ~=3.9: 3.12 is written"),
        (">=3.8,!=3.12.*", "3.11", "asks for Python >=3.8,!=3.12.*: 3.11 is written"),
        ("3.9|3.10", "3.10", "asks for Python 3.9|3.10: 3.10 is written"),
        ("^3.8 || ^4.0", "3.12", "asks for Python ^3.8 || ^4.0: 3.12 is written"),
        ("*", "3.12", "asks for Python *: 3.12 is written"),
        ("3.1", "3.10", "Python 3.1 is read as 3.10"),
    ],
)
def test_python(text: str, version: str, why: str) -> None:
    choice = choose_python(text)
    assert (choice.version, choice.why, choice.left) == (version, why, False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("2.7", "Python 2.7 is not supported: 3.6 or later is"),
        ("<3", "Python <3 is not supported: 3.6 or later is"),
        (">=2.7,<3.0", "Python >=2.7,<3.0 is not supported: 3.6 or later is"),
        ("latest", "'latest' is no version of Python that can be read"),
    ],
)
def test_python_that_cannot_be_carried(text: str, why: str) -> None:
    choice = choose_python(text)
    assert (choice.version, choice.why, choice.left) == ("3.12", why, True)


@pytest.mark.parametrize(
    ("pin", "version"),
    [
        ("torch==1.13.1", "3.11"),
        ("tensorflow==2.10.0", "3.10"),
        ("torch==2.8.0", "3.12"),
        ("numpy==1.0", "3.12"),
    ],
)
def test_python_that_pinned_packages_have_builds_for(pin: str, version: str) -> None:
    assert choose_python("", [Entry(text=pin)]).version == version


def test_what_a_grammar_refuses_is_left_with_a_finding() -> None:
    draft = finished(
        base="Debian:Latest",
        apt=(Entry(text="libgl1", file="f", line=2), Entry(text="--evil", file="f", line=3)),
        conda=(Entry(text="numpy=1.26"), Entry(text="a b c d", file="f", line=4, key="k")),
        user="Root!",
        workdir="relative",
        cmd=("python", "a\0b"),
        imports=("numpy", "not a module"),
        cuda="twelve",
        priority="hard",
    )
    assert (draft.base, draft.user, draft.workdir, draft.cmd, draft.cuda, draft.priority) == (
        "",
        "",
        "",
        (),
        "",
        "",
    )
    assert [entry.text for entry in draft.apt] == ["libgl1"]
    assert [entry.text for entry in draft.conda] == ["numpy=1.26"]
    assert draft.imports == ("numpy",)
    assert {finding.kind for finding in draft.findings if finding.key != ""} == {"left"}
    assert len([finding for finding in draft.findings if finding.kind == "left"]) == 9


def test_credentials_are_never_said() -> None:
    draft = finished(
        index_url="https://jane:hunter2@example.org/simple",
        extra_index_urls=("https://token@example.org/x", "https://example.org/y"),
        pip=(
            Entry(
                text="a @ https://jane:hunter2@example.org/a.whl", comment="see https://u:hunter2@example.org"
            ),
            Entry(
                text="b",
                comment="from https://u:hunter2@example.org",
                above=("https://u:hunter2@example.org",),
            ),
        ),
        channels=(Entry(text="https://conda.example.org/t/hunter2/x"),),
        env=(
            ("API_TOKEN", "hunter2"),
            ("PROXY", "http://u:hunter2@example.org"),
            ("TOKEN_FILE", "/run/token"),
        ),
        run=(Entry(text="curl https://u:hunter2@example.org"),),
    )
    assert "hunter2" not in repr(draft)
    assert (draft.index_url, draft.extra_index_urls) == ("", ("https://example.org/y",))
    assert draft.env == (("TOKEN_FILE", "/run/token"),)
    assert draft.run == ()
    assert [entry.text for entry in draft.pip] == ["b"]


def test_copies_need_a_source(tmp_path: Path) -> None:
    (tmp_path / "src").mkdir()
    copies = tuple(
        CopyEntry(source=source, target="/workspace/x", file="f", line=number)
        for number, source in enumerate(("src", "gone", "../up", "/abs"), start=1)
    )
    draft = finish(Draft(format="test", name="x", python="3.12", copy=copies), tmp_path, Wishes())
    assert [item.source for item in draft.copy] == ["src"]
    assert said(draft) == [
        "left: f:2: copy: there is no 'gone' beside the spec; create it, or correct the name",
        "left: f:3: copy: '../up' leaves the spec's folder; move the file there",
        "left: f:4: copy: '/abs' is an absolute path; write one relative to the spec's folder",
    ]


def test_the_same_twice_is_written_once() -> None:
    draft = finished(
        pip=(Entry(text="numpy"), Entry(text="numpy ", file="f", line=2)), run=(Entry(text="a"),) * 2
    )
    assert [entry.text for entry in draft.pip] == ["numpy"]
    assert [entry.text for entry in draft.run] == ["a", "a"]
    assert said(draft) == ["note: f:2: 'numpy' is named again: it is written once"]


def test_a_channel_that_is_not_there_yet_is_kept_and_said(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    channels = tuple(Entry(text=text, file="env.txt", line=3) for text in ("./here", "./gone", "conda-forge"))
    draft = Draft(format="test", name="x", python="3.12", channels=channels, conda=(Entry(text="numpy"),))
    done = finish(draft, tmp_path, Wishes())
    assert [entry.text for entry in done.channels] == ["./here", "./gone", "conda-forge"]
    assert said(done) == [
        "note: env.txt:3: the channel ./gone is no folder here: the spec needs it beside itself; put it there"
    ]
