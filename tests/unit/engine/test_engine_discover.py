"""Which engine is found, by which rule; what is refused before anything is connected to."""

import hashlib
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

import envbuild.engine.discover as discover
from envbuild.engine.discover import find_endpoint
from envbuild.engine.model import Endpoint, TlsFiles
from envbuild.errors import EngineError

WAYS = "write unix:///path/to.sock, tcp://host:port or ssh://user@host"


@pytest.fixture
def no_sockets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The machine's own sockets are elsewhere: in a folder where there are none."""
    monkeypatch.setattr(discover, "DOCKER_SOCKET", tmp_path / "var" / "docker.sock")
    monkeypatch.setattr(discover, "PODMAN_SOCKET", tmp_path / "var" / "podman.sock")
    (tmp_path / "var").mkdir()
    return tmp_path


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as made:
        yield made


def with_context(home: Path, docker: dict[str, object], *, name: str = "lab") -> Path:
    """A docker configuration whose current context is `name`; returns the folder of its TLS files."""
    config = home / ".docker"
    identifier = hashlib.sha256(name.encode()).hexdigest()
    meta = config / "contexts" / "meta" / identifier
    meta.mkdir(parents=True)
    (config / "config.json").write_text(json.dumps({"currentContext": name}))
    (meta / "meta.json").write_text(json.dumps({"Name": name, "Endpoints": {"docker": docker}}))
    return config / "contexts" / "tls" / identifier / "docker"


def test_a_url_comes_before_everything(tmp_path: Path) -> None:
    environ = {"DOCKER_HOST": "tcp://127.0.0.1:1", "HOME": str(tmp_path)}
    found = find_endpoint("unix:///x.sock", environ, origin="the site config")
    assert found == Endpoint(url="unix:///x.sock", found_by="the site config")


def test_docker_host_comes_before_the_context(tmp_path: Path) -> None:
    with_context(tmp_path, {"Host": "unix:///context.sock"})
    environ = {"DOCKER_HOST": "ssh://me@host", "HOME": str(tmp_path)}
    assert find_endpoint(None, environ) == Endpoint(url="ssh://me@host", found_by="DOCKER_HOST")


def test_docker_host_with_tls(tmp_path: Path) -> None:
    for name in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("")
    environ = {
        "DOCKER_HOST": "tcp://127.0.0.1:2376",
        "DOCKER_TLS_VERIFY": "1",
        "DOCKER_CERT_PATH": str(tmp_path),
    }
    files = TlsFiles(ca=tmp_path / "ca.pem", cert=tmp_path / "cert.pem", key=tmp_path / "key.pem")
    assert find_endpoint(None, environ).tls == files


def test_the_current_context_with_its_tls_files(tmp_path: Path) -> None:
    tls = with_context(tmp_path, {"Host": "tcp://127.0.0.1:2376", "SkipTLSVerify": True})
    tls.mkdir(parents=True)
    (tls / "ca.pem").write_text("")
    found = find_endpoint(None, {"HOME": str(tmp_path)})
    assert found.found_by == "docker context lab"
    assert found.tls == TlsFiles(ca=tls / "ca.pem", verify=False)


def test_the_context_that_the_environment_names(tmp_path: Path) -> None:
    with_context(tmp_path, {"Host": "ssh://me@lab"})
    (tmp_path / ".docker" / "config.json").write_text("no json")
    found = find_endpoint(None, {"HOME": str(tmp_path), "DOCKER_CONTEXT": "lab"})
    assert (found.url, found.found_by) == ("ssh://me@lab", "docker context lab")


def test_a_context_that_names_no_engine(tmp_path: Path) -> None:
    with_context(tmp_path, {})
    with pytest.raises(EngineError, match="docker's current context 'lab' names no engine") as caught:
        find_endpoint(None, {"HOME": str(tmp_path)})
    assert "docker context use" in caught.value.hint


def test_the_first_socket_that_answers(no_sockets: Path, listener: socket.socket) -> None:
    stale = no_sockets / "var" / "docker.sock"
    with socket.socket(socket.AF_UNIX) as gone:
        gone.bind(str(stale))
    runtime = no_sockets / "run"
    runtime.mkdir()
    environ = {"HOME": str(no_sockets), "XDG_RUNTIME_DIR": str(runtime)}
    assert find_endpoint(None, environ) == Endpoint(url=f"unix://{stale}", found_by="default socket")
    listener.bind(str(runtime / "docker.sock"))
    listener.listen()
    found = Endpoint(url=f"unix://{runtime}/docker.sock", found_by="rootless docker socket")
    assert find_endpoint(None, environ) == found


def test_podman_s_socket(no_sockets: Path, listener: socket.socket) -> None:
    listener.bind(str(no_sockets / "var" / "podman.sock"))
    listener.listen()
    environ = {"HOME": str(no_sockets), "XDG_RUNTIME_DIR": str(no_sockets)}
    assert find_endpoint(None, environ).found_by == "podman socket"


def test_nothing_is_found(no_sockets: Path) -> None:
    with pytest.raises(EngineError) as caught:
        find_endpoint(None, {"HOME": str(no_sockets), "XDG_RUNTIME_DIR": "/nowhere"})
    assert caught.value.message == (
        "no container engine found: looked at DOCKER_HOST, docker's current context, "
        f"{no_sockets}/var/docker.sock, /nowhere/docker.sock, /nowhere/podman/podman.sock, "
        f"{no_sockets}/var/podman.sock"
    )
    assert caught.value.hint == (
        "install Docker or Podman and start it, or name an engine with --engine or DOCKER_HOST"
    )


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("docker", "--engine: 'docker' is not an engine's URL"),
        ("ftp://host", "--engine: 'ftp://host' is not an engine's URL"),
        ("unix://", "--engine: 'unix://' is not an engine's URL"),
        ("tcp://host", "--engine: 'tcp://host' names no port"),
        ("tcp://host:x", "--engine: 'tcp://host:x' names no port"),
    ],
)
def test_wrong_urls(url: str, message: str) -> None:
    with pytest.raises(EngineError) as caught:
        find_endpoint(url, {})
    assert (caught.value.message, caught.value.hint) == (message, WAYS)
