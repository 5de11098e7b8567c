"""Container engines for tests: the one that runs, or a dockerd or podman of the test's own."""

import contextlib
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker

from envbuild.engine.connect import connect
from envbuild.errors import EngineError
from support.processes import DidNotStart, listens, server

BASE = "debian:bookworm-slim"


def running_engine(environ: Mapping[str, str]) -> tuple[str | None, str]:
    """(URL, "") of the engine that tests should use, or (None, why there is none)."""
    named = environ.get("ENVBUILD_TEST_ENGINE")
    try:
        with connect(named, environ, origin="ENVBUILD_TEST_ENGINE") as engine:
            return engine.info.url, ""
    except EngineError as error:
        return None, error.message


@contextlib.contextmanager
def own_dockerd() -> Iterator[str]:
    """A dockerd with everything in one folder, which goes with it. Raises DidNotStart."""
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise DidNotStart("no engine runs, and dockerd can only be started as root where it is installed")
    # Not tmp_path: unix sockets have short paths, and pytest keeps its folders, images and all.
    folder = Path(tempfile.mkdtemp(prefix="envbuild-dockerd-"))
    socket = folder / "docker.sock"
    (folder / "daemon.json").write_text("{}")
    argv = ["dockerd", "--config-file", f"{folder}/daemon.json", "--data-root", f"{folder}/data"]
    argv += ["--exec-root", f"{folder}/exec", "-p", f"{folder}/pid", "-H", f"unix://{socket}"]
    try:
        with server(argv, log=folder / "log", ready=lambda: listens(str(socket)), seconds=60):
            yield f"unix://{socket}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_podman(folder: Path) -> Iterator[str]:
    """`podman system service` with its own store and configuration in `folder`. Raises DidNotStart."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        raise DidNotStart("podman is not installed, or this is not root")
    run = Path(tempfile.mkdtemp(prefix="envbuild-podman-"))  # unix sockets have short paths
    (folder / "containers.conf").write_text(_PODMAN_CONF.format(run=run))
    (folder / "storage.conf").write_text(
        f'[storage]\ndriver = "vfs"\nrunroot = "{run}/run"\ngraphroot = "{folder}/store"\n'
    )
    (folder / "registries.conf").write_text(
        'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n'
    )
    (folder / "policy.json").write_text(json.dumps({"default": [{"type": "insecureAcceptAnything"}]}))
    environment = {
        **os.environ,
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf",
    }
    socket = run / "podman.sock"
    argv = ["podman", "system", "service", "-t", "0", f"unix://{socket}"]
    try:
        with server(argv, log=run / "log", ready=lambda: listens(str(socket)), environment=environment):
            yield f"unix://{socket}"
    finally:
        shutil.rmtree(run, ignore_errors=True)


# runc: crun refuses hybrid cgroups. Ulimits: the default asks for more than a container's root may have.
_PODMAN_CONF = """
[containers]
default_ulimits = ["nofile=1024:4096"]
netns = "host"
cgroups = "disabled"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
tmp_dir = "{run}/tmp"
"""


def base_tar(cache: Path) -> Path:
    """A Debian root as a tar, made once by mmdebstrap. Raises DidNotStart with its last words."""
    tar = cache / "bookworm.tar"
    if tar.is_file():
        return tar
    if not shutil.which("mmdebstrap"):
        raise DidNotStart(f"{BASE} is not in the engine, and mmdebstrap is not installed")
    part = cache / f"bookworm.{os.getpid()}.tar"
    ended = subprocess.run(
        ["mmdebstrap", "--variant=minbase", "bookworm", str(part)],
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        part.unlink(missing_ok=True)
        raise DidNotStart(f"mmdebstrap: {ended.stderr[-1000:]}")
    return part.replace(tar)


def have_base(url: str, cache: Path) -> str:
    """`debian:bookworm-slim` in the engine at `url`: as it is there, else made here and imported."""
    with contextlib.closing(docker.APIClient(base_url=url, version="auto", timeout=300)) as api:
        try:
            api.inspect_image(BASE)
        except docker.errors.ImageNotFound:
            repository, _, tag = BASE.partition(":")
            api.import_image_from_file(str(base_tar(cache)), repository=repository, tag=tag)
    return BASE
