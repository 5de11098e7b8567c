import pytest
from hypothesis import given
from hypothesis import strategies as st

from envbuild.facts.compat import compat_branches
from envbuild.facts.drivers import toolkits
from envbuild.facts.tables import table


@pytest.mark.parametrize(
    ("cuda", "expected"),
    [
        ("13.2.0", (535, 570, 580, 590)),
        ("13.1.0", (535, 550, 570, 575, 580)),
        ("13.0.2", (535, 550, 565, 570, 575)),
        ("12.9.1", (535, 550, 560, 565, 570)),
        ("12.8.1", (470, 535, 550, 560, 565)),
        ("12.4.1", (470, 525, 535)),
        ("12.0.1", (470,)),
        ("11.8.0", (470,)),
        ("11.0.3", (418,)),
        ("10.1", (418,)),
        ("10.1.243", (418,)),
        ("9.0", ()),
        ("12.8", (470, 535, 550, 560, 565)),  # both images agree
    ],
)
def test_which_older_drivers_an_image_carries(cuda, expected):
    assert compat_branches(cuda) == expected


@pytest.mark.parametrize(
    ("cuda", "why"),
    [
        ("13.0.3", "an image that no source describes"),
        ("13.0", "13.0.3 may be meant"),
        ("11.7", "11.7.0 carries 450 as well, 11.7.1 does not"),
        ("11.4.3", "the source has no list for it"),
        ("12.8.2", "there is no image of it"),
        ("12.7", "there is no such toolkit"),
        ("12", "images of a major differ"),
        ("", "nothing was asked"),
        ("nonsense", "it is no version"),
    ],
)
def test_what_is_not_known_is_none(cuda, why):
    assert compat_branches(cuda) is None, why


def test_images_carry_only_drivers_older_than_their_own():
    images = [row["cuda"] for row in table("cuda_images")["images"]]
    known = [cuda for cuda in images if compat_branches(cuda)]
    assert set(images) - set(known) == {"13.4.1", "13.3.1", "13.3.0", "13.1.2", "13.1.1", "13.0.3", "11.4.3"}
    for cuda in known:
        own = toolkits(cuda)[0].branch
        assert all(branch < own for branch in compat_branches(cuda)), cuda


def test_images_that_are_gone_are_known_all_the_same():
    assert compat_branches("11.7.0") == (450, 470)
    assert compat_branches("11.7.1") == (470,)


@given(st.text())
def test_no_text_breaks_the_query(text):
    assert compat_branches(text) is None or isinstance(compat_branches(text), tuple)
