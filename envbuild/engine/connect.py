"""`connect(url, environ) → Engine`: finds an engine, asks what it is, refuses what cannot work. Not pure."""

from __future__ import annotations

import http.client
import json
import re
import shutil
import time
import urllib.parse
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from envbuild.engine.cdi import docker_cdi, podman_cdi
from envbuild.engine.credentials import Credentials
from envbuild.engine.discover import find_endpoint
from envbuild.engine.engine import Engine
from envbuild.engine.errors import unreachable
from envbuild.engine.model import EngineInfo
from envbuild.engine.ssh import SshBridge
from envbuild.engine.transport import Transport
from envbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import docker

    from envbuild.engine.model import Endpoint, TlsFiles

TIMEOUT = 60
OLDEST = {"docker": (20, 10), "podman": (4, 0)}
HTTP_OK = 200
# moby/moby#47717: engines with the containerd store could not read a tar body until #49178.
TAR_FIXED = (27, 5)


def connect(
    url: str | None,
    environ: Mapping[str, str],
    *,
    origin: str = "--engine",
    registry_mirrors: Mapping[str, str] | None = None,
    network: str = "default",
) -> Engine:
    """The engine at `url` (named by `origin`), or the first that is found. Raises EngineError."""
    found = find_endpoint(url, environ, origin=origin)
    bridge = SshBridge(found, environ) if found.url.startswith("ssh://") else None
    endpoint = bridge.endpoint if bridge else found
    try:
        info = _ask(endpoint, found)
        return Engine(
            _client(endpoint, info.api_version),
            Transport(endpoint, info.api_version),
            info,
            Credentials(environ),
            mirrors=registry_mirrors or {},
            network=network,
            on_close=bridge.close if bridge else None,
        )
    except BaseException:
        if bridge:
            bridge.close()
        raise


def _client(endpoint: Endpoint, version: str) -> docker.APIClient:
    """A client that looks at nothing but what it is given: REQUESTS_CA_BUNDLE would replace the TLS files."""
    import docker

    client = docker.APIClient(
        base_url=endpoint.url,
        version=version,
        timeout=TIMEOUT,
        tls=_tls(endpoint.tls) if endpoint.tls else False,
    )
    client.trust_env = False
    return client


def _tls(files: TlsFiles) -> Any:
    import docker.tls

    pair = (str(files.cert), str(files.key)) if files.cert and files.key else None
    ca = str(files.ca) if files.ca else None
    return docker.tls.TLSConfig(client_cert=pair, ca_cert=ca, verify=files.verify)


def _ask(endpoint: Endpoint, found: Endpoint) -> EngineInfo:
    """By our own transport: a wrong answer is told from no answer, and nothing of the SDK's is left open."""
    try:
        version = _json(Transport(endpoint), "/version")
        if version is None or "ApiVersion" not in version:
            raise unreachable(found, ValueError("no ApiVersion"))
        if version.get("Os") == "windows":
            raise EngineError(
                f"the engine at {found.url} runs Windows containers",
                hint="switch it to Linux containers (Docker Desktop: `Switch to Linux containers…`)",
            )
        _check_age(version, found)
        info = _json(Transport(endpoint, str(version["ApiVersion"])), "/info")
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise unreachable(found, error) from error
    if info is None:
        raise EngineError(f"the engine at {found.url} does not say what it is")
    return engine_info(version, info, found)


def _json(transport: Transport, path: str) -> dict[str, Any] | None:
    """The object that an engine answers with; None for an error or anything else."""
    status, body = transport.ask("GET", path, timeout=TIMEOUT)
    found = json.loads(body) if status == HTTP_OK else None
    return found if isinstance(found, dict) else None


def _kind(version: Mapping[str, Any]) -> Literal["docker", "podman"]:
    components = version.get("Components") or ()
    return "podman" if any("podman" in str(part.get("Name")).lower() for part in components) else "docker"


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:2])


def _check_age(version: Mapping[str, Any], found: Endpoint) -> None:
    kind = _kind(version)
    number = str(version.get("Version") or "0")
    oldest = OLDEST[kind]
    if re.match(r"\d+\.\d+", number) and _numbers(number) < oldest:
        name = kind.capitalize()
        raise EngineError(
            f"{name} {number} at {found.url} is too old: {oldest[0]}.{oldest[1]} or newer is needed",
            hint=f"update {name} on that machine, or name another engine with --engine or DOCKER_HOST",
        )


def engine_info(version: Mapping[str, Any], info: Mapping[str, Any], found: Endpoint) -> EngineInfo:
    """What the answers to /version and /info mean. Pure but for a local engine's free space and CDI files."""
    kind = _kind(version)
    status = [pair for pair in info.get("DriverStatus") or () if isinstance(pair, list) and len(pair) == 2]
    containerd = any(
        key == "driver-type" and str(value).startswith("io.containerd.") for key, value in status
    )
    number = str(version.get("Version") or "")
    context: Literal["tar", "filesync", "classic"] = "tar"
    if kind == "podman":
        context = "classic"
    elif containerd and _numbers(number) < TAR_FIXED:
        context = "filesync"
    root = str(info.get("DockerRootDir") or "")
    podman = kind == "podman"
    cdi, cdi_devices = podman_cdi(_numbers(number), found.url) if podman else docker_cdi(info, found.url)
    return EngineInfo(
        kind=kind,
        version=number,
        api_version=str(version["ApiVersion"]),
        platform=f"{version.get('Os') or 'linux'}/{version.get('Arch') or ''}",
        url=found.url,
        found_by=found.found_by,
        buildkit=kind == "docker",
        containerd_store=containerd,
        context=context,
        runtimes=tuple(sorted(info.get("Runtimes") or ())),
        root=root,
        disk_free=_disk_free(root, found.url),
        clock_skew=_clock_skew(str(info.get("SystemTime") or "")),
        cdi=cdi,
        cdi_devices=cdi_devices,
    )


def _disk_free(root: str, url: str) -> int | None:
    if not root or urllib.parse.urlsplit(url).scheme != "unix":
        return None
    for folder in (
        Path(root),
        *Path(root).parents,
    ):  # the root itself may be closed to us: its parent is on the same disk
        try:
            return shutil.disk_usage(folder).free
        except OSError:
            continue
    return None


def _clock_skew(system_time: str) -> float:
    """How far the engine's clock is ahead, from its time as RFC 3339 with up to nanoseconds."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d{1,6})?\d*(Z|[+-]\d\d:\d\d)$", system_time)
    if not match:
        return 0.0
    stamp = f"{match[1]}{(match[2] or '.0').ljust(7, '0')}{match[3].replace('Z', '+00:00')}"
    return datetime.fromisoformat(stamp).timestamp() - time.time()
