"""The order of the stages on a stand-in engine with fixed answers: what is done when, and what is left."""

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from support import planned

from envbuild import made, pipeline
from envbuild.engine.model import BuiltImage, EngineInfo
from envbuild.errors import BaseUnavailable, BuildError, EngineError, LockError, SmokeError, StaleLock
from envbuild.events import Event, Notice
from envbuild.images import ImageInfo, Ran
from envbuild.lock.inputs import inputs_of
from envbuild.lock.model import LockedBase
from envbuild.lock.pylock import lock_path, write_lock
from envbuild.outcomes import ImageOptions, LockOptions, Request
from envbuild.site.model import Site
from envbuild.spec.load import load_spec

if TYPE_CHECKING:
    from envbuild.engine.engine import Engine

PLATFORM = "linux/amd64"
BASE = "sha256:" + "ab" * 32
BUILT = "sha256:" + "cd" * 32
TEXT = "name: env\npython: 3.11\nimage: {tags: [latest, v1]}\nsmoke: {commands: [check]}\n"
ANSWER = Ran(code=0, stdout="", stderr="", seconds=0)


class FixedEngine:
    """Stand-in: has the base, builds one image, answers smoke tests as told, remembers what was asked."""

    def __init__(self) -> None:
        self.info = EngineInfo(
            kind="docker", version="0", api_version="1.41", platform=PLATFORM, url="", found_by="",
            buildkit=True, containerd_store=False, context="tar",
        )  # fmt: skip
        self.names: dict[str, str] = {}
        self.images = {BASE, BUILT}
        self.did: list[str] = []
        self.answer: Ran | BaseException = ANSWER
        self.while_building: Callable[[], None] = lambda: None
        self.broken = False

    def image(self, reference: str) -> ImageInfo | None:
        if self.broken:
            raise EngineError("the engine went away")
        found = self.names.get(reference, reference)
        if found not in self.images:
            return None
        return ImageInfo(id=found, tags=tuple(name for name, of in self.names.items() if of == found))

    def build(self, context: Any, request: Any, sink: Any) -> BuiltImage:
        self.did.append("build")
        self.while_building()
        return BuiltImage(id=BUILT, size=1, layers=("a", "b"), seconds=0, digest=context.digest)

    @contextlib.contextmanager
    def sandbox(self, image: str, *, memory: int, gpu: bool = False) -> "Iterator[FixedEngine]":
        yield self

    def run(self, argv: Any, *, stdin: str = "", timeout: float) -> Ran:
        self.did.append(f"smoke {argv[-1]}")
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def tag(self, image_id: str, reference: str) -> None:
        self.did.append(f"tag {reference}")
        self.names[reference] = image_id

    def remove(self, image_id: str) -> None:
        self.did.append("remove")
        self.images.remove(image_id)


class Project:
    """A spec with a fresh lock, and a request for it. `listen` is what an engine answers over a socket."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = FixedEngine()
        self.events: list[Event] = []
        self.path = folder / "spec.yml"
        self.path.write_text(TEXT)
        self.lock(LockedBase(reference="base:1", image_id=BASE))

    def lock(self, base: LockedBase) -> None:
        spec = load_spec(self.path)
        document = {"lock-version": "1.0", "created-by": "uv", "packages": []}
        lock = planned.lock(inputs=inputs_of(spec), base=base, document=document)
        write_lock(lock_path(spec), lock)

    def request(self, **fields: Any) -> Request:
        request = Request(
            spec_path=self.path,
            site=Site(),
            platform=PLATFORM,
            connect=lambda: cast("Engine", self.engine),
            engine=f"unix://{self.folder}/engine.sock",
            sink=self.events.append,
        )
        return replace(request, **fields)

    def image(self, **options: Any) -> Any:
        return pipeline.image(self.request(), ImageOptions(**options))

    @contextlib.contextmanager
    def listen(self) -> Iterator[list[str]]:
        """The stand-in engine answers questions for images on its socket; the questions are kept."""
        asked: list[str] = []
        engine = self.engine

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                path = self.rfile.readline().decode().split()[1]
                while self.rfile.readline().strip():
                    pass
                asked.append(path)
                name = path.removeprefix("/images/").removesuffix("/json")
                body = f'{{"Id": "{engine.names[name]}"}}'.encode() if name in engine.names else b"{}"
                status = b"200 OK" if name in engine.names else b"404 Not Found"
                head = b"HTTP/1.1 %s\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % (status, len(body))
                self.wfile.write(head + body)

        with socketserver.UnixStreamServer("engine.sock", Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.02,))
            thread.start()
            try:
                yield asked
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "work"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return Project(folder)


def test_the_image_gets_its_names_last(project: Project) -> None:
    outcome = project.image()
    base = f"envbuild-base:{BASE.removeprefix('sha256:')[:16]}"
    assert project.engine.did == [f"tag {base}", "build", "smoke check", "tag env:latest", "tag env:v1"]
    assert (outcome.references, outcome.image_id) == (("env:latest", "env:v1"), BUILT)
    assert (outcome.up_to_date, outcome.report.passed, outcome.layers) == (False, True, 2)


def test_nothing_is_done_twice(project: Project) -> None:
    assert project.image().lock_path == str(project.folder / "pylock.env.toml")
    done = list(project.engine.did)
    with project.listen() as asked:
        elsewhere = project.request(spec_path=Path("../work/spec.yml"))
        assert pipeline.image(elsewhere, ImageOptions()).lock_path == "../work/pylock.env.toml"
        asked.clear()
        outcome = project.image()
        assert outcome.up_to_date
        assert outcome.report.passed
        assert asked == ["/images/env:latest/json", "/images/env:v1/json"]
        assert project.engine.did == done
        project.engine.names["env:v1"] = BASE  # somebody else's image has the name now
        assert not project.image().up_to_date
        assert not project.image(force=True).up_to_date
        assert not project.image(no_cache=True).up_to_date
        assert project.image().up_to_date
    assert not project.image().up_to_date  # nobody answers: no harm, only work


def test_an_image_that_was_not_tried_is_tried_when_asked(project: Project) -> None:
    assert project.image(smoke=False).report is None
    with project.listen():
        assert project.image(smoke=False).up_to_date
        again = project.image()
        assert (again.up_to_date, again.report.passed) == (False, True)
        assert project.image(smoke=False).up_to_date


def test_an_image_that_fails_gets_another_name_and_is_not_remembered(project: Project) -> None:
    project.engine.answer = replace(ANSWER, code=3, stderr="it broke\n")
    with pytest.raises(SmokeError) as caught:
        project.image()
    assert caught.value.message == (
        "1 of 1 smoke tests did not pass; the image is kept as env:failed,"
        " and env:latest, env:v1 was not touched"
    )
    assert caught.value.hint == "look inside: docker run --rm -it --entrypoint sh env:failed"
    assert caught.value.report.results[0].detail == "exit code 3: it broke"
    assert project.engine.did[-2:] == ["smoke check", "tag env:failed"]
    with project.listen() as asked, pytest.raises(SmokeError):
        project.image()
    assert asked == []


def test_a_spec_may_call_its_image_failed(project: Project) -> None:
    project.path.write_text(TEXT.replace("v1", "failed"))
    project.engine.answer = replace(ANSWER, code=3)
    with pytest.raises(
        SmokeError, match="the image is kept as env:failed-smoke, and env:latest, env:failed was"
    ):
        project.image()


@pytest.mark.parametrize("reason", [KeyboardInterrupt(), EngineError("the engine went away")])
def test_an_image_that_nobody_named_goes_when_its_trial_is_cut_short(
    project: Project, reason: BaseException
) -> None:
    project.engine.answer = reason
    with pytest.raises(type(reason)):
        project.image()
    assert project.engine.did[-2:] == ["smoke check", "remove"]
    assert BUILT not in project.engine.images


def test_an_image_with_a_name_stays_when_its_trial_is_cut_short(project: Project) -> None:
    project.engine.names["mine:1"] = BUILT
    project.engine.answer = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        project.image()
    assert project.engine.did[-1] == "smoke check"
    assert BUILT in project.engine.images


def test_an_engine_that_is_gone_does_not_hide_why_the_run_ended(project: Project) -> None:
    project.engine.answer = KeyboardInterrupt()
    project.engine.while_building = lambda: setattr(project.engine, "broken", True)
    with pytest.raises(KeyboardInterrupt):
        project.image()


def test_a_build_that_fails_names_nothing(project: Project) -> None:
    def fail() -> None:
        raise BuildError("the step `x` failed")

    project.engine.while_building = fail
    with pytest.raises(BuildError, match="the step `x` failed"):
        project.image()
    assert project.engine.did[-1] == "build"


@pytest.mark.parametrize("name", ["spec.yml", "pylock.env.toml", "data"])
def test_what_changes_during_the_build_is_seen_by_the_next_run(project: Project, name: str) -> None:
    (project.folder / "data").write_text("old")
    project.path.write_text(f"{TEXT}copy: [{{from: data, to: /data}}]\n")

    def edit() -> None:
        path = project.folder / name
        path.write_text(f"{path.read_text()}# edited\n")

    project.engine.while_building = edit
    assert not project.image().up_to_date
    project.engine.while_building = lambda: None
    with project.listen():
        assert not project.image().up_to_date
        assert project.image().up_to_date


def test_what_changed_since_it_was_read_has_no_fingerprint(project: Project) -> None:
    locked = pipeline.lock(project.request(), LockOptions())
    assert made.taken_from(project.request(), locked) != ""
    project.path.write_text(f"{TEXT}env: {{A: b}}\n")
    assert made.taken_from(project.request(), locked) == ""
    locked = pipeline.lock(project.request(), LockOptions())
    project.lock(LockedBase(reference="base:2", image_id=BASE))
    assert made.taken_from(project.request(), locked) == ""


def test_a_fresh_lock_asks_no_engine(project: Project) -> None:
    request = project.request(connect=lambda: pytest.fail("an engine was asked for"))
    for options in (LockOptions(), LockOptions(frozen=True)):
        locked = pipeline.lock(request, options)
        assert (locked.written, locked.changes) == (False, ())
    assert pipeline.render(request, LockOptions()).context.dockerfile.startswith("#")


def test_a_frozen_lock_is_never_made(project: Project) -> None:
    request = project.request(connect=lambda: pytest.fail("an engine was asked for"))
    project.path.write_text(f"{TEXT}apt: [git]\npip: {{packages: [rich]}}\n")
    with pytest.raises(StaleLock) as stale:
        pipeline.lock(request, LockOptions(frozen=True))
    assert stale.value.message == "pylock.env.toml: the lock does not answer the spec any more"
    assert stale.value.changes == ("apt: + git", "pip: + rich")
    assert stale.value.hint == "renew it: envbuild lock"
    (project.folder / "pylock.env.toml").unlink()
    with pytest.raises(LockError) as missing:
        pipeline.lock(request, LockOptions(frozen=True))
    assert (missing.value.message, missing.value.hint) == (
        "pylock.env.toml: there is no lock yet",
        "make one: envbuild lock",
    )
    assert not (project.folder / "pylock.env.toml").exists()


def test_a_base_that_nobody_has_stops_before_the_build(project: Project) -> None:
    project.engine.images.clear()
    with pytest.raises(BaseUnavailable, match=r"base:1 \(sha256:abababababab\) exists in no registry"):
        project.image()
    assert project.engine.did == []


def test_a_context_is_written_with_a_name_for_its_base(project: Project, tmp_path: Path) -> None:
    name = LockedBase(reference="base:1", image_id=BASE).build_reference
    pipeline.write(project.request(), LockOptions(), tmp_path / "context")
    assert project.engine.names == {name: BASE}
    assert project.events == []
    text = (tmp_path / "context" / "Dockerfile").read_text()
    assert name in text
    with project.listen() as asked:  # it is there already: one question, and no engine connected to
        request = project.request(connect=lambda: pytest.fail("an engine was connected to"))
        pipeline.write(request, LockOptions(), tmp_path / "context")
    assert asked == [f"/images/{name}/json"]


def test_a_context_is_written_though_nobody_has_its_base(project: Project, tmp_path: Path) -> None:
    project.engine.images.clear()
    pipeline.write(project.request(), LockOptions(), tmp_path / "context")
    assert (tmp_path / "context" / "Dockerfile").is_file()
    (notice,) = project.events
    assert isinstance(notice, Notice)
    assert notice.level == "warning"
    assert notice.text.startswith(
        "`docker build` will not find envbuild-base:abababababababab: the base base:1 "
    )


def test_a_base_of_a_registry_needs_no_engine_to_be_rendered(project: Project, tmp_path: Path) -> None:
    project.lock(LockedBase(reference="base:1", digest=BASE))
    request = project.request(connect=lambda: pytest.fail("an engine was asked for"))
    pipeline.write(request, LockOptions(), tmp_path / "context")
    assert project.events == []
