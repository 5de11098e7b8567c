"""The client of this site and user: `client_of(site, environ) → RegistryClient`. Reads nothing yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.logins import Logins
from envbuild.registry.client import RegistryClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.site.model import Site


def client_of(site: Site, environ: Mapping[str, str]) -> RegistryClient:
    """A client that reaches registries as the site says, with the logins that docker keeps for the user.

    Logins are looked up when a registry asks for one. Close it, or use it as a context manager.
    """
    return RegistryClient(site, Logins(environ))
