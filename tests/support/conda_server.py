"""A conda channel's folder on loopback http or https: logins, tokens, what was asked, broken answers."""

import base64
import contextlib
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Asked:
    """One request and its answer's status."""

    method: str
    path: str
    authorization: str
    status: int


@dataclass
class ChannelServer:
    """A running server of the files below `folder`.

    login    `user:password` that every request must carry, "": none
    token    requests must begin with /t/<token>/, "": none
    answers  path → (status, body): what is said instead of the file
    delay    seconds before each answer
    opened   requests that came in, answered or not
    """

    folder: Path
    login: str = ""
    token: str = ""
    answers: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    delay: float = 0
    opened: int = 0
    asked: list[Asked] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Without login or token."""
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def answer(self, path: str, authorization: str) -> tuple[int, bytes]:
        if self.token:
            head = f"/t/{self.token}"
            if not path.startswith(f"{head}/"):
                return 403, b"no token"
            path = path.removeprefix(head)
        if self.login and authorization != f"Basic {base64.b64encode(self.login.encode()).decode()}":
            return 401 if not authorization else 403, b"log in"
        if path in self.answers:
            return self.answers[path]
        file = (self.folder / path.lstrip("/")).resolve()
        if not file.is_relative_to(self.folder.resolve()) or not file.is_file():
            return 404, b"not here"
        return 200, file.read_bytes()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        channel = self.server.channel
        channel.opened += 1
        time.sleep(channel.delay)
        authorization = self.headers.get("Authorization", "")
        status, body = channel.answer(self.path, authorization)
        channel.asked.append(Asked(self.command, self.path, authorization, status))
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Cache-Control", "no-cache")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  a name that http.server calls


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, channel: ChannelServer, tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.channel = channel
        self._tls = tls

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that trust no stranger hang up."""


@contextlib.contextmanager
def serve(
    folder: Path, *, login: str = "", token: str = "", tls: ssl.SSLContext | None = None
) -> Iterator[ChannelServer]:
    """Serve `folder` until the context ends; what it is asked and how it answers may change meanwhile."""
    channel = ChannelServer(folder, login=login, token=token, scheme="https" if tls else "http")
    server = _Server(channel, tls)
    channel.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield channel
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
