"""A BuildKit session: the engine calls back over it for secrets, registry credentials and (old engines) the
context.

One thread per build; on the hijacked POST /session connection the engine is the HTTP/2 client. Not pure.
"""

from __future__ import annotations

import secrets as random
import threading
from typing import TYPE_CHECKING

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from envbuild.engine.buildkit.filesync import FILESYNC, FileSync
from envbuild.engine.buildkit.grpc import NOT_FOUND, UNKNOWN, GrpcCall, GrpcError, Unary, Unimplemented
from envbuild.engine.buildkit.proto import Message, encode
from envbuild.errors import EnvbuildError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from envbuild.engine.context import Entry
    from envbuild.engine.transport import Stream, Transport

HEALTH = "/grpc.health.v1.Health/Check"
SECRET = "/moby.buildkit.secrets.v1.Secrets/GetSecret"  # noqa: S105  the name of a call
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
WINDOW = 1 << 22
SERVING = 1

Pair = tuple[str, str]


class Session:
    """Serves one build until closed. `pair(host)` gives user and secret for a registry; `entries` a context
    to upload.

    `shared_key` must change with the context: under one key, equal size and time count as equal.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        secrets: Mapping[str, bytes],
        pair: Callable[[str], Pair],
        entries: Sequence[Entry] = (),
        shared_key: str = "",
    ) -> None:
        self.id = random.token_hex(16)
        self.failure: EnvbuildError | None = None
        self._secrets = secrets
        self._pair = pair
        self._entries = tuple(entries)
        self._unary = {
            HEALTH: lambda _: encode((1, SERVING)),
            SECRET: self._secret,
            CREDENTIALS: self._credentials,
        }
        methods = [*self._unary, *([FILESYNC] if entries else [])]
        self._stream: Stream = transport.upgrade(
            "/session",
            headers=(
                ("Connection", "Upgrade"),
                ("Upgrade", "h2c"),
                ("X-Docker-Expose-Session-Uuid", self.id),
                ("X-Docker-Expose-Session-Name", "envbuild"),
                ("X-Docker-Expose-Session-Sharedkey", shared_key),
                *(("X-Docker-Expose-Session-Grpc-Method", method) for method in methods),
            ),
        )
        config = h2.config.H2Configuration(client_side=False, header_encoding="utf-8")
        self._http2 = h2.connection.H2Connection(config)
        self._calls: dict[int, GrpcCall] = {}
        self._thread = threading.Thread(target=self._serve, daemon=True, name="envbuild-session")
        self._thread.start()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the session; a build that still needs it fails."""
        self._stream.close()
        self._thread.join(10)

    def _secret(self, request: Message) -> bytes:
        content = self._secrets.get(request.text(1))
        if content is None:  # newer engines ask for secrets of their own, too, and take this for an answer
            raise GrpcError(NOT_FOUND, f"there is no secret {request.text(1)}")
        return encode((1, content))

    def _credentials(self, request: Message) -> bytes:
        try:
            user, secret = self._pair(request.text(1))
        except EnvbuildError as error:
            raise GrpcError(UNKNOWN, error.message) from error
        return encode((1, user), (2, secret))

    def _serve(self) -> None:
        try:
            self._http2.initiate_connection()
            self._http2.increment_flow_control_window(WINDOW)
            self._stream.write(self._http2.data_to_send())
            while data := self._stream.read():
                for event in self._http2.receive_data(data):
                    self._handle(event)
                self._pump()
                self._stream.write(self._http2.data_to_send())
        except EnvbuildError as error:  # a file of the context cannot be read: the build cannot go on
            self.failure = error
        except (OSError, ValueError, h2.exceptions.ProtocolError):
            pass  # closed by either side; a build that still needed it says so in its own answer
        finally:
            self._stream.release()

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived):
            self._calls[event.stream_id] = self._open(event)
        elif isinstance(event, h2.events.DataReceived):
            self._http2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if call := self._calls.get(event.stream_id):
                call.receive(event.data)
        elif isinstance(event, h2.events.StreamEnded):
            if call := self._calls.get(event.stream_id):
                call.on_end()
        elif isinstance(event, h2.events.StreamReset):
            self._calls.pop(event.stream_id, None)

    def _open(self, event: h2.events.RequestReceived) -> GrpcCall:
        headers: dict[str, list[str]] = {}
        for name, value in event.headers:
            headers.setdefault(str(name), []).append(str(value))
        path = headers.get(":path", [""])[0]
        if answer := self._unary.get(path):
            return Unary(event.stream_id, answer)
        if path == FILESYNC and self._entries:
            return FileSync(event.stream_id, self._entries, headers)
        return Unimplemented(event.stream_id)

    def _pump(self) -> None:
        for number, call in list(self._calls.items()):
            try:
                over = call.pump(self._http2)
            except (h2.exceptions.StreamClosedError, h2.exceptions.ProtocolError):
                over = True  # the engine gave this call up
            if over:
                self._calls.pop(number, None)
