"""The image store of an engine that is connected to only when the first question comes. Not pure.

A lock whose pins all still answer needs no engine, and one with `--allow-unpinned-base` can be made without
any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.events import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envbuild.engine.engine import Engine
    from envbuild.events import Sink
    from envbuild.images import ImageInfo, Ran


class LazyStore:
    """What locking asks of an engine; `connect` is called at the first question and may raise EngineError."""

    def __init__(self, connect: Callable[[], Engine]) -> None:
        self._connect = connect

    def image(self, reference: str) -> ImageInfo | None:
        """As `Engine.image`."""
        return self._connect().image(reference)

    def remote_digest(self, reference: str, platform: str) -> str:
        """As `Engine.remote_digest`."""
        return self._connect().remote_digest(reference, platform)

    def pull(self, reference: str, platform: str, sink: Sink = ignore) -> ImageInfo:
        """As `Engine.pull`."""
        return self._connect().pull(reference, platform, sink)

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
        """As `Engine.run`."""
        return self._connect().run(
            image, argv, stdin=stdin, timeout=timeout, network=network, environment=environment
        )
