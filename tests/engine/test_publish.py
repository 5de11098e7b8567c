"""`envbuild push` on a real engine and real registries: what lies there afterwards, and what is refused."""

import contextlib
import json
import os
import re
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import docker
import pytest
from support.contexts import context
from support.engine_front import EngineFront, engine_front, uploaded
from support.faulty import Fault, Gate
from support.index import Index
from support.need import missing
from support.parcels import Parcel, Shelf
from support.processes import DidNotStart, free_port
from support.recorder import recorded
from support.registries import Registry, docker_registry

from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.lock.pylock import read_lock, write_lock
from envbuild.registry import kinds

pytestmark = [pytest.mark.registry, pytest.mark.network]

REPORTS = {kinds.LOCK, kinds.SMOKE, kinds.CYCLONEDX}
LABEL = "it has no label dev.envbuild.name, and no lock"
STAGING = re.compile("envbuild-[0-9a-f]{12}")


@pytest.fixture(scope="module")
def index() -> Iterator[Index]:
    with closing(Index()) as made:
        yield made


@pytest.fixture(scope="module")
def python_base(engine: Engine, base_image: str, network: None) -> Iterator[str]:
    """A base image that has Debian's Python 3.11 in it: no step has to install one."""
    install = "apt-get update -q && apt-get install -qy --no-install-recommends python3.11"
    tag = f"envbuild-test-python:{uuid.uuid4().hex[:8]}"
    request = BuildRequest(tags=(tag,), network="host")
    engine.build(context(f"FROM {base_image}\nRUN {install}\n"), request)
    yield tag
    engine.untag(tag)


@pytest.fixture
def parcel(
    index: Index, python_base: str, engine_url: str, api: docker.APIClient, tmp_path: Path
) -> Iterator[Parcel]:
    """A project with a package of its own, not locked yet; its images go at the end."""
    made = Parcel(tmp_path / "work", tmp_path / "home", engine_url, index, python_base)
    index.add(f"crate{made.word}", "1.0")
    yield made
    for image in api.images(filters={"label": f"dev.envbuild.name={made.name}"}):
        api.remove_image(image["Id"], force=True)


@pytest.fixture
def home(parcel: Parcel, open_registry: Registry) -> str:
    """The repository of the project, whose image is made; the layers of the base lie beside it."""
    repository = f"{open_registry.host}/lab/{parcel.name}"
    parcel.spec(repository, crate(parcel), f"smoke: {{imports: {crate(parcel)}}}")
    parcel("image")
    return repository


@pytest.fixture
def front(open_registry: Registry) -> Iterator[EngineFront]:
    with engine_front(open_registry.host) as started:
        yield started


def crate(parcel: Parcel) -> list[str]:
    return [f"crate{parcel.word}"]


def anew(parcel: Parcel) -> None:
    """Make another image, which shares all large layers with the last one."""
    spec = (parcel.folder / "spec.yml").read_text()
    (parcel.folder / "spec.yml").write_text(f"{spec}env: {{A: b}}\n")
    parcel("image")


def local_tags(api: docker.APIClient, parcel: Parcel) -> list[str]:
    images = api.images(filters={"label": f"dev.envbuild.name={parcel.name}"})
    return sorted(tag for image in images for tag in image["RepoTags"] or [])


def test_an_image_and_what_belongs_to_it(parcel: Parcel, registry: Registry, api: docker.APIClient) -> None:
    repository = f"{registry.host}/lab/{parcel.name}"
    parcel.spec(repository, crate(parcel))
    parcel.knows(registry)
    made = parcel.json("image")
    pushed = parcel.json("push")
    shelf = Shelf(registry, repository)
    (there,) = pushed["repositories"]
    digest = there["digest"]
    assert shelf.digest("1") == shelf.digest("latest") == digest
    assert made["id"] == pushed["id"]
    assert made["id"] in {shelf.manifest("1")["config"]["digest"], digest}  # containerd's store: the latter
    assert (there["repository"], there["pinned"]) == (repository, f"{repository}@{digest}")
    assert there["set_tags"] == ["1", "latest"]
    found = dict(shelf.attached(digest))
    assert set(found) == REPORTS
    assert found[kinds.LOCK] == parcel.lock_path.read_bytes()
    assert json.loads(found[kinds.SMOKE]) == made["smoke"] == pushed["smoke"]
    sbom = json.loads(found[kinds.CYCLONEDX])
    assert f"pkg:pypi/crate{parcel.word}@1.0" in {part.get("purl") for part in sbom["components"]}
    assert local_tags(api, parcel) == [f"{repository}:1", f"{repository}:latest"]
    # The registry deletes nothing: the tag that the engine needed is left with nothing under it.
    assert shelf.tags() == sorted(["1", "latest", there["left_tag"]])
    assert [layer["size"] for layer in shelf.manifest(there["left_tag"])["layers"]] == [2]


@pytest.fixture(scope="module")
def deleting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry that deletes."""
    with contextlib.ExitStack() as stack:
        try:
            folder = tmp_path_factory.mktemp("deleting")
            yield stack.enter_context(docker_registry(folder, login=False, deletes=True))
        except DidNotStart as error:
            missing("registry", str(error))


def test_where_a_registry_deletes_nothing_is_left(parcel: Parcel, deleting: Registry) -> None:
    repository = f"{deleting.host}/lab/{parcel.name}"
    parcel.spec(repository, crate(parcel))
    parcel("image")
    (there,) = parcel.json("push")["repositories"]
    shelf = Shelf(deleting, repository)
    assert there["left_tag"] is None
    assert shelf.tags() == ["1", "latest"]
    assert shelf.digest("1") == there["digest"]
    assert {kind for kind, _ in shelf.attached(there["digest"])} == REPORTS
    assert len(shelf.manifest("1")["layers"]) > 2


# --- again, elsewhere, a little changed ---


def test_pushing_again_sends_nothing_and_asks_the_engine_one_question(
    parcel: Parcel, home: str, front: EngineFront, engine_url: str
) -> None:
    (first,) = parcel.json("push")["repositories"]
    with recorded(engine_url) as asked:
        out, err = parcel("push", environ={"DOCKER_HOST": asked.url})
    assert out.startswith(f"{home}:1: nothing to do, it is there\n  also     {home}:latest\n")
    assert (
        f"  digest   {first['digest']}\n  attached lock, smoke report, SBOM (CycloneDX) already there\n"
        in out
    )
    assert err == ""
    assert asked.requests() == [f"GET /images/{home}:1/json"]
    there = f"{front.host}/lab/{parcel.name}"
    (again,) = parcel.json("push", "--to", there)["repositories"]
    assert (again["up_to_date"], again["layers"], again["digest"]) == (True, None, first["digest"])
    assert uploaded(front) == 0
    assert not front.asked("POST|PATCH|PUT|DELETE")
    assert parcel("push", "-q")[0] == f"{first['pinned']}\n"


def test_a_further_tag_needs_no_engine(
    parcel: Parcel, home: str, open_registry: Registry, engine_url: str
) -> None:
    (first,) = parcel.json("push")["repositories"]
    with recorded(engine_url) as asked:
        parcel.environ["DOCKER_HOST"] = asked.url
        (more,) = parcel.json("push", "--to", f"{home}:1", "--to", f"{home}:stable")["repositories"]
    assert (more["layers"], more["set_tags"], more["left_tag"]) == (None, ["stable"], None)
    assert Shelf(open_registry, home).digest("stable") == first["digest"]
    assert asked.requests() == [f"GET /images/{home}:1/json"]


def test_several_repositories_and_registries(
    parcel: Parcel,
    home: str,
    open_registry: Registry,
    registry: Registry,
    engine: Engine,
    api: docker.APIClient,
) -> None:
    parcel.knows(registry)
    parcel("push")
    beside, abroad = f"{home}-beside", f"{registry.host}/lab/{parcel.name}"
    places = parcel.json("push", "--to", f"{beside}:new", "--to", abroad)["repositories"]
    assert [place["references"] for place in places] == [
        [f"{beside}:new"],
        [f"{abroad}:1", f"{abroad}:latest"],
    ]
    first, second = places
    if engine.info.kind == "docker":  # podman does not tell
        assert first["layers"]["mounted"] > 0
    if not engine.info.containerd_store:  # which mounts as well, and sends some small ones
        assert (first["layers"]["sent"], first["layers"]["bytes"]) == (0, 0)
    assert Shelf(open_registry, beside).digest("new") == first["digest"]
    assert Shelf(registry, abroad).digest("latest") == second["digest"]
    assert {kind for kind, _ in Shelf(open_registry, beside).attached(first["digest"])} == REPORTS
    assert {kind for kind, _ in Shelf(registry, abroad).attached(second["digest"])} == REPORTS
    assert local_tags(api, parcel) == [f"{home}:1", f"{home}:latest"]


def test_after_a_light_package_changed_little_more_than_its_layer_is_sent(
    parcel: Parcel, open_registry: Registry, front: EngineFront, index: Index
) -> None:
    light = f"light{parcel.word}"
    for version in ("1.0", "2.0"):
        index.add(light, version, doc=os.urandom(200_000).hex())
    repository = f"{front.host}/lab/{parcel.name}"
    parcel.spec(repository, [f"{light}==1.0", *crate(parcel)])
    parcel("image")
    parcel("push")
    before = uploaded(front)
    shelf = Shelf(open_registry, repository)
    old = {layer["digest"] for layer in shelf.manifest("1")["layers"]}
    parcel.spec(repository, [f"{light}==2.0", *crate(parcel)])
    parcel("image")
    (there,) = parcel.json("push")["repositories"]
    sent = uploaded(front) - before
    layers = [layer["size"] for layer in shelf.manifest("1")["layers"] if layer["digest"] not in old]
    assert there["layers"]["there"] == len(shelf.manifest("1")["layers"]) - len(layers)
    group = max(layers)
    assert group > 150_000
    assert group < sent <= 1.5 * group


# --- smoke tests ---


def test_by_name_with_nothing_remembered_the_smoke_tests_run(
    parcel: Parcel, home: str, open_registry: Registry, tmp_path: Path
) -> None:
    parcel.environ["XDG_STATE_HOME"] = str(tmp_path / "elsewhere")
    _, err = parcel("push", f"{home}:latest", "-v")
    assert "smoke: " in err
    shelf = Shelf(open_registry, home)
    assert shelf.tags()[-1:] == ["latest"]
    assert "1" not in shelf.tags()  # by name: that name alone
    found = dict(shelf.attached(shelf.digest("latest") or ""))
    assert json.loads(found[kinds.SMOKE])["passed"] is True
    assert found[kinds.LOCK] == parcel.lock_path.read_bytes()  # read out of the image


def test_what_does_not_pass_is_not_pushed(
    parcel: Parcel, open_registry: Registry, front: EngineFront, api: docker.APIClient
) -> None:
    repository = f"{front.host}/lab/{parcel.name}"
    parcel.spec(repository, crate(parcel), "smoke: {commands: ['exit 3']}")
    parcel("image", "--no-smoke")
    out, err = parcel("push", code=6)
    assert err.splitlines()[-2:] == [
        "error: spec.yml: was not pushed: 1 of 1 smoke tests did not pass",
        "hint: mend the spec and make the image anew; with --no-smoke it is pushed as not tested",
    ]
    assert "exit code 3" in out
    shelf = Shelf(open_registry, repository)
    assert shelf.tags() == []
    assert uploaded(front) == 0

    pushed = parcel.json("push", "--no-smoke")
    assert pushed["smoke"] == {"run": False, "why": "--no-smoke"}
    found = dict(shelf.attached(shelf.digest("1") or ""))
    assert json.loads(found[kinds.SMOKE]) == {"run": False, "why": "--no-smoke"}


def test_an_image_is_made_and_pushed(parcel: Parcel, open_registry: Registry) -> None:
    repository = f"{open_registry.host}/lab/{parcel.name}"
    parcel.spec(repository, crate(parcel))
    both = parcel.json("image", "--push")
    (there,) = both["push"]["repositories"]
    assert (both["push"]["id"], both["push"]["smoke"]) == (both["id"], both["smoke"])
    shelf = Shelf(open_registry, repository)
    assert shelf.digest("latest") == there["digest"]
    out, err = parcel("image", "--push")
    assert f"{repository}:1: nothing to do, the image is up to date\n" in out
    assert f"{repository}:1: nothing to do, it is there\n" in out
    assert err == ""
    assert parcel("image", "--push", "-q")[0] == f"{there['pinned']}\n"
    _, err = parcel("image", "--to", repository, code=2)
    assert "error: --to says where to push, and nothing is pushed" in err


# --- what makes no sense ---


def test_an_image_without_a_registry_in_its_name_goes_nowhere(parcel: Parcel, engine_url: str) -> None:
    parcel.spec(parcel.name, crate(parcel))
    with recorded(engine_url) as asked:
        _, err = parcel("image", "--push", code=2, environ={"DOCKER_HOST": asked.url})
    assert err.splitlines() == [
        (
            f"error: spec.yml is called {parcel.name}:1, which names no registry:"
            " docker would take it to Docker Hub"
        ),
        (
            f"hint: say where to: `envbuild push --to registry.example.org/lab/{parcel.name}`, or"
            f" image.repository in the spec; for Docker Hub write docker.io/USER/{parcel.name}"
        ),
    ]
    assert asked.requests() == []  # it is said before anything is built


def test_what_cannot_be_pushed(
    parcel: Parcel, home: str, python_base: str, open_registry: Registry, engine: Engine
) -> None:
    there = f"{open_registry.host}/lab/{parcel.name}"
    wrong = {
        ("push", python_base, "--to", there): (
            2,
            f"{python_base}: envbuild did not make this image: {LABEL}",
        ),
        ("push", "no-such-image:1"): (2, "no-such-image:1: neither a spec file nor an image of this engine"),
        ("push", "--to", f"{there}@sha256:{'0' * 64}"): (
            2,
            f"--to {there}@sha256:{'0' * 64}: nobody can choose the digest of what is pushed",
        ),
        ("push", "--to", "lab/x"): (
            2,
            "--to lab/x names no registry: docker would take it to Docker Hub",
        ),
    }
    for arguments, (code, error) in wrong.items():
        _, err = parcel(*arguments, code=code)
        assert f"error: {error}\n" in err
    text = (parcel.folder / "spec.yml").read_text()
    (parcel.folder / "spec.yml").write_text(f"{text}env: {{A: b}}\n")
    _, err = parcel("push", code=2)
    assert f"error: spec.yml: changed since its image {home}:1 was made\n" in err
    assert (
        f"hint: make it anew: envbuild image spec.yml; or push the old one: envbuild push {home}:1\n" in err
    )
    old = parcel("push", f"{home}:1", "-q")[0]
    assert old.startswith(f"{home}@sha256:")
    image = engine.image(f"{home}:1")
    assert image
    assert parcel("push", image.id.partition(":")[2][:12], "-q", "--to", f"{home}:by-id")[0] == old


def test_a_base_that_is_not_pinned_is_not_pushed(
    parcel: Parcel, open_registry: Registry, engine: Engine, base_image: str
) -> None:
    repository = f"{open_registry.host}/lab/{parcel.name}"
    parcel.spec(repository, crate(parcel))
    parcel.json("image")
    # As --allow-unpinned-base makes it where neither engine nor registry tell what the base is.
    lock = read_lock(parcel.lock_path)
    assert lock
    write_lock(parcel.lock_path, replace(lock, base=replace(lock.base, image_id=None, digest=None)))
    parcel("image", "--locked")
    _, err = parcel("push", code=4)
    assert f"error: spec.yml: was not pushed: its base {parcel.base} is not pinned" in err
    assert Shelf(open_registry, repository).tags() == []


# --- registries that refuse, break and lie ---


def refused(parcel: Parcel, *arguments: str, code: int = 7) -> tuple[str, str]:
    """The error and the hint of a push."""
    _, err = parcel("push", *arguments, code=code)
    *_, error, hint = err.splitlines()
    return error.removeprefix("error: "), hint.removeprefix("hint: ")


@pytest.mark.parametrize("password", [None, "wrong"])
def test_without_the_right_login_the_engine_is_not_even_asked(
    parcel: Parcel, home: str, registry: Registry, engine_url: str, password: str | None
) -> None:
    there = f"{registry.host}/lab/{parcel.name}"
    if password:
        parcel.knows(registry, password)
    with recorded(engine_url) as asked:
        parcel.environ["DOCKER_HOST"] = asked.url
        error, hint = refused(parcel, "--to", there)
    if password:
        assert error == (
            f"{there}: the registry {registry.host} refuses the user {registry.user} with this password"
        )
    else:
        assert error == f"{there}: the registry {registry.host} wants a login, and there is none for it"
    assert f"`docker login {registry.host}`, then try again" in hint
    assert asked.requests() == [f"GET /images/{home}:1/json"]
    parcel.environ["DOCKER_HOST"] = engine_url
    error, _ = refused(parcel, "--to", f"127.0.0.1:{free_port()}/lab/x")
    assert "cannot be reached" in error


def test_a_token_that_expired_or_does_not_allow_pushes(
    parcel: Parcel, home: str, open_registry: Registry
) -> None:
    users = {"bob": ("secret", {"pull", "push"}), "eve": ("secret", {"pull"})}
    gate = Gate(users=users, identities={"good": "bob", "weak": "eve"}, life=1)
    found = {}
    with engine_front(open_registry.host, gate=gate) as front:
        there = f"{front.host}/lab/{parcel.name}"
        folder = parcel.home / "docker"
        folder.mkdir()
        for token in ("expired", "weak", "good"):
            auths = {"auths": {front.host: {"identitytoken": token}}}
            (folder / "config.json").write_text(json.dumps(auths))
            if token != "good":
                found[token] = refused(parcel, "--to", there)
        assert not front.asked("PUT|PATCH")
        (pushed,) = parcel.json("push", "--to", there)["repositories"]
    assert found["expired"] == (
        f"{front.host}: the registry does not take the login's token any more: it may have expired",
        f"log in again with `docker login {front.host}`, then try again",
    )
    assert found["weak"][0].startswith(f"{there}: the registry {front.host} does not let this login push")
    assert Shelf(open_registry, home).digest("latest") == pushed["digest"]


READ_ONLY = b'{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported"}]}'


def test_a_read_only_registry(parcel: Parcel, home: str, front: EngineFront, engine_url: str) -> None:
    there = f"{front.host}/lab/{parcel.name}"
    front.faults.append(Fault(path="", method="POST|PUT|PATCH", status=405, body=READ_ONLY, times=99))
    with recorded(engine_url) as asked:
        parcel.environ["DOCKER_HOST"] = asked.url
        error, hint = refused(parcel, "--to", there)
    assert error == (f"{there}: the registry {front.host} takes no pushes: The operation is unsupported")
    assert hint == "it may be a read-only mirror"
    assert asked.requests() == [f"GET /images/{home}:1/json"]


@pytest.mark.parametrize(
    "fault",
    [
        Fault(path="/blobs/uploads/", method="PATCH|PUT", cut_upload=200),
        Fault(path="/blobs/uploads/", method="POST", status=500, times=2),  # for us, and the engine
        Fault(path="/blobs/uploads/", method="POST", status=429, headers={"Retry-After": "1"}, times=2),
        Fault(path="/manifests/envbuild-", method="PUT", status=500),
        Fault(path="/manifests/envbuild-", method="PUT", status=429),
        Fault(path="/manifests/sha256:", method="PUT", status=503),
        Fault(path="/manifests/latest", method="PUT", status=502),
    ],
    ids=["cut", "500", "429", "manifest 500", "manifest 429", "artifact 503", "tag 502"],
)
def test_what_passes_is_tried_again(
    parcel: Parcel, home: str, open_registry: Registry, front: EngineFront, fault: Fault
) -> None:
    there = f"{front.host}/lab/{parcel.name}"
    parcel("push", "--to", f"{home}:old")  # large layers need not be sent again
    anew(parcel)
    front.faults.append(replace(fault))
    (pushed,) = parcel.json("push", "--to", there)["repositories"]
    assert front.faults[0].times == 0
    shelf = Shelf(open_registry, home)
    assert shelf.digest("1") == shelf.digest("latest") == pushed["digest"]
    assert {kind for kind, _ in shelf.attached(pushed["digest"])} == REPORTS


@pytest.mark.parametrize(
    ("path", "trouble"),
    [
        ("/manifests/envbuild-", "fails: received unexpected HTTP status: 500"),
        ("/manifests/sha256:", "the registry fails with HTTP 500 (5 times)"),
        ("/manifests/latest", ":1 were set before"),
    ],
)
def test_no_tag_moves_unless_all_is_there(
    parcel: Parcel, home: str, open_registry: Registry, front: EngineFront, path: str, trouble: str
) -> None:
    (old,) = parcel.json("push")["repositories"]
    anew(parcel)
    front.faults.append(Fault(path=path, method="PUT", status=500, times=99))
    there = f"{front.host}/lab/{parcel.name}"
    # The other repository comes first, and nothing is set there either.
    aside = f"{front.host}/lab/{parcel.name}-aside:1"
    error, _ = refused(parcel, "--to", aside, "--to", there)
    assert trouble in error
    shelf = Shelf(open_registry, home)
    assert shelf.digest("latest") == old["digest"]
    set_before = path == "/manifests/latest"
    assert (shelf.digest("1") == old["digest"]) is not set_before
    assert (Shelf(open_registry, aside).digest("1") is None) is not set_before
    front.faults.clear()
    (new,) = parcel.json("push", "--to", there)["repositories"]
    assert shelf.digest("1") == shelf.digest("latest") == new["digest"] != old["digest"]


def test_a_tag_that_somebody_moves_meanwhile_is_said(
    parcel: Parcel, home: str, open_registry: Registry, front: EngineFront
) -> None:
    """The tag is there from the start; the front hides it at our first look."""
    other = Shelf(open_registry, home)
    (old,) = parcel.json("push", "--to", f"{home}:old")["repositories"]
    manifest = other.ask("manifests/old")
    anew(parcel)
    there = f"{front.host}/lab/{parcel.name}"
    front.faults.append(Fault(path="/manifests/1$", method="HEAD", status=404, times=1))
    other.put("1", manifest[2], manifest[1]["Content-Type"])
    _, err = parcel("push", "--to", f"{there}:1")
    assert f"warning: {there}:1 was set to {old['digest']} by somebody else meanwhile; it is moved now" in err
    assert other.digest("1") != old["digest"]


def test_a_full_registry(parcel: Parcel, home: str, front: EngineFront) -> None:
    """The registry is a stand-in's: it says what docker-registry says of ENOSPC; docker tells 500 only."""
    there = f"{front.host}/lab/{parcel.name}"
    detail = {"DriverName": "filesystem", "Enclosed": {"Op": "write", "Path": "/x", "Err": 28}}
    errors = {"errors": [{"code": "UNKNOWN", "message": "unknown error", "detail": detail}]}
    body = json.dumps(errors, separators=(",", ":"))
    full = {"status": 500, "body": body.encode(), "times": 99}
    front.faults.append(Fault(path="/manifests/", method="PUT", **full))
    front.faults.append(Fault(path="digest=sha256%3A44136f", method="PUT", **full))
    error, hint = refused(parcel, "--to", there)
    assert "the registry's disk is full" in error
    assert hint == "tell who runs it; a garbage collection may help"


def test_ctrl_c_while_a_layer_is_sent(
    parcel: Parcel,
    home: str,
    open_registry: Registry,
    front: EngineFront,
    api: docker.APIClient,
    index: Index,
) -> None:
    (old,) = parcel.json("push")["repositories"]
    there = f"{front.host}/lab/{parcel.name}"
    index.add(f"heavy{parcel.word}", "1.0", doc=os.urandom(20_000_000).hex())
    parcel.spec(there, [*crate(parcel), f"heavy{parcel.word}"])
    parcel("image")
    before = local_tags(api, parcel)
    front.slow_upload = 0.05
    with parcel.started("push", "--json") as running:
        running.wait_for('"event": "step_progress"')
        running.interrupt()
        code, out, err = running.end()
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    shelf = Shelf(open_registry, there)
    assert shelf.digest("1") == shelf.digest("latest") == old["digest"]
    assert not [tag for tag in shelf.tags() if STAGING.fullmatch(tag) and tag != old["left_tag"]]
    assert local_tags(api, parcel) == before
    assert not front.asked("PUT", "/manifests/")
    front.slow_upload = 0.0
    (new,) = parcel.json("push")["repositories"]
    assert shelf.digest("latest") == new["digest"] != old["digest"]


def test_ctrl_c_when_the_image_is_there_and_its_report_is_not(
    parcel: Parcel, deleting: Registry, api: docker.APIClient
) -> None:
    with engine_front(deleting.host) as front:
        there = f"{front.host}/lab/{parcel.name}"
        parcel.spec(there, crate(parcel))
        parcel("image")
        before = local_tags(api, parcel)
        wait = {"status": 503, "headers": {"Retry-After": "60"}, "times": 99}
        front.faults.append(Fault(path="/manifests/sha256:", method="PUT", **wait))
        with parcel.started("push") as running:
            running.wait_for("push: attach lock")
            while not front.asked("PUT", "/manifests/sha256:"):
                time.sleep(0.05)
            running.interrupt()
            code, _, err = running.end()
    assert (code, "Traceback" in err) == (130, False)
    assert Shelf(deleting, there).tags() == []  # the engine's tag went, too
    assert local_tags(api, parcel) == before
