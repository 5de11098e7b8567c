"""Where conda packages are taken from: by what the site says, and by what can be had."""

import errno
import os
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from support import planned

from envbuild.conda.install import alone
from envbuild.conda.model import CondaRecord
from envbuild.conda.source import MICROMAMBA_IMAGE, CondaSource, version_of
from envbuild.engine.conda import Wanted, check_micromamba, conda_source, have_conda, local_packages
from envbuild.engine.prepare import build_request, ensure_micromamba
from envbuild.errors import EngineError, LockError, RegistryError, SiteError
from envbuild.events import Event, Notice, StepDone, StepFailed
from envbuild.render.render import render
from envbuild.site.model import Site

if TYPE_CHECKING:
    from envbuild.engine.engine import Engine

HERE = "linux/amd64"
TAKE = "take 2.1 or later, or say image or rattler"
CORRECT = "correct micromamba: in the site config, or say image or rattler there"
RECORDS = (planned.conda_record("python", "3.11.9"), planned.conda_record("numpy", "2.1.0", size=80_000_000))


class FixedEngine:
    """Stand-in: has some images, and a registry that answers or does not."""

    def __init__(self, *images: str, answers: bool = False) -> None:
        self.images = list(images)
        self.answers = answers
        self.asked: list[str] = []

    def image(self, reference: str) -> str | None:
        return reference if reference in self.images else None

    def local_reference(self, reference: str) -> str | None:
        return self.image(reference)

    def remote_digest(self, reference: str, platform: str) -> str:
        self.asked.append(f"{reference} {platform}")
        if not self.answers:
            raise RegistryError("no such host")
        return "sha256:" + "ab" * 32

    def pull(self, reference: str, platform: str, sink: Any) -> None:
        self.asked.append(f"pull {reference} {platform}")
        self.images.append(reference)


@pytest.fixture(autouse=True)
def _this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("envbuild.engine.conda.runs_on", lambda platform: platform == HERE)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def wanted(engine: FixedEngine, events: list[Event], **site: str) -> Wanted:
    lock = planned.lock(conda=RECORDS)
    return Wanted(
        plan=planned.planned(lock_=lock),
        lock=lock,
        folder=Path("/specs"),
        site=Site(**site),  # type: ignore[arg-type]
        platform=HERE,
        connect=lambda: cast("Engine", engine),
        sink=events.append,
    )


@pytest.mark.parametrize("engine", [FixedEngine(MICROMAMBA_IMAGE), FixedEngine(answers=True)])
def test_the_image_where_it_can_be_had(engine: FixedEngine) -> None:
    events: list[Event] = []
    assert conda_source(wanted(engine, events)) == CondaSource()
    assert engine.asked == ([] if engine.images else [f"{MICROMAMBA_IMAGE} {HERE}"])
    assert events == []


def staged_instead(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that were asked to be filled; each gets the tars of this file's plan."""
    made: list[Path] = []

    def stage(wish: Wanted, folder: Path, script: Path) -> None:
        folder.mkdir(parents=True)
        for name in ("01-large", "02-rest"):
            (folder / f"{name}.tar").touch()
        made.append(folder)

    monkeypatch.setattr("envbuild.engine.conda._stage", stage)
    return made


def test_py_rattler_where_it_cannot_and_a_word_why(monkeypatch: pytest.MonkeyPatch) -> None:
    made = staged_instead(monkeypatch)
    events: list[Event] = []
    source = conda_source(wanted(FixedEngine(), events))
    assert (source.how, list(source.groups)) == ("staged", ["01-large", "02-rest"])
    assert events[0] == Notice(
        level="info",
        text="py-rattler installs the conda packages here, "
        "since micromamba's image cannot be had: no such host",
    )
    assert conda_source(wanted(FixedEngine(), [], micromamba="rattler")) == source
    assert made == []  # nothing is installed for a context that is only looked at
    for _ in range(2):
        have_conda(wanted(FixedEngine(), events), source)
    assert made == [source.groups["01-large"].parent]
    assert isinstance(events[-1], StepDone)
    assert events[-1].detail == "2 packages"


def test_a_staging_that_fails_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def stage(wish: Wanted, folder: Path, script: Path) -> None:
        raise LockError("numpy-2.1.0-0.conda: hash mismatch\nmore")

    monkeypatch.setattr("envbuild.engine.conda._stage", stage)
    events: list[Event] = []
    wish = wanted(FixedEngine(), events, micromamba="rattler")
    for _ in range(2):
        with pytest.raises(LockError):
            have_conda(wish, conda_source(wish))
    reasons = [event.reason for event in events if isinstance(event, StepFailed)]
    assert reasons == ["numpy-2.1.0-0.conda: hash mismatch"] * 2


def full(records: object, folder: Path, **named: object) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/channel/numpy.conda", None, str(folder / "x"))


def unreadable(records: object, folder: Path, **named: object) -> None:
    raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "/channel/numpy.conda")


@pytest.mark.parametrize(
    ("install", "why"),
    [(full, "No space left on device"), (unreadable, "/channel/numpy.conda: Permission denied")],
)
def test_a_disk_that_does_not_take_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, install: Callable[..., None], why: str
) -> None:
    monkeypatch.setattr("envbuild.conda.install.install_conda", install)
    room = tmp_path / "cache" / "envbuild" / "conda" / "staged"
    (room / ".part-of-a-killed-run").mkdir(parents=True)
    wish = wanted(FixedEngine(), [], micromamba="rattler")
    with pytest.raises(LockError) as caught:
        have_conda(wish, conda_source(wish))
    assert caught.value.message == f"{room}: the conda packages cannot be installed there: {why}"
    assert caught.value.hint == "free some space, or name another cache folder: XDG_CACHE_HOME"
    assert list(room.iterdir()) == []


@pytest.mark.parametrize(
    ("fails", "message"),
    [
        (
            "raise OSError(28, 'No space left on device', '/x')",
            "{room}: the conda packages cannot be installed there: No space left on device",
        ),
        (
            "import sys; sys.exit('envbuild: the environment is not as locked')",
            "the conda packages cannot be divided into layers: the environment is not as locked",
        ),
    ],
)
def test_an_environment_that_cannot_be_divided(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fails: str, message: str
) -> None:
    script = tmp_path / "cut.py"
    script.write_text(f"{fails}\n")
    monkeypatch.setattr("envbuild.engine.conda._SCRIPT", str(script))
    monkeypatch.setattr(
        "envbuild.conda.install.install_conda", lambda records, folder, **named: folder.mkdir()
    )
    wish = wanted(FixedEngine(), [], micromamba="rattler")
    with pytest.raises(LockError) as caught:
        have_conda(wish, conda_source(wish))
    room = tmp_path / "cache" / "envbuild" / "conda" / "staged"
    assert caught.value.message == message.format(room=room)
    assert list(room.iterdir()) == []


def test_what_another_run_staged_meanwhile_is_taken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever waits for another run's staging does nothing after it."""
    wish = wanted(FixedEngine(), [], micromamba="rattler")
    folder = next(iter(conda_source(wish).groups.values())).parent
    folder.parent.mkdir(parents=True)
    monkeypatch.setattr("envbuild.conda.install.install_conda", lambda *given, **named: pytest.fail("again"))
    ended: list[str] = []
    with alone(folder.parent.with_name("staged.lock"), folder.parent):
        other = threading.Thread(target=lambda: (have_conda(wish, conda_source(wish)), ended.append("done")))
        other.start()
        other.join(0.2)
        assert ended == []
        folder.mkdir()
    other.join(10)
    assert ended == ["done"]


def test_old_environments_are_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    staged_instead(monkeypatch)
    room = tmp_path / "cache" / "envbuild" / "conda" / "staged"
    for number in range(6):
        (room / f"old{number}").mkdir(parents=True)
        os.utime(room / f"old{number}", (number, number))
    (room / ".part-of-somebody").mkdir()
    wish = wanted(FixedEngine(), [], micromamba="rattler")
    source = conda_source(wish)
    have_conda(wish, source)
    mine = source.groups["01-large"].parent.name
    assert {path.name for path in room.iterdir()} == {"old3", "old4", "old5", mine, ".part-of-somebody"}


def test_py_rattler_without_any_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    staged_instead(monkeypatch)
    events: list[Event] = []

    def nobody() -> "Engine":
        raise EngineError("no container engine")

    assert conda_source(replace(wanted(FixedEngine(), events), connect=nobody)).how == "staged"
    assert isinstance(events[0], Notice)
    assert events[0].text.endswith("cannot be had: no container engine")


def test_to_share_it_is_the_image_and_nobody_is_asked() -> None:
    engine = FixedEngine()
    assert conda_source(wanted(engine, [], micromamba="rattler"), share=True) == CondaSource()
    assert conda_source(wanted(engine, [], micromamba="image")) == CondaSource()
    assert engine.asked == []


def test_a_lock_without_conda_asks_nobody() -> None:
    plain = replace(wanted(FixedEngine(), []), plan=planned.planned(), lock=planned.lock())
    assert conda_source(replace(plain, connect=lambda: pytest.fail("asked"))) == CondaSource()


def program(folder: Path, says: str) -> Path:
    path = folder / "micromamba"
    path.write_text(f"#!/bin/sh\n{says}\n")
    path.chmod(0o755)
    return path


def test_a_binary_of_the_site(tmp_path: Path) -> None:
    path = program(tmp_path, "echo 2.1.0")
    wish = wanted(FixedEngine(), [], micromamba=str(path))
    source = conda_source(wish)
    assert (source.how, source.binary) == ("binary", path)
    have_conda(wish, source)
    path.unlink()
    with pytest.raises(SiteError):
        have_conda(wish, source)


@pytest.mark.parametrize(
    ("says", "expected", "hint"),
    [
        ("echo 2.0.5", "is 2.0.5, which does not look at sha256", TAKE),
        ("echo 1.5.10", "is 1.5.10, which does not look at sha256", TAKE),
        ("echo hello", "did not say its version", CORRECT),
        ("exit 3", "did not say its version", CORRECT),
    ],
)
def test_a_binary_that_does_not_do(tmp_path: Path, says: str, expected: str, hint: str) -> None:
    path = program(tmp_path, says)
    with pytest.raises(SiteError) as caught:
        check_micromamba(path, HERE)
    assert (caught.value.message, caught.value.hint) == (f"micromamba: {path} {expected}", hint)


def test_a_binary_that_is_not_there_or_for_another_platform(tmp_path: Path) -> None:
    path = tmp_path / "micromamba"
    with pytest.raises(SiteError) as caught:
        check_micromamba(path, HERE)
    assert caught.value.message == f"micromamba: {path} does not run: No such file or directory"
    with pytest.raises(SiteError) as caught:
        check_micromamba(path, "linux/arm64")
    what = "is for this machine, and the image is for linux/arm64"
    assert caught.value.message == f"micromamba: {path} {what}"


def test_versions() -> None:
    told = {"2.8.1\n": (2, 8, 1), "2.10": (2, 10), "2.1.0rc1": (2, 1, 0), "v2": (), "": ()}
    assert {text: version_of(text) for text in told} == told


def test_packages_of_local_channels(tmp_path: Path) -> None:
    (tmp_path / "my channel" / "noarch").mkdir(parents=True)
    file = tmp_path / "my channel" / "noarch" / "a-1.0-0.conda"
    file.touch()
    row = planned.conda_record("a", subdir="noarch")
    near = replace(row, url="./my%20channel/noarch/a-1.0-0.conda")
    far = replace(row, url=(tmp_path / "my channel").as_uri() + "/noarch/a-1.0-0.conda")
    for record in (near, far):
        assert local_packages([record, *RECORDS], tmp_path) == {"a-1.0-0.conda": file}
    lock = planned.lock(conda=[near, *RECORDS])
    wish = replace(wanted(FixedEngine(), []), lock=lock, plan=planned.planned(lock_=lock), folder=tmp_path)
    source = conda_source(wish, share=True)
    have_conda(wish, source)
    file.unlink()
    with pytest.raises(LockError) as caught:
        have_conda(wish, source)
    assert caught.value.message == f"a=1.0=0: {file}: the package that the lock names is not there"


def test_micromambas_image_is_brought_by_the_name_that_the_store_has_it_under() -> None:
    engine = FixedEngine()
    context = render(planned.planned(lock_=planned.lock(conda=RECORDS)), planned.TEMPLATES, copies={})
    assert context.conda_image == MICROMAMBA_IMAGE
    found = ensure_micromamba(cast("Engine", engine), context, lambda event: None)
    assert (found, engine.asked) == (MICROMAMBA_IMAGE, [f"pull {MICROMAMBA_IMAGE} {HERE}"])
    request = build_request(Site(), context, "base", spec="s", no_cache=False, micromamba=found)
    assert request.build_args == {"ENVBUILD_BASE": "base", "ENVBUILD_MICROMAMBA": MICROMAMBA_IMAGE}
    plain = render(planned.planned(), planned.TEMPLATES, copies={})
    assert ensure_micromamba(cast("Engine", engine), plain, lambda event: None) == ""


def test_an_environment_made_here_has_no_stage_of_micromambas() -> None:
    groups = {"01-large": Path("/x.tar"), "02-rest": Path("/y.tar")}
    source = CondaSource(how="staged", groups=groups)
    plan = planned.planned(lock_=planned.lock(conda=RECORDS))
    context = render(plan, planned.TEMPLATES, copies={}, conda=source)
    assert context.conda_image == ""
    assert dict(context.copies) == {"conda/01-large.tar": Path("/x.tar"), "conda/02-rest.tar": Path("/y.tar")}
    assert not {name for name in context.files if "conda" in name}


def test_contexts_of_all_ways_have_one_digest_and_other_packages_another() -> None:
    def digest(source: CondaSource, *more: CondaRecord) -> str:
        plan = planned.planned(lock_=planned.lock(conda=(*RECORDS, *more)))
        context = render(plan, planned.TEMPLATES, copies={}, conda=source)
        assert f"dev.envbuild.context={context.digest}\n" in context.dockerfile
        return context.digest

    ways = (
        CondaSource(),
        CondaSource(image="mirror.example/micromamba:2.9"),
        CondaSource(how="binary", binary=Path("/opt/micromamba")),
        CondaSource(how="staged", groups={"01-large": Path("/a.tar"), "02-rest": Path("/b.tar")}),
        CondaSource(how="staged", groups={"01-large": Path("/c.tar"), "02-rest": Path("/d.tar")}),
        CondaSource(packages={"a-1.0-0.conda": Path("/e")}),
    )
    assert len({digest(source) for source in ways}) == 1
    assert digest(CondaSource(), planned.conda_record("tqdm")) != digest(CondaSource())
