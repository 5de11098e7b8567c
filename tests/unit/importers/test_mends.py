"""Dead ends, one by one: what is written instead, and the words for it. The corpus has whole files."""

from __future__ import annotations

import pytest

from envbuild.facts.tables import table
from envbuild.importers.mends.apply import mend
from envbuild.importers.mends.mending import is_below, minor_version
from envbuild.importers.model import Draft, Entry


def mended(channels: str = "conda-forge", conda: str = "", pip: str = "", **more: str) -> Draft:
    def entries(text: str) -> tuple[Entry, ...]:
        return tuple(Entry(text=word, file="f", line=1) for word in text.split())

    return mend(Draft(format="f", channels=entries(channels), conda=entries(conda), pip=entries(pip), **more))  # type: ignore[arg-type]


def texts(entries: tuple[Entry, ...]) -> str:
    return " ".join(entry.text for entry in entries)


@pytest.mark.parametrize(
    ("wish", "first", "below"),
    [
        ("=2.5.1", "2.5.2", True),
        ("==2.5.1", "2.5.2", True),
        ("=2.5", "2.5.2", True),
        ("2.1.*", "2.5.2", True),
        ("<2.3", "2.5.2", True),
        (">=2,<2.6", "2.5.2", False),
        (">=2,<2.4", "2.5.2", True),
        ("=2.6", "2.5.2", False),
        (">=2.1", "2.5.2", False),
        ("", "2.5.2", False),
        ("=2.1|=2.6", "2.5.2", False),
    ],
)
def test_is_below(wish: str, first: str, below: bool) -> None:
    assert is_below(wish, first) is below


@pytest.mark.parametrize(
    ("wish", "minor"),
    [("=12.1", "12.1"), ("12.1.*", "12.1"), ("==12.1.105", "12.1"), (">=12.1", ""), ("=12", ""), ("", "")],
)
def test_minor_version(wish: str, minor: str) -> None:
    assert minor_version(wish) == minor


@pytest.mark.parametrize(
    ("channels", "conda", "channels_now", "conda_now", "cuda"),
    [
        ("pytorch nvidia", "pytorch pytorch-cuda=12.1", "conda-forge", "pytorch cuda-version=12.1", "12.1"),
        (
            "pytorch nvidia",
            "pytorch=2.5 pytorch-cuda=12.4",
            "pytorch nvidia",
            "pytorch=2.5 pytorch-cuda=12.4",
            "12.4",
        ),
        (
            "pytorch",
            "pytorch pytorch-cuda=12.1 cuda-version=12.1",
            "conda-forge",
            "pytorch cuda-version=12.1",
            "12.1",
        ),
        ("pytorch nvidia", "pytorch cuda-nvcc=11.8", "conda-forge nvidia", "pytorch cuda-nvcc=11.8", "11.8"),
        ("conda-forge", "pytorch::pytorch>=2.6", "conda-forge", "pytorch>=2.6", ""),
        ("x pytorch conda-forge", "pytorch faiss-gpu", "x conda-forge pytorch", "pytorch faiss-gpu", ""),
        ("defaults conda-forge r", "numpy", "conda-forge", "numpy", ""),
        ("bioconda defaults", "numpy", "bioconda conda-forge", "numpy", ""),
        ("https://repo.anaconda.com/pkgs/main", "numpy", "conda-forge", "numpy", ""),
        ("", "numpy", "conda-forge", "numpy", ""),
        ("", "", "", "", ""),
        ("conda-forge", "cudatoolkit=11.3", "conda-forge", "cudatoolkit=11.3", "11.3"),
        ("conda-forge", "cudatoolkit=12.1", "conda-forge", "cuda-version=12.1", "12.1"),
        ("conda-forge", "cuda-version=12.6", "conda-forge", "cuda-version=12.6", "12.6"),
    ],
)
def test_conda(channels: str, conda: str, channels_now: str, conda_now: str, cuda: str) -> None:
    draft = mended(channels, conda)
    assert (texts(draft.channels), texts(draft.conda), draft.cuda) == (channels_now, conda_now, cuda)


@pytest.mark.parametrize(
    ("pip", "now", "backend", "cuda"),
    [
        ("tensorflow-gpu", "tensorflow[and-cuda]", "", ""),
        ("tensorflow-gpu>=2.4", "tensorflow[and-cuda]>=2.4", "", ""),
        ("tensorflow_gpu==2.15.0", "tensorflow[and-cuda]==2.15.0", "", ""),
        ("tensorflow-gpu==2.13.1", "tensorflow==2.13.1", "", "11.8"),
        ("tensorflow-gpu==2.11.0", "tensorflow-gpu==2.11.0", "", ""),
        ("tensorflow-gpu<2.11", "tensorflow-gpu<2.11", "", ""),
        ("pytorch", "torch", "", ""),
        ("sklearn", "scikit-learn", "", ""),
        (
            "torch==2.1.0+cu121 torchvision==0.16.0+cu121",
            "torch==2.1.0+cu121 torchvision==0.16.0+cu121",
            "cu121",
            "",
        ),
        ("torch==2.1.0", "torch==2.1.0", "", ""),
    ],
)
def test_pip(pip: str, now: str, backend: str, cuda: str) -> None:
    draft = mended(pip=pip)
    assert (texts(draft.pip), draft.torch_backend, draft.cuda) == (now, backend, cuda)


def test_what_is_well_is_left_alone() -> None:
    draft = mended("conda-forge", "pytorch=2.7 numpy", "rich torch", cuda="12.8", base="debian:12")
    assert draft.findings == ()
    assert (draft.cuda, draft.base) == ("12.8", "debian:12")


def test_every_change_has_its_words() -> None:
    draft = mended("pytorch", "pytorch pytorch-cuda=12.1 cpuonly pytorch-mutex", "sklearn")
    assert (
        "\n".join(finding.what for finding in draft.findings)
        == """\
the channel pytorch stopped after 2.5.1: pytorch comes from conda-forge
pytorch-cuda=12.1 is written as `cuda: 12.1` and cuda-version=12.1: only the channel pytorch has it
cpuonly is left out: without `cuda:` the builds for CPUs are taken
pytorch-mutex is left out: only the channel pytorch has it
sklearn is a name that fails to install: scikit-learn is written"""
    )
    assert {finding.kind for finding in draft.findings} == {"changed"}
    assert {(finding.file, finding.line) for finding in draft.findings} == {("f", 1)}


def test_every_row_of_the_table_has_a_source() -> None:
    rows = table("dead_ends")
    assert rows["as_of"]
    of_pip = [row for kind in rows["pip"].values() for row in kind]
    assert all(row["source"] for row in (*rows["conda"].values(), *of_pip))
