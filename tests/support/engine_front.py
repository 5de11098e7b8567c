"""The faulty front of `faulty.py` for engines, whose uploads come with `Transfer-Encoding: chunked`."""

import contextlib
import http.client
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

from support.faulty import Fault, Front, Gate, _Handler


class _ChunkedHandler(_Handler):
    server: "EngineFront"
    _drained = True

    def parse_request(self) -> bool:
        good = super().parse_request()
        self._drained = not (good and "chunked" in self.headers.get("Transfer-Encoding", ""))
        return good

    def _send_body(self, upstream: http.client.HTTPConnection, length: int, cut: int) -> bool:
        if self._drained:
            return super()._send_body(upstream, length, cut)
        sent = 0
        for data in self._chunks():
            time.sleep(self.server.slow_upload)
            if cut >= 0 and sent + len(data) > cut:
                self._count(cut)
                upstream.send(b"%x\r\n%b\r\n" % (cut - sent, data[: cut - sent]))
                self._hang_up()
                return False
            upstream.send(b"%x\r\n%b\r\n" % (len(data), data))
            sent += len(data)
        upstream.send(b"0\r\n\r\n")
        self._count(sent)
        return True

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        if not self._drained:
            self._count(sum(len(data) for data in self._chunks()))
        super()._answer(status, headers, body)

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        self._drained = True

    def _count(self, size: int) -> None:
        seen = self.server.seen
        mine = max(number for number, one in enumerate(seen) if one.path == self.path and not one.size)
        seen[mine] = replace(seen[mine], size=size)


class EngineFront(Front):
    """A front that takes chunks, and `slow_upload` seconds for each."""

    def __init__(self, upstream: str, gate: Gate | None) -> None:
        super().__init__(upstream, tls=None, gate=gate, address="127.0.0.1")
        self.RequestHandlerClass = _ChunkedHandler
        self.slow_upload = 0.0


@contextlib.contextmanager
def engine_front(upstream: str, *faults: Fault, gate: Gate | None = None) -> Iterator[EngineFront]:
    """A front before the registry at `upstream` (host:port) for engines and everybody else."""
    with EngineFront(upstream, gate) as front:
        front.faults += faults
        thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join(5)


def uploaded(front: Front) -> int:
    """Bytes that were sent as blobs."""
    return sum(seen.size for seen in front.asked("POST|PATCH|PUT", "/blobs/uploads/"))
