import pytest

from envbuild.facts.jax import jax_plugin, jax_releases
from envbuild.facts.model import JaxPlugin
from envbuild.facts.versions import numbers


def test_releases_are_newest_first_with_their_pythons():
    versions = [version for version, _ in jax_releases()]
    assert versions == sorted(versions, key=numbers, reverse=True)
    assert len(versions) == 45
    pythons = dict(jax_releases())
    assert pythons["0.12.0.1"] == ("3.12", "3.13", "3.14", "3.15")
    assert pythons["0.4.30"] == ("3.9", "3.10", "3.11", "3.12")
    assert pythons["0.4.13"] == ("3.8", "3.9", "3.10", "3.11")


@pytest.mark.parametrize(
    ("major", "expected"),
    [
        (13, JaxPlugin(major=13, driver="580", oldest=(7, 5))),
        (12, JaxPlugin(major=12, driver="525.60.13", oldest=(5, 2))),
        (11, None),
        (14, None),
    ],
)
def test_what_a_plugin_asks_of_a_machine(major, expected):
    assert jax_plugin(major) == expected
