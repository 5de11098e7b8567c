"""What device code runs on which GPU, by the rules of cubins, PTX, suffixes and Jetson chips."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.facts.gpus import architectures as known_architectures
from envbuild.facts.model import Capability
from envbuild.gpu.serves import JETSON, Served, cubin_serves, ptx_serves, read_architecture, serves

NUMBERS = (
    35,
    37,
    50,
    52,
    53,
    60,
    61,
    62,
    70,
    72,
    75,
    80,
    86,
    87,
    88,
    89,
    90,
    100,
    101,
    103,
    107,
    110,
    120,
    121,
)
CAPABILITIES = [divmod(number, 10) for number in NUMBERS]
architectures = st.builds(
    lambda number, suffix: f"{number}{suffix}", st.sampled_from(NUMBERS), st.sampled_from(["", "a", "f"])
)
lists = st.lists(architectures, max_size=6).map(tuple)


@pytest.mark.parametrize(
    ("cubins", "ptx", "capability", "answer"),
    [
        # A cubin: the same major, a minor no less.
        (("80",), (), (8, 0), "cubin"),
        (("80",), (), (8, 6), "cubin"),
        (("86",), (), (8, 0), "none"),
        (("86",), (), (8, 9), "cubin"),
        (("89",), (), (9, 0), "none"),
        (("90",), (), (8, 9), "none"),
        (("100",), (), (10, 3), "cubin"),
        (("100",), (), (12, 0), "none"),
        (("120",), (), (12, 1), "cubin"),
        (("50", "52"), (), (6, 1), "none"),
        # Chips on Jetson boards: their own cubin and no other; nobody else runs theirs.
        (("80",), (), (8, 7), "none"),
        (("87",), (), (8, 7), "cubin"),
        (("87",), (), (8, 9), "none"),
        (("70",), (), (7, 2), "none"),
        (("72",), (), (7, 5), "none"),
        (("60",), (), (6, 2), "none"),
        (("52",), (), (5, 3), "none"),
        (("53",), (), (5, 3), "cubin"),
        # One chip renumbered.
        (("101",), (), (11, 0), "cubin"),
        (("110",), (), (10, 1), "cubin"),
        (("101a",), (), (11, 0), "cubin"),
        (("101",), (), (10, 3), "none"),
        (("100",), (), (10, 1), "none"),
        (("100f",), (), (11, 0), "none"),
        (("110f",), (), (11, 0), "cubin"),
        # Suffixes.
        (("90a",), (), (9, 0), "cubin"),
        (("100a",), (), (10, 3), "none"),
        (("100f",), (), (10, 3), "cubin"),
        (("103f",), (), (10, 0), "none"),
        (("120f",), (), (12, 1), "cubin"),
        (("120a",), (), (12, 1), "none"),
        # PTX.
        (("80",), ("80",), (9, 0), "ptx"),
        (("80",), ("90",), (8, 0), "cubin"),
        ((), ("52",), (12, 0), "ptx"),
        ((), ("90",), (8, 9), "none"),
        ((), ("70",), (7, 2), "ptx"),
        ((), ("90a",), (9, 0), "ptx"),
        ((), ("90a",), (10, 0), "none"),
        ((), ("100f",), (10, 3), "ptx"),
        ((), ("100f",), (12, 0), "none"),
        # No device code serves nobody.
        ((), (), (8, 6), "none"),
        # What is not known might decide.
        (None, (), (8, 6), "unknown"),
        (None, ("50",), (8, 6), "unknown"),
        (None, None, (8, 6), "unknown"),
        (("80",), None, (8, 6), "cubin"),
        (("80",), None, (9, 0), "unknown"),
        ((), None, (9, 0), "unknown"),
        (("80", "9x"), ("80",), (9, 0), "unknown"),
        (("80", "9x"), (), (8, 6), "cubin"),
        ((), ("?",), (9, 0), "unknown"),
        ((), ("?", "52"), (9, 0), "ptx"),
    ],
)
def test_who_is_served(
    cubins: tuple[str, ...] | None, ptx: tuple[str, ...] | None, capability: Capability, answer: Served
) -> None:
    assert serves(cubins, ptx, capability) == answer


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("86", ((8, 6), "")),
        ("90a", ((9, 0), "a")),
        ("100f", ((10, 0), "f")),
        ("sm_86", None),
        ("", None),
        ("8", None),
        ("086", None),
        ("86b", None),
        ("8٦", None),
        ("86\n", None),
    ],
)
def test_how_an_architecture_is_read(text: str, read: tuple[Capability, str] | None) -> None:
    assert read_architecture(text) == read


@given(cubins=lists, ptx=lists, more=architectures, capability=st.sampled_from(CAPABILITIES))
def test_more_code_never_serves_less(
    cubins: tuple[str, ...], ptx: tuple[str, ...], more: str, capability: Capability
) -> None:
    order = ["none", "ptx", "cubin"]
    before = order.index(serves(cubins, ptx, capability))
    assert order.index(serves((*cubins, more), ptx, capability)) >= before
    assert order.index(serves(cubins, (*ptx, more), capability)) >= before


@given(
    ptx=st.sampled_from(NUMBERS),
    capability=st.sampled_from(CAPABILITIES),
    newer=st.sampled_from(CAPABILITIES),
)
def test_plain_ptx_serves_every_newer_device(ptx: int, capability: Capability, newer: Capability) -> None:
    if newer >= capability and ptx_serves(str(ptx), capability):
        assert ptx_serves(str(ptx), newer) is True
    assert ptx_serves(str(ptx), capability) is (divmod(ptx, 10) <= capability)


@pytest.mark.parametrize("capability", CAPABILITIES)
def test_its_own_cubin_serves_every_device(capability: Capability) -> None:
    own = f"{capability[0]}{capability[1]}"
    assert [cubin_serves(f"{own}{suffix}", capability) for suffix in ("", "a", "f")] == [True] * 3


@pytest.mark.parametrize("jetson", sorted(JETSON))
def test_a_jetson_chip_and_the_others_share_no_cubin(jetson: Capability) -> None:
    others = [other for other in CAPABILITIES if other != jetson and {other, jetson} != {(10, 1), (11, 0)}]
    own = f"{jetson[0]}{jetson[1]}"
    assert not any(cubin_serves(own, other) for other in others)
    assert not any(cubin_serves(f"{other[0]}{other[1]}", jetson) for other in others)


def test_the_jetson_chips_are_those_of_the_table() -> None:
    assert {each.capability for each in known_architectures() if each.jetson} == JETSON
