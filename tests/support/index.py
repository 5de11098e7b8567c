"""A Python package index on loopback: tiny wheels, hashes, a login, TLS; and other files under paths of their
own.
"""

import base64
import hashlib
import io
import ssl
import threading
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


def wheel(
    name: str,
    version: str,
    requires: Sequence[str] = (),
    tag: str = "py3-none-any",
    doc: str = "",
    files: Mapping[str, str] | None = None,
) -> tuple[str, bytes]:
    """A tiny wheel that pip and uv accept, the same bytes each time: (file name, bytes).

    files  path → content, besides its module and in place of it
    """
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {wish}\n" for wish in requires)
    parts = {
        f"{name}/__init__.py": f"{doc!r}\n__version__ = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
        **(files or {}),
    }
    parts[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*parts, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in parts.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return f"{name}-{version}-{tag}.whl", buffer.getvalue()


@dataclass(frozen=True)
class Asked:
    """One request: who sent it (`uv`, `python-requests`), and whether with the right login."""

    method: str
    path: str
    agent: str
    known: bool


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "_Server"

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        index = self.server.index
        known = index.knows(self.headers.get("Authorization", ""))
        agent = self.headers.get("User-Agent", "").partition("/")[0]
        index.asked.append(Asked(self.command, self.path, agent, known))
        status, kind, body = index.answer(self.path, known)
        self.send_response(status)
        if status == 401:
            self.send_header("WWW-Authenticate", "Basic")
        self.send_header("Content-Type", kind)
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815  a name that http.server calls


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, index: "Index", tls: ssl.SSLContext | None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.index = index
        self._tls = tls

    def get_request(self) -> tuple[Any, Any]:
        connection, address = super().get_request()
        if self._tls:  # the handshake comes with the first byte read, in the connection's own thread
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: clients that trust no stranger hang up."""


class Index:
    """A PEP 503 index: pages with hashes, files, HEAD.

    login   `user:password`, or "" for everybody
    files   wheels by name; `others`: further files by path, behind the login; `open`: before it
    """

    def __init__(self, *, login: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.login = login
        self.files: dict[str, bytes] = {}
        self.others: dict[str, bytes] = {}
        self.open: dict[str, bytes] = {}
        self.asked: list[Asked] = []
        self._scheme = "https" if tls else "http"
        self._server = _Server(self, tls)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self.host}/simple"

    def add(
        self,
        name: str,
        version: str,
        requires: Sequence[str] = (),
        tag: str = "py3-none-any",
        *,
        doc: str = "",
        files: Mapping[str, str] | None = None,
    ) -> None:
        """Offer a tiny wheel; another `doc` makes other bytes under the same name."""
        file, data = wheel(name, version, requires, tag, doc, files)
        self.files[file] = data

    def knows(self, authorization: str) -> bool:
        pair = base64.b64encode(self.login.encode()).decode()
        return not self.login or authorization == f"Basic {pair}"

    def answer(self, path: str, known: bool) -> tuple[int, str, bytes]:
        if path in self.open:
            return 200, "text/plain", self.open[path]
        if not known:
            return 401, "text/plain", b"log in"
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return 200, "application/octet-stream", self.files[name]
        if path in self.others:
            return 200, "application/octet-stream", self.others[path]
        found = [file for file in self.files if file.partition("-")[0].replace("_", "-") == name]
        if kind == "simple" and found:
            lines = (
                f'<a href="/files/{file}#sha256={hashlib.sha256(self.files[file]).hexdigest()}">{file}</a>'
                for file in found
            )
            return 200, "text/html", "\n".join(lines).encode()
        return 404, "text/plain", b"no"

    def heads(self) -> int:
        """How often envbuild itself (and not uv) asked for a size."""
        return sum((asked.method, asked.agent) == ("HEAD", "python-requests") for asked in self.asked)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
