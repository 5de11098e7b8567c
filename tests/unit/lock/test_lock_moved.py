"""What moved between two locks, in lines."""

from __future__ import annotations

from dataclasses import replace

from envbuild.conda.model import CondaRecord
from envbuild.lock.model import Lock, LockedApt, LockedBase, LockedPackage, LockedPython
from envbuild.lock.moved import moved


def record(name: str, version: str, build: str = "0") -> CondaRecord:
    return CondaRecord(
        name=name,
        version=version,
        build=build,
        subdir="noarch",
        channel="conda-forge",
        url=f"https://conda.anaconda.org/conda-forge/noarch/{name}-{version}-{build}.conda",
        sha256="0" * 64,
    )


OLD = Lock(
    name="dl",
    platform="linux/amd64",
    inputs={},
    base=LockedBase(reference="debian:bookworm-slim", digest=f"sha256:{'1' * 64}"),
    python=LockedPython(version="3.11.2", source="conda", request="/opt/env/bin/python"),
    apt=(LockedApt(name="git", version="1:2.39"), LockedApt(name="less", version="")),
    packages=(
        LockedPackage(name="numpy", version="2.0.1", file="n.whl"),
        LockedPackage(name="rich", version="14", file="r.whl"),
    ),
    conda=(record("python", "3.11.2"), record("zlib", "1.3", "h0_0")),
)


def test_a_first_lock_and_an_equal_one_moved_nothing() -> None:
    assert moved(None, OLD) == ()
    assert moved(OLD, OLD) == ()


def test_every_part_is_told_of_the_base_first() -> None:
    new = replace(
        OLD,
        base=replace(OLD.base, digest=f"sha256:{'2' * 64}"),
        python=replace(OLD.python, version="3.11.9"),
        apt=(LockedApt(name="less", version="590"), LockedApt(name="libgl1", version="1.6.0-1")),
        packages=(
            LockedPackage(name="numpy", version="2.1.0", file="n.whl"),
            LockedPackage(name="tqdm", version="4", file="t.whl"),
        ),
        conda=(record("python", "3.11.9"), record("zlib", "1.3", "h0_1")),
    )
    assert moved(OLD, new) == (
        "base: debian:bookworm-slim sha256:111111111111 -> debian:bookworm-slim sha256:222222222222",
        "python: 3.11.2 -> 3.11.9",
        "apt: - git 1:2.39",
        "apt: less ? -> 590",
        "apt: + libgl1 1.6.0-1",
        "conda: zlib 1.3 h0_0 -> 1.3 h0_1",
        "pip: numpy 2.0.1 -> 2.1.0",
        "pip: - rich 14",
        "pip: + tqdm 4",
    )


def test_a_base_of_an_engine_s_store_is_known_by_its_image_id() -> None:
    first = replace(OLD, base=LockedBase(reference="a", image_id=f"sha256:{'3' * 64}"))
    second = replace(OLD, base=LockedBase(reference="a"))
    assert moved(first, second) == ("base: a sha256:333333333333 -> a",)
