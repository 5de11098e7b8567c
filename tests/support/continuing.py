"""A stand-in for registries that let a broken upload go on: docker-registry 2.8 forgets it instead. It keeps
what came, and passes the whole on to the real registry in the end.
"""

import contextlib
import http.client
import re
import socket
import threading
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

PIECE = 1 << 16


@dataclass
class _Upload:
    data: bytearray = field(default_factory=bytearray)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Continuing"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            self.wfile.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            self.close_connection = True
            return
        super().handle_one_request()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.server.seen.append((self.command, self.path, self.headers.get("Content-Range") or ""))
        name = urlsplit(self.path).path.rpartition("/")[2]
        if self.command == "POST":
            name = uuid.uuid4().hex
            self.server.uploads[name] = _Upload()
            least = self.server.least_chunk
            self._say(202, name, [("OCI-Chunk-Min-Length", str(least))] if least else [])
        elif upload := self.server.uploads.get(name):
            self._upload(name, upload, length)
        else:
            self._pass_on(self.rfile.read(length))

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  names that http.server calls

    def _upload(self, name: str, upload: _Upload, length: int) -> None:
        if self.command == "GET":
            self._say(204, name)
        elif self.command == "DELETE":
            del self.server.uploads[name]
            self._say(204, name)
        elif self.server.largest and length > self.server.largest:
            self.rfile.read(length)
            self._say(413, name)
        elif not self._fits(upload):
            self.rfile.read(length)
            self._say(416, name)
        elif not self._read(upload, length):
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
        elif self.command == "PATCH":
            self._say(202, name)
        else:
            self._finish(name, upload)

    def _fits(self, upload: _Upload) -> bool:
        match = re.match(r"(\d+)-", self.headers.get("Content-Range") or "")
        return match is None or int(match[1]) == len(upload.data)

    def _read(self, upload: _Upload, length: int) -> bool:
        cut = self.server.cuts.pop(0) if length and self.server.cuts else -1
        left = length
        while left:
            data = self.rfile.read(min(PIECE, left))
            if not data:  # the client has gone
                return False
            if 0 <= cut < length - left + len(data):
                upload.data += data[: cut - (length - left)]
                return False
            upload.data += data
            left -= len(data)
        return True

    def _finish(self, name: str, upload: _Upload) -> None:
        parts = urlsplit(self.path)
        repository = parts.path.partition("/v2/")[2].partition("/blobs/")[0]
        (digest,) = parse_qs(parts.query)["digest"]
        with contextlib.closing(http.client.HTTPConnection(self.server.upstream)) as real:
            real.request("POST", f"/v2/{repository}/blobs/uploads/")
            begun = real.getresponse()
            begun.read()
            place = urlsplit(begun.headers["Location"])
            real.request("PUT", f"{place.path}?{place.query}&digest={digest}", bytes(upload.data))
            ended = real.getresponse()
            ended.read()
        del self.server.uploads[name]
        self._say(ended.status, name, [("Docker-Content-Digest", digest)])

    def _say(self, status: int, name: str, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        repository = self.path.partition("/v2/")[2].partition("/blobs/")[0]
        self.send_header("Location", f"/v2/{repository}/blobs/uploads/{name}")
        if upload := self.server.uploads.get(name):
            self.send_header("Range", f"0-{max(len(upload.data) - 1, 0)}")
        for header in headers or []:
            self.send_header(*header)
        if status != 204:
            self.send_header("Content-Length", "0")
        self.end_headers()

    def _pass_on(self, body: bytes) -> None:
        with contextlib.closing(http.client.HTTPConnection(self.server.upstream)) as real:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            real.request(self.command, self.path, body or None, headers)
            answer = real.getresponse()
            data = answer.read()
            self.send_response(answer.status)
            hidden = {"transfer-encoding", "connection", "content-length"}
            for name, value in answer.getheaders():
                if name.lower() not in hidden:
                    self.send_header(name, value)
            self.send_header("Content-Length", answer.getheader("Content-Length") or str(len(data)))
            self.end_headers()
            self.wfile.write(data)


class Continuing(ThreadingHTTPServer):
    """The stand-in: `cuts` says after how many bytes each of the next bodies breaks off (-1: not)."""

    daemon_threads = True

    def __init__(self, upstream: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.upstream = upstream
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.uploads: dict[str, _Upload] = {}
        self.seen: list[tuple[str, str, str]] = []
        self.cuts: list[int] = []
        self.largest = 0
        self.least_chunk = 0

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up, and so do we."""


@contextlib.contextmanager
def standin_that_continues(upstream: str) -> Iterator[Continuing]:
    """The stand-in before the registry at `upstream`, until the context ends."""
    with Continuing(upstream) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(5)
