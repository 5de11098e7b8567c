"""import ∘ export = the same environment: what is exported is read by `import`, and the spec that it writes
asks for exactly what was locked.

conda's builds come back where the format is a lock (explicit, conda-lock.yml) or names them for one platform
(pixi.toml). From environment.yml `import` keeps versions: its builds belong to one machine and one moment.
"""

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packaging.requirements import Requirement
from support.exported import CONDA_PYTHON, MANAGED, conda_lock, conda_source, pip_source, record, wish
from support.planned import document, lock, package, spec

from envbuild.conda.model import CondaRecord
from envbuild.export.formats import export, find_format
from envbuild.export.model import AS_LOCKED, Source, Wishes
from envbuild.importers import model as importers
from envbuild.importers.read import import_from
from envbuild.importers.write import spec_text
from envbuild.lock.model import LockedPackage
from envbuild.spec.matchspec import parse_match
from envbuild.spec.model import Conda, Pip, Spec
from envbuild.spec.parse import parse_spec

CONDA_ALONE = ("explicit", "conda-lock.yml")
WITH_CONDA = ("environment.yml", "pixi.toml", *CONDA_ALONE)
WITHOUT_PYTHON = ("requirements.txt", "pylock.toml")
WITHOUT_BUILDS = ("environment.yml",)
WITHOUT_PIP = ("explicit",)
FORMATS = (*WITH_CONDA, *WITHOUT_PYTHON)


@dataclass(frozen=True)
class Environment:
    """What has to be the same. `conda` and `pip`: (name, version, build or "")."""

    python: str
    channels: tuple[str, ...]
    conda: frozenset[tuple[str, str, str]]
    pip: frozenset[tuple[str, str]]


def locked(source: Source, name: str) -> Environment:
    """What the lock says, as far as the format does."""
    assert source.lock
    rows = source.lock.conda if name in WITH_CONDA else ()
    builds = name not in WITHOUT_BUILDS
    channels = source.spec.conda.channels if source.spec.conda else ("conda-forge",)
    if name in WITHOUT_PYTHON:
        channels = ()
    if name == "explicit":  # it names files: their channels by address
        channels = tuple(sorted({row.url.rpartition(f"/{row.subdir}/")[0] for row in rows}))
    return Environment(
        python=source.lock.python.version,
        channels=channels,
        conda=frozenset(
            (row.name, row.version, row.build if builds else "") for row in rows if row.name != "python"
        ),
        pip=frozenset()
        if name in WITHOUT_PIP
        else frozenset((row.name, row.version) for row in source.lock.packages),
    )


def asked(made: Spec, name: str) -> Environment:
    """What the spec asks for that came back. conda needs `pip` for a `pip:` part, so that is no package."""
    matches = [parse_match(text) for text in made.conda.packages] if made.conda else []
    wishes = [Requirement(each.text) for each in made.pip.requirements]
    channels = made.conda.channels if made.conda else ()
    return Environment(
        python=made.python,
        channels=tuple(sorted(channels)) if name == "explicit" else channels,
        conda=frozenset(
            (each.name, each.version.lstrip("="), each.build)
            for each in matches
            if each.name not in {"python", "pip"}
        ),
        pip=frozenset((each.name, exact(each)) for each in wishes),
    )


def exact(wish: Requirement) -> str:
    """The version that alone will do."""
    (clause,) = wish.specifier
    assert clause.operator == "=="
    return clause.version


def back(source: Source, name: str, wishes: Wishes = AS_LOCKED) -> Spec:
    """Exported, written, imported, and read as a spec."""
    chosen = find_format(name)
    done = export(chosen, source, wishes)
    assert source.lock
    python = source.lock.python.version if name in WITHOUT_PYTHON else ""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, chosen.file)
        path.write_text(done.files[chosen.file], encoding="utf-8")
        draft = import_from(path, importers.Wishes(name="env", python=python))
        assert draft.format == name
        return parse_spec(spec_text(draft).encode(), Path(folder, "spec.yml"), look=False)


def two_packages() -> Source:
    """With conda packages, and without those that a hand-made spec alone has."""
    given = conda_source()
    return replace(given, spec=replace(given.spec, cuda=None))


@pytest.mark.parametrize("name", FORMATS)
def test_conda_and_pip(name: str) -> None:
    source = two_packages()
    assert asked(back(source, name), name) == locked(source, name)


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in CONDA_ALONE])
def test_pip_alone(name: str) -> None:
    packages = [
        package("rich", "14.0.0"),
        package("zope-interface", "7.0.1"),
        package("old", "1.0", source=True),
    ]
    source = Source(name="s", spec=spec(python="3.12"), lock=lock(packages, python=MANAGED))
    assert asked(back(source, name), name) == locked(source, name)


def test_md5_lists() -> None:
    source = two_packages()
    assert asked(back(source, "explicit", Wishes(md5=True)), "explicit") == locked(source, "explicit")


@pytest.mark.parametrize("name", ["environment.yml", "requirements.txt", "pixi.toml"])
def test_from_history(name: str) -> None:
    """What the spec names comes back as it was named."""
    wishes = ("rich>=13", "transformers[torch]>=4.40")
    own = spec(
        python="3.12",
        conda=Conda(
            channels=("conda-forge", "bioconda"), packages=("numpy=2.1", "scipy>=1.11,<2", "samtools")
        ),
        pip=Pip(requirements=tuple(wish(text, text) for text in wishes)),
    )
    source = Source(name="s", spec=own, lock=conda_lock())
    made = back(source, name, Wishes(from_history=True))
    assert {str(Requirement(each.text)) for each in made.pip.requirements} == set(wishes)
    if name == "requirements.txt":
        return
    assert made.conda
    assert made.python == "3.12"
    assert made.conda.channels == ("conda-forge", "bioconda")
    found = {parse_match(text).name: parse_match(text).version for text in made.conda.packages}
    assert found.pop("pip", "") == ""
    assert found in (
        {"numpy": "=2.1", "scipy": ">=1.11,<2", "samtools": ""},
        {"numpy": "=2.1.*", "scipy": ">=1.11,<2", "samtools": ""},  # by pixi.toml: the same versions
    )


@pytest.mark.parametrize("name", ["environment.yml", "requirements.txt", "pixi.toml"])
def test_indexes(name: str) -> None:
    own = Pip(index_url="https://index.example/simple", extra_index_urls=("https://more.example/x",))
    given = pip_source()
    made = back(replace(given, spec=replace(given.spec, pip=own)), name)
    assert (made.pip.index_url, made.pip.extra_index_urls) == (own.index_url, own.extra_index_urls)
    torch = replace(given.spec, pip=Pip(torch_backend="cu128"))
    made = back(replace(given, spec=torch), name)
    assert (made.pip.torch_backend, made.pip.extra_index_urls) == ("cu128", ())


def test_a_spec_is_itself(tmp_path: Path) -> None:
    text = "name: env\npython: 3.12\n# why\npip: {packages: [rich]}\n"
    own = parse_spec(text.encode(), tmp_path / "spec.yml")
    done = export(find_format("spec.yml"), Source(name="s", spec=own))
    assert parse_spec(done.files["spec.yml"].encode(), tmp_path / "spec.yml") == own


NAMES = st.from_regex(r"x[a-z0-9]{1,6}(?:-[a-z0-9]{1,4})?", fullmatch=True)
VERSIONS = st.from_regex(r"[0-9]{1,4}(?:\.[0-9]{1,3}){0,3}", fullmatch=True)
PIP_VERSIONS = st.builds(
    "".join, st.tuples(VERSIONS, st.sampled_from(["", "rc1", ".post2", "+cu128", ".dev3"]))
)
BUILDS = st.from_regex(r"[a-z][a-z0-9]{1,6}_[0-9]{1,3}", fullmatch=True)
CHANNELS = st.lists(
    st.sampled_from(["conda-forge", "bioconda", "nvidia", "https://conda.example.org/lab", "lab/label/dev"]),
    unique=True,
    min_size=1,
)
PYTHONS = st.sampled_from(["3.10.14", "3.11.9", "3.12.5", "3.13.1"])


@st.composite
def conda_sources(draw: st.DrawFn) -> Source:
    channels = draw(CHANNELS)
    python = draw(PYTHONS)

    def one(name: str) -> CondaRecord:
        return record(
            name,
            draw(VERSIONS),
            draw(BUILDS),
            channel=draw(st.sampled_from(channels)),
            subdir=draw(st.sampled_from(["linux-64", "noarch"])),
            depends=tuple(
                draw(st.lists(st.sampled_from(["python >=3.8", "xa", "__glibc >=2.17"]), max_size=2))
            ),
        )

    names = draw(st.lists(NAMES, unique=True, max_size=5))
    pip = draw(st.lists(NAMES, unique=True, max_size=4))
    own = spec(python=python, conda=Conda(channels=tuple(channels)))
    rows = (record("python", python, "h1_0_cpython", channel=channels[0]), *map(one, names))
    packages = [packaged(name, draw(PIP_VERSIONS)) for name in pip]
    made = replace(
        conda_lock(),
        conda=tuple(sorted(rows, key=lambda row: row.name)),
        packages=tuple(packages),
        document=document(packages) | {"requires-python": f">={python}"},
        python=replace(CONDA_PYTHON, version=python),
        cuda={},
    )
    return Source(name="s", spec=own, lock=made)


def packaged(name: str, version: str) -> LockedPackage:
    file = f"{name.replace('-', '_')}-{quote(version)}-py3-none-any.whl"
    return replace(package(name, version), file=file)


@pytest.mark.parametrize("name", FORMATS)
@given(source=conda_sources())
@settings(max_examples=25, deadline=None)
def test_any_lock_comes_back(name: str, source: Source) -> None:
    assert asked(back(source, name), name) == locked(source, name)
    chosen = find_format(name)
    assert export(chosen, source) == export(chosen, source)
