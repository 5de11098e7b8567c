"""Connecting to what is no engine, or no good one: exact texts. Servers are stand-ins with fixed answers."""

import contextlib
import http.server
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.processes import free_port

from envbuild.engine.connect import connect, engine_info
from envbuild.engine.errors import unreachable
from envbuild.engine.model import Endpoint
from envbuild.engine.quick import quick_image_id
from envbuild.errors import EngineError

START = "start it (`sudo systemctl start docker`), or name another engine with --engine or DOCKER_HOST"
VERSION = {"Version": "20.10.24", "ApiVersion": "1.41", "Os": "linux", "Arch": "amd64", "Components": []}
FOUND = Endpoint(url="unix:///x.sock", found_by="--engine")


@contextlib.contextmanager
def fixed_engine(answers: dict[str, Any]) -> Iterator[str]:
    """A stand-in for an engine: path (without the version) → JSON, or text; 404 for all others."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: object) -> None:
            """Say nothing."""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            path = "/" + path.split("/", 2)[2] if path.startswith("/v1.") else path
            answer = answers.get(path)
            body = (answer if isinstance(answer, str) else json.dumps(answer or {"message": "none"})).encode()
            self.send_response(200 if path in answers else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def refused(url: str, environ: dict[str, str] | None = None) -> tuple[str, str]:
    with pytest.raises(EngineError) as caught:
        connect(url, environ or {"HOME": "/nonexistent"})
    return caught.value.message, caught.value.hint


def test_no_socket(tmp_path: Path) -> None:
    url = f"unix://{tmp_path}/none.sock"
    assert refused(url) == (
        f"no container engine answers at {url} (from: --engine): there is no such socket",
        START,
    )


def test_nobody_listens(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(tmp_path / "x.sock"))
    url = f"unix://{tmp_path}/x.sock"
    assert refused(url) == (
        f"no container engine answers at {url} (from: --engine): connection refused",
        START,
    )
    url = f"tcp://127.0.0.1:{free_port()}"
    assert refused(url)[0] == f"no container engine answers at {url} (from: --engine): connection refused"


def test_no_permission(tmp_path: Path) -> None:
    """As an error value: root, who may run the tests, is refused nothing."""
    path = tmp_path / "docker.sock"
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))
    endpoint = Endpoint(url=f"unix://{path}", found_by="default socket")
    error = unreachable(endpoint, PermissionError(13, "Permission denied"))
    assert error.message == f"no permission to use the engine's socket {path}"
    if os.getgid() == 0:
        assert (
            error.hint == "run as root, or name an engine of your own (rootless) with --engine or DOCKER_HOST"
        )
    gone = unreachable(
        Endpoint(url="unix:///gone.sock", found_by="x"), PermissionError(13, "Permission denied")
    )
    assert gone.hint == (
        "join its group: `sudo usermod -aG docker $USER`, then log in again or run `newgrp docker`"
    )


@pytest.mark.parametrize("answer", ["<html>hello</html>", "[]", {"hello": "world"}])
def test_something_else_answers(answer: Any) -> None:
    with fixed_engine({"/version": answer}) as url:
        assert refused(url) == (
            f"what answers at {url} (from: --engine) is no container engine",
            "check the URL; an engine that wants TLS needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH",
        )


def test_something_that_speaks_no_http() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(100)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        url = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
        assert "is no container engine" in refused(url)[0]
        thread.join()


def test_tls_where_there_is_none() -> None:
    with fixed_engine({"/version": VERSION}) as url:
        message, hint = refused(url, {"DOCKER_TLS": "1", "HOME": "/nonexistent"})
        # DOCKER_TLS belongs to DOCKER_HOST and to a URL alike, as with docker itself.
        assert message.startswith(f"no TLS connection to the container engine at {url} (from: --engine): ")
        assert hint == "check DOCKER_TLS_VERIFY and DOCKER_CERT_PATH (ca.pem, cert.pem, key.pem)"


def test_an_old_engine() -> None:
    with fixed_engine({"/version": {**VERSION, "Version": "19.03.15"}}) as url:
        assert refused(url) == (
            f"Docker 19.03.15 at {url} is too old: 20.10 or newer is needed",
            "update Docker on that machine, or name another engine with --engine or DOCKER_HOST",
        )


def test_an_old_podman() -> None:
    podman = {**VERSION, "Version": "3.4.4", "Components": [{"Name": "Podman Engine"}]}
    with fixed_engine({"/version": podman}) as url:
        assert refused(url)[0] == f"Podman 3.4.4 at {url} is too old: 4.0 or newer is needed"


def test_windows_containers() -> None:
    with fixed_engine({"/version": {**VERSION, "Os": "windows"}}) as url:
        assert refused(url)[0] == f"the engine at {url} runs Windows containers"


def test_an_engine_that_does_not_say_what_it_is() -> None:
    with fixed_engine({"/version": VERSION}) as url:
        assert refused(url)[0] == f"the engine at {url} does not say what it is"


def test_what_an_engine_is() -> None:
    info = {"Runtimes": {"runc": {}, "nvidia": {}}, "DockerRootDir": "/", "DriverStatus": [["a", "b"]]}
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(fixed_engine({"/version": VERSION, "/info": info}))
        engine = stack.enter_context(connect(None, {"DOCKER_HOST": url, "HOME": "/nonexistent"}))
        found = engine.info
    assert (found.kind, found.version, found.platform) == ("docker", "20.10.24", "linux/amd64")
    assert (found.url, found.found_by, found.context) == (url, "DOCKER_HOST", "tar")
    assert found.runtimes == ("nvidia", "runc")
    assert found.disk_free is None  # not known to be this machine


@pytest.mark.parametrize(
    ("version", "containerd", "context"),
    [
        ("20.10.24", False, "tar"),
        ("26.1.5", False, "tar"),
        ("24.0.7", True, "filesync"),
        ("27.4.1", True, "filesync"),
        ("27.5.0", True, "tar"),
        ("29.0.0", True, "tar"),
    ],
)
def test_how_a_context_is_sent(version: str, containerd: bool, context: str) -> None:
    status = (
        [["driver-type", "io.containerd.snapshotter.v1"]] if containerd else [["Backing Filesystem", "extfs"]]
    )
    found = engine_info({**VERSION, "Version": version}, {"DriverStatus": status}, FOUND)
    assert (found.context, found.containerd_store, found.buildkit) == (context, containerd, True)


def test_podman_takes_builds_the_classic_way() -> None:
    version = {**VERSION, "Version": "4.3.1", "Components": [{"Name": "Podman Engine"}]}
    found = engine_info(version, {}, FOUND)
    assert (found.kind, found.context, found.buildkit) == ("podman", "classic", False)


def test_free_space_and_clock_of_a_local_engine(tmp_path: Path) -> None:
    info = {
        "DockerRootDir": str(tmp_path / "not" / "readable"),
        "SystemTime": "2000-01-01T00:00:00.123456789Z",
    }
    found = engine_info(VERSION, info, FOUND)
    assert found.disk_free is not None
    assert found.disk_free > 0
    assert found.clock_skew < -800_000_000


def test_the_quick_question() -> None:
    with fixed_engine({"/images/lab/x:1/json": {"Id": "sha256:abc"}}) as url:
        assert quick_image_id(url, "lab/x:1") == "sha256:abc"
        assert quick_image_id(url, "lab/x:2") is None
    assert quick_image_id("ssh://me@host", "x") is None
    assert quick_image_id("unix:///nowhere.sock", "x") is None
    with fixed_engine({"/images/x/json": "no json"}) as url:
        assert quick_image_id(url, "x") is None


def test_the_quick_question_costs_no_docker_import() -> None:
    import subprocess
    import sys

    script = (
        "import sys; import envbuild.engine.quick, envbuild.engine.discover; "
        "print(sorted({'docker', 'requests', 'urllib3', 'h2', 'pydantic'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
