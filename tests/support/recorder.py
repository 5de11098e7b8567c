"""A unix socket in front of an engine that passes everything on and remembers what the engine was asked."""

import contextlib
import re
import shutil
import socket
import socketserver
import tempfile
import threading
import urllib.parse
from collections.abc import Iterator
from pathlib import Path

_REQUEST = re.compile(rb"^([A-Z]+) (?:/v[0-9.]+)?(/\S*) HTTP/1\.[01]\r$", re.MULTILINE)


class Asked:
    """What went to the engine, connection by connection."""

    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.url = ""
        self.sent: list[bytearray] = []

    def requests(self) -> list[str]:
        """Method and path of every request, in the order of their connections."""
        found = [match for data in self.sent for match in _REQUEST.findall(bytes(data))]
        return [f"{method.decode()} {urllib.parse.unquote(path.decode())}" for method, path in found]

    def bodies(self) -> list[bytes]:
        """What followed the first request's headers on each connection."""
        return [bytes(data).partition(b"\r\n\r\n")[2] for data in self.sent]

    def connect(self) -> socket.socket:
        parts = urllib.parse.urlsplit(self.upstream)
        if parts.scheme == "unix":
            upstream = socket.socket(socket.AF_UNIX)
            upstream.connect(parts.path)
            return upstream
        return socket.create_connection((parts.hostname or "", parts.port or 2375))


class _Handler(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        asked: Asked = self.server.asked  # type: ignore[attr-defined]
        sent = bytearray()
        asked.sent.append(sent)
        with asked.connect() as upstream:
            answers = threading.Thread(target=_pump, args=(upstream, self.request, None), daemon=True)
            answers.start()
            _pump(self.request, upstream, sent)
            answers.join(30)


def _pump(source: socket.socket, sink: socket.socket, kept: bytearray | None) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(1 << 16):
            if kept is not None:
                kept += data
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


class _Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True
    asked: Asked


@contextlib.contextmanager
def recorded(upstream: str) -> Iterator[Asked]:
    """An engine at `upstream` under another URL, with a record."""
    folder = Path(tempfile.mkdtemp(prefix="envbuild-record-"))  # unix sockets have short paths
    asked = Asked(upstream)
    asked.url = f"unix://{folder}/engine.sock"
    with _Server(str(folder / "engine.sock"), _Handler) as server:
        server.asked = asked
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown()
            thread.join(5)
            shutil.rmtree(folder, ignore_errors=True)
