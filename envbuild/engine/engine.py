"""The engine as the other rooms see it: one object; the modules beside this one do the work. Not pure."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

from envbuild.engine.build import Builder
from envbuild.engine.containers import Command, Containers
from envbuild.engine.history import history
from envbuild.engine.images import Images
from envbuild.engine.push import Pusher
from envbuild.engine.reading import folder
from envbuild.engine.sandbox import IDLE, Limits, sandbox
from envbuild.engine.saved import saved
from envbuild.events import ignore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager
    from types import TracebackType

    import docker

    from envbuild.engine.credentials import Credentials
    from envbuild.engine.history import Made
    from envbuild.engine.model import BuildRequest, BuiltImage, EngineInfo
    from envbuild.engine.push import Pushed
    from envbuild.engine.sandbox import Sandbox
    from envbuild.engine.saved import SavedStream
    from envbuild.engine.transport import Transport
    from envbuild.events import Sink
    from envbuild.images import ImageInfo, Ran
    from envbuild.render.model import BuildContext


class Engine:
    """A container engine that `connect` found. Use it as a context manager, or call `close`.

    `network` is what a command with a network gets: the engine's default one, or the host's.
    """

    def __init__(
        self,
        api: docker.APIClient,
        transport: Transport,
        info: EngineInfo,
        credentials: Credentials,
        *,
        mirrors: Mapping[str, str],
        network: str = "default",
        on_close: Callable[[], None] | None = None,
    ) -> None:
        self.info = info
        self._api = api
        self._transport = transport
        self._network = network
        self._on_close = on_close
        self._images = Images(api, transport, info, credentials, mirrors)
        self._pusher = Pusher(transport, info, credentials)
        self._containers = Containers(api, transport, info.clock_skew)
        self._builder = Builder(transport, info, self._images, credentials)

    def __enter__(self) -> Engine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._api.close()
        if self._on_close:
            self._on_close()

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name, digest or id (or as a mirror names it); None: there is none."""
        return self._images.image(reference)

    def history(self, reference: str) -> tuple[Made, ...]:
        """The steps that made an image of the store, oldest first, with their sizes unpacked."""
        return history(self._transport, reference)

    def folder(self, image: str, path: str, limit: int) -> bytes | None:
        """A folder of an image as a tar archive of at most `limit` bytes; nothing of the image runs."""
        return folder(self._containers, image, path, limit)

    def local_reference(self, reference: str) -> str | None:
        """What FROM must say for `reference`: itself, or as the mirror names it; None: not there."""
        return self._images.local_reference(reference)

    def remote_digest(self, reference: str, platform: str) -> str:
        """The manifest digest that the registry (or its mirror) has for `reference`. Raises RegistryError."""
        return self._images.remote_digest(reference, platform)

    def pull(self, reference: str, platform: str, sink: Sink = ignore) -> ImageInfo:
        """Pull with the user's credentials, through the site's mirror if any. Raises RegistryError."""
        return self._images.pull(reference, platform, sink)

    def push(self, reference: str, sink: Sink = ignore) -> Pushed:
        """Push what the store has under a name with a tag; its digest and layers. Raises RegistryError."""
        return self._pusher.push(reference, sink)

    def tag(self, image_id: str, reference: str) -> None:
        """Give an image a further name, taking it from whichever image had it."""
        self._images.tag(image_id, reference)

    def untag(self, reference: str) -> None:
        """Take a name away; an image without another name goes with it. Fine if there is none."""
        self._images.untag(reference)

    def remove(self, reference: str, *, force: bool = False) -> None:
        """Remove an image; `force`: with all its names. Nothing happens when it is not there."""
        self._images.remove(reference, force=force)

    def save(self, image: str) -> AbstractContextManager[SavedStream]:
        """The docker archive of an image as a stream; by its id it tells no names."""
        return saved(self._transport, image)

    def load(self, stream: IO[bytes]) -> ImageInfo:
        """Load a docker archive that holds one image."""
        return self._images.load(stream)

    def run(
        self,
        image: str,
        argv: Sequence[str],
        *,
        stdin: str = "",
        timeout: float | None = None,
        network: bool = False,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, bytes] | None = None,
        user: str = "",
    ) -> Ran:
        """Run `argv` in a throw-away container (as root unless `user` says another); `secrets` lie in
        /run/secrets.
        """
        return self._containers.run(
            Command(
                image=image,
                argv=argv,
                stdin=stdin,
                timeout=timeout,
                network=self._network if network else "none",
                environment=environment or {},
                secrets=secrets or {},
                user=user,
            )
        )

    def sandbox(
        self,
        image: str,
        *,
        memory: int,
        gpu: bool = False,
        devices: Sequence[str] = (),
        idle: Sequence[str] = IDLE,
    ) -> AbstractContextManager[Sandbox]:
        """A locked-down container to run commands in; `idle` keeps it alive.

        With `gpu` it has the GPUs that `devices` names by index or UUID, or all of them.
        Raises GpuUnavailable.
        """
        limits = Limits(memory=memory, gpu=gpu, devices=tuple(devices), idle=idle)
        return sandbox(self._containers, self.info, image, limits)

    def build(self, context: BuildContext, request: BuildRequest, sink: Sink = ignore) -> BuiltImage:
        """Stage 5. Raises BuildError, BaseUnavailable, EngineError; Ctrl-C stops the build at once."""
        return self._builder.build(context, request, sink)
