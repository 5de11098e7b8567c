"""Groups: few, heavy first, and a light change touches the last one only."""

import time
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.planned import conda_record, lock, package, planned

from envbuild.lock.model import LockedPackage
from envbuild.plan.groups import ALONE, PAYS, group_packages
from envbuild.plan.weights import MB, kind

NAMES = ("numpy", "torch", "nvidia-cudnn-cu12", "transformers", "jaxlib", "requests", "six", "cuda-bindings")
SIZES = st.one_of(st.none(), st.integers(0, 2 * MB), st.integers(0, 2000 * MB))
PACKAGES = st.dictionaries(
    st.sampled_from(NAMES) | st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True), SIZES, max_size=30
)


def made(sizes: dict[str, int | None]) -> list[LockedPackage]:
    return [package(name, "1.0", size) for name, size in sizes.items()]


@given(PACKAGES, st.integers(-3, 12))
def test_each_package_is_in_one_group_and_the_budget_holds(sizes: dict[str, int | None], budget: int) -> None:
    packages = made(sizes)
    groups = group_packages(packages, budget)
    assert sorted(item.name for group in groups for item in group.packages) == sorted(sizes)
    assert len(groups) <= max(budget, 1)
    assert all(group.packages for group in groups)


@given(PACKAGES, st.integers(1, 12), st.randoms())
def test_the_order_of_the_packages_does_not_matter(
    sizes: dict[str, int | None], budget: int, random: object
) -> None:
    packages = made(sizes)
    shuffled = list(packages)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert group_packages(shuffled, budget) == group_packages(packages, budget)


@given(PACKAGES)
def test_a_new_version_of_a_light_package_touches_the_last_group_only(sizes: dict[str, int | None]) -> None:
    packages = [*made(sizes), package("zz-light", "1.0", 1000)]
    bumped = [*packages[:-1], replace(packages[-1], version="2.0", size=2000)]
    before, after = group_packages(packages, 40), group_packages(bumped, 40)
    assert [group.packages for group in before[:-1]] == [group.packages for group in after[:-1]]
    assert "zz-light" in {item.name for item in after[-1].packages}


@given(PACKAGES)
def test_a_group_pays_for_its_layer(sizes: dict[str, int | None]) -> None:
    groups = group_packages(made(sizes), 40)
    assert all(group.weight >= PAYS for group in groups[:-1])


def test_a_data_science_set_gets_three_groups() -> None:
    large = {"numpy": 17, "scipy": 36, "pandas": 13, "pyarrow": 46, "scikit-learn": 9, "matplotlib": 9}
    packages = [package(name, "1", size * MB) for name, size in large.items()]
    packages += [package("transformers", "1", 12 * MB), package("debugpy", "1", 3 * MB)]
    packages += [package(f"small-{number}", "1", 90_000) for number in range(100)]
    groups = group_packages(packages, 40)
    assert [(group.name, len(group.packages)) for group in groups] == [
        ("large", 6),
        ("medium", 2),
        ("rest", 100),
    ]


def test_giants_get_a_layer_each_cuda_before_frameworks() -> None:
    packages = [
        package("torch", "2.8.0", 900 * MB),
        package("triton", "3.4.0", 150 * MB),
        package("nvidia-cudnn-cu12", "9", 700 * MB),
        package("nvidia-cublas-cu12", "12", ALONE),
        package("nvidia-cufft-cu12", "11", ALONE - 1),
        package("nvidia-nvtx-cu12", "12", 90_000),
        package("transformers", "4", 12 * MB),
    ]
    names = [(group.name, [item.name for item in group.packages]) for group in group_packages(packages, 40)]
    assert names == [
        ("nvidia-cublas-cu12", ["nvidia-cublas-cu12"]),
        ("nvidia-cudnn-cu12", ["nvidia-cudnn-cu12"]),
        ("cuda", ["nvidia-cufft-cu12"]),
        ("torch", ["torch"]),
        ("framework", ["triton"]),
        ("medium", ["transformers"]),
        ("rest", ["nvidia-nvtx-cu12"]),
    ]


def test_a_tight_budget_joins_the_lightest_neighbours_and_says_so() -> None:
    packages = [package("torch", "2", 900 * MB), package("numpy", "2", 20 * MB), package("six", "1", 11_000)]
    two = group_packages(packages, 2)
    assert [group.name for group in two] == ["torch", "large"]
    assert two[1].why.endswith("; joined with a neighbour to stay within the budget of layers")
    one = group_packages(packages, 1)
    assert [group.name for group in one] == ["torch"]
    assert one[0].why.count("joined") == 1


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("nvidia-cudnn-cu12", None, "cuda"),
        ("torch", None, "framework"),
        ("tensorflow-cpu", 200 * MB, "framework"),
        ("nvidia-ml-py", 50_000, "rest"),
        ("numpy", None, "large"),
        ("transformers", 12 * MB, "medium"),
        ("six", None, "rest"),
        ("anything", 5 * MB, "large"),
        ("anything", 1 * MB, "medium"),
    ],
)
def test_kinds(name: str, size: int | None, expected: str) -> None:
    assert kind(package(name, "1", size)) == expected


@pytest.mark.parametrize(
    ("name", "size", "expected"),
    [
        ("libcublas", 400 * MB, "cuda"),
        ("libcudnn-dev", 30 * MB, "cuda"),
        ("cudatoolkit", 600 * MB, "cuda"),
        ("cuda-nvcc-impl", 60 * MB, "cuda"),
        ("nccl", 100 * MB, "cuda"),
        ("libtorch", 500 * MB, "framework"),
        ("tensorflow-base", 400 * MB, "framework"),
        ("libmagma_sparse", 20 * MB, "framework"),
        ("mkl", 140 * MB, "framework"),
        ("pytorch-gpu", 24_000, "rest"),
        ("cuda-version", 21_000, "rest"),
        ("qt6-main", 50 * MB, "large"),
        ("libzlib", 61_000, "rest"),
    ],
)
def test_kinds_of_conda_packages(name: str, size: int, expected: str) -> None:
    assert kind(conda_record(name, size=size)) == expected


def test_a_thousand_packages_are_planned_in_a_second() -> None:
    many = lock(package(f"package-{number}", "1.0", number * 9_999) for number in range(1000))
    begun = time.process_time()
    plan = planned(lock_=many)
    assert time.process_time() - begun <= 1.0
    assert len(plan.layers) <= 41
