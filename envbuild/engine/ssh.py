"""ssh:// engines: a private unix socket each of whose connections is one `ssh … docker system dial-stdio`.
Not pure.

The docker SDK wants paramiko for ssh; with this bridge everything speaks to a unix socket, and the user's own
ssh (agent, config, jump hosts) does the rest.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import tempfile
import threading
import urllib.parse
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.engine.model import Endpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class SshBridge:
    """Listens on a socket in a private folder until closed; `endpoint` is what to connect to."""

    def __init__(self, endpoint: Endpoint, environ: Mapping[str, str]) -> None:
        self._argv = dial_argv(endpoint.url)
        self._environ = dict(environ)
        self._folder = tempfile.TemporaryDirectory(prefix="envbuild-ssh-")
        path = Path(self._folder.name) / "docker.sock"
        self.endpoint = Endpoint(url=f"unix://{path}", found_by=endpoint.found_by)
        self._running: list[subprocess.Popen[bytes]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        threading.Thread(target=self._serve, daemon=True, name="envbuild-ssh").start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # the listener was closed
            while True:
                connection, _ = self._listener.accept()
                with connection:
                    # ssh reads and writes the connection itself; a session of its own keeps Ctrl-C away from
                    # it.
                    process = subprocess.Popen(
                        self._argv,
                        stdin=connection.fileno(),
                        stdout=connection.fileno(),
                        stderr=subprocess.DEVNULL,
                        env=self._environ,
                        start_new_session=True,
                    )
                self._running = [*(p for p in self._running if p.poll() is None), process]

    def close(self) -> None:
        """End all connections."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for process in self._running:
            process.terminate()
            process.wait()
        self._folder.cleanup()


def dial_argv(url: str) -> Sequence[str]:
    """The command that speaks to the engine behind an ssh:// URL."""
    parts = urllib.parse.urlsplit(url)
    argv = ["ssh", "-T", "-o", "ConnectTimeout=30", "-o", "BatchMode=yes"]
    if parts.username:
        argv += ["-l", parts.username]
    if parts.port:
        argv += ["-p", str(parts.port)]
    dial = ["docker", "system", "dial-stdio"]
    if parts.path.strip("/"):
        dial = ["docker", "--host", f"unix://{parts.path}", "system", "dial-stdio"]
    return [*argv, "--", parts.hostname or "", *dial]
