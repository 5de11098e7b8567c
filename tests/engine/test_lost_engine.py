"""An engine that goes away in the middle; TLS and ssh on the way to a real one. All on loopback."""

import contextlib
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.contexts import Recorder, context

from envbuild.engine.connect import connect
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest
from envbuild.errors import EngineError
from envbuild.events import Event, StepLog


class Relay:
    """Passes connections on to the engine's unix socket, until `cut`. `wrap` may add TLS on our side."""

    def __init__(self, path: str, wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self._path = path
        self._wrap = wrap
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._serve, daemon=True)]
        self._threads[0].start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                upstream = socket.socket(socket.AF_UNIX)
                upstream.connect(self._path)
                if self._wrap:
                    try:
                        client = self._wrap(client)
                    except OSError:
                        client.close()
                        upstream.close()
                        continue
                self._open += [client, upstream]
                for source, target in ((client, upstream), (upstream, client)):
                    thread = threading.Thread(target=self._pass_on, args=(source, target), daemon=True)
                    thread.start()
                    self._threads.append(thread)

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            while data := source.recv(65536):
                target.sendall(data)
        with contextlib.suppress(OSError, ValueError):
            target.shutdown(socket.SHUT_WR)

    def cut(self) -> None:
        """As if the machine had gone away."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for connection in self._open:
            connection.close()


@pytest.fixture
def socket_path(engine_url: str) -> str:
    if not engine_url.startswith("unix://"):
        pytest.skip("the engine is not reached by a unix socket")
    return urllib.parse.urlsplit(engine_url).path


@pytest.fixture
def relay(socket_path: str) -> Iterator[Relay]:
    made = Relay(socket_path)
    yield made
    made.cut()


def test_the_engine_goes_away_during_a_build(relay: Relay, base_image: str, tmp_path: Path) -> None:
    seen = Recorder()

    def sink(event: Event) -> None:
        seen(event)
        if isinstance(event, StepLog) and event.line == "begun":
            relay.cut()

    url = f"tcp://{relay.address}"
    dockerfile = f"FROM {base_image}\nRUN echo begun; sleep 600\n"
    with connect(url, {"HOME": str(tmp_path)}) as engine, pytest.raises(EngineError) as caught:
        engine.build(context(dockerfile), BuildRequest(no_cache=True), sink)
    start = f"building the image: the connection to the container engine at {url} was lost: "
    assert caught.value.message.startswith(start)
    assert caught.value.hint == (
        "see whether the engine still runs (`docker info`), then try again: finished steps are cached"
    )
    seen.check()


def test_the_engine_goes_away_between_two_questions(relay: Relay, tmp_path: Path) -> None:
    with connect(f"tcp://{relay.address}", {"HOME": str(tmp_path)}) as engine:
        relay.cut()
        with pytest.raises(EngineError, match=r"looking for the image x: the connection .* was lost: "):
            engine.image("x")


@pytest.fixture
def tls_relay(socket_path: str, tmp_path: Path) -> Iterator[Relay]:
    """A relay that wants TLS with a client certificate; the files lie in `tmp_path` as docker wants them."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed: no certificates")
    request = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    request += ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    request += ["-addext", "basicConstraints=critical,CA:TRUE"]
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "cert.pem")]
    subprocess.run([*request, *files], check=True, capture_output=True)
    (tmp_path / "ca.pem").write_bytes((tmp_path / "cert.pem").read_bytes())
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=tmp_path / "ca.pem")
    server.load_cert_chain(tmp_path / "cert.pem", tmp_path / "key.pem")
    server.verify_mode = ssl.CERT_REQUIRED
    made = Relay(socket_path, lambda plain: server.wrap_socket(plain, server_side=True))
    yield made
    made.cut()


def test_tls_with_a_client_certificate(
    tls_relay: Relay, base_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The variable would replace the engine's CA in the docker SDK.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/etc/ssl/certs/ca-certificates.crt")
    environ = {"DOCKER_HOST": f"tcp://{tls_relay.address}", "HOME": str(tmp_path)}
    environ |= {"DOCKER_TLS_VERIFY": "1", "DOCKER_CERT_PATH": str(tmp_path)}
    seen = Recorder()
    dockerfile = f"FROM {base_image}\nRUN --mount=type=secret,id=s wc -c < /run/secrets/s\n"
    with connect(None, environ) as engine:
        request = BuildRequest(secrets={"s": b"x" * 100_000}, no_cache=True)
        engine.build(context(dockerfile), request, seen)
        assert seen.lines() == ["100000"]
        ran = engine.run(base_image, ["sh", "-c", "cat; echo end"], stdin="in\n", timeout=60)
        assert ran.stdout == "in\nend\n"
        with engine.sandbox(base_image, memory=1 << 28, idle=("cat",)) as sandbox:
            assert sandbox.run(["cat"], stdin="to the end").stdout == "to the end"
            assert sandbox.run(["sleep", "60"], timeout=1).code is None
    with pytest.raises(EngineError, match="no TLS connection to the container engine"):
        connect(None, {**environ, "DOCKER_CERT_PATH": "/nowhere"})


def test_ssh_by_the_user_s_own_ssh(
    socket_path: str, base_image: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ssh here is a stand-in: it notes what it was asked for, and dials the engine's socket itself."""
    ssh = tmp_path / "ssh"
    ssh.write_text(
        f"#!{sys.executable}\n"
        "import socket, sys, threading, os\n"
        f"open({str(tmp_path / 'asked')!r}, 'a').write(' '.join(sys.argv[1:]) + chr(10))\n"
        f"s = socket.socket(socket.AF_UNIX); s.connect({socket_path!r})\n"
        "def up():\n"
        "    while d := os.read(0, 65536): s.sendall(d)\n"
        "    s.shutdown(socket.SHUT_WR)\n"
        "threading.Thread(target=up, daemon=True).start()\n"
        "while d := s.recv(65536):\n"
        "    while d: d = d[os.write(1, d):]\n"
    )
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    seen = Recorder()
    dockerfile = f"FROM {base_image}\nRUN --mount=type=secret,id=s cat /run/secrets/s\n"
    environ = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    with connect("ssh://me@lab.example.org:2222", environ) as engine:
        assert isinstance(engine, Engine)
        assert engine.info.url == "ssh://me@lab.example.org:2222"
        engine.build(context(dockerfile), BuildRequest(secrets={"s": b"secret"}, no_cache=True), seen)
        assert engine.run(base_image, ["cat"], stdin="in").stdout == "in"
    assert seen.lines() == ["secret"]
    asked = set((tmp_path / "asked").read_text().splitlines())
    options = "-T -o ConnectTimeout=30 -o BatchMode=yes -l me -p 2222"
    assert asked == {f"{options} -- lab.example.org docker system dial-stdio"}
