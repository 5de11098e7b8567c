"""Registries on loopback: docker-registry, open or with a login, and a bearer-token front."""

import base64
import contextlib
import http.client
import http.server
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import bcrypt
import yaml

from support.processes import DidNotStart, free_port, listens, server

USER, PASSWORD = "alice", "wonder/land+=:é"


@dataclass(frozen=True)
class Registry:
    """A registry at `host` (127.0.0.1:port); user and password are empty where it asks for none."""

    host: str
    user: str = ""
    password: str = ""
    asked: list[str] = field(default_factory=list)

    def auth(self) -> dict[str, str]:
        """For the docker SDK's `auth_config`."""
        return {"username": self.user, "password": self.password} if self.user else {}

    def docker_config(self, folder: Path, password: str | None = None) -> dict[str, str]:
        """Writes a docker config.json that knows this registry's login; returns the environment naming it."""
        folder.mkdir(parents=True, exist_ok=True)
        pair = f"{self.user}:{self.password if password is None else password}".encode()
        auths = {self.host: {"auth": base64.b64encode(pair).decode()}}
        (folder / "config.json").write_text(json.dumps({"auths": auths}))
        return {"DOCKER_CONFIG": str(folder)}


@contextlib.contextmanager
def docker_registry(folder: Path, *, login: bool, deletes: bool = False) -> Iterator[Registry]:
    """Debian's docker-registry on a free port, with basic auth if `login`. Raises DidNotStart.

    Its blobs and tags lie in `folder`/data.
    """
    program = shutil.which("docker-registry")
    if not program:
        raise DidNotStart("docker-registry is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    config = {
        "version": 0.1,
        "log": {"level": "warn"},
        "storage": {"filesystem": {"rootdirectory": str(folder / "data")}, "delete": {"enabled": deletes}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    if login:
        hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4))
        (folder / "htpasswd").write_bytes(USER.encode() + b":" + hashed + b"\n")
        config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
    (folder / "config.yml").write_text(yaml.safe_dump(config))
    argv = [program, "serve", str(folder / "config.yml")]
    with server(argv, log=folder / "log", ready=lambda: listens(("127.0.0.1", port))):
        yield Registry(f"127.0.0.1:{port}", *((USER, PASSWORD) if login else ("", "")))


class _TokenFront(http.server.BaseHTTPRequestHandler):
    """Passes GET and HEAD on for who shows a token; /token gives one for user and password."""

    protocol_version = "HTTP/1.1"
    server: "_TokenServer"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        # Engines try TLS first. Go's servers answer a TLS hello in plain HTTP, which makes them come again
        # without.
        if self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            self.wfile.write(
                b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n"
            )
            self.close_connection = True
            return
        super().handle_one_request()

    def do_GET(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        if self.path.startswith("/token"):
            self._token(body)
        elif self.headers.get("Authorization") != f"Bearer {self.server.token}":
            realm = f"http://{self.server.host}/token"
            challenge = f'Bearer realm="{realm}",service="test",scope="repository:x:pull"'
            denied = {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]}
            self._answer(401, json.dumps(denied).encode(), [("WWW-Authenticate", challenge)])
        else:
            self._pass_on()

    do_HEAD = do_POST = do_GET  # noqa: N815  names that http.server calls

    def _token(self, body: bytes) -> None:
        pair = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        known = self.headers.get("Authorization") == f"Basic {pair}" or b"grant_type=password" in body
        self.server.asked.append(f"token {'known' if known else 'anonymous'}")
        if self.server.private and not known:
            self._answer(401, b'{"details":"incorrect username or password"}')
            return
        token = {"token": self.server.token, "access_token": self.server.token, "expires_in": 300}
        self._answer(200, json.dumps(token).encode())

    def _pass_on(self) -> None:
        upstream = http.client.HTTPConnection(self.server.upstream)
        names = {name for name in self.headers if name not in {"Host", "Authorization"}}
        kept = {name: ", ".join(self.headers.get_all(name, [])) for name in names}
        with contextlib.closing(upstream):
            upstream.request(self.command, self.path, headers=kept)
            response = upstream.getresponse()
            hidden = {"content-length", "transfer-encoding", "connection"}
            headers = [pair for pair in response.getheaders() if pair[0].lower() not in hidden]
            length = response.getheader("Content-Length")
            self._answer(response.status, response.read(), headers, length=length)

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: list[tuple[str, str]] | None = None,
        *,
        length: str | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in headers or [("Content-Type", "application/json")]:
            self.send_header(name, value)
        head = self.command == "HEAD"
        self.send_header("Content-Length", length if head and length else str(len(body)))
        self.end_headers()
        if not head:
            self.wfile.write(body)


class _TokenServer(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream: str, *, private: bool) -> None:
        super().__init__(("127.0.0.1", 0), _TokenFront)
        self.upstream = upstream
        self.private = private
        self.host = f"127.0.0.1:{self.server_address[1]}"
        self.token = "a-token-of-the-test"
        self.asked: list[str] = []

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up when they have what they want."""


@contextlib.contextmanager
def token_front(upstream: Registry, *, private: bool) -> Iterator[Registry]:
    """A registry that wants a bearer token, before an open one. Push to the open one: this one only reads."""
    front = _TokenServer(upstream.host, private=private)
    thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield Registry(front.host, *((USER, PASSWORD) if private else ("", "")), asked=front.asked)
    finally:
        front.shutdown()
        front.server_close()
        thread.join(5)
