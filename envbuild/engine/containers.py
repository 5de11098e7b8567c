"""Commands in throw-away containers: `run` for one command, and what a sandbox shares with it. Not pure.

Output: `Ran`, with stdout and stderr apart. Whatever happens, Ctrl-C included, the container is removed.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import socket
import struct
import tarfile
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from envbuild.engine.errors import translated
from envbuild.engine.transport import feed
from envbuild.images import Ran

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import docker

    from envbuild.engine.transport import Stream, Transport

LABEL = "dev.envbuild"
OWNER = "dev.envbuild.owner"
FRAME = struct.Struct(">BxxxI")
STDOUT, STDERR = 1, 2
SECRETS = "/run/secrets"
# An engine hears of a process that was killed for memory a moment after it ended.
OOM_WAIT = 1.0
REMOVAL = 15.0
HTTP_CONFLICT = 409
# Podman 5 asks even one that is removed by force to end, and waits 10 s for it: there is nothing to end well.
STOP_SIGNAL = "SIGKILL"


def labels(purpose: str) -> dict[str, str]:
    """What every container of ours says of itself: what it is for, and which process made it."""
    return {LABEL: purpose, OWNER: f"{socket.gethostname()}:{os.getpid()}"}


@dataclass(slots=True)
class Output:
    """What came over a multiplexed stream, and whether it came to its end in time."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    in_time: bool = True

    def ran(self, code: int | None, seconds: float, *, oom_killed: bool = False) -> Ran:
        """The same as a result."""
        return Ran(
            code=code if self.in_time else None,
            stdout=self.stdout.decode("utf-8", "replace"),
            stderr=self.stderr.decode("utf-8", "replace"),
            seconds=seconds,
            oom_killed=oom_killed,
        )


def collect(stream: Stream, stdin: bytes, deadline: float | None) -> Output:
    """Feed `stdin` and read until the program ends, or `deadline` (on the monotonic clock) has passed."""
    output = Output()
    writer = feed(stream, stdin) if stdin else None
    try:
        _read(stream, output, deadline)
    except TimeoutError:
        output.in_time = False
    finally:
        stream.release()
        if writer:
            writer.join(5)
    return output


def _read(stream: Stream, output: Output, deadline: float | None) -> None:
    waiting = bytearray()
    while True:
        if deadline is not None:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            stream.settimeout(left)
        data = stream.read()
        if not data:
            return
        waiting += data
        while len(waiting) >= FRAME.size:
            kind, size = FRAME.unpack_from(waiting)
            if len(waiting) < FRAME.size + size:
                break
            (output.stderr if kind == STDERR else output.stdout).extend(
                waiting[FRAME.size : FRAME.size + size]
            )
            del waiting[: FRAME.size + size]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What `run` runs. `secrets` become read-only files /run/secrets/<name>, in this container only."""

    image: str
    argv: Sequence[str]
    stdin: str = ""
    timeout: float | None = None
    network: str = "none"
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, bytes] = field(default_factory=dict)
    user: str = ""


class Containers:
    """Throw-away containers of one engine."""

    def __init__(self, api: docker.APIClient, transport: Transport, clock_skew: float) -> None:
        self.api = api
        self.transport = transport
        self._clock_skew = clock_skew

    def run(self, command: Command) -> Ran:
        """Run one command to its end or its time limit."""
        what = f"running {command.argv[0]} in {command.image}"
        with translated(what, self.transport.endpoint), self.created(**self._settings(command)) as container:
            if command.secrets:
                self.api.put_archive(container, "/", _secrets_tar(command.secrets))
            query = [
                ("stream", "1"),
                ("stdout", "1"),
                ("stderr", "1"),
                *([("stdin", "1")] if command.stdin else []),
            ]
            stream = self.transport.hijack(f"/containers/{container}/attach", query=query)
            began = time.monotonic()
            try:
                self.api.start(container)
            except BaseException:
                stream.release()
                raise
            deadline = began + command.timeout if command.timeout is not None else None
            output = collect(stream, command.stdin.encode(), deadline)
            seconds = time.monotonic() - began
            if not output.in_time:
                return output.ran(None, seconds)
            code = int(self.api.wait(container)["StatusCode"])
            return output.ran(
                code, seconds, oom_killed=code != 0 and self.oom_killed(container, wait=code == 137)
            )

    def _settings(self, command: Command) -> dict[str, Any]:
        host = self.api.create_host_config(
            network_mode=None if command.network == "default" else command.network
        )
        return {
            "image": command.image,
            "entrypoint": list(command.argv[:1]),
            "command": list(command.argv[1:]),
            "environment": dict(command.environment),
            "user": command.user or "0",
            "stop_signal": STOP_SIGNAL,
            "stdin_open": bool(command.stdin),
            "host_config": host,
            "labels": labels("run"),
        }

    @contextlib.contextmanager
    def created(self, **settings: Any) -> Iterator[str]:
        """A container that is removed at the end, running or not."""
        container = str(self.api.create_container(**settings)["Id"])
        try:
            yield container
        finally:
            self.remove(container)

    def remove(self, container: str) -> None:
        """Remove a container and see it gone; fine if it is gone or going already."""
        import docker.errors
        import requests.exceptions

        until = time.monotonic() + REMOVAL
        while True:
            try:
                self.api.remove_container(container, force=True, v=True)
            except docker.errors.NotFound:
                return
            except docker.errors.APIError as error:
                # 409: it removes itself just now, so the next attempt finds it gone.
                if error.status_code != HTTP_CONFLICT or time.monotonic() > until:
                    raise
            except requests.exceptions.ConnectionError:
                # A pooled connection that an interrupt left in the middle of something: the next one is new.
                if time.monotonic() > until:
                    raise
            else:
                return
            time.sleep(0.02)

    def oom_killed(self, container: str, *, wait: bool) -> bool:
        """Whether a process in the container was killed for want of memory; the engine's events tell.

        (State.OOMKilled says nothing of processes that were started by exec, nor of containers that are
        gone.) With `wait` it is likely, so give the engine a moment to hear of it.
        """
        until = time.time() + self._clock_skew + (OOM_WAIT if wait else 0)
        filters = json.dumps({"container": [container], "event": ["oom"]})
        query = [("since", "1"), ("until", f"{until:.3f}"), ("filters", filters)]
        with self.transport.stream("/events", query=query, method="GET", timeout=OOM_WAIT + 5) as events:
            return any(event.get("status") == "oom" or event.get("Action") == "oom" for event in events)


def _secrets_tar(secrets: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in secrets.items():
            member = tarfile.TarInfo(f"{SECRETS}/{name}".lstrip("/"))
            member.mode = 0o444
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    # Without the padding behind the end mark: Podman's unpacker may be gone before it is all written.
    return buffer.getvalue()[: tar.offset]
