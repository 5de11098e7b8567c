"""`Engine.push`: layers sent, mounted, already there; logins, refusals, broken connections."""

import base64
import contextlib
import http.client
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.contexts import Recorder, context
from support.engine_front import EngineFront, engine_front, uploaded
from support.engines import own_podman
from support.faulty import Fault, Gate
from support.need import missing
from support.processes import DidNotStart, free_port
from support.registries import Registry

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import EngineError, RegistryError
from envbuild.events import Event, StepDone, StepFailed, StepLog, StepProgress
from envbuild.names import parse_reference

pytestmark = pytest.mark.registry

BIG, SMALL = 3_000_000, 50_000


def build(engine: Engine, reference: str, *, big: int = BIG) -> str:
    """An image of two layers that no other test has, which do not compress; returns its id."""
    files = {"big": os.urandom(big), "small": os.urandom(SMALL)}
    dockerfile = "FROM scratch\nCOPY big /big\nCOPY small /small\n"
    return engine.build(context(dockerfile, files), BuildRequest(tags=(reference,))).id


@contextlib.contextmanager
def image_at(engine: Engine, host: str, repository: str = "", *, big: int = BIG) -> Iterator[str]:
    """A new image's name at a registry; the engine forgets the image in the end."""
    reference = f"{host}/{repository or f'lab/{uuid.uuid4().hex[:12]}'}:t"
    image = build(engine, reference, big=big)
    try:
        yield reference
    finally:
        engine.remove(image, force=True)


def digest_at(registry: str, reference: str, login: Mapping[str, str] | None = None) -> str | None:
    """What the registry says of the tag, asked without the code under test; None: there is none."""
    wanted = parse_reference(reference)
    connection = http.client.HTTPConnection(registry)
    kinds = "application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.manifest.v1+json"
    with contextlib.closing(connection):
        headers = {"Accept": kinds, **(login or {})}
        connection.request("HEAD", f"/v2/{wanted.repository}/manifests/{wanted.tag}", headers=headers)
        answer = connection.getresponse()
        answer.read()
        assert answer.status in {200, 404}
        return answer.getheader("Docker-Content-Digest") if answer.status == 200 else None


def details(seen: Recorder) -> list[str]:
    """How the layers ended."""
    return sorted(
        event.detail.partition(" at ")[0]
        for event in seen.events
        if isinstance(event, StepDone) and event.id.count(":") > 3
    )


def test_layers_are_sent_once_and_mounted_elsewhere(engine: Engine, open_registry: Registry) -> None:
    with image_at(engine, open_registry.host) as reference:
        seen = Recorder()
        first = engine.push(reference, seen)
        seen.check()
        assert (first.sent, first.mounted, first.there) == (2, 0, 0)
        assert first.digest == digest_at(open_registry.host, reference)
        if not engine.info.containerd_store:  # which counts only what takes a while
            assert BIG + SMALL <= first.size < 1.1 * (BIG + SMALL)
            assert [text.partition(".")[0] for text in details(seen)] == ["3", "51"]
            moved = [event for event in seen.events if isinstance(event, StepProgress)]
            assert {BIG, SMALL} == {event.total for event in moved}

        seen = Recorder()
        again = engine.push(reference, seen)
        assert (again.sent, again.there, again.size) == (0, 2, 0)
        assert again.digest == first.digest
        assert details(seen) == ["already there"] * 2

        other = f"{open_registry.host}/lab/{uuid.uuid4().hex[:12]}:t"
        image = engine.image(reference)
        assert image
        engine.tag(image.id, other)
        seen = Recorder()
        mounted = engine.push(other, seen)
        engine.untag(other)
        seen.check()
        assert (mounted.sent, mounted.mounted) == (0, 2)
        assert details(seen) == [f"mounted from {parse_reference(reference).repository}"] * 2


def test_a_login_is_shown(engine: Engine, engine_url: str, registry: Registry, tmp_path: Path) -> None:
    with image_at(engine, registry.host) as reference:
        with connect(engine_url, registry.docker_config(tmp_path / "right")) as known:
            pushed = known.push(reference)
        pair = base64.b64encode(f"{registry.user}:{registry.password}".encode()).decode()
        assert digest_at(registry.host, reference, {"Authorization": f"Basic {pair}"}) == pushed.digest


@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_the_right_login(
    engine: Engine, engine_url: str, registry: Registry, tmp_path: Path, password: str | None
) -> None:
    environ = {"HOME": str(tmp_path)} if password is None else registry.docker_config(tmp_path, password)
    with image_at(engine, registry.host) as reference, connect(engine_url, environ) as unknown:
        seen = Recorder()
        with pytest.raises(RegistryError) as caught:
            unknown.push(reference, seen)
    said = "no basic auth credentials" if password is None else "nauthorized"
    what, _, why = caught.value.message.partition(" login: ")
    assert what == f"{reference.removesuffix(':t')}: the registry {registry.host} refuses without the right"
    assert said in why
    assert caught.value.hint == f"log in with `docker login {registry.host}`, then try again"
    assert caught.value.trouble == "login"
    assert isinstance(seen.events[-1], StepFailed)


def with_login(host: str, folder: Path, **entry: str) -> dict[str, str]:
    """A docker config with an entry for one registry; returns the environment that names it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: entry}}))
    return {"DOCKER_CONFIG": str(folder)}


def test_bearer_tokens(engine: Engine, engine_url: str, open_registry: Registry, tmp_path: Path) -> None:
    users = {"bob": ("secret", {"pull", "push"}), "eve": ("secret", {"pull"})}
    gate = Gate(users=users, identities={"an-identity-token": "bob"})
    with (
        engine_front(open_registry.host, gate=gate) as front,
        image_at(engine, front.host) as reference,
    ):
        entries = {  # those who may not come first: what is there needs no right to push
            "eve": {"username": "eve", "password": "secret"},
            "expired": {"identitytoken": "no-token-any-more"},
            "bob": {"username": "bob", "password": "secret"},
            "token": {"identitytoken": "an-identity-token"},
        }
        troubles = {}
        for who, entry in entries.items():
            with connect(engine_url, with_login(front.host, tmp_path / who, **entry)) as known:
                try:
                    troubles[who] = known.push(reference).digest
                except RegistryError as error:
                    troubles[who] = error.trouble
        digest = digest_at(open_registry.host, reference)
    assert troubles == {"bob": digest, "token": digest, "eve": "denied", "expired": "login"}


@pytest.fixture
def front(open_registry: Registry) -> Iterator[EngineFront]:
    with engine_front(open_registry.host) as started:
        yield started


@pytest.fixture
def slept(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds between tries, which the test does not wait for."""
    pauses: list[float] = []
    monkeypatch.setattr(engine._pusher, "_sleep", pauses.append)
    return pauses


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, b""), (503, b"<html>"), (429, b'{"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}')],
)
def test_a_manifest_that_is_refused_for_a_moment_is_sent_again(
    engine: Engine, front: EngineFront, open_registry: Registry, slept: list[float], status: int, body: bytes
) -> None:
    front.faults.append(Fault(path="/manifests/", method="PUT", status=status, body=body, times=2))
    with image_at(engine, front.host) as reference:
        seen = Recorder()
        pushed = engine.push(reference, seen)
    seen.check()
    assert pushed.digest == digest_at(open_registry.host, reference)
    assert slept == [1.0, 2.0][: len(slept)]
    assert slept or engine.info.containerd_store  # which tries once more by itself
    assert pushed.sent + pushed.there == 2  # of the last try
    said = [event.line for event in seen.events if isinstance(event, StepLog)]
    assert [line.rpartition("; ")[2] for line in said] == [
        f"trying again in {pause:.0f} s" for pause in slept
    ]


def test_one_that_fails_for_good_is_left(engine: Engine, front: EngineFront, slept: list[float]) -> None:
    front.faults.append(Fault(path="/manifests/", method="PUT", status=500, times=99))
    with image_at(engine, front.host) as reference, pytest.raises(RegistryError) as caught:
        engine.push(reference)
    assert slept == [1.0, 2.0, 4.0]
    assert caught.value.trouble == "busy"
    assert " fails: " in caught.value.message
    assert caught.value.message.endswith("500 Internal Server Error")


def test_a_connection_cut_in_a_blob(
    engine: Engine, front: EngineFront, open_registry: Registry, slept: list[float]
) -> None:
    front.faults.append(Fault(path="/blobs/uploads/", method="PATCH|PUT", cut_upload=SMALL // 2))
    with image_at(engine, front.host) as reference:
        seen = Recorder()
        pushed = engine.push(reference, seen)
    seen.check()
    assert pushed.digest == digest_at(open_registry.host, reference)
    assert pushed.sent + pushed.there == 2
    said = [event.line for event in seen.events if isinstance(event, StepLog)]
    assert len(said) == 1
    assert "the engine tries again in 5 s" in said[0] or said[0].endswith("; trying again in 1 s")
    assert uploaded(front) >= BIG + SMALL + SMALL // 2


UNSUPPORTED = b'{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported"}]}'
INVALID = b'{"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}'
IMMUTABLE = b'{"errors":[{"code":"TAG_INVALID","message":"The image tag t already exists"}]}'


@pytest.mark.parametrize(
    ("path", "method", "status", "body", "trouble", "says"),
    [
        ("/uploads/", "POST", 405, UNSUPPORTED, "denied", "takes no pushes"),
        ("/manifests/", "PUT", 400, INVALID, "wrong", "does not take what the engine sent"),
        ("/manifests/", "PUT", 400, IMMUTABLE, "denied", "does not let a tag be set again"),
        ("/manifests/", "PUT", 403, b"", "denied", "does not let this login push to lab/"),
    ],
)
def test_refusals(
    engine: Engine,
    front: EngineFront,
    open_registry: Registry,
    slept: list[float],
    path: str,
    method: str,
    status: int,
    body: bytes,
    trouble: str,
    says: str,
) -> None:
    front.faults.append(Fault(path=path, method=method, status=status, body=body, times=99))
    with image_at(engine, front.host) as reference, pytest.raises(RegistryError) as caught:
        engine.push(reference)
    assert (caught.value.trouble, slept) == (trouble, [])
    assert says in caught.value.message
    assert caught.value.hint
    assert digest_at(open_registry.host, reference) is None


def test_nobody_answers(engine: Engine, slept: list[float]) -> None:
    host = f"127.0.0.1:{free_port()}"
    with image_at(engine, host) as reference, pytest.raises(RegistryError) as caught:
        engine.push(reference)
    assert (caught.value.trouble, slept) == ("unreachable", [])
    assert caught.value.message.startswith(
        f"{reference.removesuffix(':t')}: the registry {host} cannot be reached from the engine: "
    )


def test_an_image_that_the_engine_lacks(engine: Engine, open_registry: Registry) -> None:
    with pytest.raises(EngineError) as caught:
        engine.push(f"{open_registry.host}/lab/nothing:t")
    assert not isinstance(caught.value, RegistryError)
    assert "nothing:t" in caught.value.message


def test_ctrl_c_stops_the_engine_and_leaves_no_tag(
    engine: Engine, front: EngineFront, open_registry: Registry
) -> None:
    seen = Recorder()

    def interrupted(event: Event) -> None:
        seen(event)
        if isinstance(event, StepProgress):
            raise KeyboardInterrupt

    front.faults.append(Fault(path="/blobs/uploads/", method="PUT", slow=0.2, times=99))
    with image_at(engine, front.host, big=20_000_000) as reference:
        with pytest.raises(KeyboardInterrupt):
            engine.push(reference, interrupted)
        assert digest_at(open_registry.host, reference) is None
        assert not front.asked("PUT", "/manifests/")
    started = {event.id for event in seen.events if type(event).__name__ == "StepStarted"}
    ended = {event.id for event in seen.events if isinstance(event, StepDone | StepFailed)}
    assert started == ended


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(own_podman())
        except DidNotStart as error:
            missing("engine", f"no podman: {error}")


def test_podman_pushes_to_registries_on_this_machine(
    podman: str, registry: Registry, open_registry: Registry, tmp_path: Path
) -> None:
    with connect(podman, registry.docker_config(tmp_path)) as engine:
        with image_at(engine, open_registry.host) as reference:
            seen = Recorder()
            pushed = engine.push(reference, seen)
            seen.check()
            assert pushed.digest == digest_at(open_registry.host, reference)
            assert (pushed.sent, pushed.there) == (0, 0)  # it does not tell
        with image_at(engine, registry.host) as reference:
            assert engine.push(reference).digest.startswith("sha256:")
    with connect(podman, {"HOME": str(tmp_path)}) as engine, image_at(engine, registry.host) as reference:
        with pytest.raises(RegistryError) as caught:
            engine.push(reference)
        assert caught.value.trouble == "login"
