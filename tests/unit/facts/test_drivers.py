import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.facts.drivers import all_toolkits, branch_cuda, branch_of, cuda_of_wheel, family, toolkits
from envbuild.facts.model import Family, Toolkit
from envbuild.facts.versions import numbers, variant_cuda


@pytest.mark.parametrize(
    ("cuda", "expected"),
    [
        ("12.8.1", ["12.8.1 570.124.06"]),
        ("12.8", ["12.8.0 570.26", "12.8.1 570.124.06", "12.8.2 570.211.01"]),
        (
            "13.0",
            ["13.0.0 580.65.06", "13.0.1 580.82.07", "13.0.2 580.95.05", "13.0.3 580.126.20"],
        ),
        ("13.1", ["13.1.0 590.44.01", "13.1.1 590.48.01", "13.1.2 590.48.01"]),
        ("12.9", ["12.9.0 575.51.03", "12.9.1 575.57.08", "12.9.2 575.57.08"]),
        ("12.3", ["12.3.0 545.23.06", "12.3.1 545.23.08", "12.3.2 unknown"]),
        ("10.1", ["10.1 418.39"]),
        ("10.1.243", ["10.1 418.39"]),
        ("10", ["10.0 410.48", "10.1 418.39", "10.2 440.33"]),
        ("9", ["9.0 384.81", "9.1 390.46", "9.2.88 396.26", "9.2.148 396.37"]),
        ("9.2", ["9.2.88 396.26", "9.2.148 396.37"]),
        ("8.0", ["8.0.44 367.48", "8.0.61 375.26"]),
        ("11.0", ["11.0.2 450.51.05", "11.0.3 450.51.06"]),
        ("13.5", ["13.5 unknown"]),
        ("12.7", []),
        ("12.80", []),
        ("1", []),
        ("", []),
        ("12.", []),
        ("cu128", []),
        ("\u0661\u0662.\u0668", []),
    ],
)
def test_a_version_stands_for_releases_oldest_first(cuda, expected):
    assert [f"{toolkit.cuda} {toolkit.driver}" for toolkit in toolkits(cuda)] == expected


def test_previews_answer_to_their_own_name_only():
    assert toolkits("11.0.1") == (Toolkit(cuda="11.0.1", driver="450.36.06", branch=450, preview=True),)
    assert toolkits("13.4.0") == (Toolkit(cuda="13.4.0", driver="unknown", branch=615, preview=True),)
    assert [toolkit.cuda for toolkit in toolkits("13.4")] == ["13.4.1", "13.4.2", "13.4.3"]
    assert not any(toolkit.preview for major in range(8, 14) for toolkit in toolkits(str(major)))


def test_what_no_source_says_is_unknown():
    assert {t.cuda for t in all_toolkits() if t.driver == "unknown"} == {
        "12.3.2",
        "13.4.0",
        "13.4.1",
        "13.4.2",
        "13.4.3",
        "13.5",
    }
    assert {t.cuda for t in all_toolkits() if t.branch is None} == {"13.5"}


def test_a_whole_major_rises():
    drivers = [numbers(toolkit.driver) for toolkit in toolkits("12") if toolkit.driver != "unknown"]
    assert len(drivers) == 23
    assert drivers == sorted(drivers)


@pytest.mark.parametrize(
    ("major", "expected"),
    [
        (13, Family(major=13, floor="580", text=">= 580")),
        (12, Family(major=12, floor="525.60.13", text=">= 525")),
        (11, Family(major=11, floor="450.80.02", text=">= 450")),
        (10, Family(major=10, floor=None, text="the toolkit's own driver")),
        (7, None),
        (14, None),
    ],
)
def test_families_have_floors_from_11_on(major, expected):
    assert family(major) == expected


@pytest.mark.parametrize(
    ("driver", "expected"),
    [
        ("550.54.15", 550),
        ("550", 550),
        ("R550", 550),
        (" 535.183.06 ", 535),
        ("535.183.06-0ubuntu1", 535),
        ("1000.1", 1000),
        ("12.4", None),
        ("none", None),
        ("", None),
        ("driver 550", None),
        ("55000.1", None),
    ],
)
def test_the_branch_of_a_driver(driver, expected):
    assert branch_of(driver) == expected


@pytest.mark.parametrize(
    ("branch", "expected"),
    [
        (384, "9.0"),
        (410, "10.0"),
        (450, "11.0"),
        (470, "11.4"),
        (525, "12.0"),
        (535, "12.2"),
        (545, "12.3"),
        (550, "12.4"),
        (565, "12.7"),
        (570, "12.8"),
        (580, "13.0"),
        (585, "13.0"),  # between known branches: what the older one reports
        (590, "13.1"),
        (615, "13.4"),
        (616, None),
        (366, None),
    ],
)
def test_the_newest_cuda_that_a_branch_reports(branch, expected):
    assert branch_cuda(branch) == expected


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [
        ("nvidia-cuda-runtime-cu12", "12.8.90", "12.8"),
        ("nvidia-cuda-runtime-cu11", "11.7.99", "11.7"),
        ("nvidia-cuda-runtime", "13.0.96", "13.0"),
        ("nvidia_cuda_nvrtc_cu12", "12.6.77", "12.6"),
        ("cuda-toolkit", "13.0.2", "13.0.2"),
        ("cuda-toolkit", "13.0.3.0", "13.0.3"),
        ("Cuda.Toolkit", "12.9", "12.9"),
        ("nvidia-nvjitlink", "13.5.37", "13.5"),
        ("nvidia-cudnn-cu12", "9.10.2.21", "12"),
        ("nvidia-nccl-cu13", "2.28.9", "13"),
        ("nvidia-cublas-cu12", "12.8.4.1", "12"),  # cuBLAS 13.1 comes with CUDA 13.0: its minor says nothing
        ("nvidia-cublas", "13.1.1.3", "13"),
        ("nvidia-cufft", "12.0.0.61", ""),
        ("cuda-bindings", "13.5.0", "13"),
        ("cuda-pathfinder", "1.9.0", ""),
        ("cupy-cuda12x", "13.4.1", "12"),
        ("cupy-cuda112", "10.6.0", "11"),
        ("jax-cuda13-plugin", "0.10.2", "13"),
        ("tensorrt-cu12-libs", "10.3.0", "12"),
        ("torch", "2.8.0+cu128", "12.8"),
        ("torch", "2.8.0", ""),
        ("numpy", "2.1.0", ""),
        ("nvidia-cuda-runtime-cu12", "nonsense", "12"),
        ("", "", ""),
    ],
)
def test_the_cuda_of_a_wheel(name, version, expected):
    assert cuda_of_wheel(name, version) == expected


@pytest.mark.parametrize(
    ("variant", "expected"),
    [
        ("cu128", "12.8"),
        ("cu130", "13.0"),
        ("cu101", "10.1"),
        ("cu92", "9.2"),
        ("cu80", "8.0"),
        ("cpu", ""),
        ("cu12", ""),
        ("cu1280", ""),
        ("rocm6.2", ""),
        ("", ""),
    ],
)
def test_the_cuda_of_a_variant(variant, expected):
    assert variant_cuda(variant) == expected


@given(st.text(), st.text())
def test_no_text_breaks_a_query(one, other):
    assert isinstance(toolkits(one), tuple)
    assert branch_of(one) is None or branch_of(one) >= 100
    assert isinstance(cuda_of_wheel(one, other), str)
    assert isinstance(variant_cuda(one), str)


@given(st.integers(min_value=0, max_value=2000))
def test_a_newer_branch_never_reports_an_older_cuda(branch):
    here, next_one = branch_cuda(branch), branch_cuda(branch + 1)
    if here and next_one:
        assert numbers(here) <= numbers(next_one)
    else:
        assert branch < 367 or branch + 1 > 615
