"""Why no set of packages fits: real solves of what cannot be solved, exact words."""

import pytest
from support.conda import make_channel
from support.conda_packages import compiled, plain, pure, python
from support.conda_solving import solved, text_of

from envbuild.errors import Unsolvable


@pytest.fixture
def told(spec_of, environ, channel):
    """(problems as text without the file's folder, hint, message) of a spec that cannot be solved."""

    def ask(*packages, channels=(), cuda="", glibc="2.36", **named):
        urls = list(channels) or [channel.as_uri()]
        spec = spec_of(text_of(*packages, channels=urls, more=f"cuda: {cuda}" if cuda else "", **named))
        with pytest.raises(Unsolvable) as caught:
            solved(spec, environ, cuda=cuda, glibc=glibc)
        error = caught.value
        text = [str(problem).replace(f"{spec.source.folder}/", "") for problem in error.problems]
        for url, name in zip(urls, ("FIRST", "SECOND"), strict=False):
            text = [line.replace(url, name) for line in text]
            error.message = error.message.replace(url, name)
        return text, error.hint, error.message

    return ask


LINE = "spec.yml:7: conda.packages[0]: "
FOR_312 = "for Python 3.12 there are 2.1.0, 1.26.4"
ADD_CUDA = "add `cuda:` to the spec, such as cuda: 12.8"
ADD_CHANNEL = "add a channel that has one, such as conda-forge"
PYTHONS = "3.13.1, 3.12.4, 3.11.9, 3.10.14, 3.9.19, 3.8.20, 3.7.16, 3.6.15"
LATER = "and is not asked for it (conda.priority: strict)"


def test_a_version_that_no_channel_has(told):
    problems, hint, message = told("numpy>=4")
    assert problems == [LINE + "numpy>=4: no channel has such a version; there are 2.1.0, 1.26.4, 1.19.5"]
    assert hint == ""
    assert message == (
        "no set of conda packages satisfies the requirements:\n  No candidates were found for numpy >=4."
    )


def test_all_requirements_that_nothing_answers_are_named_at_once(told):
    problems, _, _ = told("jupyter", "pytz<2000", "tqdm>9", "nump")
    assert problems == [
        "spec.yml:8: conda.packages[1]: pytz<2000: no channel has such a version; there is 2024.1 only",
        "spec.yml:9: conda.packages[2]: tqdm>9: no channel has such a version; there are 4.66.5, 4.66.4",
        "spec.yml:10: conda.packages[3]: FIRST has no package nump; did you mean numpy?",
    ]


def test_a_build_that_no_channel_has(told):
    problems, _, _ = told("pytorch=2.4.0=rocm*")
    assert problems == [
        LINE + "pytorch=2.4.0=rocm*: no channel has such a build; builds of pytorch 2.4.0 are "
        "cuda124_py312_0, cuda124_py311_0, cpu_py312_0, cpu_py311_0"
    ]


@pytest.mark.parametrize(
    ("asked", "todo"),
    [
        ("python_dateutil", "did you mean python-dateutil?"),
        ("torchvison", "did you mean torchvision?"),
        ("zzz-nothing-like-it", "if pip has it, name it under `pip.packages`"),
    ],
)
def test_a_name_that_no_channel_has(told, asked, todo):
    assert told(asked)[0] == [LINE + f"FIRST has no package {asked}; {todo}"]


def test_a_name_that_none_of_several_channels_has(told, channel):
    channels = [(channel.parent / name).as_uri() for name in ("lab", "nvidia")]
    assert told("torchvison", channels=channels)[0] == [
        "spec.yml:8: conda.packages[0]: no channel has the package torchvison; did you mean torchvision?"
    ]


def test_a_package_for_another_platform(told):
    assert told("onlymac")[0] == [
        LINE + "FIRST has no package onlymac for linux-64; it is there for osx-64 only"
    ]


@pytest.mark.parametrize("version", ["3.14", "3.12.9"])
def test_a_python_that_no_channel_has(told, version):
    assert told("numpy", python=version)[0] == [
        f"spec.yml:2: python: Python {version}: no channel has such a version; there are {PYTHONS}"
    ]


def test_a_channel_without_python(told, channel):
    assert told(channels=[(channel.parent / "nvidia").as_uri()])[0] == [
        f"spec.yml:2: python: FIRST has no Python for linux-64; {ADD_CHANNEL}"
    ]


def test_a_version_that_is_for_other_pythons(told):
    problems, hint, message = told("numpy=1.19", "tqdm")
    assert problems == [
        f"{LINE}numpy=1.19: no build of it is for Python 3.12; it is there for Python 3.6; {FOR_312}"
    ]
    assert hint == ""
    head, *reason = message.splitlines()
    assert head == "no set of conda packages satisfies the requirements:"
    assert any("numpy 1.19.* cannot be installed" in line for line in reason)


def test_builds_that_need_cuda_without_cuda_in_the_spec(told):
    assert told("pytorch=2.4.0=cuda*")[0] == [
        LINE
        + "pytorch=2.4.0=cuda*: every build of it needs CUDA; add `cuda:` to the spec, such as cuda: 12.8"
    ]
    problems, hint, _ = told("tensorflow-gpu=2.1", python="3.6")
    assert problems == [f"{LINE}tensorflow-gpu=2.1: every build of it needs CUDA; {ADD_CUDA}"]
    assert hint == ""


def test_a_dependency_that_needs_cuda(told, tmp_path):
    packages = [
        python("3.12.4"),
        plain("ca-certificates", "1"),
        plain("inner", "1", "__cuda"),
        pure("outer", "1", "inner"),
    ]
    problems, hint, _ = told("outer", channels=[make_channel(tmp_path / "c", packages)])
    assert problems == [LINE + "outer cannot be had"]
    assert hint == "some of the packages need CUDA: add `cuda:` to the spec, such as cuda: 12.8"


def test_a_cuda_that_the_packages_do_not_fit(told):
    problems, _, _ = told("pytorch=2.4.0=cuda*", cuda="12.1")
    leaves = "`cuda: 12.1` leaves none of it"
    assert problems == [
        f"spec.yml:3: cuda: the packages need cuda-version >=12.4,<13; {leaves}; take one of 12.4, 12.8, 12.9"
    ]


def test_a_base_whose_glibc_is_too_old(told, tmp_path):
    packages = [python("3.12.4"), plain("ca-certificates", "1"), plain("tool", "1", "__glibc >=2.38")]
    url = make_channel(tmp_path / "c", packages)
    assert told("tool", channels=[url], glibc="2.36")[1] == (
        "the packages need glibc >=2.38; the base has glibc 2.36: name a newer one in `base`"
    )
    assert told("tool", channels=[url], glibc="")[1] == (
        "the packages need glibc >=2.38; the base is not known, and glibc 2.17 is counted on: "
        "name a newer one in `base`"
    )


def test_a_version_that_only_a_later_channel_has(told, channel, tmp_path):
    second = make_channel(tmp_path / "second", [pure("tqdm", "5.0")])
    others, todo = (
        "FIRST comes first and has others",
        "in FIRST there are 4.66.5, 4.66.4; or put SECOND first",
    )
    problems, _, message = told("tqdm>=5", channels=[channel.as_uri(), second])
    assert problems == [
        f"spec.yml:8: conda.packages[0]: tqdm>=5: SECOND has one that fits, {LATER}: {others}; {todo}"
    ]
    assert "due to strict channel priority not using this option from: SECOND" in message


def test_a_python_that_only_a_later_channel_has_a_build_for(told, channel):
    no = "no build of it is for Python 3.12; it is there for Python 3.11"
    channels = [(channel.parent / name).as_uri() for name in ("pytorch", "lab")]
    assert told("pytorch", channels=channels)[0] == [
        f"spec.yml:8: conda.packages[0]: pytorch: {no}; SECOND has one, {LATER}: put it first"
    ]


def test_a_conflict_between_requirements_names_them_all(told, tmp_path):
    packages = [
        python("3.12.4"),
        plain("ca-certificates", "1"),
        compiled("numpy", "1.26.4", "3.12"),
        compiled("numpy", "2.1.0", "3.12"),
        plain("python_abi", "3.12", build="5_cp312"),
        pure("old", "1.0", "numpy <2"),
        pure("new", "1.0", "numpy >=2"),
        pure("other", "1.0"),
    ]
    problems, _, message = told("old", "other", "new", channels=[make_channel(tmp_path / "c", packages)])
    assert problems == [
        "spec.yml:7: conda.packages[0]: old is part of the conflict",
        "spec.yml:9: conda.packages[2]: new is part of the conflict",
    ]
    assert "numpy <2" in message


def test_a_long_reason_is_shortened(told, tmp_path):
    chain = [pure(f"p{number:02}", "1.0", f"p{number + 1:02}") for number in range(20)]
    packages = [python("3.12.4"), plain("ca-certificates", "1"), *chain, pure("p20", "1.0", "nowhere >=3")]
    _, _, message = told("p00", channels=[make_channel(tmp_path / "c", packages)])
    assert len(message.splitlines()) == 15
    assert message.splitlines()[10] == "  …"
    assert message.splitlines()[-1].endswith("nowhere >=3, for which no candidates were found.")
