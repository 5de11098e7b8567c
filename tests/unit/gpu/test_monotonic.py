"""What must hold for every machine: newer drivers break nothing but what dropped a chip, more GPUs and more
packages never help, and no driver below the toolkit's own is "ok". The numbers here are written by hand.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from support.preflight import Case, all_cases, write_spec

from envbuild.gpu.describe import parse_host
from envbuild.gpu.model import LEVELS, NO_DRIVER, GpuNeeds, Level
from envbuild.gpu.verdict import preflight_any
from envbuild.gpu.wishes import needs_of_spec
from envbuild.spec.load import load_spec

Driver = tuple[int, int, int]
Needs = dict[str, tuple[GpuNeeds, ...]]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A spec with what its CUDA asks of a driver: `full`, the least of all updates that may be meant."""

    name: str
    spec: dict[str, Any]
    floor: Driver
    full: Driver
    compat: bool = False


FLOORS = {11: (450, 80, 2), 12: (525, 60, 13), 13: (580, 0, 0)}
WISHES = [
    Wish(
        name="torch 1.12",
        spec={"python": "3.8", "pip": ["torch==1.12.1"]},
        floor=(440, 33, 0),
        full=(440, 33, 0),
    ),
    Wish(
        name="torch 2.0",
        spec={"python": "3.11", "pip": ["torch==2.0.1"]},
        floor=FLOORS[11],
        full=(515, 43, 4),
    ),
    Wish(name="torch 2.4", spec={"pip": ["torch==2.4.1"]}, floor=FLOORS[12], full=(530, 30, 2)),
    Wish(name="torch 2.6", spec={"pip": ["torch==2.6.0"]}, floor=FLOORS[12], full=(550, 54, 14)),
    Wish(name="torch 2.8", spec={"pip": ["torch==2.8.0"]}, floor=FLOORS[12], full=(570, 26, 0)),
    Wish(
        name="torch 2.8 cu126",
        spec={"pip": ["torch==2.8.0"], "torch_backend": "cu126"},
        floor=FLOORS[12],
        full=(560, 28, 3),
    ),
    Wish(name="torch 2.11", spec={"pip": ["torch==2.11.0"]}, floor=FLOORS[13], full=(580, 65, 6)),
    Wish(name="torch 2.15", spec={"pip": ["torch==2.15.0"]}, floor=FLOORS[13], full=(595, 45, 4)),
    Wish(name="any torch", spec={"pip": ["torch"]}, floor=FLOORS[12], full=(530, 30, 2)),
    Wish(name="torch from 2.11", spec={"pip": ["torch>=2.11"]}, floor=FLOORS[13], full=(580, 65, 6)),
    Wish(
        name="tensorflow 2.15",
        spec={"python": "3.11", "pip": ["tensorflow[and-cuda]==2.15.1"]},
        floor=FLOORS[12],
        full=(535, 54, 3),
    ),
    Wish(
        name="tensorflow 2.18",
        spec={"pip": ["tensorflow[and-cuda]==2.18.1"]},
        floor=FLOORS[12],
        full=(555, 42, 2),
    ),
    Wish(
        name="tensorflow-gpu 2.1",
        spec={"python": "3.6", "pip": ["tensorflow-gpu==2.1.0"]},
        floor=(418, 39, 0),
        full=(418, 39, 0),
    ),
    Wish(name="jax 12", spec={"pip": ["jax[cuda12]==0.10.2"]}, floor=FLOORS[12], full=(575, 51, 3)),
    Wish(name="jax 13", spec={"pip": ["jax[cuda13]==0.10.2"]}, floor=FLOORS[13], full=(615, 0, 0)),
    Wish(name="cupy 12", spec={"pip": ["cupy-cuda12x==13.6.0"]}, floor=FLOORS[12], full=(525, 60, 13)),
    Wish(name="image 10.2", spec={"cuda": "10.2"}, floor=(440, 33, 0), full=(440, 33, 0), compat=True),
    Wish(name="image 11.8", spec={"cuda": "11.8.0"}, floor=FLOORS[11], full=(520, 61, 5), compat=True),
    Wish(name="image 12.8", spec={"cuda": "12.8.1"}, floor=FLOORS[12], full=(570, 124, 6), compat=True),
    Wish(name="image 13.0", spec={"cuda": "13.0.2"}, floor=FLOORS[13], full=(580, 95, 5), compat=True),
    Wish(
        name="image 12.8 and torch 2.8",
        spec={"cuda": "12.8.1", "pip": ["torch==2.8.0"]},
        floor=FLOORS[12],
        full=(570, 124, 6),
        compat=True,
    ),
]
NEWEST = 10_000
BRANCHES = {  # the first branch that knows the GPU (0: older than any here), and the last
    "K80": (0, 470),
    "M60": (0, 580),
    "GTX 1080 Ti": (367, 580),
    "P100": (367, 580),
    "V100": (384, 580),
    "T4": (410, NEWEST),
    "RTX 2080 Ti": (410, NEWEST),
    "A100": (450, NEWEST),
    "RTX 3090": (455, NEWEST),
    "RTX A6000": (455, NEWEST),
    "L4": (520, NEWEST),
    "RTX 4090": (520, NEWEST),
    "H100": (520, NEWEST),
    "B200": (570, NEWEST),
    "RTX 5090": (570, NEWEST),
    "B300": (575, NEWEST),
}
LAST = {  # the last branch of what else the rows name
    "Tesla C2075": 390,
    "GTX 780 Ti": 470,
    "GTX 980": 580,
    "GTX 1080": 580,
    **dict.fromkeys(("L40S", "GB10", "8.6", "10.7", "8xA100", "NVIDIA A100-SXM4-80GB"), NEWEST),
}
OK_ROWS = [case for case in all_cases() if case.verdict == "ok"]
MORE = ["numpy==2.0.2", "jax[cuda12]==0.10.2", "jax[cuda13]==0.10.2", "cupy-cuda12x==13.6.0"]
"""Packages that leave the CUDA of those beside them as it is."""

_KNOWN = [
    *((wish.full, wish.floor) for wish in WISHES),
    ((570, 211, 1), (580, 126, 20)),
    ((595, 71, 5), (610, 43, 2)),
    ((470, 82, 1), (535, 104, 5)),
]
_AROUND = sorted({(a, b, max(0, c + step)) for pair in _KNOWN for a, b, c in pair for step in (-1, 0, 1)})
_BRANCHES = [384, 410, 418, 440, 450, 455, 470, 515, 520, 525, 535, 550]
_BRANCHES += [560, 565, 570, 575, 580, 590, 595, 610, 615, 625]
drivers = st.one_of(
    st.sampled_from(_AROUND), st.tuples(st.sampled_from(_BRANCHES), st.integers(0, 240), st.integers(0, 30))
)
gpus = st.sampled_from(sorted(BRANCHES))
wishes = st.sampled_from(WISHES)
unhurried = settings(deadline=None)


@pytest.fixture(scope="module")
def needs(tmp_path_factory: pytest.TempPathFactory) -> Needs:
    folder = tmp_path_factory.mktemp("wishes")
    return {wish.name: read(wish.spec, folder) for wish in WISHES}


def read(spec: dict[str, Any], folder: Path) -> tuple[GpuNeeds, ...]:
    return needs_of_spec(load_spec(write_spec(spec, folder)))


def numbers(driver: str) -> tuple[int, ...]:
    return tuple(int(part) for part in driver.split(".")) if driver[:1].isdigit() else ()


def text(driver: Driver) -> str:
    return "{}.{:02d}.{:02d}".format(*driver)


def answer(needs: tuple[GpuNeeds, ...], driver: Driver, *gpus: str) -> Level:
    line = ",".join([f"driver={text(driver)}", *(f"gpu={gpu}" for gpu in gpus)])
    return preflight_any(needs, parse_host(line)).verdict


@unhurried
@given(wish=wishes, gpu=gpus, one=drivers, other=drivers)
def test_a_newer_driver_breaks_nothing_until_it_drops_the_gpu(
    needs: Needs, wish: Wish, gpu: str, one: Driver, other: Driver
) -> None:
    older, newer = sorted((one, other))
    assume(newer[0] <= BRANCHES[gpu][1])
    before, after = (answer(needs[wish.name], driver, gpu) for driver in (older, newer))
    if before == "ok":
        assert after == "ok"
    # cuda-compat is listed branch by branch, so with it 470 may run where 515 does not.
    if before == "limits" and not (wish.compat and older < wish.floor):
        assert after != "refused"


@unhurried
@given(wish=wishes, gpu=gpus, one=drivers, other=drivers)
def test_an_older_driver_mends_nothing_that_a_newer_one_could_not(
    needs: Needs, wish: Wish, gpu: str, one: Driver, other: Driver
) -> None:
    older, newer = sorted((one, other))
    assume(newer[0] <= BRANCHES[gpu][1])
    if answer(needs[wish.name], newer, gpu) == "refused":
        assert answer(needs[wish.name], older, gpu) != "ok"


@unhurried
@given(wish=wishes, gpu=gpus, driver=drivers)
def test_nothing_is_ok_below_the_full_driver_of_every_update(
    needs: Needs, wish: Wish, gpu: str, driver: Driver
) -> None:
    if driver < wish.full:
        assert answer(needs[wish.name], driver, gpu) != "ok"


@unhurried
@given(wish=wishes, gpu=gpus, driver=drivers)
def test_below_the_floor_everything_is_refused_without_compat(
    needs: Needs, wish: Wish, gpu: str, driver: Driver
) -> None:
    assume(not wish.compat)
    if driver < wish.floor:
        assert answer(needs[wish.name], driver, gpu) == "refused"


@unhurried
@given(wish=wishes, gpu=gpus, driver=drivers)
def test_a_driver_that_does_not_know_the_gpu_is_refused(
    needs: Needs, wish: Wish, gpu: str, driver: Driver
) -> None:
    first, last = BRANCHES[gpu]
    if not first <= driver[0] <= last:
        assert answer(needs[wish.name], driver, gpu) == "refused"


@unhurried
@given(wish=wishes, gpu=gpus, driver=drivers, more=st.lists(gpus, min_size=1, max_size=3))
def test_another_gpu_never_helps(needs: Needs, wish: Wish, gpu: str, driver: Driver, more: list[str]) -> None:
    alone = answer(needs[wish.name], driver, gpu)
    each = [answer(needs[wish.name], driver, other) for other in more]
    # Worse than each is possible: every release of an unpinned torch may fail on one of them.
    together = answer(needs[wish.name], driver, gpu, *more)
    assert all(LEVELS.index(together) >= LEVELS.index(verdict) for verdict in (alone, *each))


@unhurried
@given(gpu=st.one_of(gpus, st.just("FooBar")), driver=drivers, more=st.sampled_from(MORE), wish=wishes)
def test_another_package_never_helps(
    needs: Needs,
    tmp_path_factory: pytest.TempPathFactory,
    gpu: str,
    driver: Driver,
    more: str,
    wish: Wish,
) -> None:
    name = more.split("=")[0].split("[")[0]
    assume(not any(package.startswith(name) for package in wish.spec.get("pip", [])))
    # An image alone is judged by what its toolkit could compile; a package beside it brings code of its own.
    assume("pip" in wish.spec or name == "numpy")
    # Releases that answer differently may agree once something beside them is worse than each.
    assume(len(needs[wish.name]) == 1)
    spec = wish.spec | {"pip": [*wish.spec.get("pip", []), more]}
    with_more = read(spec, tmp_path_factory.mktemp("more"))
    alone, together = (answer(which, driver, gpu) for which in (needs[wish.name], with_more))
    assert LEVELS.index(together) >= LEVELS.index(alone)


@unhurried
@given(wish=wishes, gpu=gpus, driver=drivers)
def test_a_part_of_a_driver_promises_no_more_than_the_whole(
    needs: Needs, wish: Wish, gpu: str, driver: Driver
) -> None:
    whole = answer(needs[wish.name], driver, gpu)
    for part in (f"{driver[0]}", "{}.{:02d}".format(*driver[:2])):
        told = preflight_any(needs[wish.name], parse_host(f"driver={part},gpu={gpu}")).verdict
        if told in ("ok", "refused"):
            assert whole == told


@unhurried
@given(wish=wishes, gpu=gpus)
def test_without_a_driver_everything_is_refused(needs: Needs, wish: Wish, gpu: str) -> None:
    assert preflight_any(needs[wish.name], parse_host(f"driver={NO_DRIVER},gpu={gpu}")).verdict == "refused"


@pytest.mark.parametrize("case", OK_ROWS, ids=lambda case: case.name)
def test_rows_that_are_ok_stay_so_on_later_drivers(case: Case, tmp_path: Path) -> None:
    names = [part.removeprefix("gpu=") for part in case.host.split(",") if part.startswith("gpu=")]
    last = min((LAST[name] if name in LAST else BRANCHES[name][1] for name in names), default=NEWEST)
    now, asked = numbers(case.host_read().driver), case.needs(tmp_path)
    for driver in (driver for driver in _AROUND if now < driver and driver[0] <= last):
        assert answer(asked, driver, *names) == "ok"
