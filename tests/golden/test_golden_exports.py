"""Every format of `export` as a whole file, compared. `make golden` writes them anew.

No program here reads devcontainer.json and Apptainer definitions: these files are all that is tested of them.
"""

import os
from pathlib import Path

import pytest
from support.exported import conda_source, pip_source

from envbuild.export.formats import FORMATS, export
from envbuild.export.model import AS_LOCKED, Source, Wishes

HERE = Path(__file__).parent / "exported"
HISTORY = Wishes(from_history=True)
SOURCES = {"conda": conda_source(), "pip": pip_source()}
CONDA_ALONE = ("explicit", "conda-lock.yml")
CASES = [
    *(
        (case, each.name, AS_LOCKED, each.file)
        for case in SOURCES
        for each in FORMATS
        if each.file and not (case == "pip" and each.name in CONDA_ALONE)
    ),
    *(
        (case, each.name, HISTORY, f"history-{each.file}")
        for case in SOURCES
        for each in FORMATS
        if each.history
    ),
    ("conda", "explicit", Wishes(md5=True), "md5-explicit.txt"),
    ("pip", "requirements.txt", Wishes(hashes=False), "bare-requirements.txt"),
]


@pytest.mark.parametrize(("case", "name", "wishes", "file"), CASES)
def test_golden(case: str, name: str, wishes: Wishes, file: str) -> None:
    source: Source = SOURCES[case]
    chosen = next(each for each in FORMATS if each.name == name)
    done = export(chosen, source, wishes)
    assert list(done.files) == [chosen.file]
    assert done == export(chosen, source, wishes)  # the same bytes each time
    left = "".join(f"{each}\n" for each in done.left)
    for path, text in ((HERE / case / file, done.files[chosen.file]), (HERE / case / f"{file}.left", left)):
        if os.environ.get("ENVBUILD_GOLDEN") == "write":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        assert path.is_file(), f"{path} is missing: make golden"
        assert text == path.read_text(), f"{path} differs: look at the change, then make golden"


def test_no_file_is_left_over() -> None:
    expected = {f"{case}/{file}{end}" for case, _, _, file in CASES for end in ("", ".left")}
    assert {path.relative_to(HERE).as_posix() for path in HERE.rglob("*") if path.is_file()} == expected
