"""Container engines for tests: the one that runs, or a dockerd or podman of the test's own."""

import contextlib
import io
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

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
def own_dockerd(
    *options: str,
    programs: Sequence[Path] = (),
    config: Mapping[str, Any] | None = None,
    alone: bool = False,
) -> Iterator[str]:
    """A dockerd with everything in one folder, which goes with it. Raises DidNotStart.

    `programs`: folders before PATH, where it finds itself, containerd and hooks; `config`: its daemon.json;
    `alone`: without a network, in a network namespace of its own (in ours, `--bridge none` would take docker0
    away from the engine beside it).
    ENVBUILD_DOCKERD_OPTIONS adds options, as for `make test`.
    """
    path = os.pathsep.join([*map(str, programs), os.environ.get("PATH", os.defpath)])
    dockerd = shutil.which("dockerd", path=path)
    if os.geteuid() != 0 or not dockerd:
        raise DidNotStart("no engine runs, and dockerd can only be started as root where it is installed")
    # Not tmp_path: unix sockets have short paths, and pytest keeps its folders, images and all.
    folder = Path(tempfile.mkdtemp(prefix="envbuild-dockerd-"))
    socket = folder / "docker.sock"
    (folder / "daemon.json").write_text(json.dumps(config or {}))
    argv = ["unshare", "--net", dockerd, *_NO_NETWORK] if alone else [dockerd]
    argv += [*options, "--config-file", f"{folder}/daemon.json", "--data-root", f"{folder}/data"]
    argv += ["--exec-root", f"{folder}/exec", "-p", f"{folder}/pid", "-H", f"unix://{socket}"]
    argv += shlex.split(os.environ.get("ENVBUILD_DOCKERD_OPTIONS", ""))
    try:
        environment = {**os.environ, "PATH": path}
        ready = lambda: listens(str(socket))  # noqa: E731
        with server(argv, log=folder / "log", ready=ready, environment=environment, seconds=60):
            yield f"unix://{socket}"
    finally:
        _unmount(folder)
        shutil.rmtree(folder, ignore_errors=True)


_NO_NETWORK = ("--bridge", "none", "--iptables=false", "--ip-forward=false")


def _unmount(folder: Path) -> None:
    """Take off what an engine left mounted there: newer ones keep the host's network namespace."""
    targets = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
    for target in reversed([target for target in targets if target.startswith(f"{folder}/")]):
        subprocess.run(["umount", target], capture_output=True, check=False)


@contextlib.contextmanager
def own_podman(root: Path | None = None, cdi: Path | None = None) -> Iterator[str]:
    """`podman system service` with its store and configuration in a folder of its own. Raises DidNotStart.

    `root`: unpacked packages whose /usr lies over this machine's, for this podman alone; `cdi`: its /etc/cdi.
    """
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
    view = _in_a_view_of_its_own(folder, root, cdi) if root or cdi else []
    argv = [*view, "podman", "system", "service", "-t", "0", f"unix://{socket}"]
    try:
        with server(argv, log=folder / "log", ready=lambda: listens(str(socket)), environment=environment):
            yield f"unix://{socket}"
    finally:
        _end_monitors(folder)
        # Podman's own way: it knows its mounts.
        reset = [*view, "podman", "system", "reset", "--force"]
        subprocess.run(reset, env=environment, capture_output=True, check=False, timeout=60)
        shutil.rmtree(folder, ignore_errors=True)


def _end_monitors(folder: Path) -> None:
    """End what still waits to tidy up after commands in containers: it would make the folder again."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                line = (entry / "cmdline").read_bytes().split(b"\0")
                if line[0].endswith(b"conmon") and any(os.fsencode(folder) in word for word in line):
                    os.kill(int(entry.name), signal.SIGKILL)


def _in_a_view_of_its_own(folder: Path, root: Path | None, cdi: Path | None) -> list[str]:
    """What runs a command with other files in /usr and /etc/cdi than everybody else sees there."""
    mounts = []
    if root:
        mounts.append(f"mount -t overlay overlay -o lowerdir={root}/usr:/usr /usr")
    if cdi:
        (folder / "etc" / "cdi").mkdir(parents=True)
        mounts.append(f"mount -t overlay overlay -o lowerdir={folder}/etc:/etc /etc")
        mounts.append(f"mount --bind {cdi} /etc/cdi")
    script = "; ".join([*mounts, 'exec "$@"'])
    return ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script, "sh"]


_STORAGE_CONF = """
[storage]
driver = "overlay"
runroot = "{folder}/run"
graphroot = "{folder}/store"
"""
# runc: crun refuses hybrid cgroups. A delay (300 s unless told): without it podman may forget how a command
# ended before anybody can ask. No ulimits: podman's own may exceed what a confined root may have.
_PODMAN_CONF = """
[containers]
default_ulimits = []
netns = "host"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 60
tmp_dir = "{folder}/tmp"
"""


TINY = "envbuild-test-tiny:latest"


def have_tiny(url: str, environment: Mapping[str, str] | None = None) -> str:
    """An image with this machine's sh, cat, env and touch in the engine at `url`: a stand-in for a whole one.

    It is there in no time, where many engines need one. Raises DidNotStart.
    """
    changes = [f"ENV {name}={value}" for name, value in (environment or {}).items()]
    with contextlib.closing(docker.APIClient(base_url=url, version="auto")) as api:
        said = api.import_image_from_data(_tiny_tar(), changes=changes)
        api.tag(json.loads(said.splitlines()[-1])["status"], *TINY.split(":"))
    return TINY


def _tiny_tar() -> bytes:
    programs = {f"bin/{name}": shutil.which(name) for name in ("sh", "cat", "env", "touch")}
    files = {name: path for name, path in programs.items() if path}
    linked = subprocess.run(["ldd", *files.values()], capture_output=True, text=True, check=False).stdout
    files |= {path.lstrip("/"): path for path in re.findall(r"/\S+\.so\S*(?= \()", linked)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT, dereference=True) as tar:
        for name, path in files.items():
            tar.add(path, arcname=name)
        for folder in ("tmp", "proc", "sys", "dev", "etc"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
    return buffer.getvalue()


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
