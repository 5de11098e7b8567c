"""Who visits a registry: the type of the fixture that makes clients."""

from collections.abc import Mapping
from typing import Protocol

from envbuild.registry.client import RegistryClient
from envbuild.site.model import Site


class Make(Protocol):
    """A client for who has `environ` (docker's config), on `site`."""

    def __call__(
        self, environ: Mapping[str, str] | None = None, site: Site | None = None
    ) -> RegistryClient: ...
