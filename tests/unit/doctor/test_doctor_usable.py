"""What a GPU can use with a driver, by the tables. Rows reasoned by hand."""

from __future__ import annotations

import pytest

from envbuild.doctor.usable import Usable, usable
from envbuild.facts.drivers import toolkits
from envbuild.gpu.describe import parse_host


@pytest.mark.parametrize(
    ("driver", "gpu", "cuda", "full", "build"),
    [
        # 550 is of the 12 family (525 and newer): all of 12 by minor-version compatibility, 12.4 is its own.
        ("550.54.15", "A100", "12.9", "12.4", "cu126"),
        # The same for Pascal, which 12.9 is the last to know.
        ("535.129.03", "GTX 1080 Ti", "12.9", "12.2", "cu126"),
        # 580 runs all of 13, but no toolkit of 13 knows Pascal.
        ("580.95.05", "GTX 1080 Ti", "12.9", "12.9", "cu126"),
        # 470 is of the 11 family; Kepler ends with 11.8.
        ("470.82.01", "K80", "11.8", "11.4", "cu118"),
        ("450.80.02", "V100", "11.8", "11.0", "cu118"),
        # Before 11 each toolkit needs its own driver: 390 is that of 9.0.
        ("390.10", "GTX 1080", "9.0", "9.0", ""),
        # A driver told in part is not taken for the newest of its branch: 12.8 may need more than 570.
        ("570", "A100", "12.9", "12.6", "cu126"),
    ],
)
def test_usable(driver: str, gpu: str, cuda: str, full: str, build: str) -> None:
    (described,) = parse_host(f"gpu={gpu}").gpus or ()
    found = usable(driver, described)
    assert (found.cuda, found.full, found.build) == (cuda, full, build)
    assert bool(found.torch) == bool(build)


def test_the_newest_of_a_family_that_goes_on() -> None:
    """580 is the floor of 13: it runs all of it on Blackwell, whatever the newest is by now."""
    (blackwell,) = parse_host("gpu=RTX 5090").gpus or ()
    newest = [toolkit.cuda for toolkit in toolkits("13")][-1]
    found = usable("580.95.05", blackwell)
    assert (found.cuda, found.full) == (".".join(newest.split(".")[:2]), "13.0")
    assert found.build.startswith("cu13")


def test_limits_are_said() -> None:
    (a100,) = parse_host("gpu=A100").gpus or ()
    assert usable("550.54.15", a100).limits  # cu126 on a driver of 12.4
    (pascal,) = parse_host("gpu=1080ti").gpus or ()
    assert not usable("580.95.05", pascal).limits  # cu126 on a driver of 13.0


@pytest.mark.parametrize(
    ("driver", "gpu", "refusal"),
    [
        (
            "590.48.01",
            "V100",
            "driver 590.48.01 no longer supports V100 (Volta): branch 580 was the last that did",
        ),
        ("550.54", "RTX 5090", "GeForce RTX 5090 is newer than driver 550.54: branch 570 is its first"),
    ],
)
def test_drivers_that_do_not_know_the_gpu(driver: str, gpu: str, refusal: str) -> None:
    (described,) = parse_host(f"gpu={gpu}").gpus or ()
    assert usable(driver, described) == Usable(refusal=refusal)


@pytest.mark.parametrize(("driver", "gpu"), [("", "A100"), ("none", "A100"), ("580.95.05", "HAL 9000")])
def test_what_is_unknown_stays_so(driver: str, gpu: str) -> None:
    (described,) = parse_host(f"gpu={gpu}").gpus or ()
    assert usable(driver, described) == Usable()
