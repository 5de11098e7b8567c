"""A front before a registry that fails as the test says: cut connections, statuses, lies, slowness; and that
may want bearer tokens or TLS. What is not said to fail is passed on to the real registry as it is.
"""

import base64
import contextlib
import http.client
import http.server
import json
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, parse_qsl, urlsplit

PIECE = 1 << 16
_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length"}


@dataclass
class Fault:
    """What goes wrong with requests whose method and path these patterns find, the first `times` times.

    status      answer this, with `headers` and `body`, and pass nothing on
    cut         end the connection after so many bytes of the answer's body
    cut_upload  end it after so many bytes of the request's body, which the registry gets
    content     answer with this body in place of the registry's
    slow        wait so many seconds before each piece of the answer
    hide        headers that the registry does not get to see
    drop        headers of the answer that do not come through
    change      headers of the answer that come otherwise
    """

    path: str
    method: str = ""
    times: int = 1
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: int = -1
    cut_upload: int = -1
    content: bytes | None = None
    slow: float = 0.0
    hide: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    change: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """A request that came: what was asked, with which headers, and how many bytes it brought."""

    method: str
    path: str
    headers: Mapping[str, str]
    size: int = 0


@dataclass
class Gate:
    """Who may do what, for whom a token server gives tokens.

    users       name → (password, actions)
    identities  identity token → name
    anybody     what may be done without a login
    """

    users: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    identities: dict[str, str] = field(default_factory=dict)
    anybody: set[str] = field(default_factory=set)
    life: int = 300
    realm: str = ""
    issued: list[str] = field(default_factory=list)
    _valid: dict[str, dict[str, set[str]]] = field(default_factory=dict)

    def expire(self) -> None:
        """From now on no token is good that was given before."""
        self._valid.clear()

    def ask(self, authorization: str, query: Mapping[str, list[str]], form: Mapping[str, str]) -> str | None:
        """A token for the scopes that are asked for, as far as they are allowed; None: refused."""
        allowed = self._allowed(authorization, form)
        if allowed is None:
            return None
        scopes = query.get("scope", []) or form.get("scope", "").split()
        granted: dict[str, set[str]] = {}
        for scope in scopes:
            kind, repository, actions = scope.split(":")
            assert kind == "repository"
            granted.setdefault(repository, set()).update(set(actions.split(",")) & allowed)
        token = f"token-{len(self.issued)}"
        self.issued.append(" ".join(scopes))
        self._valid[token] = granted
        return token

    def _allowed(self, authorization: str, form: Mapping[str, str]) -> set[str] | None:
        if form.get("grant_type") == "refresh_token":
            user = self.identities.get(form.get("refresh_token", ""))
            return self.users[user][1] if user else None
        if not authorization:
            return self.anybody or None
        pair = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        user, _, password = pair.partition(":")
        known = self.users.get(user)
        return known[1] if known and known[0] == password else None

    def refuses(self, authorization: str, method: str, path: str) -> str:
        """Why not, in the words of RFC 6750; "" for: come in."""
        granted = self._valid.get(authorization.removeprefix("Bearer "))
        if granted is None:
            return "invalid_token" if authorization else "none"
        found = re.match(r"/v2/(.+?)/(?:manifests|blobs|tags|referrers)/", path)
        action = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(method, "push")
        if method == "DELETE" and "/uploads/" in path:
            action = "push"
        return "" if found and action in granted.get(found[1], set()) else "insufficient_scope"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Front"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def handle_one_request(self) -> None:
        # Go's servers answer a TLS hello in plain HTTP, and so does this one.
        if not self.server.tls and self.connection.recv(1, socket.MSG_PEEK) == b"\x16":
            self.wfile.write(
                b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTPS request to an HTTP server.\n"
            )
            self.close_connection = True
            return
        super().handle_one_request()

    def do_GET(self) -> None:
        front = self.server
        length = int(self.headers.get("Content-Length") or 0)
        if front.gate and self.path.startswith("/token"):
            self._token(self.rfile.read(length))
            return
        front.seen.append(Seen(self.command, self.path, dict(self.headers.items()), length))
        if front.gate and (why := front.gate.refuses(self._shown(), self.command, self.path)):
            self.rfile.read(length)
            self._challenge(why)
            return
        fault = front.fault(self.command, self.path)
        if fault.status:
            self.rfile.read(length)
            self._answer(fault.status, list(fault.headers.items()), fault.body)
        else:
            self._pass_on(length, fault)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  names that http.server calls

    def _shown(self) -> str:
        return str(self.headers.get("Authorization") or "")

    def _token(self, body: bytes) -> None:
        gate = self.server.gate
        assert gate is not None
        fault = self.server.fault(self.command, self.path)
        if fault.status:
            self._answer(fault.status, list(fault.headers.items()), fault.body)
            return
        parts = urlsplit(self.path)
        token = gate.ask(self._shown(), parse_qs(parts.query), dict(parse_qsl(body.decode())))
        if token is None:
            self._answer(401, [], b'{"details":"incorrect username or password"}')
            return
        answer = {"access_token": token, "expires_in": gate.life}
        self._answer(200, [("Content-Type", "application/json")], json.dumps(answer).encode())

    def _challenge(self, why: str) -> None:
        gate = self.server.gate
        assert gate is not None
        realm = gate.realm or f"{self.server.url}/token"
        text = f'Bearer realm="{realm}",service="a, test",scope="repository:x:pull,push"'
        text += f',error="{why}"' if why != "none" else ""
        body = b'{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
        self._answer(401, [("WWW-Authenticate", text), ("Content-Type", "application/json")], body)

    def _pass_on(self, length: int, fault: Fault) -> None:
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        with contextlib.closing(upstream):
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            hidden = {name.lower() for name in fault.hide}
            hidden |= {"authorization"} if self.server.gate else set()
            for name, value in self.headers.items():
                if name.lower() not in hidden:
                    upstream.putheader(name, value)
            upstream.endheaders()
            if not self._send_body(upstream, length, fault.cut_upload):
                return
            response = upstream.getresponse()
            self._return(response, fault)

    def _send_body(self, upstream: http.client.HTTPConnection, length: int, cut: int) -> bool:
        sent = 0
        while sent < length:
            data = self.rfile.read(min(PIECE, length - sent))
            if not data:  # the client has gone: waiting for more would turn for ever
                self.close_connection = True
                return False
            if cut >= 0 and sent + len(data) > cut:
                upstream.send(data[: cut - sent])
                self._hang_up()
                return False
            upstream.send(data)
            sent += len(data)
        return True

    def _return(self, response: http.client.HTTPResponse, fault: Fault) -> None:
        dropped = {name.lower() for name in (*fault.drop, *fault.change)} | _HOP
        headers = [pair for pair in response.getheaders() if pair[0].lower() not in dropped]
        headers += fault.change.items()
        length = response.getheader("Content-Length")
        if fault.content is not None:
            response.read()
            self._answer(response.status, headers, fault.content)
            return
        self.send_response(response.status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", length or "0")
        self.end_headers()
        sent = 0
        while data := response.read(PIECE):
            time.sleep(fault.slow)
            if fault.cut >= 0 and sent + len(data) > fault.cut:
                self.wfile.write(data[: fault.cut - sent])
                self._hang_up()
                return
            self.wfile.write(data)
            sent += len(data)

    def _hang_up(self) -> None:
        self.close_connection = True
        with contextlib.suppress(OSError):
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def _answer(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class Front(http.server.ThreadingHTTPServer):
    """The front: `host` for references, `faults` to come, what it has `seen`."""

    daemon_threads = True

    def __init__(self, upstream: str, *, tls: ssl.SSLContext | None, gate: Gate | None, address: str) -> None:
        super().__init__((address, 0), _Handler)
        self.upstream = upstream
        self.tls = tls
        self.gate = gate
        self.port = int(self.server_address[1])
        self.host = f"{address}:{self.port}"
        self.url = f"{'https' if tls else 'http'}://{self.host}"
        self.faults: list[Fault] = []
        self.seen: list[Seen] = []
        self._lock = threading.Lock()

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        if self.tls:
            connection.settimeout(30)
            connection = self.tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up, and so do we."""

    def fault(self, method: str, path: str) -> Fault:
        with self._lock:
            for fault in self.faults:
                if fault.times and re.search(fault.path, path) and re.fullmatch(fault.method or ".*", method):
                    fault.times -= 1
                    return fault
        return Fault(path="")

    def asked(self, method: str = "", path: str = "") -> list[Seen]:
        """What was seen of these requests."""
        return [
            seen
            for seen in self.seen
            if re.search(path, seen.path) and re.fullmatch(method or ".*", seen.method)
        ]


@contextlib.contextmanager
def front_of(
    upstream: str,
    *,
    tls: ssl.SSLContext | None = None,
    gate: Gate | None = None,
    address: str = "127.0.0.1",
) -> Iterator[Front]:
    """A front before the registry at `upstream` (host:port), until the context ends."""
    with Front(upstream, tls=tls, gate=gate, address=address) as front:
        thread = threading.Thread(target=front.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield front
        finally:
            front.shutdown()
            thread.join(5)
