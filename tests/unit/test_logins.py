"""Registry logins: docker's config.json and its credential helpers (real programs, made by the test)."""

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest

from envbuild.engine.credentials import Credentials
from envbuild.errors import RegistryError
from envbuild.logins import HUB_KEY, Login, Logins

HOST = "registry.example.org:5000"


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def logins(folder: Path, config: Any) -> Logins:
    text = config if isinstance(config, str) else json.dumps(config)
    (folder / "config.json").write_text(text)
    return Logins({"DOCKER_CONFIG": str(folder), "PATH": f"{folder}:{os.environ['PATH']}"})


def helper(folder: Path, script: str, name: str = "test") -> None:
    """A credential helper that notes what it was asked for."""
    path = folder / f"docker-credential-{name}"
    path.write_text(f"#!/bin/sh\necho \"$1 $(cat)\" >> '{folder}/asked'\n{script}\n")
    path.chmod(0o755)


@pytest.mark.parametrize(
    ("entry", "login"),
    [
        ({"auth": encoded("alice:won:der/é")}, Login(user="alice", password="won:der/é")),
        ({"auth": encoded("alice:pass\0\0")}, Login(user="alice", password="pass")),
        ({"username": "alice", "password": "p"}, Login(user="alice", password="p")),
        ({"identitytoken": "t"}, Login(identity_token="t")),
        ({"auth": encoded("u:"), "identitytoken": "t"}, Login(user="u", identity_token="t")),
        ({"registrytoken": "t"}, Login(registry_token="t")),
        ({}, None),
        ("no entry", None),
    ],
)
def test_an_entry_of_config_json(tmp_path: Path, entry: Any, login: Login | None) -> None:
    assert logins(tmp_path, {"auths": {HOST: entry}}).login(HOST) == login


def test_names_of_a_registry_in_config_json(tmp_path: Path) -> None:
    entry = {"auth": encoded("alice:p")}
    for key in (HOST, f"https://{HOST}", f"http://{HOST}/v2/"):
        found = logins(tmp_path, {"auths": {key: entry}})
        assert found.login(HOST) == Login(user="alice", password="p")
        assert found.login("registry.example.org") is None
    for key in (HUB_KEY, "docker.io", "registry-1.docker.io"):
        for host in ("docker.io", "index.docker.io", "registry-1.docker.io"):
            assert logins(tmp_path, {"auths": {key: entry}}).login(host)


def test_nobody_logged_in(tmp_path: Path) -> None:
    assert Logins({"HOME": str(tmp_path)}).login(HOST) is None
    assert Logins({"HOME": str(tmp_path)}).path == tmp_path / ".docker" / "config.json"
    for config in ({}, {"auths": None}, {"auths": {"other": {"auth": "x"}}}):
        assert logins(tmp_path, config).login(HOST) is None


def test_a_helper_for_one_registry_and_one_for_all_others(tmp_path: Path) -> None:
    helper(tmp_path, 'echo \'{"ServerURL":"x","Username":"one","Secret":"p1"}\'', "one")
    helper(tmp_path, 'echo \'{"ServerURL":"x","Username":"<token>","Secret":"p2"}\'', "all")
    found = logins(tmp_path, {"credHelpers": {HOST: "one"}, "credsStore": "all"})
    assert found.login(HOST) == Login(user="one", password="p1")
    assert found.login("docker.io") == Login(identity_token="p2")
    assert (tmp_path / "asked").read_text() == f"get {HOST}\nget {HUB_KEY}\n"


@pytest.mark.parametrize(
    "script",
    ["echo 'credentials not found in native keychain'; exit 1", 'echo \'{"Username":"","Secret":""}\''],
)
def test_a_helper_that_knows_nothing_leaves_it_to_the_file(tmp_path: Path, script: str) -> None:
    helper(tmp_path, script)
    entry = {"auth": encoded("alice:p")}
    found = logins(tmp_path, {"credsStore": "test", "auths": {HOST: entry}})
    assert found.login(HOST) == Login(user="alice", password="p")
    assert found.login("other") is None


@pytest.mark.parametrize(
    ("config", "script", "why"),
    [
        ("{", "", "it is not JSON: "),
        ("[]", "", "it is no JSON object"),
        ({"auths": {HOST: {"auth": "not base64"}}}, "", "its `auth` is not user:password in base64"),
        ({"auths": {HOST: {"auth": encoded("nocolon")}}}, "", "its `auth` is not user:password in base64"),
        (
            {"credsStore": "gone"},
            "",
            "it names the credential helper docker-credential-gone, which is not on",
        ),
        ({"credsStore": "test"}, "echo locked >&2; exit 1", "docker-credential-test: locked"),
        ({"credsStore": "test"}, "exit 3", "docker-credential-test: exit code 3"),
        ({"credsStore": "test"}, "echo hello", "docker-credential-test did not answer in JSON"),
    ],
)
def test_logins_that_cannot_be_had(tmp_path: Path, config: Any, script: str, why: str) -> None:
    helper(tmp_path, script)
    with pytest.raises(RegistryError) as caught:
        logins(tmp_path, config).login(HOST)
    path = tmp_path / "config.json"
    assert caught.value.message.startswith(f"the credentials for {HOST} cannot be had from {path}: {why}")
    hint = f"log in again with `docker login {HOST}`, or take the broken entry out of {path}"
    assert (caught.value.hint, caught.value.trouble) == (hint, "login")


def test_a_login_does_not_show_its_secrets() -> None:
    login = Login(user="alice", password="secret", identity_token="secret", registry_token="secret")
    assert repr(login) == "Login(user='alice')"


def test_what_engines_are_given(tmp_path: Path) -> None:
    alice, nobody = {"auth": encoded("alice:p")}, {"auth": encoded(":")}
    config = {"auths": {HOST: alice, HUB_KEY: {"identitytoken": "t"}, "h": nobody}}
    logins(tmp_path, config)
    credentials = Credentials({"DOCKER_CONFIG": str(tmp_path)})
    assert credentials.entry(HOST) == {"username": "alice", "password": "p", "serveraddress": HOST}
    assert credentials.entry("docker.io") == {"identitytoken": "t", "serveraddress": HUB_KEY}
    assert credentials.entry("h") == {}
    assert credentials.pair(HOST) == ("alice", "p")
    assert credentials.pair("registry-1.docker.io") == ("", "t")
    assert credentials.pair("h") == ("", "")
    ((name, value),) = credentials.config_header([HOST, "h"])
    assert name == "X-Registry-Config"
    assert json.loads(base64.urlsafe_b64decode(value)) == {HOST: credentials.entry(HOST)}
    assert credentials.config_header(["h"]) == ()
    ((name, value),) = credentials.header("h")
    assert (name, json.loads(base64.urlsafe_b64decode(value))) == ("X-Registry-Auth", {})
