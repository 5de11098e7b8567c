from dataclasses import replace

import pytest

from envbuild.lock.drift import drift
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import Lock, LockedBase, LockedPython

BASE = LockedBase(reference="debian:bookworm-slim")
PYTHON = LockedPython(version="3.12.1", source="managed", request="3.12.1")


def changes(desk, old, new, platform="linux/amd64"):
    inputs = inputs_of(desk.spec(old))
    lock = Lock(name="x", platform="linux/amd64", inputs=inputs, base=BASE, python=PYTHON)
    return drift(desk.spec(new), lock, platform)


SPEC = """\
name: x
python: 3.11
apt: [git, curl]
pip: {packages: ["numpy<2", pandas, "jax[cuda12]"]}
"""


@pytest.mark.parametrize(
    ("find", "put", "expected"),
    [
        ("name: x", "name: x  # a comment", ()),
        ("git, curl", "curl, git", ()),
        ('"numpy<2", pandas', '"pandas", "numpy<2"', ()),
        ("python: 3.11", "python: 3.12", ("python: 3.11 -> 3.12",)),
        ("git, curl", "curl", ("apt: - git",)),
        ("git, curl", "git, curl, wget", ("apt: + wget",)),
        ("git, curl", "git=1:2.3, curl", ("apt: git -> git=1:2.3",)),
        ("numpy<2", "numpy<3", ("pip: numpy<2 -> numpy<3",)),
        ("numpy<2", "NumPy<3", ("pip: numpy<2 -> NumPy<3",)),
        (", pandas", ", pandas, rich", ("pip: + rich",)),
        (", pandas", "", ("pip: - pandas",)),
        ("apt:", "base: ubuntu:24.04\napt:", ("base: none -> ubuntu:24.04",)),
        ("apt:", "cuda: 12.8\napt:", ("cuda: none -> 12.8",)),
        (
            "apt:",
            "cuda: {version: 12.8, cudnn: true}\napt:",
            ("cuda: none -> 12.8", "cuda.cudnn: none -> true"),
        ),
        ("apt:", "targets: [A100]\napt:", ("targets: + A100",)),
        ("apt:", "accept: [target, glibc]\napt:", ("accept: + glibc", "accept: + target")),
        ("pip: {", "pip: {torch_backend: cu128, ", ("torch_backend: none -> cu128",)),
        (
            "pip: {",
            "pip: {index_url: https://i.example.org/simple, ",
            ("index_url: none -> https://i.example.org/simple",),
        ),
    ],
)
def test_each_change_is_one_line(desk, find, put, expected):
    assert find in SPEC
    assert changes(desk, SPEC, SPEC.replace(find, put, 1)) == expected


def test_all_changes_come_in_a_fixed_order(desk):
    new = "name: x\npython: 3.12\napt: [git, zip]\npip: {packages: [rich, pandas]}\n"
    assert changes(desk, SPEC, new, platform="linux/arm64") == (
        "platform: linux/amd64 -> linux/arm64",
        "python: 3.11 -> 3.12",
        "apt: - curl",
        "apt: + zip",
        "pip: - jax[cuda12]",
        "pip: - numpy<2",
        "pip: + rich",
    )


def test_another_order_of_indexes_is_a_change(desk):
    one = "name: x\npython: 3.11\npip: {extra_index_urls: [https://a.example.org, https://b.example.org]}\n"
    two = "name: x\npython: 3.11\npip: {extra_index_urls: [https://b.example.org, https://a.example.org]}\n"
    assert changes(desk, one, two) == ("extra_index_urls: another order",)


def test_what_a_newer_version_wrote_is_a_change_too(desk):
    lock = Lock(name="x", platform="p", inputs=inputs_of(desk.spec(SPEC)), base=BASE, python=PYTHON)
    lock = replace(lock, inputs={**lock.inputs, "weather": "fine"})
    assert drift(desk.spec(SPEC), lock, "p") == ("weather: fine -> none",)
