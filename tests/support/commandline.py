"""`python -m envbuild` as a process, for somebody with folders of their own."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LIMIT = 120


class CommandLine:
    """Runs envbuild in `folder`; its settings, state and caches lie in `home`."""

    def __init__(self, folder: Path, home: Path, engine: str) -> None:
        self.folder = folder
        self.environ = {
            **os.environ,
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "DOCKER_CONFIG": str(home / "docker"),
            "DOCKER_HOST": engine,
            "PYTHONPATH": str(ROOT),
            "COLUMNS": "200",
        }

    def __call__(
        self, *arguments: str, code: int = 0, environ: Mapping[str, str] | None = None
    ) -> tuple[str, str]:
        """Standard output and standard error of a run that has to end with `code`."""
        ran = subprocess.run(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environ | dict(environ or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
        assert ran.returncode == code, f"exit code {ran.returncode}\n{ran.stdout}\n{ran.stderr}"
        assert "Traceback" not in ran.stderr
        return ran.stdout, ran.stderr

    def json(self, *arguments: str) -> Any:
        """What a run with `--json` prints."""
        return json.loads(self(*arguments, "--json")[0])

    def argv(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "envbuild", *arguments]

    @contextlib.contextmanager
    def started(self, *arguments: str) -> "Iterator[Running]":
        """A run that goes on while the test does other things; it does not outlive the test."""
        with subprocess.Popen(
            self.argv(*arguments),
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                yield Running(process)
            finally:
                if process.poll() is None:
                    process.kill()


class Running:
    """A run that was started: what it said so far, and how it ended."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.said: list[str] = []

    def wait_for(self, text: str) -> None:
        """Read standard error up to the line that holds `text`."""
        assert self.process.stderr
        for line in self.process.stderr:
            self.said.append(line)
            if text in line:
                return
        raise AssertionError(f"never said {text!r}: {''.join(self.said)}")

    def interrupt(self, how: signal.Signals = signal.SIGINT) -> float:
        """Ctrl-C, or another signal; returns the seconds until it ended."""
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(LIMIT)
        return time.monotonic() - began

    def end(self) -> tuple[int, str, str]:
        """Exit code, standard output, standard error (all of it)."""
        out, rest = self.process.communicate(timeout=LIMIT)
        return self.process.returncode, out, "".join(self.said) + rest
