"""Whatever an installed environment's files hold, an import ends with a spec that loads, or a SpecError."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from envbuild.errors import SpecError
from envbuild.importers.model import Draft, Wishes
from envbuild.importers.read import import_living
from envbuild.importers.write import spec_text
from envbuild.spec.parse import parse_spec

PACKAGES = "lib/python3.12/site-packages"
RECORD = {
    "name": "numpy",
    "version": "2.1.0",
    "build": "py312_0",
    "channel": "https://conda.anaconda.org/conda-forge/linux-64",
}
PYTHON = RECORD | {"name": "python", "version": "3.12.4", "build": "h0_cpython"}
ADDRESS = {
    "url": "https://u:p@example.org/a.git",
    "vcs_info": {"vcs": "git", "commit_id": "ab" * 20},
    "dir_info": {"editable": True},
}
VENV = {
    "pyvenv.cfg": b"home = /usr/bin\ninclude-system-site-packages = true\nversion = 3.12.4\nprompt = 'dl'\n",
    f"{PACKAGES}/rich-14.0.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: rich\nVersion: 14.0.0\n\n",
    f"{PACKAGES}/rich-14.0.0.dist-info/RECORD": b"rich/__init__.py,sha256=abc,12\n",
    f"{PACKAGES}/rich-14.0.0.dist-info/INSTALLER": b"pip\n",
    f"{PACKAGES}/rich-14.0.0.dist-info/REQUESTED": b"",
    f"{PACKAGES}/mine-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n",
    f"{PACKAGES}/mine-1.0.dist-info/direct_url.json": json.dumps(ADDRESS).encode(),
    f"{PACKAGES}/old.egg-info": b"Metadata-Version: 1.0\nName: old\nVersion: 1\n",
}
CONDA = {
    **{name: data for name, data in VENV.items() if name != "pyvenv.cfg"},
    "conda-meta/numpy-2.1.0-py312_0.json": json.dumps(RECORD).encode(),
    "conda-meta/python-3.12.4-h0_cpython.json": json.dumps(PYTHON).encode(),
    "conda-meta/history": b"==> 2024-01-01 00:00:00 <==\n# update specs: ['python=3.12', 'numpy>=2']\n",
}
JUNK = (
    *(b"", b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\n\n", b"\r", b"'", b'"', b"[[", b"{", b"null", b"3"),
    *(b"Name: a b\n", b"Version: \n", b"Version: 1 ; x\n", b"1" * 5000, b"[" * 3000, b"\xe2\x80\xa8"),
    *(b"https://u:p@h/t/tok/x", b"file:///a b", b"${HOME}", b"`x`", b"==", b"::", b" # ", b": ", b"!!x"),
)
FUZZ = settings(
    derandomize=True,
    deadline=None,
    database=None,
    max_examples=150,
    suppress_health_check=[HealthCheck.too_slow],
)


def check(files: dict[str, bytes]) -> Draft | None:
    """Import an environment of `files`; None when it is refused."""
    with tempfile.TemporaryDirectory() as name:
        prefix = Path(name, "dl")
        for inner, data in files.items():
            path = prefix / inner
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        try:
            draft = import_living(prefix, Wishes(environment="all"))
        except SpecError as error:
            refusal = error
        else:
            text = spec_text(draft)
            assert parse_spec(text.encode(), prefix / "spec.yml").name == draft.name
            assert all("\n" not in str(finding) for finding in draft.findings)
            assert "u:p@" not in text
            assert "/t/tok" not in text
            return draft
    assert refusal.problems
    assert all(problem.what and "\n" not in str(problem) for problem in refusal.problems)
    return None


@st.composite
def changed(draw: st.DrawFn, files: dict[str, bytes]) -> dict[str, bytes]:
    """`files` with some of them cut, spliced with junk, replaced by any bytes, or missing."""
    made = dict(files)
    for _ in range(draw(st.integers(1, 3))):
        name = draw(st.sampled_from(sorted(made)))
        data = made[name]
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(("cut", "junk", "over", "bytes", "gone")))
        if how == "gone" and len(made) > 1:
            del made[name]
        elif how == "cut":
            made[name] = data[:at]
        elif how == "bytes":
            made[name] = draw(st.binary(max_size=60))
        else:
            junk = draw(st.sampled_from(JUNK))
            made[name] = data[:at] + junk + data[at + (len(junk) if how == "over" else 0) :]
    return made


def test_both_are_read_as_they_are() -> None:
    venv, conda = check(VENV), check(CONDA)
    assert venv is not None
    assert conda is not None
    assert [entry.text for entry in venv.pip] == ["rich==14.0.0", "old==1"]
    assert [entry.text for entry in conda.conda] == ["numpy==2.1.0"]


def test_venvs() -> None:
    read = 0

    @FUZZ
    @given(changed(VENV))
    def each(files: dict[str, bytes]) -> None:
        nonlocal read
        read += check(files) is not None

    each()
    assert read > 75


def test_conda_environments() -> None:
    read = 0

    @FUZZ
    @given(changed(CONDA))
    def each(files: dict[str, bytes]) -> None:
        nonlocal read
        read += check(files) is not None

    each()
    assert read > 75
