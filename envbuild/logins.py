"""Registry logins of the user's, where docker keeps them: config.json and its credential helpers. Not pure.

Input: a registry's host. Output: a `Login`, or None. Without the docker SDK, whose import costs more than a
question to a registry does.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.errors import RegistryError
from envbuild.files import docker_folder
from envbuild.names import HUB, HUB_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping

HUB_KEY = "https://index.docker.io/v1/"
"""What docker calls Docker Hub in its files and to its helpers."""
TOKEN_USER = "<token>"  # noqa: S105  the user name with which helpers say that the secret is an identity token
_HELPER_LIMIT = 300.0  # seconds: some ask their user for a passphrase
_NOT_FOUND = "credentials not found in native keychain"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Login:
    """What a registry is shown: user and password, or an identity token (an OAuth refresh token) to be
    exchanged, or a registry token (a bearer token) to be shown as it is. The unknown are empty.
    """

    user: str = ""
    password: str = ""
    identity_token: str = ""
    registry_token: str = ""

    def __bool__(self) -> bool:
        return bool(self.user or self.password or self.identity_token or self.registry_token)

    def __repr__(self) -> str:
        """Without secrets: a repr ends up in tracebacks and logs."""
        return f"Login(user={self.user!r})"


class Logins:
    """Looks logins up when asked, never before: a helper may open a dialog or talk to a network."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.path = docker_folder(environ) / "config.json"

    def login(self, host: str) -> Login | None:
        """The login for a registry's host, None if there is none.

        A helper is asked first (`credHelpers` for this registry, else `credsStore`), then `auths`. Raises
        RegistryError when the file makes no sense, or a helper fails.
        """
        config = self._config(host)
        keys = _keys(host)
        helpers = _mapping(config.get("credHelpers"))
        helper = next((helpers[key] for key in keys if key in helpers), config.get("credsStore"))
        found = self._from_helper(str(helper), host) if helper else None
        return found or self._from_file(config, host)

    def _config(self, host: str) -> dict[str, Any]:
        try:
            text = self.path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            if isinstance(error, OSError):
                return {}  # as docker: a file that is not there, or may not be read, holds no login
            raise self._failed(host, "it is not UTF-8 text") from error
        try:
            config = json.loads(text)
        except ValueError as error:
            raise self._failed(host, f"it is not JSON: {error}") from error
        if not isinstance(config, dict):
            raise self._failed(host, "it is no JSON object")
        return config

    def _from_file(self, config: dict[str, Any], host: str) -> Login | None:
        auths = _mapping(config.get("auths"))
        keys = _keys(host)
        entry = next((auths[key] for key in keys if key in auths), None)
        if entry is None:  # keys may be URLs, as docker wrote them once
            entry = next((value for key, value in auths.items() if _host_of(key) in keys), None)
        if not isinstance(entry, dict):
            return None
        user, password = str(entry.get("username") or ""), str(entry.get("password") or "")
        if encoded := entry.get("auth"):
            user, password = self._decoded(str(encoded), host)
        login = Login(
            user=user,
            password=password,
            identity_token=str(entry.get("identitytoken") or ""),
            registry_token=str(entry.get("registrytoken") or ""),
        )
        return login or None

    def _decoded(self, encoded: str, host: str) -> tuple[str, str]:
        try:
            user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = ""
        if not colon:
            raise self._failed(host, "its `auth` is not user:password in base64")
        return user, password.strip("\0")

    def _from_helper(self, name: str, host: str) -> Login | None:
        program = f"docker-credential-{name}"
        environ = {**os.environ, **self._environ}
        path = shutil.which(program, path=environ.get("PATH"))
        if not path:
            raise self._failed(host, f"it names the credential helper {program}, which is not on PATH")
        try:
            ran = subprocess.run(
                [path, "get"],
                input=(HUB_KEY if host in HUB_HOSTS else host).encode(),
                env=environ,
                capture_output=True,
                check=False,
                timeout=_HELPER_LIMIT,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise self._failed(host, f"{program}: {error}") from error
        said = ran.stdout.decode("utf-8", "replace").strip()
        if ran.returncode:
            if _NOT_FOUND in said:
                return None
            why = said or ran.stderr.decode("utf-8", "replace").strip() or f"exit code {ran.returncode}"
            raise self._failed(host, f"{program}: {why[-300:]}")
        try:
            found = _mapping(json.loads(said))
        except ValueError as error:
            raise self._failed(host, f"{program} did not answer in JSON") from error
        user, secret = str(found.get("Username") or ""), str(found.get("Secret") or "")
        if user == TOKEN_USER:
            return Login(identity_token=secret)
        return Login(user=user, password=secret) or None

    def _failed(self, host: str, why: str) -> RegistryError:
        return RegistryError(
            f"the credentials for {host} cannot be had from {self.path}: {why}",
            trouble="login",
            hint=f"log in again with `docker login{'' if host in HUB_HOSTS else f' {host}'}`, "
            f"or take the broken entry out of {self.path}",
        )


def _keys(host: str) -> tuple[str, ...]:
    """The names under which a registry may stand in docker's files, the usual one first."""
    if host in HUB_HOSTS:
        return (HUB_KEY, HUB, *sorted(HUB_HOSTS - {HUB}))
    return (host,)


def _host_of(key: str) -> str:
    return key.removeprefix("https://").removeprefix("http://").partition("/")[0]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
