"""HTTP to an engine over a socket of our own: builds, pulls, sessions, exec and attach. No docker import.

The docker SDK gives no public way to a hijacked connection, nor to closing a stream from outside; both decide
here whether a build can be stopped. Input: an `Endpoint`. Output: responses and duplex streams. Raises
OSError and http.client's errors.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import ssl
import threading
import urllib.parse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from envbuild.engine.model import Endpoint, TlsFiles

Headers = tuple[tuple[str, str], ...]
Query = list[tuple[str, str]]


def open_socket(endpoint: Endpoint, timeout: float | None) -> socket.socket:
    """A connected socket to the engine, TLS done. ssh:// endpoints must have been bridged (ssh.py)."""
    parts = urllib.parse.urlsplit(endpoint.url)
    if parts.scheme == "unix":
        unix = socket.socket(socket.AF_UNIX)
        try:
            unix.settimeout(timeout)
            unix.connect(endpoint.url.removeprefix("unix://"))
        except BaseException:
            unix.close()
            raise
        return unix
    host = parts.hostname or ""
    tcp = socket.create_connection((host, parts.port or 2375), timeout=timeout)
    tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # a silent build step may last hours
    if endpoint.tls is None:
        return tcp
    try:
        return _tls_context(endpoint.tls).wrap_socket(tcp, server_hostname=host)
    except BaseException:
        tcp.close()
        raise


def _tls_context(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=files.ca)
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if files.cert and files.key:
        context.load_cert_chain(files.cert, files.key)
    return context


class _Connection(http.client.HTTPConnection):
    """http.client over the engine's socket."""

    def __init__(self, endpoint: Endpoint, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._endpoint = endpoint
        self._limit = timeout

    def connect(self) -> None:
        self.sock = open_socket(self._endpoint, self._limit)


class Call:
    """One request whose body may be written bit by bit, and whose answer may be read as it comes.

    `close` may be called from anywhere, at any time: it ends the request on the engine as well.
    """

    def __init__(self, endpoint: Endpoint, method: str, path: str, *, timeout: float | None = None) -> None:
        self._connection = _Connection(endpoint, timeout)
        self._response: http.client.HTTPResponse | None = None
        self._connection.connect()
        self._connection.putrequest(method, path, skip_accept_encoding=True)
        self._method = method
        self._chunked = False

    def __enter__(self) -> Call:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def headers(self, headers: Headers, *, body: bytes | None = None, chunked: bool = False) -> None:
        """Send the head, with a fixed body or (`chunked`) one that `write` sends."""
        for name, value in headers:
            self._connection.putheader(name, value)
        if chunked:
            self._connection.putheader("Transfer-Encoding", "chunked")
        elif body is not None:
            self._connection.putheader("Content-Length", str(len(body)))
        self._connection.endheaders(body)
        self._chunked = chunked

    def write(self, data: bytes) -> int:
        """Send a piece of the body. File-like, so that tarfile can write here."""
        if data:
            self._connection.send(b"%x\r\n%b\r\n" % (len(data), data))
        return len(data)

    def answer(self) -> http.client.HTTPResponse:
        """End the body and read the head of the answer."""
        if self._chunked:
            # An engine that refuses early closes its side: its answer is still to be read.
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self._connection.send(b"0\r\n\r\n")
        self._response = http.client.HTTPResponse(self._connection.sock, method=self._method)
        self._response.begin()
        return self._response

    def upgraded(self) -> Stream:
        """The connection itself, after the engine agreed to hand it over; this call must not be used any
        more.
        """
        response = self.answer()
        if response.status not in {101, 200}:
            raise Refused(response.status, response.read())
        return Stream(self._connection.sock, response)

    def close(self) -> None:
        """Close the connection. The engine takes this as: stop."""
        sock = self._connection.sock
        if sock is not None:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        if self._response is not None:
            self._response.close()
        self._connection.close()


class Refused(Exception):  # noqa: N818  an answer, not a mistake
    """The engine answered with an error status; `text` is its message."""

    def __init__(self, status: int, body: bytes) -> None:
        self.status = status
        self.text = message_of(body)
        super().__init__(f"HTTP {status}: {self.text}")


def message_of(body: bytes) -> str:
    """The message in an engine's error body."""
    text = body.decode("utf-8", "replace").strip()
    with contextlib.suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict):
            return str(found.get("message") or found.get("cause") or text)
    return text


class Stream:
    """A hijacked connection: bytes in both directions."""

    def __init__(self, sock: socket.socket, response: http.client.HTTPResponse) -> None:
        self._sock = sock
        self._response = response
        # The engine's first bytes may have come with the head of its answer: they wait in this reader.
        self._reader = response.fp

    def settimeout(self, seconds: float | None) -> None:
        """Limit for each following read and write."""
        self._sock.settimeout(seconds)

    def read(self, limit: int = 65536) -> bytes:
        """What there is, at most `limit` bytes; b"" at the end."""
        return self._reader.read1(limit)

    def write(self, data: bytes) -> None:
        """Send all of `data`."""
        self._sock.sendall(data)

    @property
    def is_tls(self) -> bool:
        """Whether writing and reading from two threads is to be avoided."""
        return isinstance(self._sock, ssl.SSLSocket)

    def end_input(self) -> None:
        """Tell the other side that no more is to come, and keep reading."""
        if isinstance(self._sock, ssl.SSLSocket):
            # Without waiting, `unwrap` sends the close notice, and asks to be called again for the answer:
            # not needed.
            limit = self._sock.gettimeout()
            self._sock.settimeout(0)
            with contextlib.suppress(ssl.SSLWantReadError):
                self._sock.unwrap()
            self._sock.settimeout(limit)
        else:
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close both directions; a reader in another thread sees the end."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def release(self) -> None:
        """Free the reader; only for the thread that reads."""
        self.close()
        with contextlib.suppress(OSError, ValueError):
            self._response.close()


class Transport:
    """Requests to one engine in one API version."""

    def __init__(self, endpoint: Endpoint, api_version: str = "") -> None:
        self.endpoint = endpoint
        self._prefix = f"/v{api_version}" if api_version else ""

    def path(self, path: str, query: Query | None = None) -> str:
        """The request target for an API path."""
        return self._prefix + path + ("?" + urllib.parse.urlencode(query) if query else "")

    def ask(
        self,
        method: str,
        path: str,
        *,
        query: Query | None = None,
        headers: Headers = (),
        timeout: float = 60,
    ) -> tuple[int, bytes]:
        """One small request without a body: status and body of the answer."""
        with Call(self.endpoint, method, self.path(path, query), timeout=timeout) as call:
            call.headers(headers, body=b"" if method == "POST" else None)
            response = call.answer()
            return response.status, response.read()

    @contextlib.contextmanager
    def stream(
        self,
        path: str,
        *,
        query: Query,
        headers: Headers = (),
        send: Callable[[Call], None] | None = None,
        method: str = "POST",
        timeout: float | None = None,
    ) -> Iterator[Iterator[dict[str, Any]]]:
        """The JSON messages of an answer as they come; `send` writes the body. Raises Refused."""
        with Call(self.endpoint, method, self.path(path, query), timeout=timeout) as call:
            call.headers(
                headers, body=b"" if method == "POST" and not send else None, chunked=send is not None
            )
            if send:
                with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                    send(call)
            response = call.answer()
            if response.status >= 400:
                raise Refused(response.status, response.read())
            yield _messages(response)

    def hijack(
        self, path: str, *, query: Query | None = None, body: Mapping[str, Any] | None = None
    ) -> Stream:
        """POST and take the connection over (exec, attach). Raises Refused."""
        headers = (("Connection", "Upgrade"), ("Upgrade", "tcp"), ("Content-Type", "application/json"))
        # Without one, no body at all: an engine would take `{}` for the first bytes of a container's input.
        text = json.dumps(body).encode() if body is not None else b""
        return self.upgrade(path, headers=headers, query=query, body=text)

    def upgrade(
        self, path: str, *, headers: Headers, query: Query | None = None, body: bytes = b""
    ) -> Stream:
        """POST with `headers` that ask for an upgrade, and take the connection over. Raises Refused."""
        call = Call(self.endpoint, "POST", self.path(path, query), timeout=60)
        try:
            call.headers(headers, body=body)
            stream = call.upgraded()
        except BaseException:
            call.close()
            raise
        stream.settimeout(None)
        return stream


def _messages(response: http.client.HTTPResponse) -> Iterator[dict[str, Any]]:
    rest = b""
    while data := response.read1(65536):
        *lines, rest = (rest + data).split(b"\n")
        yield from _decoded(lines)
    yield from _decoded([rest])


def _decoded(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    for line in lines:
        if line.strip():
            message = json.loads(line)
            if isinstance(message, dict):
                yield message


def feed(stream: Stream, data: bytes) -> threading.Thread | None:
    """Write `data` as all of the input, beside whoever reads; returns the thread to join, if any."""

    def write() -> None:
        with contextlib.suppress(OSError):  # the program may end without reading its input
            stream.write(data)
            stream.end_input()

    if stream.is_tls:
        write()
        return None
    thread = threading.Thread(target=write, daemon=True, name="envbuild-stdin")
    thread.start()
    return thread
