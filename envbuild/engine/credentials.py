"""Registry credentials of the user's: docker's config.json with its credential helpers, through the docker
SDK. Not pure.

Input: a registry's host. Output: what the engine wants in X-Registry-Auth, or user and secret for BuildKit.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from envbuild.engine.discover import docker_config
from envbuild.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

HUB = "docker.io"
HUB_HOSTS = frozenset({"docker.io", "index.docker.io", "registry-1.docker.io"})


class Credentials:
    """Looks credentials up when asked, never before: a helper may open a dialog or talk to a network."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def entry(self, host: str) -> dict[str, Any]:
        """The SDK's entry for a registry host, {} if none. Raises RegistryError if a helper fails."""
        import docker.auth
        import docker.errors

        path = docker_config(self._environ) / "config.json"
        if not path.is_file():
            return {}
        host = HUB if host in HUB_HOSTS else host
        try:
            config = docker.auth.load_config(str(path), credstore_env=dict(self._environ))
            return dict(docker.auth.resolve_authconfig(config, host) or {})
        except (docker.errors.DockerException, ValueError) as error:
            raise RegistryError(
                f"the credentials for {host} cannot be had from {path}: {error}",
                hint=f"log in again with `docker login {host}`, or take the broken entry out of {path}",
            ) from error

    def header(self, host: str) -> tuple[tuple[str, str], ...]:
        """X-Registry-Auth for requests about one registry."""
        return (("X-Registry-Auth", _encoded(self.entry(host))),)

    def pair(self, host: str) -> tuple[str, str]:
        """User and secret as BuildKit asks for them; a token comes without a user; empty if unknown."""
        entry = {key.lower(): value for key, value in self.entry(host).items()}
        if token := entry.get("identitytoken"):
            return "", str(token)
        return str(entry.get("username") or ""), str(entry.get("password") or "")

    def config_header(self, hosts: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """X-Registry-Config for classic builds: an entry for each of `hosts` that has credentials."""
        found = {host: entry for host in hosts if (entry := self.entry(host))}
        return (("X-Registry-Config", _encoded(found)),) if found else ()


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
