"""Finds the engine: explicit URL, DOCKER_HOST, docker's current context, then the usual sockets. No docker
import.

Input: a URL or None and the environment. Output: an `Endpoint`. Reads docker's files, tries sockets.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.engine.model import Endpoint, TlsFiles
from envbuild.errors import EngineError
from envbuild.files import docker_folder

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMES = ("unix", "tcp", "http", "https", "ssh")
DOCKER_SOCKET = Path("/var/run/docker.sock")
PODMAN_SOCKET = Path("/run/podman/podman.sock")
WAYS = "write unix:///path/to.sock, tcp://host:port or ssh://user@host"


def find_endpoint(url: str | None, environ: Mapping[str, str], *, origin: str = "--engine") -> Endpoint:
    """The first engine by rule; `origin` says where `url` came from.

    A name that somebody gave (URL, DOCKER_HOST, context) is taken as it is; of the usual sockets, the first
    that answers, else the first that is there, so that its error can be told. Raises EngineError when there
    is none.
    """
    if url:
        return _checked(url, origin, environ)
    if host := environ.get("DOCKER_HOST"):
        return _checked(host, "DOCKER_HOST", environ)
    if endpoint := _from_context(environ):
        return endpoint
    present = [place for place in _sockets(environ) if _is_there(place[0])]
    for path, found_by in present:
        if _listens(path):
            return Endpoint(url=f"unix://{path}", found_by=found_by)
    for path, found_by in present:
        return Endpoint(url=f"unix://{path}", found_by=found_by)
    looked = ", ".join(
        ["DOCKER_HOST", "docker's current context", *(str(path) for path, _ in _sockets(environ))]
    )
    raise EngineError(
        f"no container engine found: looked at {looked}",
        hint="install Docker or Podman and start it, or name an engine with --engine or DOCKER_HOST",
    )


def _checked(url: str, found_by: str, environ: Mapping[str, str]) -> Endpoint:
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in SCHEMES or not rest:
        raise EngineError(f"{found_by}: {url!r} is not an engine's URL", hint=WAYS)
    if scheme in {"unix", "ssh"}:
        return Endpoint(url=url, found_by=found_by)
    host = rest.split("/", 1)[0]
    if not host.rpartition(":")[2].isdigit():
        raise EngineError(f"{found_by}: {url!r} names no port", hint=WAYS)
    return Endpoint(url=url, found_by=found_by, tls=_environment_tls(scheme, environ))


def _environment_tls(scheme: str, environ: Mapping[str, str]) -> TlsFiles | None:
    """As the docker CLI reads DOCKER_TLS, DOCKER_TLS_VERIFY and DOCKER_CERT_PATH."""
    verify = bool(environ.get("DOCKER_TLS_VERIFY"))
    if not (verify or environ.get("DOCKER_TLS")):
        return TlsFiles() if scheme == "https" else None
    return _tls_folder(Path(environ.get("DOCKER_CERT_PATH") or docker_folder(environ)), verify=verify)


def _tls_folder(folder: Path, *, verify: bool) -> TlsFiles:
    ca, cert, key = (
        folder / name if (folder / name).is_file() else None for name in ("ca.pem", "cert.pem", "key.pem")
    )
    return TlsFiles(ca=ca, cert=cert, key=key, verify=verify)


def _from_context(environ: Mapping[str, str]) -> Endpoint | None:
    """The endpoint of docker's current context; None for the context `default`."""
    folder = docker_folder(environ)
    name = environ.get("DOCKER_CONTEXT") or _json(folder / "config.json").get("currentContext") or "default"
    if name == "default":
        return None
    identifier = hashlib.sha256(str(name).encode()).hexdigest()
    meta = folder / "contexts" / "meta" / identifier / "meta.json"
    docker = _json(meta).get("Endpoints", {}).get("docker", {})
    host = docker.get("Host")
    if not host:
        raise EngineError(
            f"docker's current context {name!r} names no engine ({meta} is missing or has no Host)",
            hint="choose another with `docker context use`, or name an engine with --engine or DOCKER_HOST",
        )
    found_by = f"docker context {name}"
    tls_folder = folder / "contexts" / "tls" / identifier / "docker"
    if tls_folder.is_dir():
        return Endpoint(
            url=host, found_by=found_by, tls=_tls_folder(tls_folder, verify=not docker.get("SkipTLSVerify"))
        )
    return _checked(host, found_by, {})


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # docker treats an unreadable config like a missing one, too
    return found if isinstance(found, dict) else {}


def _sockets(environ: Mapping[str, str]) -> list[tuple[Path, str]]:
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    return [
        (DOCKER_SOCKET, "default socket"),
        (runtime / "docker.sock", "rootless docker socket"),
        (runtime / "podman" / "podman.sock", "podman socket"),
        (PODMAN_SOCKET, "podman socket"),
    ]


def _is_there(path: Path) -> bool:
    try:
        return path.is_socket()
    except OSError:
        return False


def _listens(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(5)
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
