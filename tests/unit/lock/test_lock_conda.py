"""conda in a lock: real py-rattler on a channel of tiny packages, real uv on an index on loopback."""

# ruff: noqa: E501  exact messages, a line each

import importlib.util
import io
import tarfile
import time
from dataclasses import replace

import pytest
from support.conda import Package, make_channel
from support.conda_packages import PACKAGES
from support.index import Index

from envbuild.conda.model import CondaRecord
from envbuild.errors import LockError, Unsolvable, UsageError
from envbuild.events import Notice, StepDone
from envbuild.gpu.data import needs_from
from envbuild.images import Ran
from envbuild.lock.drift import drift
from envbuild.lock.make import Upgrade
from envbuild.lock.provided import Provided, provided_by, refuse_others, spoken
from envbuild.lock.pylock import dump_lock, parse_lock
from envbuild.spec.model import Requirement

pytest.importorskip("rattler", reason="envbuild[conda] is not installed")

HEAD = "name: x\npython: 3.12\nconda:\n  channels: [./lab]\n"
TORCH = f"{HEAD}  packages: [pytorch, numpy=2]\n"


@pytest.fixture
def lab(desk):
    make_channel(desk.folder / "lab", PACKAGES)
    index = desk.index
    for version in ("2.4.0", "2.6.0"):
        index.add("torch", version, requires=["cublas"])
    index.add("cublas", "12.4")
    for version in ("1.26.4", "2.1.0", "2.2.0"):
        index.add("numpy", version)
    index.add("transformers", "4.0", requires=["torch>=2", "numpy>=1.17", "tokenizers"])
    index.add("tokenizers", "1.0")
    index.add("old", "1.0", requires=["numpy<2"])
    return desk


def names(lock):
    return {package.name: package.version for package in lock.packages}


def conda(lock):
    return {record.name: record.version for record in lock.conda}


def told(desk):
    return [event.text for event in desk.events if isinstance(event, Notice)]


def refused(desk, text):
    with pytest.raises(Unsolvable) as caught:
        desk.lock(text)
    said = (caught.value.message, *(str(problem) for problem in caught.value.problems), caught.value.hint)
    assert not any("+conda" in part or "envbuild-lock-" in part for part in said)
    where = f"{desk.folder}/"
    return (
        caught.value.message,
        [str(problem).removeprefix(where) for problem in caught.value.problems],
        said[-1],
    )


def test_conda_brings_python_and_is_locked_first(lab):
    lock = lab.lock(TORCH)
    assert conda(lock) == {
        "ca-certificates": "2024.7.4",
        "libblas": "3.9.0",
        "numpy": "2.1.0",
        "python": "3.12.4",
        "python_abi": "3.12",
        "pytorch": "2.4.0",
    }
    assert lock.packages == ()
    assert (lock.python.version, lock.python.source, lock.python.request) == (
        "3.12.4",
        "conda",
        "/opt/env/bin/python",
    )
    assert lock.python.reason == "`conda:` brings Python 3.12.4 from ./lab"
    assert list(lock.tools) == ["envbuild", "uv", "rattler"]
    steps = {event.id: event.detail for event in lab.events if isinstance(event, StepDone)}
    assert list(steps) == ["lock:base", "lock:conda", "lock:pip"]
    assert steps["lock:conda"] == "6 conda packages"


def test_a_lock_with_conda_is_read_as_it_was_written(lab):
    lock = lab.lock(TORCH)
    text = dump_lock(lock)
    assert parse_lock(text, "x") == lock
    assert dump_lock(lab.lock(TORCH)) == text
    assert str(lab.folder) not in text


def test_rows_that_make_no_sense_are_refused(lab):
    lock = lab.lock(TORCH)
    for wrong in (replace(lock.conda[0], sha256=5), replace(lock.conda[0], depends=(1,))):
        text = dump_lock(replace(lock, conda=(wrong,)))
        with pytest.raises(LockError) as caught:
            parse_lock(text, "x")
        assert caught.value.message == "x: not a lock of envbuild: its tables make no sense"


def test_conda_without_packages_is_python_alone(lab):
    assert set(conda(lab.lock(HEAD))) == {"ca-certificates", "python"}


def test_pip_takes_what_conda_brings_and_never_replaces_it(lab):
    lock = lab.lock(f"{TORCH}pip: {{packages: [transformers, numpy]}}\n")
    assert names(lock) == {"transformers": "4.0", "tokenizers": "1.0"}
    assert "+conda" not in dump_lock(lock)
    assert "file:" not in dump_lock(lock)
    assert told(lab) == []
    alone = lab.lock("name: x\npython: 3.12\npip: {packages: [transformers]}\n")
    assert set(names(alone)) == {"transformers", "tokenizers", "torch", "numpy", "cublas"}


def test_local_versions_of_conda_do_not_break_exact_wishes(lab):
    lab.index.add("exact", "1.0", requires=["numpy==2.1.0", "numpy<=2.1.0", "torch~=2.4.0"])
    assert names(lab.lock(f"{TORCH}pip: {{packages: [exact]}}\n")) == {"exact": "1.0"}


def test_further_indexes_bring_nothing_that_conda_has(lab):
    other = Index()
    try:
        other.add("torch", "2.6.0", requires=["cublas"])
        other.add("numpy", "2.2.0")
        other.add("extra", "1.0", requires=["torch", "numpy"])
        text = f"{TORCH}pip: {{packages: [transformers, extra], extra_index_urls: [{other.url}]}}\n"
        assert names(lab.lock(text)) == {"extra": "1.0", "transformers": "4.0", "tokenizers": "1.0"}
    finally:
        other.close()


BACKEND = """\
import pathlib, numpy
def prepare_metadata_for_build_wheel(folder, config_settings=None):
    assert numpy.__version__ == "2.1.0", numpy.__version__
    info = pathlib.Path(folder, "built-1.0.dist-info")
    info.mkdir()
    info.joinpath("METADATA").write_text("Metadata-Version: 2.1\\nName: built\\nVersion: 1.0\\nRequires-Dist: numpy\\n")
    info.joinpath("WHEEL").write_text("Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
    return info.name
"""


def test_sources_are_built_with_a_real_numpy_and_not_with_a_stub(lab):
    parts = {
        "pyproject.toml": '[build-system]\nrequires = ["numpy"]\nbuild-backend = "backend"\nbackend-path = ["."]\n',
        "PKG-INFO": "Metadata-Version: 2.1\nName: built\nVersion: 1.0\nDynamic: Requires-Dist\n",
        "backend.py": BACKEND,
    }
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        for name, text in parts.items():
            member = tarfile.TarInfo(f"built-1.0/{name}")
            member.size = len(text.encode())
            archive.addfile(member, io.BytesIO(text.encode()))
    del lab.index.files["numpy-2.2.0-py3-none-any.whl"]  # else the newest is taken anyway
    lab.index.files["built-1.0.tar.gz"] = raw.getvalue()
    lock = lab.lock(f"{TORCH}pip: {{packages: [built]}}\n")
    assert [(package.name, package.from_source) for package in lock.packages] == [("built", True)]


def test_a_wish_that_refuses_condas_release(lab):
    message, problems, _ = refused(
        lab, f"{TORCH}pip:\n  packages:\n    - numpy<2\n    - torch @ https://h/x.whl\n"
    )
    assert message == "pip asks for other releases than conda brings"
    assert problems == [
        (
            "spec.yml:8: pip.packages[0]: conda brings numpy 2.1.0, which numpy<2 refuses; "
            "leave it out here, and ask conda for a release that fits: numpy under `conda.packages`"
        ),
        (
            "spec.yml:9: pip.packages[1]: conda brings torch 2.4.0 (conda's pytorch), and pip is to bring another from an "
            "address; leave it out here, and ask conda for a release that fits: pytorch under `conda.packages`"
        ),
    ]


def test_a_package_whose_needs_refuse_condas_release(lab):
    message, problems, hint = refused(lab, f"{TORCH}pip: {{packages: [old, tokenizers]}}\n")
    assert message == (
        "no set of packages satisfies the requirements:\n"
        "  Because all versions of old depend on numpy<2 and numpy==2.1.0, we can conclude that all versions of old"
        " cannot be used.\n"
        "  And because you require old, there is no solution"
    )
    assert problems == ["spec.yml:6: pip.packages[0]: old does not go with what conda brings"]
    assert hint == "conda brings numpy 2.1.0; ask it for another release under `conda.packages`"


def test_a_wish_with_a_marker_is_left_to_uv(lab):
    wish = "\"numpy<2; sys_platform == 'win32'\""
    assert names(lab.lock(f"{TORCH}pip: {{packages: [{wish}]}}\n")) == {}
    assert told(lab) == []


def test_extras_of_condas_packages_are_said(lab):
    lab.index.add("needy", "1.0", requires=["torch[opt]"])
    assert names(lab.lock(f"{TORCH}pip: {{packages: [needy]}}\n")) == {"needy": "1.0"}
    assert told(lab) == [
        (
            "torch[opt] is asked for, and what conda brings has no extras: "
            "name what the extra stands for yourself if you need it"
        )
    ]


def test_a_torch_backend_beside_condas_torch_is_said(lab):
    lab.lock(f"{TORCH}pip: {{packages: [tokenizers], torch_backend: cu126}}\n")
    assert told(lab) == ["conda brings torch 2.4.0 (conda's pytorch), so pip.torch_backend chooses nothing"]


def test_relocking_keeps_pins_and_upgrades_what_is_named(lab):
    text = f"{HEAD}  packages: [tqdm, six]\n"
    small = [package for package in PACKAGES if (package.name, package.version) != ("tqdm", "4.66.5")]
    make_channel(lab.folder / "lab", small)
    old = lab.lock(text)
    assert conda(old)["tqdm"] == "4.66.4"
    newer_six = Package(name="six", version="1.17.0", noarch="python", depends=("python >=3.6",))
    make_channel(lab.folder / "lab", [*PACKAGES, newer_six])
    assert conda(lab.lock(text, previous=old)) == conda(old)
    one = lab.lock(text, previous=old, upgrade=Upgrade(packages=("TQDM",)))
    assert (conda(one)["tqdm"], conda(one)["six"]) == ("4.66.5", "1.16.0")
    every = lab.lock(text, previous=old, upgrade=Upgrade(everything=True))
    assert (conda(every)["tqdm"], conda(every)["six"]) == ("4.66.5", "1.17.0")
    with pytest.raises(UsageError) as caught:
        lab.lock(text, previous=old, upgrade=Upgrade(packages=("tqmd",)))
    assert caught.value.hint == "did you mean tqdm?"


def test_what_changed_is_said_in_condas_words(lab):
    lock = lab.lock(TORCH)
    spec = lab.spec(
        f"{HEAD.replace('[./lab]', '[./lab, conda-forge]')}  packages: [pytorch, numpy=1.26, scipy]\n"
    )
    assert drift(spec, lock, "linux/amd64") == (
        "conda.channels: + conda-forge",
        "conda: numpy=2 -> numpy=1.26",
        "conda: + scipy",
    )
    without = drift(lab.spec("name: x\npython: 3.12\n"), lock, "linux/amd64")
    assert without == (
        "conda.channels: - ./lab",
        "conda: - numpy=2",
        "conda: - pytorch",
    )


def test_what_comes_with_conda_is_said_once(lab):
    lock = lab.lock("name: x\npython: 3.12\n")
    assert drift(lab.spec(TORCH), lock, "linux/amd64") == (
        "conda.channels: + ./lab",
        "conda: + numpy=2",
        "conda: + pytorch",
    )
    lock = lab.lock(TORCH)
    changed = TORCH.replace("packages", "priority: flexible\n  packages")
    assert drift(lab.spec(changed), lock, "linux/amd64") == ("conda.priority: strict -> flexible",)


def test_arm_has_its_own_packages(lab):
    arm = [replace(package, subdir="linux-aarch64") for package in PACKAGES if package.subdir == "linux-64"]
    make_channel(lab.folder / "lab", [*PACKAGES, *arm])
    lock = lab.lock(f"{HEAD}  packages: [numpy]\n", platform="linux/arm64")
    assert {record.subdir for record in lock.conda} == {"linux-aarch64", "noarch"}
    amd = lab.lock(f"{HEAD}  packages: [numpy]\n", previous=lock)
    assert {record.subdir for record in amd.conda} == {"linux-64", "noarch"}


def test_with_cuda_the_least_image_is_taken_and_the_lock_says_what_conda_needs(lab):
    image = "nvidia/cuda:12.8.1-base-ubuntu24.04"
    lab.store.remote[image] = lab.store.remote["debian:bookworm-slim"]
    lab.store.probe = Ran(
        code=0, stdout="distribution=ubuntu:24.04\nglibc=2.39\napt=yes\n", stderr="", seconds=1
    )
    lock = lab.lock(TORCH.replace("conda:", "cuda: 12.8\nconda:"))
    assert lock.base.reference == image
    assert "; flavour base: conda brings its own CUDA libraries" in lock.cuda["reasons"]
    assert conda(lock)["cuda-version"] == "12.8"
    uses = [(use.component, use.cuda) for use in needs_from(lock.gpu).uses]
    assert uses == [("the CUDA 12.8.1 image", "12.8.1"), ("pytorch 2.4.0 (conda, CUDA 12.8)", "12.8")]


def test_without_py_rattler_it_says_what_to_install(lab, monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "rattler" else real(name, *more)
    )
    with pytest.raises(LockError) as caught:
        lab.lock(TORCH)
    assert caught.value.message == "conda packages are locked by py-rattler, which is not installed"
    assert caught.value.hint == "install it beside envbuild: pip install 'envbuild[conda]'"


def record(name, version, pypi):
    url = f"https://h/noarch/{name}-{version}-0.conda"
    return CondaRecord(
        name=name,
        version=version,
        build="0",
        subdir="noarch",
        channel="lab",
        url=url,
        sha256="0" * 64,
        pypi=pypi,
    )


def test_versions_that_pip_cannot_read():
    rows = [
        record("a", "1.2.3_5", "a"),
        record("b", "2024a", "b"),
        record("c", "1.0+cu1", "c"),
        record("d", "x", "d"),
    ]
    found = {
        one.name: (one.version, one.marked, one.exact) for one in provided_by([*rows, record("lib", "1", "")])
    }
    assert found == {
        "a": ("1.2.3", "1.2.3+conda", False),
        "b": ("2024a0", "2024a0+conda", True),
        "c": ("1.0+cu1", "1.0+cu1.conda", True),
    }


def test_marks_and_folders_of_stubs_are_not_spoken_of(tmp_path):
    text = (
        f"Because a==1.0+conda and b==1+cu1.conda (from {tmp_path}/conda/a.whl), not a.condagram or x+condax"
    )
    assert spoken(text, tmp_path) == (
        "Because a==1.0 and b==1+cu1 (from conda/a.whl), not a.condagram or x+condax"
    )


def test_a_hundred_packages_of_conda_cost_little(lab):
    """What is done beside uv: parsing versions, judging wishes, writing stubs. The figure: at most 1 s."""
    rows = [record(f"p{number}", f"1.{number}", f"p{number}") for number in range(300)]
    wishes = [
        Requirement(text=f"p{number}>=1", name=f"p{number}", file="s", line=1, path="")
        for number in range(300)
    ]
    begun = time.monotonic()
    provided: tuple[Provided, ...] = provided_by(rows)
    refuse_others(provided, wishes)
    assert time.monotonic() - begun < 1
