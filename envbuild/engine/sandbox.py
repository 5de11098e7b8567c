"""A locked-down container that commands are run in one after another: stage 6 tries images in it. Not pure.

No network, read-only root, no capabilities, limited memory and processes. An idle first process waits for the
end of its input, which is a connection of ours: should envbuild be killed, the engine closes it, and the
container removes itself.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.engine.containers import STOP_SIGNAL, collect, labels
from envbuild.engine.errors import refusal, translated
from envbuild.engine.gpu import NO_GPU, choose_gpu, gpu_request
from envbuild.engine.gpu_errors import explain_gpu
from envbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.engine.containers import Containers, Output
    from envbuild.engine.gpu import GpuRequest
    from envbuild.engine.model import EngineInfo
    from envbuild.engine.transport import Stream
    from envbuild.images import Ran

IDLE = ("/opt/env/bin/python", "-c", "import sys; sys.stdin.buffer.read()")
PIDS = 1024
KILLED = 137


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`memory` in bytes; `pids` at most; `gpu`: with GPUs, those named in `devices` (index, UUID), or all;
    `idle`: what it waits with.
    """

    memory: int
    pids: int = PIDS
    gpu: bool = False
    devices: tuple[str, ...] = ()
    idle: Sequence[str] = IDLE


class Sandbox:
    """Runs commands in one container; after a time-out or a kill for memory the next gets a fresh one.

    `gpu_way` is how the engine is asked for GPUs; None: it is not asked. Raises GpuUnavailable when there is
    no way.
    """

    def __init__(self, containers: Containers, info: EngineInfo, image: str, limits: Limits) -> None:
        self._containers = containers
        self._info = info
        self._image = image
        self._limits = limits
        self._container = ""
        self._idle: Stream | None = None
        self.gpu_way = choose_gpu(info, limits.devices) if limits.gpu else None

    def run(self, argv: Sequence[str], stdin: str = "", timeout: float = 300) -> Ran:
        """Run `argv` without a shell; `code` is None when `timeout` seconds were not enough."""
        endpoint = self._containers.transport.endpoint
        with translated(f"running {argv[0]} in a sandbox of {self._image}", endpoint):
            if not self._container:
                self.start()
            api = self._containers.api
            made = api.exec_create(self._container, list(argv), stdin=bool(stdin), stdout=True, stderr=True)
            began = time.monotonic()
            stream = self._containers.transport.hijack(
                f"/exec/{made['Id']}/start", body={"Detach": False, "Tty": False}
            )
            output = collect(stream, stdin.encode(), began + timeout)
            seconds = time.monotonic() - began
            return self._result(output, made["Id"], seconds)

    def _result(self, output: Output, exec_id: str, seconds: float) -> Ran:
        if not output.in_time:
            self.stop()
            return output.ran(None, seconds)
        code = self._exit_code(exec_id)
        killed = code in {KILLED, None}
        oom_killed = code != 0 and self._containers.oom_killed(self._container, wait=killed)
        if oom_killed:
            self.stop()
        return output.ran(KILLED if code is None else code, seconds, oom_killed=oom_killed)

    def _exit_code(self, exec_id: str) -> int | None:
        """None when the whole container went away under it."""
        import docker.errors

        until = time.monotonic() + 5
        while time.monotonic() < until:
            try:
                found = self._containers.api.exec_inspect(exec_id)
            except docker.errors.NotFound:
                return None
            # The output may end a moment before the engine knows the exit code.
            if not found.get("Running") and found.get("ExitCode") is not None:
                return int(found["ExitCode"])
            time.sleep(0.02)
        return None

    def start(self) -> None:
        """Create and start the container."""
        api = self._containers.api
        container = str(api.create_container(**self._settings())["Id"])
        self._container = container
        query = [("stream", "1"), ("stdin", "1")]
        try:
            self._idle = self._containers.transport.hijack(f"/containers/{container}/attach", query=query)
            api.start(container)
        except BaseException:
            self.stop()
            raise

    def _settings(self) -> dict[str, Any]:
        limits = self._limits
        gpu = self._gpu()
        host: dict[str, Any] = {
            "network_mode": "none",
            "read_only": True,
            "cap_drop": ["ALL"],
            "security_opt": ["no-new-privileges", *gpu.security],
            "pids_limit": limits.pids,
            # exec: compilers of GPU kernels load what they wrote there
            "tmpfs": {"/tmp": "rw,exec,nosuid,nodev,mode=1777"},  # noqa: S108  inside the container
            "mem_limit": limits.memory,
            "memswap_limit": limits.memory,
            "auto_remove": True,
            **gpu.host,
        }
        return {
            "image": self._image,
            "entrypoint": list(limits.idle[:1]),
            "command": list(limits.idle[1:]),
            "stdin_open": True,
            "stop_signal": STOP_SIGNAL,
            "environment": {"HOME": "/tmp", **gpu.environment},  # noqa: S108
            "working_dir": "/tmp",  # noqa: S108
            "host_config": self._containers.api.create_host_config(**host),
            "labels": labels("sandbox"),
        }

    def _gpu(self) -> GpuRequest:
        if self.gpu_way is None:
            return NO_GPU
        image: dict[str, Any] = self._containers.api.inspect_image(self._image)  # type: ignore[no-untyped-call]
        pairs = (text.partition("=") for text in (image.get("Config") or {}).get("Env") or ())
        environment = {name: value for name, _, value in pairs}
        return gpu_request(self._info, self.gpu_way, self._limits.devices, environment)

    def stop(self) -> None:
        """Remove the container, whatever runs in it."""
        container, self._container = self._container, ""
        idle, self._idle = self._idle, None
        try:
            if container:
                self._containers.remove(container)
        finally:
            if idle:
                idle.release()


@contextlib.contextmanager
def sandbox(containers: Containers, info: EngineInfo, image: str, limits: Limits) -> Iterator[Sandbox]:
    """A started sandbox, removed at the end. Raises GpuUnavailable when a GPU cannot be given."""
    made = Sandbox(containers, info, image, limits)
    try:
        _start(made, containers, info, image)
        yield made
    finally:
        made.stop()


def _start(made: Sandbox, containers: Containers, info: EngineInfo, image: str) -> None:
    try:
        with translated(f"starting a sandbox of {image}", containers.transport.endpoint):
            made.start()
    except EngineError as error:
        unavailable = explain_gpu(refusal(error), info.cdi_devices) if made.gpu_way else None
        if unavailable:
            raise unavailable from error
        raise
