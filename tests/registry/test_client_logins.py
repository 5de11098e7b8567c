"""Who we are at a registry: basic, bearer tokens, identity tokens, helpers; and every way in which that fails."""

# ruff: noqa: E501  a table has one row for each exact message

import base64
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.faulty import Fault, Front, Gate, front_of
from support.pushed import Made, an_image, blob, push, somewhere
from support.registries import PASSWORD, USER, Registry
from support.visitors import Make

from envbuild.errors import RegistryError
from envbuild.names import Reference
from envbuild.registry.client import RegistryClient
from envbuild.site.model import Site

ALL = {"pull", "push", "delete"}


@pytest.fixture
def gate() -> Gate:
    return Gate(users={USER: (PASSWORD, ALL), "reader": ("r", {"pull"})}, identities={"identity": USER})


@pytest.fixture
def guarded(open_registry: Registry, gate: Gate) -> Iterator[Front]:
    """A front that wants bearer tokens."""
    with front_of(open_registry.host, gate=gate) as started:
        yield started


def config(folder: Path, host: str, **entry: str) -> dict[str, str]:
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps({"auths": {host: entry}}))
    return {"DOCKER_CONFIG": str(folder)}


def login(folder: Path, host: str, user: str = USER, password: str = PASSWORD) -> dict[str, str]:
    return config(folder, host, auth=base64.b64encode(f"{user}:{password}".encode()).decode())


def pushed(client: RegistryClient, open_registry: Registry, host: str) -> tuple[Reference, Made]:
    """An image behind `host`, brought there through the open registry."""
    reference, image = somewhere(open_registry.host), an_image()
    push(client, reference, image)
    return replace(reference, host=host), image


def refused(ask: Any, *arguments: object) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        ask(*arguments)
    return caught.value


def test_basic(make: Make, registry: Registry, tmp_path: Path) -> None:
    reference, image = somewhere(registry.host), an_image()
    known = make(registry.docker_config(tmp_path / "right"))
    assert push(known, reference, image) == image.digest
    assert known.resolve(reference, "linux/amd64").digest == image.digest
    named = f"{reference}: the registry {registry.host}"
    error = refused(make().manifest, reference)
    assert error.message == f"{named} wants a login, and there is none for it"
    assert error.hint == f"log in with `docker login {registry.host}`, then try again"
    error = refused(make(registry.docker_config(tmp_path / "wrong", "wrong")).manifest, reference)
    assert error.message == f"{named} refuses the user {USER} with this password"
    assert error.hint == f"log in again with `docker login {registry.host}`, then try again"
    assert error.trouble == "login"


def test_basic_asks_once(make: Make, registry: Registry, tmp_path: Path) -> None:
    """After the first 401 the login is shown at once: no further requests for nothing."""
    with front_of(registry.host) as front:
        client = make(login(tmp_path / "config", front.host))
        reference = somewhere(front.host)
        push(client, reference, an_image())
        without = [seen for seen in front.seen if "Authorization" not in seen.headers]
        assert len(without) == 1


def test_a_token_for_user_and_password(make: Make, client: RegistryClient, open_registry: Registry, guarded: Front, gate: Gate, tmp_path: Path) -> None:  # fmt: skip
    reference, image = pushed(client, open_registry, guarded.host)
    known = make(login(tmp_path / "config", guarded.host))
    found = known.resolve(reference, "linux/amd64")
    known.config(reference, found)
    known.tags(reference)
    assert gate.issued == [f"repository:{reference.repository}:pull"]
    push(known, reference, an_image())
    assert gate.issued[1:] == [f"repository:{reference.repository}:pull,push"]
    assert known.read_blob(reference, image.config, 1000)


def test_a_token_for_an_identity(make: Make, guarded: Front, gate: Gate, tmp_path: Path) -> None:
    known = make(config(tmp_path / "config", guarded.host, identitytoken="identity"))
    reference = somewhere(guarded.host)
    push(known, reference, an_image())
    assert gate.issued == [f"repository:{reference.repository}:pull,push"]


def test_a_token_from_a_helper(make: Make, guarded: Front, tmp_path: Path) -> None:
    helper = tmp_path / "docker-credential-test"
    helper.write_text('#!/bin/sh\necho \'{"Username":"<token>","Secret":"identity"}\'\n')
    helper.chmod(0o755)
    (tmp_path / "config.json").write_text(json.dumps({"credsStore": "test"}))
    known = make({"DOCKER_CONFIG": str(tmp_path), "PATH": f"{tmp_path}:/usr/bin:/bin"})
    push(known, somewhere(guarded.host), an_image())


def test_a_token_for_anybody(
    client: RegistryClient, open_registry: Registry, guarded: Front, gate: Gate
) -> None:
    gate.anybody = {"pull"}
    reference, image = pushed(client, open_registry, guarded.host)
    assert client.resolve(reference, "linux/amd64").digest == image.digest
    error = refused(client.upload_blob, reference, b"x", blob(b"x"))
    assert error.message.endswith(f": the registry {guarded.host} wants a login, and there is none for it")


def test_the_tokens_front_of_other_tests(
    make: Make, client: RegistryClient, open_registry: Registry, token_registry: Registry, tmp_path: Path
) -> None:
    reference, image = pushed(client, open_registry, token_registry.host)
    known = make(token_registry.docker_config(tmp_path / "config"))
    assert known.resolve(reference, "linux/amd64").digest == image.digest
    error = refused(make().manifest, reference)
    assert error.message == f"{token_registry.host}: the registry wants a login, and there is none for it"


def test_logins_that_are_refused(make: Make, guarded: Front, tmp_path: Path) -> None:
    host, reference = guarded.host, somewhere(guarded.host)
    again = f"log in again with `docker login {host}`, then try again"
    for environ, message, hint in (
        (login(tmp_path / "a", host, password="wrong"), f"{host}: the registry refuses the user {USER} with this password", again),
        (config(tmp_path / "b", host, identitytoken="old"), f"{host}: the registry does not take the login's token any more: it may have expired", again),
        (config(tmp_path / "c", host, registrytoken="old"), f"{reference}: the registry {host} refuses the login's token", again),
        (None, f"{host}: the registry wants a login, and there is none for it", f"log in with `docker login {host}`, then try again"),
    ):  # fmt: skip
        guarded.seen.clear()
        error = refused(make(environ).manifest, reference)
        assert (error.message, error.hint, error.trouble) == (message, hint, "login")
        assert len(guarded.seen) <= 2


def test_who_may_only_read(make: Make, client: RegistryClient, open_registry: Registry, guarded: Front, tmp_path: Path) -> None:  # fmt: skip
    reference, image = pushed(client, open_registry, guarded.host)
    reader = make(login(tmp_path / "config", guarded.host, "reader", "r"))
    assert reader.resolve(reference, "linux/amd64").digest == image.digest
    error = refused(reader.upload_blob, reference, b"x", blob(b"x"))
    assert error.message.endswith(
        f": the registry {guarded.host} does not let reader push to it: authentication required"
    )
    assert error.trouble == "denied"
    error = refused(reader.put_manifest, replace(reference, tag="2"), image.manifest, image.media_type)
    assert error.trouble == "denied"
    assert client.tags(replace(reference, host=open_registry.host)) == ("1",)


def test_a_token_that_expires_is_renewed(make: Make, client: RegistryClient, open_registry: Registry, guarded: Front, gate: Gate, tmp_path: Path) -> None:  # fmt: skip
    reference, image = pushed(client, open_registry, guarded.host)
    known = make(login(tmp_path / "config", guarded.host))
    for _ in range(3):
        assert known.manifest(reference).digest == image.digest
        gate.expire()
    assert len(gate.issued) == 3
    big = bytes(3_000_000)
    chunks = 0

    def expire_once(done: int, total: int) -> None:
        nonlocal chunks
        chunks += 1
        if chunks == 5:
            gate.expire()

    issued = len(gate.issued)
    known.upload_blob(reference, big, blob(big), chunk=1_000_000, progress=expire_once)
    assert len(gate.issued) > issued + 1
    assert known.read_blob(reference, blob(big), len(big)) == big


def test_a_token_that_never_helps(make: Make, guarded: Front, gate: Gate, tmp_path: Path) -> None:
    """A registry and a token server that do not agree: no endless asking."""
    known = make(login(tmp_path / "config", guarded.host))
    reference = somewhere(guarded.host)
    gate.refuses = lambda *arguments: "invalid_token"  # type: ignore[method-assign]
    error = refused(known.manifest, reference)
    assert error.message == (
        f"{reference}: the registry {guarded.host} does not take the token that its token server gave"
    )
    assert (len(guarded.seen), len(gate.issued)) == (2, 1)


def test_mounting_asks_for_both_repositories(make: Make, guarded: Front, gate: Gate, tmp_path: Path) -> None:
    known = make(login(tmp_path / "config", guarded.host))
    source, target = somewhere(guarded.host), somewhere(guarded.host)
    known.upload_blob(source, b"data", blob(b"data"))
    assert known.upload_blob(target, b"data", blob(b"data"), mount_from=source) == "mounted"
    both = f"repository:{source.repository}:pull repository:{target.repository}:pull,push"
    assert sorted(gate.issued[-1].split()) == sorted(both.split())


@pytest.mark.parametrize(
    ("realm", "message"),
    [
        ("http://auth.example.test/token", "{host}: its token server would be spoken to in plain http: http://auth.example.test/token"),
        ("ftp://auth.example.test/token", "{host}: names no token server, but 'ftp://auth.example.test/token'"),
        ("http://127.0.0.1:9/token", "{reference}: the registry {host} cannot be reached: its token server 127.0.0.1:9: connection refused"),
    ],
)  # fmt: skip
def test_token_servers_that_are_not_asked(make: Make, guarded: Front, gate: Gate, tmp_path: Path, realm: str, message: str) -> None:  # fmt: skip
    gate.realm = realm
    known = make(login(tmp_path / "config", guarded.host))
    reference = somewhere(guarded.host)
    error = refused(known.manifest, reference)
    assert error.message == message.format(host=guarded.host, reference=reference)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (Fault("", status=200, body=b"<html>"), "sent no token"),
        (Fault("", status=200, body=b'{"token": ""}'), "sent no token"),
        (Fault("", status=200, body=b'{"token": "a\\nb"}'), "sent no token"),
        (Fault("", status=404), "answers HTTP 404"),
        (Fault("", status=503, times=-1), "answers HTTP 503"),
    ],
)
def test_token_servers_that_fail(make: Make, guarded: Front, gate: Gate, tmp_path: Path, open_registry: Registry, fault: Fault, message: str) -> None:  # fmt: skip
    with front_of(open_registry.host) as server:
        server.faults = [replace(fault)]
        gate.realm = f"{server.url}/asked"
        known = make(login(tmp_path / "config", guarded.host))
        error = refused(known.manifest, somewhere(guarded.host))
        assert error.message.startswith(f"{guarded.host}: its token server {gate.realm} {message}")


def test_a_token_server_that_recovers(make: Make, client: RegistryClient, open_registry: Registry, tmp_path: Path, slept: list[float]) -> None:  # fmt: skip
    gate = Gate(users={USER: (PASSWORD, ALL)})
    with front_of(open_registry.host, gate=gate) as guarded:
        guarded.faults = [Fault("^/token", status=503, times=2)]
        known = make(login(tmp_path / "config", guarded.host))
        push(known, somewhere(guarded.host), an_image())
        assert len(slept) == 2


def test_a_challenge_that_makes_no_sense(client: RegistryClient, front: Front) -> None:
    front.faults = [Fault("/manifests/", status=401, headers={"WWW-Authenticate": "Negotiate"})]
    error = refused(client.manifest, somewhere(front.host))
    assert error.message.endswith("wants a login, and there is none for it")


def test_many_threads_share_one_token(make: Make, client: RegistryClient, open_registry: Registry, guarded: Front, gate: Gate, tmp_path: Path) -> None:  # fmt: skip
    layers = [bytes([number]) * 100_000 for number in range(12)]
    reference, image = somewhere(open_registry.host), an_image(layers)
    push(client, reference, image)
    reference = replace(reference, host=guarded.host)
    known = make(login(tmp_path / "config", guarded.host))
    failures: list[BaseException] = []

    def fetch(number: int) -> None:
        try:
            known.fetch_blob(reference, image.layers[number], tmp_path / f"{number}")
        except BaseException as error:  # noqa: BLE001  whatever it is, the test says it
            failures.append(error)

    threads = [threading.Thread(target=fetch, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []
    assert [(tmp_path / f"{number}").read_bytes() for number in range(12)] == layers
    assert set(gate.issued) == {f"repository:{reference.repository}:pull"}
    assert len(gate.issued) <= 12


def test_a_login_is_not_asked_for_where_none_is_wanted(
    make: Make, open_registry: Registry, tmp_path: Path
) -> None:
    """A broken config does not matter at a registry that is open to all."""
    (tmp_path / "config.json").write_text("{")
    known = make({"DOCKER_CONFIG": str(tmp_path)})
    push(known, somewhere(open_registry.host), an_image())


def test_the_login_is_the_mirrors(make: Make, client: RegistryClient, open_registry: Registry, guarded: Front, tmp_path: Path) -> None:  # fmt: skip
    reference, image = pushed(client, open_registry, guarded.host)
    site = Site(registry_mirrors={"registry.test": guarded.host})
    known = make(login(tmp_path / "config", guarded.host), site)
    found = known.resolve(replace(reference, host="registry.test"), "linux/amd64")
    assert found.digest == image.digest
