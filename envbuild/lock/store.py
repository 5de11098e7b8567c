"""What locking needs of an engine, as a Protocol that this room owns; `envbuild.engine` satisfies it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from envbuild.events import Sink
    from envbuild.images import ImageInfo, Ran


class BaseStore(Protocol):
    """Where base images lie and can be tried. Every method may raise EngineError."""

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name, digest or id in the store; None when there is none."""

    def remote_digest(self, reference: str, platform: str) -> str:
        """The manifest digest that the registry has for `reference`. Raises RegistryError."""

    def pull(self, reference: str, platform: str, sink: Sink) -> ImageInfo:
        """Bring the image into the store. Raises RegistryError."""

    def run(
        self,
        image: str,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float = 60,
        network: bool = False,
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run `argv` as root in a throw-away container of `image`, wait for it, remove it."""
