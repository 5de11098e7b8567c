"""Drivers against CUDA releases: boundaries, releases without a known driver, drivers told in part."""

import pytest

from envbuild.gpu.driver import compiles_ptx_of, numbers, side, stand


@pytest.mark.parametrize(
    ("driver", "cuda", "standing"),
    [
        ("550.54.14", "12.4", "full"),
        ("550.54.13", "12.4", "minor"),
        ("550.54.14", "12.4.1", "minor"),
        ("525.60.13", "12.8", "minor"),
        ("525.60.12", "12.8", "below"),
        ("580.65.06", "13.0", "full"),
        ("579.99", "13.0", "below"),
        # The family's floor is above the driver that 11.0 itself came with.
        ("450.51.05", "11.0", "full"),
        ("450.36.06", "11.0", "minor"),
        ("450.51.06", "11.1", "below"),
        ("450.80.02", "11.8", "minor"),
        # No minor-version compatibility before 11.
        ("418.39", "10.1", "full"),
        ("418.38", "10.1", "below"),
        ("384.90", "9", "unknown"),
        ("396.37", "9", "full"),
        # No driver is known for 13.4 but its branch; for 13.5 and 12.3.2 but those of their neighbours.
        ("614.99", "13.4", "minor"),
        ("615.10", "13.4", "unknown"),
        ("616.10", "13.4", "full"),
        ("610.43.02", "13.5", "minor"),
        ("620.10", "13.5", "unknown"),
        ("545.23.07", "12.3.2", "minor"),
        ("545.23.08", "12.3.2", "unknown"),
        ("550.54.14", "12.3.2", "full"),
        # 12.7 never was; its family is known all the same.
        ("535.54.03", "12.7", "unknown"),
        ("520.61.05", "12.7", "below"),
        ("535.54.03", "", "unknown"),
        ("535.54.03", "14.0", "unknown"),
    ],
)
def test_standing(driver: str, cuda: str, standing: str) -> None:
    assert stand(driver, cuda).standing == standing


@pytest.mark.parametrize(
    ("driver", "cuda", "standing"),
    [
        ("525", "12.8", "minor"),  # NVIDIA says ">= 525"
        ("580", "13.0", "minor"),
        ("550.54", "12.4", "minor"),  # may be .14 or older: not taken for new enough
        ("560", "12.4", "full"),
        ("520", "12.4", "below"),
        ("418", "10.1", "unknown"),
        ("419", "10.1", "full"),
    ],
)
def test_a_driver_told_in_part(driver: str, cuda: str, standing: str) -> None:
    assert stand(driver, cuda).standing == standing


def test_an_answer_names_the_drivers_that_decide() -> None:
    answer = stand("535.104.05", "12.8.1")
    assert (answer.standing, answer.full, answer.floor) == ("minor", "570.124.06", "525.60.13")


@pytest.mark.parametrize(
    ("driver", "cuda", "able"),
    [("570.26", "12.8", True), ("570", "12.8", True), ("560.35.03", "12.8", False), ("700.1", "13.5", None)],
)
def test_ptx_is_compiled_by_drivers_of_its_time_on(driver: str, cuda: str, able: bool | None) -> None:
    assert compiles_ptx_of(driver, cuda) is able


def test_sides() -> None:
    assert side("440.33.01", "440.33") == "at least"
    assert side("440.33", "440.33.01") == "open"
    assert side("440.32", "440.33.01") == "below"
    assert numbers("banana") == ()
