"""The parts that importers of locks share: targets and markers, indexes, pins, addresses of conda's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SpecError
from envbuild.importers.conda.names import channel_of, channels_of, conda_python, package_file
from envbuild.importers.conda.pixi_specs import match_spec
from envbuild.importers.model import Entry, Wishes
from envbuild.importers.python.indexes import indexes_of, torch_backend_of
from envbuild.importers.python.pins import Pin, at_address, entries_of, exact, from_git, name_of
from envbuild.importers.python.poetry_walk import _fits
from envbuild.importers.python.target import Target, choose_target
from envbuild.importers.text.places import Place
from envbuild.spec.matchspec import parse_match

if TYPE_CHECKING:
    from pathlib import Path

HERE = Place("a.lock", "x", ("key",), start=3)
_HOST = ("pypi", "org")  # no file of ours names an index in one word
PUBLIC = f"https://{'.'.join(_HOST)}/simple"


@pytest.mark.parametrize(
    ("marker", "platform", "python", "holds"),
    [
        ("", "linux-64", "3.12", True),
        ("sys_platform == 'win32'", "linux-64", "3.12", False),
        ("platform_machine == 'aarch64'", "linux-aarch64", "3.12", True),
        ("platform_machine == 'aarch64'", "linux-64", "3.12", False),
        ("python_full_version < '3.12.1'", "linux-64", "3.12", False),
        ("python_full_version < '3.12.1'", "linux-64", "3.12.0", True),
        ("implementation_name == 'pypy'", "linux-64", "3.12", False),
        ("extra == 'gpu'", "linux-64", "3.12", True),
        ("extra != 'gpu' and python_version >= '3'", "linux-64", "3.12", False),
        ('extra == "cpu" or extra == "gpu"', "linux-64", "3.12", True),
        ("'gpu' in extras", "linux-64", "3.12", True),
        ("'dev' in dependency_groups", "linux-64", "3.12", False),
    ],
)
def test_markers(marker: str, platform: str, python: str, holds: bool) -> None:
    target = Target(python, platform, frozenset({"gpu"}))
    assert target.holds(marker, HERE) is holds
    assert target.holds(marker, HERE) is holds  # the answer that it kept


@pytest.mark.parametrize("marker", ["python_version", "what == 'x'", "((", "python_version >= '3' and"])
def test_what_is_no_marker(marker: str) -> None:
    with pytest.raises(SpecError, match=r"^a\.lock:3: key: .* is no marker: "):
        Target("3.12", "linux-64").holds(marker, HERE)


def test_the_python_of_a_lock(tmp_path: Path) -> None:
    said = Place("a.lock", ">=3.10,<3.12")
    assert choose_target(said, Wishes(), tmp_path)[0].python == "3.11"
    assert choose_target(said, Wishes(python="3.10"), tmp_path) == (Target("3.10", "linux-64"), ())
    (tmp_path / ".python-version").write_text("# ours\n3.10\n")
    assert choose_target(said, Wishes(), tmp_path) == (Target("3.10", "linux-64"), ())
    (tmp_path / ".python-version").write_text("pypy@3.10\n")
    assert choose_target(said, Wishes(), tmp_path)[0].python == "3.11"
    with pytest.raises(SpecError, match=r"is for Python >=3.10,<3.12, and 3.12 is asked for; ask for a"):
        choose_target(said, Wishes(python="3.12"), tmp_path)
    with pytest.raises(SpecError, match=r"'osx-arm64' is no platform of an image; ask for linux-64 or"):
        choose_target(said, Wishes(platform="osx-arm64"), tmp_path)


@pytest.mark.parametrize(
    ("wish", "fits"),
    [
        ("^2.1", True),
        ("^2.2", False),
        ("~2.1", True),
        ("~2.0", False),
        (">=1,<2 || >=2", True),
        ("2.1.3", True),
        ("^0.2.1", False),
        ("*", True),
        ("what", False),
    ],
)
def test_wishes_as_poetry_writes_them(wish: str, fits: bool) -> None:
    assert _fits("2.1.3", wish) is fits


def test_caret_of_versions_below_one() -> None:
    assert [_fits(version, "^0.2.3") for version in ("0.2.3", "0.2.9", "0.3.0")] == [True, True, False]
    assert [_fits(version, "^0.0.3") for version in ("0.0.3", "0.0.4")] == [True, False]


def test_indexes() -> None:
    lab, other = "https://index.example.org/simple", "https://other.example.org/simple/"
    torch = "https://download.pytorch.org/whl/cu124"

    def found(*urls: str, public: bool = False) -> tuple[str, tuple[str, ...], str]:
        index = indexes_of([(url, HERE) for url in urls], public=public)
        return index.index_url, index.extra_index_urls, index.torch_backend

    assert found(PUBLIC) == ("", (), "")
    assert found(lab) == (lab, (), "")
    assert found(lab, public=True) == ("", (lab,), "")
    assert found(lab, PUBLIC, other, lab + "/") == ("", (lab, other.rstrip("/")), "")
    assert found(PUBLIC, torch) == ("", (), "cu124")
    assert torch_backend_of("https://download.pytorch.org/whl/nightly/cu124") == ""
    assert torch_backend_of("https://download.pytorch.org.example.org/whl/cu124") == ""
    assert indexes_of([], [("torch", "2.6.0+cu126")]).torch_backend == "cu126"
    assert indexes_of([], [("numpy", "2.6.0+cu126")]).torch_backend == ""


def test_indexes_that_cannot_be_carried() -> None:
    used = ["https://u:secret@index.example.org/simple", "../wheels", "file:///wheels"]
    used += [f"https://download.pytorch.org/whl/{name}" for name in ("cpu", "cu124")]
    found = indexes_of([(url, HERE) for url in used])
    assert (found.index_url, found.torch_backend) == ("https://index.example.org/simple", "cpu")
    assert [(finding.kind, finding.what) for finding in found.findings] == [
        ("changed", "the login for https://index.example.org/simple is not carried"),
        ("left", "packages lie in '../wheels', which an image cannot reach"),
        ("left", "packages lie in 'file:///wheels', which an image cannot reach"),
        ("left", "torch comes for cpu and for cu124; a spec has one torch backend: cpu"),
    ]


def test_pins() -> None:
    assert exact("Torch", "2.6.0+cu124", HERE, ["b", "a"]) == "Torch[a,b]==2.6.0+cu124"
    with pytest.raises(SpecError, match=r"a\.lock:3: key: 'new' is no version of a Python package"):
        exact("torch", "new", HERE)
    with pytest.raises(SpecError, match=r"a\.lock:3: key: '-r x' is no name of a Python package"):
        exact("-r x", "1", HERE)
    entries = entries_of(
        [
            Pin(name="a", text="a==1", place=HERE),
            Pin(name="g", text="g @ git+https://h/g@1", place=HERE, direct=True),
            Pin(name="b", text="b==1", place=HERE, direct=True),
            Pin(name="b", text="b==1", place=HERE, direct=True),
        ]
    )
    assert [(entry.text, entry.above) for entry in entries] == [
        ("g @ git+https://h/g@1", ()),
        ("b==1", ("asked for",)),
        ("a==1", ("what those need",)),
    ]


def test_addresses() -> None:
    assert from_git("https://h/a.git?tag=v1#abc", "abc") == "git+https://h/a.git@abc"
    assert from_git("git@host.example.org:lab/a.git", "v1") == "git+ssh://git@host.example.org/lab/a.git@v1"
    assert from_git("ssh://git@host.example.org/a", "") == "git+ssh://git@host.example.org/a"
    assert at_address("a", "https://h/a.whl", HERE) == ("a @ https://h/a.whl", ())
    assert at_address("a", "git+ssh://git@h/a", HERE) == ("a @ git+ssh://git@h/a", ())
    text, (word,) = at_address("a", "git+https://u:secret@h/a@1", HERE)
    assert (text, word.kind) == ("a @ git+https://h/a@1", "changed")
    assert name_of("My.Lab_Tools!") == "my-lab-tools"


def test_channels_and_files_of_conda() -> None:
    base = "https://conda.anaconda.org/conda-forge"
    file = package_file(f"{base}/linux-64/python-dateutil-2.9.0-pyh_1.conda#abc")
    assert file is not None
    assert (file.exact, file.subdir, file.channel) == (
        "python-dateutil=2.9.0=pyh_1",
        "linux-64",
        "conda-forge",
    )
    assert package_file(f"{base}/linux-64/python.conda") is None
    assert package_file(f"{base}/linux-64/a-1-0.whl") is None
    assert channel_of("https://conda.example.org/t/tk-1/lab/noarch") == "https://conda.example.org/lab"
    assert channel_of("https://u:p@conda.example.org/lab/") == "https://conda.example.org/lab"
    assert channel_of("bioconda") == "bioconda"
    assert channel_of("./channel/linux-64") == channel_of("./channel/noarch") == "./channel"
    assert channel_of("lab/main/linux-aarch64/") == "lab/main"
    assert channel_of(f"{base}/noarch/tzdata-2024a-0.conda#abc") == "conda-forge"
    entries, (word,) = channels_of(
        [("https://conda.example.org/t/tk-1/lab", HERE), (base, HERE), (base, HERE)]
    )
    assert [entry.text for entry in entries] == ["https://conda.example.org/lab", "conda-forge"]
    assert word.what == "the login for the channel https://conda.example.org/lab is not carried"


def test_python_of_a_list() -> None:
    def entry(text: str) -> Entry:
        return Entry(text=text, file="a.txt", line=4)

    assert conda_python([entry("numpy=2=x"), entry("python=3.12.5=h1")], "3.12") == "3.12.5"
    assert conda_python([entry("numpy=2=x")], "") == ""
    for texts, wish, said in (
        (["python=2.7.18=h1"], "", "a.txt:4: Python 2.7.18 is not supported: 3.6 or later is"),
        (["python=3.12.5=h1"], "3.11", "a.txt:4: is for Python 3.12.5, and 3.11 is asked for"),
        (["python=3.12.5=h1", "python=3.11.1=h1"], "", "a.txt:4: python is given twice: 3.12.5 and 3.11.1"),
    ):
        with pytest.raises(SpecError) as caught:
            conda_python(map(entry, texts), wish)
        assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("value", "text", "version"),
    [
        ("*", "a", ""),
        ("1.2.3", "a==1.2.3", "==1.2.3"),
        ("1.2.*", "a=1.2.*", "=1.2.*"),
        (">=1,<2", "a>=1,<2", ">=1,<2"),
        ("~=1.2", "a~=1.2", "~=1.2"),
        ("1.2.*|2.0.*", "a 1.2.*|2.0.*", "1.2.*|2.0.*"),
        ({"version": "1.2.*", "channel": "conda-forge"}, "conda-forge::a=1.2.*", "=1.2.*"),
        ({"version": ">=1", "build": "py3*"}, "a[version='>=1', build='py3*']", ">=1"),
        ({"build-number": ">=3"}, "a[build_number='>=3']", ""),
    ],
)
def test_match_specs_of_pixi(value: object, text: str, version: str) -> None:
    said, findings = match_spec("a", Place("pixi.toml", value))
    assert (said, findings) == (text, ())
    assert parse_match(said).version == version
