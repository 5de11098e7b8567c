"""What several conda packages say together, where a spec would refuse it."""

from __future__ import annotations

from envbuild.importers.conda.together import fit_together
from envbuild.importers.model import Entry


def fitted(channels: list[str], packages: list[str]) -> tuple[list[str], list[str], list[str]]:
    asked = [Entry(text=text, file="e.yml", line=line) for line, text in enumerate(packages, start=4)]
    named, kept, findings = fit_together([Entry(text=text) for text in channels], asked, "3.11")
    return [entry.text for entry in named], [entry.text for entry in kept], [str(each) for each in findings]


def test_a_channel_that_a_package_names_is_added() -> None:
    said = ["e.yml:4: the channel bioconda is added, as bioconda::samtools names it"]
    packages = ["bioconda::samtools", "numpy", "bioconda::bwa"]
    assert fitted(["conda-forge"], packages) == (["conda-forge", "bioconda"], packages, said)
    assert fitted([], packages) == (["conda-forge", "bioconda"], packages, said)


def test_nothing_is_added_where_the_channel_is_there() -> None:
    assert fitted([], ["conda-forge::numpy"]) == ([], ["conda-forge::numpy"], [])
    assert fitted(["bioconda"], ["bioconda::bwa"]) == (["bioconda"], ["bioconda::bwa"], [])


def test_a_package_that_is_named_twice_is_left() -> None:
    assert fitted([], ["numpy>=1", "scipy", "numpy<2"]) == (
        [],
        ["numpy>=1", "scipy"],
        ["e.yml:6: numpy is named twice: 'numpy>=1' and 'numpy<2'; say it in one, such as name>=1,<2"],
    )


def test_another_python_is_left() -> None:
    assert fitted([], ["python=3.9", "numpy"]) == (
        [],
        ["numpy"],
        ["e.yml:4: python=3.9 contradicts `python: 3.11`; leave it out: `python:` says it"],
    )
