"""The user's registry logins in the forms in which engines take them. Not pure: credential helpers are run.

Input: a registry's host. Output: what the engine wants in X-Registry-Auth, or user and secret for BuildKit.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from envbuild.logins import HUB_KEY, Logins
from envbuild.names import HUB_HOSTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Credentials:
    """Looks credentials up when asked, never before: a helper may open a dialog or talk to a network."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._logins = Logins(environ)

    def entry(self, host: str) -> dict[str, str]:
        """The engine API's AuthConfig for a registry, {} if none. Raises RegistryError if a helper fails."""
        login = self._logins.login(host)
        if login is None:
            return {}
        found = {
            "username": login.user,
            "password": login.password,
            "identitytoken": login.identity_token,
            "registrytoken": login.registry_token,
            "serveraddress": HUB_KEY if host in HUB_HOSTS else host,
        }
        return {key: value for key, value in found.items() if value}

    def header(self, host: str) -> tuple[tuple[str, str], ...]:
        """X-Registry-Auth for requests about one registry."""
        return (("X-Registry-Auth", _encoded(self.entry(host))),)

    def pair(self, host: str) -> tuple[str, str]:
        """User and secret as BuildKit asks for them; a token comes without a user; empty if unknown."""
        login = self._logins.login(host)
        if login is None:
            return "", ""
        return ("", login.identity_token) if login.identity_token else (login.user, login.password)

    def config_header(self, hosts: Iterable[str]) -> tuple[tuple[str, str], ...]:
        """X-Registry-Config for classic builds: an entry for each of `hosts` that has credentials."""
        found = {host: entry for host in hosts if (entry := self.entry(host))}
        return (("X-Registry-Config", _encoded(found)),) if found else ()


def _encoded(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()
