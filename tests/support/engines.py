"""Container engines for tests: the one that runs, or a dockerd or podman of the test's own."""

import contextlib
import json
import os
import shlex
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
    """A dockerd with everything in one folder, which goes with it. Raises DidNotStart.

    ENVBUILD_DOCKERD_OPTIONS adds options, as for `make test`.
    """
    if os.geteuid() != 0 or not shutil.which("dockerd"):
        raise DidNotStart("no engine runs, and dockerd can only be started as root where it is installed")
    # Not tmp_path: unix sockets have short paths, and pytest keeps its folders, images and all.
    folder = Path(tempfile.mkdtemp(prefix="envbuild-dockerd-"))
    socket = folder / "docker.sock"
    (folder / "daemon.json").write_text("{}")
    argv = ["dockerd", "--config-file", f"{folder}/daemon.json", "--data-root", f"{folder}/data"]
    argv += ["--exec-root", f"{folder}/exec", "-p", f"{folder}/pid", "-H", f"unix://{socket}"]
    argv += shlex.split(os.environ.get("ENVBUILD_DOCKERD_OPTIONS", ""))
    try:
        with server(argv, log=folder / "log", ready=lambda: listens(str(socket)), seconds=60):
            yield f"unix://{socket}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def own_podman() -> Iterator[str]:
    """`podman system service` with its store and configuration in a folder of its own. Raises DidNotStart."""
    if os.geteuid() != 0 or not shutil.which("podman"):
        raise DidNotStart("podman is not installed, or this is not root")
    folder = Path(tempfile.mkdtemp(prefix="envbuild-podman-"))
    files = {
        "containers.conf": _PODMAN_CONF.format(folder=folder),
        "storage.conf": _STORAGE_CONF.format(folder=folder),
        "registries.conf": 'unqualified-search-registries = ["docker.io"]\nshort-name-mode = "permissive"\n',
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    environment = {
        **os.environ,
        "CONTAINERS_CONF": f"{folder}/containers.conf",
        "CONTAINERS_STORAGE_CONF": f"{folder}/storage.conf",
        "CONTAINERS_REGISTRIES_CONF": f"{folder}/registries.conf",
    }
    socket = folder / "podman.sock"
    argv = ["podman", "system", "service", "-t", "0", f"unix://{socket}"]
    try:
        with server(argv, log=folder / "log", ready=lambda: listens(str(socket)), environment=environment):
            yield f"unix://{socket}"
    finally:
        # Podman's own way: it knows its mounts.
        reset = ["podman", "system", "reset", "--force"]
        subprocess.run(reset, env=environment, capture_output=True, check=False, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


_STORAGE_CONF = """
[storage]
driver = "overlay"
runroot = "{folder}/run"
graphroot = "{folder}/store"
"""
# runc: crun refuses hybrid cgroups. No delay: what outlives the service would make its folder again. No
# ulimits: podman's own may exceed what a confined root may have.
_PODMAN_CONF = """
[containers]
default_ulimits = []
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 0
tmp_dir = "{folder}/tmp"
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
            said = api.import_image_from_file(str(base_tar(cache)), repository=repository, tag=tag)
            # Podman takes no notice of the tag; both end with the image's id.
            api.tag(json.loads(said.splitlines()[-1])["status"], repository, tag)
    return BASE
