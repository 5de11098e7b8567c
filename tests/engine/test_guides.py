"""docs/coming-from.md on a real engine: the daily jobs, and what the classic guides make. Packages are tiny
ones of the same names, from an index and channels on loopback; micromamba is a stand-in, where one is used.
"""

import contextlib
import json
import re
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import docker
import pytest
import yaml
from support.conda import Package, make_channel, package_bytes, write_repodata
from support.conda_builds import STANDIN
from support.conda_packages import NVIDIA, PACKAGES, PYTORCH, compiled, pure, python
from support.conda_server import ChannelServer, serve
from support.contexts import context
from support.guides import PAGE, Typist, file, jobs, sections, standin_files, typed
from support.index import Index
from support.need import missing
from support.place import write_config

from envbuild.conda.install import install_conda
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.lock.pylock import read_lock
from envbuild.site.model import Site

TORCH = (
    compiled("pytorch", "2.4.1", "3.11", "cuda-version >=12.0,<13", "__cuda", "numpy", dist="torch",
             build="cuda120_py{tag}_0", number=200),
    compiled("pytorch", "2.4.1", "3.11", "numpy", dist="torch", build="cpu_py{tag}_0"),
    compiled("torchvision", "0.19.1", "3.11", "pytorch 2.4.1"),
    compiled("torchaudio", "2.4.1", "3.11", "pytorch 2.4.1"),
)  # fmt: skip


def computing(package: Package) -> Package:
    """numpy or torch for Python 3.11 with a stand-in's modules, which the smoke tests can try."""
    name = {"numpy": "numpy", "pytorch": "torch"}.get(package.name)
    if name is None or "py311" not in package.build:
        return package
    own = standin_files(name, package.version, "lib/python3.11/site-packages/")
    if name == "torch":  # it stands on numpy, which has the other half
        own = {path: text for path, text in own.items() if not path.endswith("machine.py")}
    return replace(package, files={**package.files, **{path: text.encode() for path, text in own.items()}})


FORGE = tuple(
    computing(row)
    for row in (*(row for row in PACKAGES if not row.name.startswith(("pytorch", "torch"))), *TORCH)
)
"""conda-forge as of PyTorch 2.4.1, which fits any CUDA 12."""
NAMES = ("dl", "dl2", "new", "tf")
"""What the guides call their environments."""
TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with contextlib.closing(Index()) as made:
        for version in ("1.26.4", "2.1.0"):
            made.add("numpy", version, files=standin_files("numpy", version))
        made.add("pandas", "2.2.3", ["numpy"])
        made.add("rich", "14.0.0")
        made.add("transformers", "4.44.0", ["numpy", "torch"])
        made.add("datasets", "2.21.0", ["numpy", "pandas"])
        made.add("torch", "2.4.1", ["numpy"])
        yield made


@pytest.fixture(scope="module")
def channels(
    engine: Engine, python_base: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ChannelServer]:
    """conda-forge, defaults, pytorch and nvidia with tiny packages, on loopback: mirrors of the real ones."""
    folder = tmp_path_factory.mktemp("channels")
    own = python(engine.run(python_base, ["python3", "--version"]).stdout.split()[1])
    others = [row for row in FORGE if (row.name, row.version[:5]) != ("python", f"{own.version[:4]}.")]
    make_channel(folder / "conda-forge", [own, *others])
    make_channel(folder / "pkgs/main", PACKAGES)
    make_channel(folder / "pytorch", PYTORCH)
    make_channel(folder / "nvidia", NVIDIA)
    with serve(folder) as server:
        yield server


@pytest.fixture(scope="module")
def python_base(engine: Engine, base_image: str, network: None) -> Iterator[str]:
    """A base with python3, to which the channels' stand-in for Python is a link."""
    install = "apt-get update -q && apt-get install -qy --no-install-recommends python3"
    tag = f"envbuild-test-python3:{uuid.uuid4().hex[:8]}"
    engine.build(context(f"FROM {base_image}\nRUN {install}\n"), BuildRequest(tags=(tag,), network="host"))
    yield tag
    engine.untag(tag)


@pytest.fixture(params=["py-rattler", "micromamba-standin"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """How the conda packages are installed: really, by py-rattler; or by the stand-in for micromamba."""
    if request.param == "py-rattler":
        return "rattler"
    binary = tmp_path / "micromamba"
    binary.write_bytes(STANDIN.read_bytes())
    binary.chmod(0o755)
    return str(binary)


@pytest.fixture
def clean(api: docker.APIClient) -> Iterator[None]:
    """The guides have names that users take: theirs are not touched, those of tests go in the end."""
    taken = [name for name in NAMES if api.images(name)]
    if taken:
        missing("engine", f"this one has images called {', '.join(taken)}, which the guides would replace")
    before = {image["Id"] for image in api.images()}
    yield
    for image in api.images(filters={"label": "dev.envbuild.name"}):
        if (image["Labels"] or {})["dev.envbuild.name"] in NAMES and image["Id"] not in before:
            api.remove_image(image["Id"], force=True)


@pytest.fixture
def site(index: Index) -> dict[str, Any]:
    """What the site's config says."""
    return {"index_url": index.url, "build_network": "host"}


@pytest.fixture
def typist(
    tmp_path: Path, engine_url: str, base_image: str, site: dict[str, Any], clean: None
) -> Iterator[Typist]:
    """Somebody whose site knows the index and the channels on loopback."""
    home = tmp_path / "home"
    write_config(home, site)
    more = {"DOCKER_HOST": engine_url, "UV_NO_CONFIG": "1"}
    with contextlib.closing(Typist(tmp_path / "work", home, more)) as made:
        yield made


@pytest.fixture
def conda_site(site: dict[str, Any], channels: ChannelServer) -> dict[str, Any]:
    """The same, with the channels' own addresses led to loopback."""
    mirrors = {
        "https://conda.anaconda.org": channels.url,
        "https://repo.anaconda.com/pkgs": f"{channels.url}/pkgs",
    }
    site |= {"conda_mirrors": mirrors, "micromamba": "rattler"}
    return site


def stand_on(spec: Path, base: str) -> None:
    """Have the spec stand on the base with python3: what the channels have as Python is a link to that."""
    lines = [line for line in spec.read_text().splitlines() if not line.startswith(("base:", "# base:"))]
    at = next(number for number, line in enumerate(lines) if line.startswith("python:"))
    spec.write_text("\n".join([*lines[: at + 1], f"base: {base}", *lines[at + 1 :], ""]))


@pytest.mark.network
def test_the_daily_jobs_with_envbuild(typist: Typist, api: docker.APIClient, index: Index) -> None:
    told: dict[str, str] = {}
    ids: dict[str, str] = {}
    for job, lines in jobs(TEXT, "envbuild").items():
        if job == "Upgrade":
            index.add("numpy", "2.2.0", files=standin_files("numpy", "2.2.0"))
        told[job] = "".join(typist(line) for line in lines)
        ids |= {f"{job}: {name}": image["Id"] for name in NAMES for image in api.images(name)}
    assert "dl:latest" in told["Create"]
    assert "app@" in told["Enter"]  # the container's bash asks for a command
    assert re.search(r"^lock: 3 Python requirements: done in .* 3 packages$", told["Install"], re.MULTILINE)
    assert "pylock.dl.toml: written: " in told["Upgrade"]
    assert re.search(r"numpy +2\.2\.0", told["List"])
    assert re.search(r"^dl +latest", told["List"], re.MULTILINE)
    assert "numpy==2.2.0 \\\n    --hash=sha256:" in (typist.folder / "requirements.txt").read_text()
    assert "name: dl\n" in told["Export"]
    assert "identical to dl:latest in the engine: " in told["Recreate"].splitlines()[-1]
    assert ids["Recreate: dl"] == ids["Upgrade: dl"] != ids["Install: dl"] != ids["Create: dl"]
    assert [key for key in ids if key.startswith("Clone: ")] == ["Clone: dl", "Clone: dl2"]
    assert pins(typist.folder.parent / "dl2/pylock.dl2.toml") == pins(typist.folder / "pylock.new.toml")
    assert [key for key in ids if key.startswith("Rename: ")] == ["Rename: dl2", "Rename: new"]
    assert not [key for key in ids if key.startswith(("Remove: ", "Clean up: "))]
    for job in ("Create", "Install"):
        assert ids[f"{job}: dl"] in told["Clean up"]


def pins(lock: Path) -> list[tuple[str, str]]:
    return [(row["name"], row["version"]) for row in tomllib.loads(lock.read_text())["packages"]]


def conda_of(lock: Path) -> dict[str, str]:
    """Name → version and build of each conda package."""
    rows = tomllib.loads(lock.read_text())["tool"]["envbuild"]["conda"]
    return {row["name"]: f"{row['version']} {row['build']}" for row in rows}


def test_a_data_science_environment(
    typist: Typist, conda_site: dict[str, Any], way: str, python_base: str
) -> None:
    write_config(Path(typist.environ["HOME"]), conda_site | {"micromamba": way})
    told = {}
    for line in typed(sections(TEXT)["conda's guide: a data-science environment"]):
        told[line] = typist(line)
        if line == "cd dl":
            stand_on(typist.folder / "spec.yml", python_base)
    found = conda_of(typist.folder / "pylock.dl.toml")
    assert found["python"].startswith("3.11.")
    assert {"numpy", "pandas", "matplotlib", "matplotlib-base", "jupyter", "ipykernel"} <= found.keys()
    assert "conda" in told["envbuild inspect spec.yml --packages"]
    *_, last = told.values()
    assert last.strip() == found["numpy"].split()[0]


def offer(channel: Path, package: Package) -> None:
    """Put one more package into a channel."""
    make_channel(channel.with_name("another"), [package])
    path = channel / package.folder / "repodata.json"
    repodata, more = (
        json.loads(each.read_text())
        for each in (path, channel.with_name("another") / package.folder / "repodata.json")
    )
    repodata["packages"] |= more["packages"]
    (path.parent / package.file).write_bytes(package_bytes(package))
    write_repodata(path.parent, repodata)


def test_export_and_create(
    typist: Typist, conda_site: dict[str, Any], channels: ChannelServer, python_base: str
) -> None:
    write_config(Path(typist.environ["HOME"]), conda_site)
    for line in typed(sections(TEXT)["conda's guide: a data-science environment"])[:3]:
        typist(line)
        if line == "cd dl":
            stand_on(typist.folder / "spec.yml", python_base)
    told: dict[str, str] = {}
    wished: dict[str, list[str]] = {}
    for line in typed(sections(TEXT)["conda env export, and conda env create -f"]):
        if line == "envbuild lock ../exact/spec.yml":  # and the world goes on
            newer = pure("jupyter", "1.1.1", "python >=3.6", "notebook", "ipykernel", "jupyterlab")
            offer(channels.folder / "conda-forge", newer)
        told[line] = typist(line)
        if line.startswith("envbuild import "):
            spec = typist.folder / line.rpartition(" ")[2]
            stand_on(spec, python_base)
            wished[spec.parent.name] = yaml.safe_load(spec.read_text())["conda"]["packages"]
    exported = yaml.safe_load((typist.folder / "environment.yml").read_text())
    first = conda_of(typist.folder / "pylock.dl.toml")
    rows = (entry.split("=") for entry in exported["dependencies"])
    assert {name: f"{version} {build}" for name, version, build in rows} == first
    history = yaml.safe_load((typist.folder / "history.yml").read_text())
    assert history["dependencies"] == ["python=3.11", "numpy", "pandas", "matplotlib", "jupyter"]
    *_, last = told.values()
    assert "equivalent: they hold the same packages and files\n" in last
    assert first["jupyter"] == "1.0.0 pyhd8ed1ab_0"
    assert "numpy==2.1.0" in wished["exact"]
    assert wished["today"] == ["numpy", "pandas", "matplotlib", "jupyter"]
    assert "numpy=2.1.0=py311_0" in wished["builds"]
    found = {name: conda_of(typist.folder.parent / name / "pylock.dl.toml") for name in wished}
    assert found == {"exact": first, "today": first | {"jupyter": "1.1.1 pyhd8ed1ab_0"}, "builds": first}


def test_an_installed_environment(typist: Typist, conda_site: dict[str, Any], python_base: str) -> None:
    """Installed by py-rattler out of the channels, with the history that conda would have written."""
    home = Path(typist.environ["HOME"])
    write_config(home, conda_site)
    spec = typist.folder / "spec.yml"
    spec.write_text("name: dl\npython: 3.11\nconda: {packages: [numpy, tqdm=4.66.4]}\n")
    stand_on(spec, python_base)
    typist("envbuild lock")
    path = typist.folder / "pylock.dl.toml"
    lock = read_lock(path)
    assert lock
    prefix = home / "miniconda3/envs/dl"
    prefix.parent.mkdir(parents=True)
    site = Site(conda_mirrors=conda_site["conda_mirrors"])
    install_conda(lock.conda, prefix, site=site, platform=lock.platform, environ={}, prefix=str(prefix))
    wished = "# update specs: ['python=3.11', 'numpy', 'tqdm=4.66.4']\n"
    (prefix / "conda-meta/history").write_text(f"==> 2024-08-01 10:00:00 <==\n{wished}")
    for each in (spec, path):
        each.unlink()
    for line in typed(sections(TEXT)["A conda environment that is installed"]):
        typist(line)
        if line.startswith("envbuild import "):
            found = yaml.load(spec.read_text(), Loader=yaml.BaseLoader)
            stand_on(spec, python_base)
    first = {row.name: f"{row.version} {row.build}" for row in lock.conda}
    assert (found["name"], found["python"]) == ("dl", "3.11")
    assert found["conda"]["packages"] == ["numpy==2.1.0", "tqdm==4.66.4"]
    assert conda_of(path) == first


def test_pytorch_and_pip(typist: Typist, conda_site: dict[str, Any], way: str, python_base: str) -> None:
    write_config(Path(typist.environ["HOME"]), conda_site | {"micromamba": way})
    section = sections(TEXT)["PyTorch from conda, more from pip"]
    (typist.folder / "environment.yml").write_text(file(section))
    told = {}
    for line in typed(section):
        told[line] = typist(line)
        if line.startswith("envbuild import "):
            stand_on(typist.folder / "spec.yml", python_base)
    assert "the channel pytorch stopped after 2.5.1" in told["envbuild import environment.yml"]
    found = conda_of(typist.folder / "pylock.dl.toml")
    assert found["pytorch"].partition(" ")[2].startswith("cuda")
    assert found["cuda-version"].startswith("12.1 ")
    # They want numpy and torch, too, which conda has brought.
    brought = [name for name, _ in pins(typist.folder / "pylock.dl.toml")]
    assert brought == ["datasets", "pandas", "transformers"]
    for check in ("numpy on the CPU", "torch on the CPU"):
        assert re.search(rf"^passed +{check} ", told["envbuild image"], re.MULTILINE)
    *_, last = told.values()
    assert last.strip().startswith("/opt/env/lib/python3.11/site-packages/torch/")


def test_an_old_one(typist: Typist, conda_site: dict[str, Any]) -> None:
    write_config(Path(typist.environ["HOME"]), conda_site)
    section = sections(TEXT)["An old one: Python 3.6 and TensorFlow 2.1"]
    (typist.folder / "environment.yml").write_text(file(section))
    told = {line: typist(line) for line in typed(section)}
    assert "whose terms may want a paid licence" in told["envbuild import environment.yml"]
    found = conda_of(typist.folder / "pylock.tf.toml")
    assert found["python"].startswith("3.6.")
    assert found["tensorflow-gpu"].startswith("2.1.0 ")
    assert found["cudatoolkit"].startswith("10.1.")
    assert "cuda: 10.1\n" in told["cat spec.yml"]
    assert "cudatoolkit" in told["envbuild inspect spec.yml --packages"]
    assert (typist.folder / "context/Dockerfile").is_file()
