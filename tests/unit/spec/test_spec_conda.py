"""`conda:` in a spec: each refusal in its exact words, and what of a good one is carried."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.spec import model
from envbuild.spec.cache import recall
from envbuild.spec.conda import agrees
from envbuild.spec.matchspec import matchspec_name, normal_name, parse_match
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FORMS = "write it as name, name=1.2, name>=1,<2 or name=1.2=build*"
CHANNELS = "write a name such as conda-forge, an https address, file:///folder or ./folder"
UNDER = "and name its channel under `conda.channels`"
ITS = "name the package, and its channel under `conda.channels`"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("numpy", ("numpy", "", "", "")),
        ("NumPy", ("numpy", "", "", "")),
        ("_libgcc_mutex", ("_libgcc_mutex", "", "", "")),
        ("numpy=1.2", ("numpy", "=1.2", "", "")),
        ("numpy==1.2", ("numpy", "==1.2", "", "")),
        ("numpy >= 1, < 2", ("numpy", ">=1,<2", "", "")),
        ("numpy>=1.2.*", ("numpy", ">=1.2.*", "", "")),
        ("numpy=1.2=py3*_0", ("numpy", "=1.2", "py3*_0", "")),
        ("numpy 1.2.* cuda*", ("numpy", "1.2.*", "cuda*", "")),
        ("pytorch=*=cuda*", ("pytorch", "=*", "cuda*", "")),
        ("numpy 1.2|1.3", ("numpy", "1.2|1.3", "", "")),
        ("conda-forge::numpy>=1", ("numpy", ">=1", "", "conda-forge")),
        ("https://conda.example.org/lab::numpy", ("numpy", "", "", "https://conda.example.org/lab")),
        ("""numpy[version='>=1,<2', build="py3*", channel=lab]""", ("numpy", ">=1,<2", "py3*", "lab")),
        ("numpy=1.2[build=py3*]", ("numpy", "=1.2", "py3*", "")),
    ],
)
def test_match_specs_are_taken_apart(text: str, parts: tuple[str, ...]) -> None:
    found = parse_match(text)
    assert (found.name, found.version, found.build, found.channel) == parts
    assert matchspec_name(text) == parts[0]


def test_other_keys_of_the_brackets_are_kept() -> None:
    digest = "0a" * 16
    assert parse_match(f"numpy[md5={digest}, build_number='>=2']").more == (
        ("md5", digest),
        ("build_number", ">=2"),
    )


def test_names_are_lower_case_and_otherwise_as_written() -> None:
    assert normal_name(" PyTorch_X-y ") == "pytorch_x-y"


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        (" ", "the MatchSpec is empty", "remove it"),
        ("a\nb", "the MatchSpec holds the control character '\\n'", "remove it"),
        ("https://u:secret@h/c/linux-64/numpy-2.1.0-py_0.conda", "the address of a package file is no MatchSpec", f"write numpy=2.1.0=py_0, {UNDER}"),
        ("./numpy-2.1.0-py_0.tar.bz2", "a package file is no MatchSpec", f"write numpy=2.1.0=py_0, {UNDER}"),
        ("https://u:secret@h/c", "an address is no MatchSpec", ITS),
        ("numpy @ https://u:secret@h/c", "an address is no MatchSpec", ITS),
        ("git+https://u:secret@h/c", "an address is no MatchSpec", ITS),
        ("/opt/x", "'/opt/x' is a path on this machine", "name a package, and its channel under `conda.channels`"),
        ("-c conda-forge", "'-c conda-forge' is an option, no MatchSpec", "see `conda:` in docs/spec.md for what can be set"),
        ("pip:", "'pip:' is no MatchSpec", "Python packages for pip go under `pip.packages`"),
        ("numpy; rm x", "'numpy; rm x' holds the character ';', which no MatchSpec has", FORMS),
        ("numpy$(x)", "'numpy$(x)' holds the character '$', which no MatchSpec has", FORMS),
        ("numpy#x", "'numpy#x' holds the character '#', which no MatchSpec has", FORMS),
        ("numpy=", "'numpy=' is no MatchSpec: no version follows '='", FORMS),
        ("numpy===1", "'numpy===1' is no MatchSpec: conda has no ===", "write =="),
        ("numpy=1.2=a=b", "'numpy=1.2=a=b' is no MatchSpec: '=1.2=a=b' is no version and build", FORMS),
        ("numpy 1.2 a b", "'numpy 1.2 a b' is no MatchSpec: '1.2 a b' is no version and build", FORMS),
        ("numpy=20000000000000000000", "'numpy=20000000000000000000' is no MatchSpec: '=20000000000000000000' is no version and build", FORMS),
        ("nump*", "'nump*' is no MatchSpec: '*' is no version and build", FORMS),
        ("*", "'*' is no MatchSpec: it looks like a pattern: a name is written out", FORMS),
        ("=1", "'=1' is no MatchSpec: it does not begin with a name", FORMS),
        ("numpy[dev,test]", "'numpy[dev,test]' asks for extras, which conda packages do not have", "name what the extras bring, or put the package under `pip.packages`"),
        ("numpy[version='>=1'", "\"numpy[version='>=1'\" is no MatchSpec: its brackets do not close at its end", FORMS),
        ("numpy[version='>=']", "\"numpy[version='>=']\" is no MatchSpec: '>=' is no version", FORMS),
        ("numpy[vers=1]", "'vers' is no key of a MatchSpec's brackets", "did you mean version?"),
        ("numpy[license=MIT]", "'license' is no key of a MatchSpec's brackets", "known keys are version, build, build_number, channel, subdir, md5, sha256"),
        ("numpy[url='https://h/x.conda']", "'url' names a package file", f"write name=version=build, {UNDER}".replace("name its", "its")),
        ("numpy[sha256=1]", "'numpy[sha256=1]' is no MatchSpec: '1' is no sha256", FORMS),
        ("numpy=1[version=2]", "'numpy=1[version=2]' says version twice", "keep one of them"),
        ("./lab::numpy", "'./lab' is a folder, which cannot stand before a name", "name it under `conda.channels`"),
        ("conda-forge/linux-64::numpy", "'conda-forge/linux-64' names a platform: linux-64", "leave it out: `--platform` says it"),
        ("x" * 501, f"{'x' * 59 + '…'!r} is longer than 500 characters", "shorten it"),
    ],
)  # fmt: skip
def test_what_is_no_match_spec(text: str, what: str, todo: str) -> None:
    with pytest.raises(Bad) as caught:
        parse_match(text)
    assert (caught.value.what, caught.value.todo) == (what, todo)
    assert "secret" not in f"{caught.value.what}{caught.value.todo}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("conda: {packages: [{pip: [rich]}]}", "packages[0]: packages for pip stand in the middle of conda's; put them under `pip.packages`"),
        ("conda: {packages: [{pip: [rich], x: y}]}", "packages[0]: a mapping stands where text is expected"),
        ("conda: {packages: [python=3.11]}", "packages[0]: python=3.11 contradicts `python: 3.12`; leave it out: `python:` says it"),
        ("conda: {packages: ['python>=3.8,<3.12']}", "packages[0]: python>=3.8,<3.12 contradicts `python: 3.12`; leave it out: `python:` says it"),
        ("conda: {packages: [numpy=1, scipy, NumPy>=2]}", "packages[2]: numpy is named twice: 'numpy=1' and 'NumPy>=2'; say it in one, such as name>=1,<2"),
        ("conda: {packages: ['nvidia::cuda']}", "packages[0]: the channel nvidia is not among `conda.channels`; add it there"),
        ("conda: {channels: ['']}", "channels[0]: the channel is empty; remove it"),
        ("conda: {channels: [a b]}", f"channels[0]: 'a b' is no channel; {CHANNELS}"),
        ("conda: {channels: [../x]}", "channels[0]: '../x' is a path on this machine; write ./folder for one beside the spec"),
        ("conda: {channels: [/srv/x]}", "channels[0]: '/srv/x' is a path on this machine; write file:///srv/x"),
        ("conda: {channels: [./a/../../x]}", "channels[0]: './a/../../x' leaves the spec's folder; move the file there"),
        ("conda: {channels: [./gone]}", "channels[0]: there is no './gone' beside the spec; create it, or correct the name"),
        ("conda: {channels: [./spec.yml]}", "channels[0]: './spec.yml' is no folder; name the folder that holds linux-64 and noarch"),
        ("conda: {channels: ['file://host/x']}", "channels[0]: 'file://host/x' names no folder of this machine; write file:///folder"),
        ("conda: {channels: ['https://u:p@h/x']}", "channels[0]: the channel's address holds a user name, a password or a token; put credentials into the site config (conda_mirrors)"),
        ("conda: {channels: ['https://h/t/tok/x']}", "channels[0]: the channel's address holds a user name, a password or a token; put credentials into the site config (conda_mirrors)"),
        ("conda: {channels: ['s3://b/x']}", f"channels[0]: 's3://b/x' is no channel; {CHANNELS}"),
        ("conda: {channels: ['https://h/x?a']}", "channels[0]: 'https://h/x?a' has a ? or a #, which no channel's address has; leave that out"),
        ("conda: {channels: ['https://h/$x']}", f"channels[0]: 'https://h/$x' holds the character '$', which no channel has; {CHANNELS}"),
        ("conda: {channels: [lab/linux-64]}", "channels[0]: 'lab/linux-64' names a platform: linux-64; leave it out: `--platform` says it"),
        ("conda: {priority: first}", "priority: the text 'first' is not allowed here; write strict, flexible or disabled"),
        ("conda: {package: [x]}", "package: unknown key; did you mean packages?"),
    ],
)  # fmt: skip
def test_refusals(text: str, message: str, below: Callable[[str], list[str]]) -> None:
    assert below(text) == [f"spec.yml:3: conda.{message}"]


def test_the_same_wish_twice_is_no_contradiction(load: Callable[[str], model.Spec]) -> None:
    spec = load("name: x\npython: 3.12\nconda: {packages: [numpy >=2, 'numpy>=2', python=3.12]}")
    assert spec.conda == model.Conda(packages=("numpy >=2", "numpy>=2", "python=3.12"))


@pytest.mark.parametrize(
    ("version", "python", "answer"),
    [
        ("", "3.12", True),
        ("*", "3.12", True),
        ("=3", "3.12", True),
        ("=3.12.4", "3.12", True),
        ("3.12.*", "3.12.4", True),
        ("==3.12.3", "3.12.4", False),
        ("=3.1", "3.12", False),
        (">=3.10", "3.12", True),
        (">3.12", "3.12", True),
        (">=3.12.4", "3.12", True),
        ("<3.12", "3.12", False),
        ("<3.9|>=3.11", "3.12", True),
        (">=3.6.*", "3.12", True),
        (">=3.13", "3.12.4", False),
    ],
)
def test_whether_a_wish_leaves_the_python_of_the_spec(version: str, python: str, answer: bool) -> None:
    assert agrees(version, python) is answer


def test_conda_without_packages_is_python_alone(load: Callable[[str], model.Spec]) -> None:
    assert load("name: x\npython: 3.12\nconda: {}").conda == model.Conda()
    assert load("name: x\npython: 3.12\nconda:\n").conda is None


def test_a_channel_beside_the_spec_that_goes_away_is_seen_in_spite_of_the_cache(
    load: Callable[[str], model.Spec], tmp_path: Path
) -> None:
    folder = tmp_path / "lab"
    folder.mkdir()
    text = "name: x\npython: 3.12\nconda: {channels: [./lab, conda-forge, ./lab], packages: [lab]}"
    spec = load(text)
    assert spec.conda == model.Conda(channels=("./lab", "conda-forge"), packages=("lab",))
    assert recall(text.encode(), spec.source.path) == spec
    folder.rmdir()
    assert recall(text.encode(), spec.source.path) is None
