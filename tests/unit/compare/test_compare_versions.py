"""Which of two versions is newer."""

import shutil
import subprocess

import pytest

from envbuild.compare.versions import how

DEBIAN = [  # before, after, as `dpkg --compare-versions` orders them
    ("1.0", "1.1", "upgraded"),
    ("1.9", "1.10", "upgraded"),
    ("1:1.0", "2.0", "downgraded"),
    ("1.0-1", "1.0-2", "upgraded"),
    ("1.0-1", "1.0-1+b1", "upgraded"),
    ("1.0~rc1-1", "1.0-1", "upgraded"),
    ("1.0", "1.0~~", "downgraded"),
    ("1.0a", "1.0+", "upgraded"),
    ("1.0z", "1.0", "downgraded"),
    ("2:2.39.5-0+deb12u3", "1:2.47.1-1", "downgraded"),
    ("3.0.22-1~deb12u2", "3.0.22-1", "upgraded"),
    ("1.2.3", "1.2.3", "changed"),
    ("1.00", "1.0", "changed"),
    ("2.4+20151223.gitfa8646d.1-2+b2", "2.4+20151223.gitfa8646d.1-2", "downgraded"),
]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("1.9", "1.10", "upgraded"),
        ("2.0", "2.0rc1", "downgraded"),
        ("1!1.0", "2.0", "downgraded"),
        ("2.8.0+cpu", "2.8.0+cu128", "changed"),
        ("2.8.0+cpu", "2.9.0+cu128", "upgraded"),
        ("1.0", "1.0.0", "changed"),
        ("main", "1.0", "changed"),
        ("", "1.0", "changed"),
        ("1." + "9" * 5000, "1.0", "changed"),
    ],
)
def test_python(before: str, after: str, said: str) -> None:
    assert how(before, after) == said


@pytest.mark.parametrize(("before", "after", "said"), [*DEBIAN, ("", "1.0", "changed")])
def test_debian(before: str, after: str, said: str) -> None:
    assert how(before, after, debian=True) == said


def test_debian_with_thousands_of_digits() -> None:
    assert how("9" * 5000, "1", debian=True) == "changed"


def test_debian_as_dpkg_says() -> None:
    """The table above against the program itself, where it is installed."""
    program = shutil.which("dpkg")
    for before, after, said in DEBIAN:
        if program:
            word = {"upgraded": "lt", "downgraded": "gt", "changed": "eq"}[said]
            asked = [program, "--compare-versions", before, word, after]
            assert subprocess.run(asked, check=False).returncode == 0, (before, after)
        assert (
            how(after, before, debian=True)
            == {
                "upgraded": "downgraded",
                "downgraded": "upgraded",
                "changed": "changed",
            }[said]
        )
