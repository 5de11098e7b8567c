"""gRPC calls as the server sees them: messages in frames, answers under flow control. No sockets here."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from envbuild.engine.buildkit.proto import Message, WireError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import h2.connection

OK, UNKNOWN, NOT_FOUND, UNIMPLEMENTED = 0, 2, 5, 12
HEAD = [(":status", "200"), ("content-type", "application/grpc")]
FRAME = struct.Struct(">BI")
AHEAD = 1 << 16


class GrpcError(Exception):
    """The answer to a call is an error status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.text = text


class GrpcCall:
    """One call; subclasses say what happens on a message and at the end of the input."""

    def __init__(self, stream_id: int) -> None:
        self._stream_id = stream_id
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._producers: list[Iterator[bytes]] = []
        self._status: tuple[int, str] | None = None
        self._head_sent = False

    def on_message(self, message: Message) -> None:
        """A whole message came."""

    def on_end(self) -> None:
        """The caller sends no more."""

    def receive(self, data: bytes) -> None:
        """Take bytes off the wire."""
        self._inbox += data
        while len(self._inbox) >= FRAME.size:
            _, size = FRAME.unpack_from(self._inbox)
            if len(self._inbox) < FRAME.size + size:
                return
            payload = bytes(self._inbox[FRAME.size : FRAME.size + size])
            del self._inbox[: FRAME.size + size]
            try:
                self.on_message(Message(payload))
            except WireError as error:
                self.finish(UNKNOWN, str(error))

    def send(self, payload: bytes) -> None:
        """Queue a message."""
        self._outbox += FRAME.pack(0, len(payload)) + payload

    def produce(self, payloads: Iterator[bytes]) -> None:
        """Queue messages that are made when there is room for them."""
        self._producers.append(payloads)

    def finish(self, status: int = OK, text: str = "") -> None:
        """End the call once everything queued has been sent."""
        self._status = (status, text)

    def pump(self, http2: h2.connection.H2Connection) -> bool:
        """Send what flow control allows; True when the call is over."""
        if (self._outbox or self._producers) and not self._head_sent:
            http2.send_headers(self._stream_id, HEAD)
            self._head_sent = True
        while True:
            self._fill()
            window = min(http2.local_flow_control_window(self._stream_id), http2.max_outbound_frame_size)
            size = min(len(self._outbox), window)
            if size <= 0:
                break
            http2.send_data(self._stream_id, bytes(self._outbox[:size]))
            del self._outbox[:size]
        if self._status is None or self._outbox or self._producers:
            return False
        status, text = self._status
        trailer = [("grpc-status", str(status)), ("grpc-message", text)]
        http2.send_headers(self._stream_id, trailer if self._head_sent else HEAD + trailer, end_stream=True)
        return True

    def _fill(self) -> None:
        while self._producers and len(self._outbox) < AHEAD:
            payload = next(self._producers[0], None)
            if payload is None:
                self._producers.pop(0)
            else:
                self.send(payload)


class Unary(GrpcCall):
    """One message in, one out."""

    def __init__(self, stream_id: int, answer: Callable[[Message], bytes]) -> None:
        super().__init__(stream_id)
        self._answer = answer

    def on_message(self, message: Message) -> None:
        """Answer it."""
        try:
            self.send(self._answer(message))
        except GrpcError as error:
            self.finish(error.status, error.text)
        else:
            self.finish()


class Unimplemented(GrpcCall):
    """A call that this session does not serve: engines then use an older one."""

    def on_end(self) -> None:
        """Say so."""
        self.finish(UNIMPLEMENTED, "unimplemented")
