import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.facts.tables import table
from envbuild.facts.tensorflow import (
    holds_gpu_code,
    tensorflow_code,
    tensorflow_oldest,
    tensorflow_release,
    tensorflow_releases,
)
from envbuild.facts.versions import numbers


def test_releases_are_newest_first():
    minors = [release.minor for release in tensorflow_releases()]
    assert minors == sorted(minors, key=numbers, reverse=True)
    assert (minors[0], minors[-1], len(minors)) == ("2.21", "1.4", 34)


@pytest.mark.parametrize(
    ("version", "cuda", "cudnn", "pythons", "and_cuda"),
    [
        ("2.21.0", "12.5", "9.3", "3.10 3.11 3.12 3.13", True),
        ("2.17.1", "12.3", "8.9", "3.9 3.10 3.11 3.12", True),
        ("2.15.0.post1", "12.2", "8.9", "3.9 3.10 3.11", True),
        ("2.14", "11.8", "8.7", "3.9 3.10 3.11", True),
        ("2.13.1", "11.8", "8.6", "3.8 3.9 3.10 3.11", False),
        ("2.1.0", "10.1", "7.6", "3.6 3.7", False),
        ("1.11.0", "9", "7", "3.6", False),  # 9 of unknown minor, not 9.0
        ("1.4.1", "8", "6", "3.6", False),
    ],
)
def test_a_release(version, cuda, cudnn, pythons, and_cuda):
    release = tensorflow_release(version)
    assert release is not None
    assert (release.cuda, release.cudnn, release.and_cuda) == (cuda, cudnn, and_cuda)
    assert release.pythons == tuple(pythons.split())


@pytest.mark.parametrize("version", ["2", "2.99.0", "3.0", "", "2.x", "nightly"])
def test_an_unknown_release_is_none(version):
    assert tensorflow_release(version) is None


def test_tensorflow_gpu_ends_with_2_11():
    with_wheels = [release.minor for release in tensorflow_releases() if release.gpu_pythons]
    assert with_wheels[0] == "2.11"
    last = tensorflow_release("2.11.0")
    assert last is not None
    assert last.gpu_releases == ("2.11.0",)
    assert tensorflow_release("2.12.0").gpu_releases == ()


def test_what_and_cuda_brings():
    assert "nvidia-cuda-runtime-cu12==12.3.101" in tensorflow_release("2.17.1").brings
    assert "nvidia-cuda-runtime-cu12<13.0,>=12.5.82" in tensorflow_release("2.21.0").brings
    assert tensorflow_release("2.13.0").brings == ()


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("2.21.0", (6, 0)),
        ("2.17.0", (6, 0)),
        ("2.16.1", (5, 0)),
        ("2.15.1", (5, 0)),
        ("2.1.4", (3, 5)),
        ("1.15.5", None),
        ("x", None),
    ],
)
def test_the_oldest_gpu_with_kernels_of_its_own(version, expected):
    assert tensorflow_oldest(version) == expected


def test_code_that_nobody_read_is_unknown(monkeypatch):
    monkeypatch.setitem(table("tensorflow")["measured"], "releases", {})
    code = tensorflow_code("2.17.1")
    assert (code.cubins, code.ptx) == (None, None)
    assert code.source.endswith("built for; nothing older than 6.0 is served")
    assert tensorflow_code("2.15.1").source.endswith("is built for")
    assert tensorflow_oldest("2.17.1") == (6, 0)
    assert tensorflow_oldest("2.15.1") is None


def test_code_that_was_read_out_of_a_wheel_is_known(monkeypatch):
    own = {"cubins": ["60", "89"], "ptx": ["90"], "evidence": "read out of it"}
    monkeypatch.setitem(table("tensorflow")["measured"]["releases"], "2.17.1", own)
    code = tensorflow_code("2.17.1")
    assert (code.cubins, code.ptx) == (("60", "89"), ("90",))
    assert code.source == f"facts/tensorflow.yml ({table('tensorflow')['as_of']}): read out of it"


def test_what_was_read_out_of_one_release_holds_for_its_minor():
    assert tensorflow_code("2.15.0").cubins == ("50", "60", "70", "75", "80")
    assert "of the wheel of 2.15.1" in tensorflow_code("2.15.0").source


@pytest.mark.parametrize(
    ("version", "cubins", "ptx"),
    [
        ("2.21.0", "60 70 80 89 90", "90"),
        ("2.17.0", "60 70 80 89 90", "90"),  # read out of 2.17.1: one script builds a minor
        ("2.16.2", "50 60 70 80 90", "90"),
        ("2.15.1", "50 60 70 75 80", "80"),
        ("2.10.1", "35 50 60 70 75 80", "80"),
        ("2.3.4", "35 37 52 60 61 70", "70"),
        ("2.1.0", "35 37 52 60 61 70", "35 37 52 60 61 70"),
    ],
)
def test_the_device_code_of_a_wheel(version, cubins, ptx):
    code = tensorflow_code(version)
    assert (code.cubins, code.ptx) == (tuple(cubins.split()), tuple(ptx.split()))


@pytest.mark.parametrize(
    ("package", "version", "expected"),
    [
        ("tensorflow", "2.15.0", True),
        ("tensorflow", "2.1.0", True),
        ("tensorflow", "2.0.0", False),
        ("tensorflow", "1.15.0", True),
        ("tensorflow", "1.14.0", False),
        ("tensorflow-gpu", "1.14.0", True),
        ("tensorflow-gpu", "2.12.0", None),
        ("tensorflow", "9.9", None),
    ],
)
def test_which_package_holds_the_gpu_code(package, version, expected):
    assert holds_gpu_code(package, version) is expected


@given(st.text())
def test_no_text_breaks_a_query(text):
    assert tensorflow_release(text) is None or tensorflow_release(text) in tensorflow_releases()
    assert tensorflow_code(text).source
    assert tensorflow_oldest(text) is None or tensorflow_release(text)
