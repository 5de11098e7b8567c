"""The text of `envbuild init`: it loads, and holds the answers that were given."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from envbuild.errors import UsageError
from envbuild.spec import grammar
from envbuild.spec.model import Conda
from envbuild.spec.parse import parse_spec
from envbuild.spec.starter import starter

HERE = Path("spec.yml")


@settings(deadline=None)
@given(
    name=st.from_regex(grammar.NAME, fullmatch=True).filter(lambda text: len(text) <= 64 and text.isascii()),
    python=st.sampled_from(["3.9", "3.10", "3.12.4"]),
    base=st.none() | st.sampled_from(["debian:bookworm-slim", "localhost:5000/a/b@sha256:" + "0" * 64]),
    cuda=st.none() | st.sampled_from(["12.8", "11.8.0"]),
    apt=st.lists(st.sampled_from(["git", "g++", "libgl1=1.6.0-1", "ab=1:2~rc1+x"])),
    packages=st.lists(
        st.sampled_from(["numpy", "torch==2.8.*", "x[a]>=1; os_name == 'posix'", "y @ https://h/y.whl"])
    ),
)
def test_a_starter_loads_with_its_answers(name, python, base, cuda, apt, packages) -> None:
    text = starter(name=name, python=python, base=base, cuda=cuda, apt=apt, packages=packages)
    spec = parse_spec(text.encode(), HERE)
    assert (spec.name, spec.python, spec.base, spec.cuda and spec.cuda.version) == (name, python, base, cuda)
    assert spec.apt == tuple(apt)
    assert [item.text for item in spec.pip.requirements] == packages
    assert spec.smoke.commands == ("python --version",)


def test_a_starter_with_conda() -> None:
    text = starter(name="x", conda=["numpy>=1,<2", "pytorch=2.5=cuda*"], channels=["lab", "conda-forge"])
    spec = parse_spec(text.encode(), HERE)
    assert spec.conda == Conda(channels=("lab", "conda-forge"), packages=("numpy>=1,<2", "pytorch=2.5=cuda*"))
    assert spec.pip.requirements == ()
    alone = parse_spec(starter(name="x", channels=["lab"]).encode(), HERE)
    assert alone.conda == Conda(channels=("lab",))
    assert "  # packages: [numpy=2, pytorch]\n" in starter(name="x", channels=["lab"])
    with pytest.raises(UsageError) as caught:
        starter(name="x", conda=["numpy$"])
    assert caught.value.message == (
        "conda.packages[0]: 'numpy$' holds the character '$', which no MatchSpec has"
    )


def test_the_plainest_starter() -> None:
    assert starter(name="x") == EXPECTED


def test_what_is_commented_out_loads_too() -> None:
    text = EXPECTED
    for line in ("# base:", "# cuda:", "# apt:", "  # packages:", "  # imports:"):
        assert f"\n{line}" in text
        text = text.replace(f"\n{line}", f"\n{line.replace('# ', '')}")
    spec = parse_spec(text.encode(), HERE)
    assert spec.base == "debian:bookworm-slim"
    assert spec.apt == ("git", "libgl1")


@pytest.mark.parametrize(
    ("answers", "message", "hint"),
    [
        ({"name": "My Env"}, "name: 'My Env' is no name: a-z, 0-9, single - or _ inside, at most 64 characters", "write my-env"),
        ({"name": "x", "python": "3"}, "python: '3' is no Python version", "write X.Y or X.Y.Z, such as 3.12"),
        ({"name": "x", "apt": ["git", "a b"]}, "apt[1]: 'a b' is no Debian package", "write a name such as libgl1, or name=version"),
        ({"name": "x", "packages": ["a\n  - b"]}, "pip.packages[0]: 'a\\n  - b' is more than one line", "write one requirement per item"),
        ({"name": "x\ny: z"}, "name: 'x\\ny: z' is no name: a-z, 0-9, single - or _ inside, at most 64 characters", "write x-y-z"),
        ({"name": ""}, "name: '' is no name: a-z, 0-9, single - or _ inside, at most 64 characters", "write a name such as dl-env"),
    ],
)  # fmt: skip
def test_bad_answers(answers: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        starter(**answers)
    assert (caught.value.message, caught.value.hint) == (message, hint)


@settings(deadline=None)
@given(st.text(), st.text(), st.lists(st.text(), max_size=2), st.lists(st.text(), max_size=2))
def test_any_answers_are_a_starter_or_a_usage_error(
    name: str, python: str, apt: list[str], packages: list[str]
) -> None:
    message = ""
    try:
        starter(name=name, python=python, apt=apt, packages=packages)
    except UsageError as error:
        message = error.message
    assert "\n" not in message


EXPECTED = """\
# An environment for envbuild: `envbuild image` locks it, builds it and tests it.
# All keys: docs/spec.md, or `envbuild schema`.
name: x
python: 3.12  # X.Y, or X.Y.Z for one patch release
# base: debian:bookworm-slim  # any image; this one when neither base nor cuda is given
# cuda: 12.8  # for GPUs: the base image follows from it

# Debian packages
# apt: [git, libgl1]

# Python packages, as pip writes them; the lock pins them and all that they need
pip:
  # packages: [numpy>=2, pandas]
  # requirements: [requirements.txt]

# Checks of the built image
smoke:
  # imports: [numpy, pandas]
  commands:
    - python --version

# More: env, copy, run, user, workdir, entrypoint, cmd, image
"""
