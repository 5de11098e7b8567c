"""What decides in `reproduce`: which image belongs to a spec, what is installed, a spec out of a lock."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from support.inspectable import a_lock
from support.planned import conda_record, package

from envbuild import __version__
from envbuild.compare.model import Change
from envbuild.errors import EngineError, LockError
from envbuild.events import Event, Notice, StepDone, StepFailed, StepProgress, StepStarted
from envbuild.images import Ran
from envbuild.lock.drift import drift
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import LockedApt
from envbuild.lock.pylock import dump_lock
from envbuild.outcomes import Locked, Request
from envbuild.reproduce import steps
from envbuild.reproduce.at_hand import Wanted
from envbuild.reproduce.compare import change_line
from envbuild.reproduce.inside import Installed, installed, unlike_lock
from envbuild.reproduce.specs import spec_data, spec_for
from envbuild.reproduce.steps import step
from envbuild.site.model import Site
from envbuild.spec.load import load_spec
from envbuild.subjects import LockFile

# --- the image of a spec ---


@pytest.fixture
def locked(tmp_path: Path) -> Locked:
    (tmp_path / "src").mkdir()
    (tmp_path / "spec.yml").write_text("name: env\npython: 3.11\ncopy: [{from: src, to: /src}]\n")
    spec = load_spec(tmp_path / "spec.yml")
    return Locked(spec=spec, lock=a_lock(), path=tmp_path / "pylock.env.toml", changes=(), written=False)


def labels(locked: Locked, **more: str) -> dict[str, str]:
    own = {
        "dev.envbuild.lock": locked.lock.digest,
        "dev.envbuild.spec": locked.spec.source.digest,
        "dev.envbuild.context": "sha256:now",
        "dev.envbuild.version": __version__,
    }
    return own | {f"dev.envbuild.{key}": value for key, value in more.items()}


@pytest.mark.parametrize(
    ("more", "is_it", "doubtful"),
    [
        ({}, True, False),
        ({"lock": "sha256:other"}, False, False),
        ({"spec": "sha256:other"}, False, False),
        ({"context": "sha256:other files"}, False, False),
        ({"context": "sha256:other", "version": "0.0.1"}, True, True),
        ({"context": "sha256:now", "version": "0.0.1"}, True, False),
    ],
)
def test_an_image_belongs_to_a_spec(
    locked: Locked, more: dict[str, str], is_it: bool, doubtful: bool
) -> None:
    wanted = Wanted(locked, lambda: "sha256:now")
    assert (wanted.is_it(labels(locked, **more)), wanted.doubtful) == (is_it, doubtful)


def test_without_copied_files_nothing_is_rendered(locked: Locked) -> None:
    def never() -> str:
        raise AssertionError("rendered for nothing")

    plain = replace(locked, spec=replace(locked.spec, copy=()))
    assert Wanted(plain, never).is_it(labels(plain, context="sha256:other"))
    assert not Wanted(locked, never).is_it({})


# --- what is installed ---

LOCK = a_lock(
    packages=(package("ruamel.yaml", "1.0"), package("torch", "2.8.0+cu128")),
    apt=(LockedApt(name="git", version="1:2.39"), LockedApt(name="libc6:amd64", version="")),
)


@pytest.mark.parametrize(
    ("pip", "apt", "lines"),
    [
        ({"ruamel-yaml": "1.0", "torch": "2.8.0+cu128"}, {"git": "1:2.39", "base-files": "12"}, ()),
        ({"ruamel-yaml": "1.0.0", "torch": "2.8.0+cu128"}, {"git": "1:2.39"}, ()),
        (
            {"ruamel-yaml": "1.1", "torch": "2.8.0"},
            {"git": "1:2.40"},
            (
                "pip: ruamel-yaml 1.0 -> 1.1",
                "pip: torch 2.8.0+cu128 -> 2.8.0",
                "apt: git 1:2.39 -> 1:2.40",
            ),
        ),
        (
            {"torch": "2.8.0+cu128", "pip": "24"},
            {},
            (
                "pip: pip 24 is installed, and the lock does not name it",
                "pip: ruamel-yaml 1.0 is not installed",
                "apt: git 1:2.39 is not installed",
            ),
        ),
        (
            {"ruamel-yaml": "not a version", "torch": "2.8.0+cu128"},
            {"git": "1:2.39"},
            ("pip: ruamel-yaml 1.0 -> not a version",),
        ),
    ],
)
def test_what_is_installed_against_the_lock(
    pip: dict[str, str], apt: dict[str, str], lines: tuple[str, ...]
) -> None:
    assert unlike_lock(LOCK, Installed(pip=pip, apt=apt)) == lines


def test_what_conda_installed_against_the_lock() -> None:
    """Its Python packages are conda's to tell of: pip's side of the lock does not name them."""
    rows = [conda_record("numpy", "2.1.0", "py311_0"), conda_record("git", "2.45", "0"), conda_record("six")]
    lock = replace(LOCK, packages=(), apt=(), conda=tuple(rows))
    good = {"numpy": "2.1.0 py311_0", "git": "2.45 0", "six": "1.0 0"}
    assert unlike_lock(lock, Installed(conda=good)) == ()
    other = {"numpy": "2.1.0 py311_1", "six": "1.0 0", "tqdm": "4.66 0"}
    assert unlike_lock(lock, Installed(conda=other)) == (
        "conda: git 2.45 0 is not installed",
        "conda: numpy 2.1.0 py311_0 -> 2.1.0 py311_1",
        "conda: tqdm 4.66 0 is installed, and the lock does not name it",
    )


class Answers:
    """An engine whose containers print fixed texts."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self._answers = list(answers)

    def run(self, image: str, argv: object) -> Ran:
        code, text = self._answers.pop(0)
        return Ran(code=code, stdout=text, stderr="it broke", seconds=0.0)


def test_asking_what_is_installed() -> None:
    said = '{"pip": [["Ruamel.YAML", "1.0"], ["torch", "2"]], "conda": [["git", "2 0"]]}\n'
    dpkg = "installed git 1:2.39\nconfig-files old 1\ninstalled libc6 2.36-9\n"
    assert installed(Answers((0, said), (0, dpkg)), "image") == Installed(
        pip={"ruamel-yaml": "1.0", "torch": "2"},
        conda={"git": "2 0"},
        apt={"git": "1:2.39", "libc6": "2.36-9"},
    )
    assert installed(Answers((0, '{"pip": [], "conda": []}'), (127, "")), "image") == Installed()
    with pytest.raises(EngineError, match="does not say what is installed: it broke"):
        installed(Answers((1, "")), "image")


# --- a lock by itself ---

SPECS: tuple[dict[str, Any], ...] = (
    {},
    {"base": "debian:bookworm-slim", "apt": ["git", "curl"], "pip": {"packages": ["rich", "numpy<3"]}},
    {
        "cuda": {"version": "12.8", "flavour": "devel", "cudnn": True, "os": "ubuntu24.04"},
        "targets": ["A100", "8.6"],
        "accept": ["driver-none"],
        "pip": {
            "packages": ["torch"],
            "index_url": "https://example.org/simple",
            "extra_index_urls": ["https://example.org/more"],
            "torch_backend": "cu128",
        },
    },
    {"cuda": "12.8", "run": ["nvcc -c x.cu"]},
    {"conda": {"channels": ["lab", "conda-forge"], "packages": ["numpy=2"], "priority": "flexible"}},
    {"conda": {}},
)


@pytest.mark.parametrize("keys", SPECS)
def test_a_spec_out_of_what_a_lock_answers(keys: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "spec.yml").write_text(yaml.safe_dump({"name": "env", "python": "3.11", **keys}))
    inputs = inputs_of(load_spec(tmp_path / "spec.yml"))
    data = spec_data("env", inputs)
    (tmp_path / "again.yml").write_text(yaml.safe_dump(data))
    again = load_spec(tmp_path / "again.yml")
    lock = a_lock(inputs=inputs)
    gone = {"compiles"} if "run" in keys else set()
    assert [
        line for line in drift(again, lock, lock.platform) if not any(word in line for word in gone)
    ] == []


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
def asked(said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Request:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    def sink(event: Event) -> None:
        assert isinstance(event, Notice)
        said.append(event.text)

    return Request(
        spec_path=Path("x"),
        site=Site(),
        platform="linux/amd64",
        connect=lambda: 1 / 0,
        sink=sink,  # type: ignore[arg-type, return-value]
    )


def test_the_spec_beside_a_lock_is_its_own(asked: Request, said: list[str], tmp_path: Path) -> None:
    lock = a_lock()
    file = LockFile(name=str(tmp_path / "pylock.env.toml"), lock=lock)
    (tmp_path / "broken.yml").write_text("name: [\n")
    (tmp_path / "another.yml").write_text("name: other\npython: 3.11\n")
    (tmp_path / "mine.yml").write_text("name: env\npython: 3.11\n")
    assert spec_for(asked, file) == tmp_path / "mine.yml"
    (tmp_path / "spec.yml").write_text("name: env\npython: 3.11\n")
    assert spec_for(asked, file) == tmp_path / "spec.yml"
    assert said == []


def test_a_lock_alone_gets_a_spec_of_its_own(asked: Request, said: list[str], tmp_path: Path) -> None:
    lock = a_lock(inputs={"python": "3.11", "pip": ["rich"]})
    file = LockFile(name=str(tmp_path / "pylock.env.toml"), lock=lock)
    path = spec_for(asked, file)
    assert path == spec_for(asked, file)
    assert path.is_relative_to(tmp_path / "cache")
    assert load_spec(path).name == "env"
    assert (path.parent / "pylock.env.toml").read_text() == dump_lock(lock)
    assert said[0].startswith("no spec lies beside pylock.env.toml: what it locks is reproduced;")


@pytest.mark.parametrize("name", ["../../etc/x", "Not A Name", ""])
def test_a_lock_with_a_name_that_is_none(asked: Request, name: str, tmp_path: Path) -> None:
    lock = a_lock(name=name, inputs={"python": "3.11"})
    with pytest.raises(LockError, match="cannot make a spec of what its lock answers"):
        spec_for(asked, LockFile(name=str(tmp_path / "pylock.x.toml"), lock=lock))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.name.startswith("pylock")]


# --- words ---


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (Change(part="pip", how="upgraded", name="rich", before="1", after="2"), "pip: rich: 1 -> 2"),
        (Change(part="pip", how="added", name="rich", after="2"), "pip: rich added (2)"),
        (Change(part="apt", how="removed", name="git", before="1"), "apt: git removed (1)"),
        (Change(part="run", how="added", name="ls", after="ls"), "run: ls added"),
        (Change(part="run", how="removed", name="ls", before="ls"), "run: ls removed"),
        (Change(part="python", how="upgraded", before="3.11", after="3.12"), "python: 3.11 -> 3.12"),
        (Change(part="cuda", how="changed", before=None, after="12.8"), "cuda: none -> 12.8"),
    ],
)
def test_a_change_on_one_line(change: Change, line: str) -> None:
    assert change_line(change) == line


def test_a_step_starts_and_ends_once_and_is_not_told_too_often(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(steps.time, "monotonic", lambda: next(now) / 25)
    events: list[Event] = []
    with step(events.append, "id", "load", "a file") as running:
        for done in range(10):
            running.moved(done, 10)
        running.detail = "good"
    kinds = [type(event) for event in events]
    assert kinds[0] is StepStarted
    assert kinds[-1] is StepDone
    assert kinds[1:-1] == [StepProgress] * 3

    def fail() -> None:
        with step(events.append, "id", "load", "a file"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    last = events[-1]
    assert isinstance(last, StepFailed)
    assert last.reason == "stopped"
