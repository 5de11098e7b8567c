"""An HTTP proxy on loopback that wants a login and remembers what it was asked for. http is passed on; https
goes by CONNECT, to hosts that the test names only.
"""

import base64
import contextlib
import http.server
import select
import shutil
import socket
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping

_HOP = {"connection", "proxy-connection", "proxy-authorization", "keep-alive", "transfer-encoding", "host"}


class Proxy:
    """What a proxy needs to know, and what it was asked: `GET http://…`, `CONNECT host:443`.

    login  `user:password`; who has not said it gets 407, and lands in `refused`
    hosts  `host:port` of a CONNECT → where that really is
    """

    def __init__(self, login: str, hosts: Mapping[str, tuple[str, int]]) -> None:
        self.login = login
        self.hosts = dict(hosts)
        self.asked: list[str] = []
        self.refused: list[str] = []
        self.host = ""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def _known(self) -> bool:
        proxy = self.server.proxy
        pair = base64.b64encode(proxy.login.encode()).decode()
        known = self.headers.get("Proxy-Authorization") == f"Basic {pair}"
        (proxy.asked if known else proxy.refused).append(f"{self.command} {self.path}")
        if not known:
            self._short(407, [("Proxy-Authenticate", 'Basic realm="test"')])
        return known

    def _short(self, status: int, headers: list[tuple[str, str]] | None = None) -> None:
        self.send_response(status)
        for name, value in [*(headers or []), ("Content-Length", "0")]:
            self.send_header(name, value)
        self.end_headers()

    def do_CONNECT(self) -> None:
        if not self._known():
            return
        address = self.server.proxy.hosts.get(self.path)
        if address is None:
            self._short(403)
            return
        with socket.create_connection(address, timeout=30) as upstream:
            self.send_response(200)
            self.end_headers()
            _shovel(self.connection, upstream)
        self.close_connection = True

    def do_GET(self) -> None:
        if not self._known():
            return
        headers = {name: value for name, value in self.headers.items() if name.lower() not in _HOP}
        request = urllib.request.Request(self.path, headers=headers, method=self.command)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self._pass_on(answer)
        except urllib.error.HTTPError as answer:  # 304 and 404 are answers, too
            with answer:
                self._pass_on(answer)
        except OSError:
            self._short(502)

    do_HEAD = do_GET  # noqa: N815  a name that http.server calls

    def _pass_on(self, answer: "urllib.request._UrlopenRet") -> None:
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            if name.lower() not in {*_HOP, "date", "server"}:
                self.send_header(name, value)
        if "Content-Length" not in answer.headers and answer.status != 304:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            shutil.copyfileobj(answer, self.wfile)


def _shovel(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    to = {one: other, other: one}
    with contextlib.suppress(OSError):
        while True:
            for source in select.select([one, other], [], [], 60)[0]:
                data = source.recv(1 << 16)
                if not data:
                    return
                to[source].sendall(data)


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, proxy: Proxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients hang up when they have what they want."""


@contextlib.contextmanager
def recording_proxy(login: str, hosts: Mapping[str, tuple[str, int]]) -> Iterator[Proxy]:
    """A proxy that serves until the context ends, at `host`."""
    proxy = Proxy(login, hosts)
    with _Server(proxy) as server:
        proxy.host = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield proxy
        finally:
            server.shutdown()
            thread.join(5)
