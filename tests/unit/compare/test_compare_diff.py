"""What differs between two, and whether they come to the same."""

from dataclasses import replace
from typing import Any

import pytest

from envbuild.compare.diff import diff, judge
from envbuild.compare.model import BaseIs, Change, Contents, SizeChange

BASE = BaseIs(reference="debian:bookworm-slim", digest="sha256:base")
A: dict[str, Any] = {
    "platform": "linux/amd64",
    "base": BASE,
    "python": "3.11.2",
    "apt": {"git": "1:2.39-1"},
    "conda": {"six": "1.16 py_0", "scipy": "1.14 py312_0"},
    "pip": {"idna": "3.10", "rich": "14.0"},
    "files": {"idna": '{"sha256": "1"}', "rich": '{"sha256": "2"}', "conda:six": "1"},
    "cuda": "",
    "gpu": {},
    "env": {"HF_HOME": "/cache"},
    "run": ("echo a",),
    "copy": (),
    "settings": {"user": "app", "workdir": "/workspace"},
    "wishes": {"python": "3.11", "pip": ["idna", "rich"]},
}


def side(name: str = "a", kind: str = "image", **changes: Any) -> Contents:
    return Contents(name=name, kind=kind, **{**A, "digests": frozenset({f"sha256:{name}"}), **changes})  # type: ignore[arg-type]


def lock(name: str = "a", **changes: Any) -> Contents:
    untold = {"env": None, "run": None, "copy": None, "settings": None}
    return side(name, "lock", **untold, **changes)


def changes(a: Contents, b: Contents) -> list[tuple[Any, ...]]:
    return [
        (change.part, change.how, change.name, change.before, change.after) for change in diff(a, b).changes
    ]


def test_the_same_digest_is_identical_whatever_else_is_said() -> None:
    a = side(digests=frozenset({"sha256:x", "sha256:config"}))
    b = side("b", digests=frozenset({"sha256:config"}), pip=None)
    found = diff(a, b)
    assert (found.verdict, found.why, found.changes) == ("identical", "both are sha256:config", ())
    assert judge(a, b) == "identical"


def test_one_index_may_be_two_images() -> None:
    index = frozenset({"sha256:index"})
    a = side(digests=index)
    b = side("b", digests=index, platform="linux/arm64")
    assert judge(a, b) == "different"
    assert changes(a, b) == [("platform", "changed", "", "linux/amd64", "linux/arm64")]


def test_a_digest_of_another_kind_does_not_count() -> None:
    same = frozenset({"sha256:x"})
    assert diff(side(digests=same), lock("b", digests=same)).verdict == "equivalent"


def test_the_same_content_is_equivalent() -> None:
    assert judge(side(), side("b")) == "equivalent"
    assert diff(side(), side("b")).why == "they hold the same packages and files"
    assert diff(lock(), side("b")).why == "they hold the same packages, which is all that a lock tells"


@pytest.mark.parametrize(
    ("other", "change"),
    [
        (
            {"pip": {"idna": "3.10", "rich": "14.0", "flask": "3.0"}},
            ("pip", "added", "flask", None, "3.0"),
        ),
        ({"pip": {"idna": "3.10"}}, ("pip", "removed", "rich", "14.0", None)),
        ({"pip": {"idna": "3.11", "rich": "14.0"}}, ("pip", "upgraded", "idna", "3.10", "3.11")),
        ({"pip": {"idna": "3.9", "rich": "14.0"}}, ("pip", "downgraded", "idna", "3.10", "3.9")),
        (
            {"files": {"idna": '{"sha256": "9"}', "rich": '{"sha256": "2"}'}},
            ("pip", "changed", "idna", "3.10", "3.10 from another file"),
        ),
        ({"apt": {"git": "1:2.39-2"}}, ("apt", "upgraded", "git", "1:2.39-1", "1:2.39-2")),
        (
            {"conda": {"numpy": "2.0 0", "six": "1.16 py_0", "scipy": "1.14 py312_0"}},
            ("conda", "added", "numpy", None, "2.0 0"),
        ),
        (
            {"conda": {"six": "1.17 py_0", "scipy": "1.14 py312_0"}},
            ("conda", "upgraded", "six", "1.16 py_0", "1.17 py_0"),
        ),
        (
            {"conda": {"six": "1.16 py_0", "scipy": "1.14 py312_1"}},
            ("conda", "changed", "scipy", "1.14 py312_0", "1.14 py312_1"),
        ),
        (
            {"files": {"conda:six": "9"}},
            ("conda", "changed", "six", "1.16 py_0", "1.16 py_0 from another file"),
        ),
        ({"python": "3.12.1"}, ("python", "upgraded", "", "3.11.2", "3.12.1")),
        ({"cuda": "12.8"}, ("cuda", "changed", "", None, "12.8")),
        ({"gpu": {"driver": "570"}}, ("gpu", "added", "driver", None, "570")),
        ({"env": {"HF_HOME": "/data"}}, ("env", "changed", "HF_HOME", "/cache", "/data")),
        ({"env": {}}, ("env", "removed", "HF_HOME", "/cache", None)),
        ({"run": ("echo a", "echo b")}, ("run", "added", "echo b", None, "echo b")),
        ({"copy": ("src → /src",)}, ("copy", "added", "src → /src", None, "src → /src")),
        (
            {"settings": {"user": "root", "workdir": "/workspace"}},
            ("settings", "changed", "user", "app", "root"),
        ),
        (
            {"base": BaseIs(reference="debian:bookworm-slim", digest="sha256:new")},
            (
                "base",
                "changed",
                "",
                "debian:bookworm-slim@sha256:base",
                "debian:bookworm-slim@sha256:new",
            ),
        ),
    ],
)
def test_one_change(other: dict[str, Any], change: tuple[Any, ...]) -> None:
    b = side("b", **other)
    assert changes(side(), b) == [change]
    assert judge(side(), b) == judge(b, side()) == "different"


def test_changes_come_in_the_order_of_layers() -> None:
    b = side("b", env={}, pip={}, files={}, apt={}, base=BaseIs(reference="ubuntu:24.04"), run=())
    assert [row[0] for row in changes(side(), b)] == ["base", "apt", "pip", "pip", "env", "run"]


def test_steps_in_another_order() -> None:
    a, b = side(run=("a", "b")), side("b", run=("b", "a"))
    assert changes(a, b) == [("run", "changed", "another order", None, None)]


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ({"digest": "sha256:1"}, {"digest": "sha256:1"}, True),
        ({"digest": "sha256:1", "reference": "mirror.example.org/debian:1"}, {"digest": "sha256:1"}, True),
        ({"image_id": "sha256:1"}, {"image_id": "sha256:1"}, True),
        ({"image_id": "sha256:1"}, {"image_id": "sha256:2"}, False),
        ({"image_id": "sha256:1", "diff_ids": ("x",)}, {"image_id": "sha256:2", "diff_ids": ("x",)}, True),
        ({"digest": "sha256:1", "diff_ids": ("x",)}, {"image_id": "sha256:2", "diff_ids": ("x",)}, True),
        ({"reference": "debian:11"}, {"reference": "debian:12"}, False),
    ],
)
def test_bases(before: dict[str, Any], after: dict[str, Any], same: bool) -> None:
    """The same bytes under two names are no change; other bytes under one name are."""
    a = side(base=BaseIs(**{"reference": "debian:12", **before}))
    b = side("b", base=BaseIs(**{"reference": "debian:12", **after}))
    assert judge(a, b) == ("equivalent" if same else "different")
    assert bool(changes(a, b)) is not same


@pytest.mark.parametrize(
    "other",
    [
        {"base": BaseIs(reference="debian:bookworm-slim")},  # its bytes are not known
        {"base": BaseIs(reference="debian:bookworm-slim", image_id="sha256:1")},
        {"base": None},
        {"pip": None, "wishes": None},
        {"env": None},
        {"run": None},
        {"added": True},
    ],
)
def test_what_is_not_known_is_not_equivalent(other: dict[str, Any]) -> None:
    b = side("b", **other)
    found = diff(side(), b)
    assert (found.verdict, found.changes) == ("unknown", ())
    assert judge(side(), b) == "different"


def test_what_a_lock_never_tells_does_not_count() -> None:
    found = diff(lock(), side("b"))
    assert found.verdict == "equivalent"
    assert found.not_compared == (
        "environment variables, run steps, copied files, settings: a does not tell",
    )


def test_debian_packages_without_versions() -> None:
    a, b = side(apt={"git": ""}), side("b", apt={"git": ""})
    assert (diff(a, b).verdict, diff(a, b).changes) == ("unknown", ())


def test_copied_files_are_more_than_their_names() -> None:
    copy = ("src → /src",)
    a, b = side(copy=copy), side("b", copy=copy)
    assert diff(a, b).verdict == "unknown"
    assert diff(a, b).not_compared == (
        "what is in the copied files: their names are all that could be compared",
    )
    same = replace(a, copied=("sha256:1",)), replace(b, copied=("sha256:1",))
    assert diff(*same).verdict == "equivalent"
    other = replace(a, copied=("sha256:1",)), replace(b, copied=("sha256:2",))
    assert diff(*other).verdict == "unknown"  # a layer holds times, too
    made = replace(a, context="sha256:c"), replace(b, context="sha256:c")
    assert diff(*made).verdict == "equivalent"
    assert diff(*made).why == "they were made from the same files, by the same steps"
    assert diff(*made).not_compared == ()


def test_the_same_layers_are_equivalent_though_nobody_knows_what_is_in_them() -> None:
    untold = {"pip": None, "apt": None, "wishes": None, "base": None, "run": None, "copy": None, "env": None}
    a, b = (side(name, **untold, diff_ids=("x", "y")) for name in "ab")
    assert (diff(a, b).verdict, diff(a, b).why) == ("equivalent", "all their layers hold the same bytes")
    assert diff(a, replace(b, diff_ids=("x", "z"))).verdict == "unknown"


def test_the_same_layers_with_another_environment_are_different() -> None:
    a, b = side(diff_ids=("x",), image_env={"A": "1"}), side("b", diff_ids=("x",), image_env={"A": "2"})
    assert changes(a, b) == [("env", "changed", "A", "1", "2")]
    assert judge(a, b) == "different"


def test_two_images_are_compared_by_what_programs_in_them_see() -> None:
    a = side(image_env={"PATH": "/a"}, image_settings={"user": "0"})
    b = side("b", image_env={"PATH": "/b"}, image_settings={"user": "1000"}, env={"X": "1"})
    assert changes(a, b) == [
        ("env", "changed", "PATH", "/a", "/b"),
        ("settings", "changed", "user", "0", "1000"),
    ]
    spec = side("s", "spec")
    assert diff(a, spec).verdict == "equivalent"  # the spec knows nothing of PATH


def test_without_pins_what_specs_ask_for_is_compared() -> None:
    wishes = {
        "python": "3.12",
        "pip": ["idna<4", "rich"],
        "cuda": {"version": "12.8"},
        "index_url": "https://i",
        "unknown": 1,
    }
    b = side("b", "spec", pip=None, apt=None, python=None, base=None, wishes=wishes, env={})
    found = diff(lock(), b)
    assert found.by_wishes
    assert changes(lock(), b) == [
        ("python", "changed", "", "3.11", "3.12"),
        ("pip", "changed", "index_url", None, "https://i"),
        ("pip", "removed", "idna", "idna", None),
        ("pip", "added", "idna<4", None, "idna<4"),
        ("cuda", "changed", "", None, "version 12.8"),
    ]
    assert found.not_compared[0] == "exact versions: what the specs ask for was compared instead"
    same = replace(b, wishes=A["wishes"])
    assert (diff(lock(), same).verdict, judge(lock(), same)) == ("unknown", "different")


def test_sizes_that_count_the_same_are_compared() -> None:
    a = side(sizes={"base": 10, "pip: rest": 5}, measure="compressed")
    b = side("b", sizes={"base": 10, "pip: cuda": 7}, measure="compressed")
    found = diff(a, b)
    assert found.measure == "compressed"
    assert found.sizes == (
        SizeChange(group="base", before=10, after=10),
        SizeChange(group="pip: rest", before=5, after=None),
        SizeChange(group="pip: cuda", before=None, after=7),
    )
    other = diff(a, replace(b, measure="unpacked"))
    assert (other.sizes, other.measure) == ((), "")
    assert other.not_compared == (
        "sizes: one side counts layers as they are in a registry, the other layers as they are in an engine",
    )


def test_notes_are_passed_on_once() -> None:
    a, b = side(notes=("x: it holds no spec.yml",)), side("b", notes=("x: it holds no spec.yml", "y"))
    assert diff(a, b).not_compared == ("x: it holds no spec.yml", "y")


def test_a_change_is_data() -> None:
    assert diff(side(), side("b", python="3.12")).changes == (
        Change(part="python", how="upgraded", before="3.11.2", after="3.12"),
    )
