"""docs/coming-from.md as tests read it: what it says is typed, and a typist who types it, line by line."""

import functools
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import uuid
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/coming-from.md"
LIMIT = 300
FRAMEWORKS = Path(__file__).with_name("frameworks")
_CODE = re.compile(r"`([^`]+)`")


def sections(text: str) -> dict[str, str]:
    """Heading (of any level below the title) → what stands below it, up to the next heading."""
    found: dict[str, str] = {}
    heading, fenced = "", False
    for line in text.splitlines():
        fenced ^= line.startswith("```")
        if line.startswith("##") and not fenced:
            heading = line.lstrip("#").strip()
            found[heading] = ""
        elif heading:
            found[heading] += f"{line}\n"
    return found


def typed(text: str) -> list[str]:
    """The lines of console blocks that begin with `$ `, in order."""
    blocks = re.findall(r"^```console\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return [line[2:] for block in blocks for line in block.splitlines() if line.startswith("$ ")]


def file(text: str) -> str:
    """The first YAML block: a file that somebody has."""
    return re.findall(r"^```yaml\n(.*?)^```", text, re.MULTILINE | re.DOTALL)[0]


def jobs(text: str, tool: str) -> dict[str, list[str]]:
    """Daily job → what somebody who works with `tool` types for it; [] where the page has words only."""
    found = {}
    for heading, below in sections(text).items():
        rows = [line.split("|")[1:-1] for line in below.splitlines() if line.startswith("|")]
        for row in rows:
            if len(row) == 2 and row[0].strip() == tool:
                found[heading] = _CODE.findall(row[1])
    return found


class Typist:
    """Types commands into one bash, as into one terminal; envbuild is the one of this checkout."""

    def __init__(self, folder: Path, home: Path, more: Mapping[str, str]) -> None:
        """Somebody with a home of their own, in `folder`, who has the variables `more`."""
        for each in (folder, home / "bin"):
            each.mkdir(parents=True, exist_ok=True)
        command = home / "bin/envbuild"
        words = shlex.join([sys.executable, "-m", "envbuild"])
        command.write_text(f'#!/bin/sh\nPYTHONPATH={shlex.quote(str(ROOT))} exec {words} "$@"\n')
        command.chmod(0o755)
        kept = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith(("UV_", "PIP_", "ENVBUILD_", "CONDA_")) and key != "PYTHONPATH"
        }
        own = {
            "HOME": str(home),
            "PATH": f"{home}/bin:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": str(home / "cache"),
            "DOCKER_CONFIG": str(home / "docker"),
            "COLUMNS": "200",
        }
        self.environ = {**kept, **own, **more}
        self._folder = folder
        self._bash: subprocess.Popen[str] | None = None

    @property
    def folder(self) -> Path:
        """Where the next command is typed."""
        return Path(self("pwd").strip())

    def __call__(self, line: str, *, code: int = 0) -> str:
        """All that one line says; it has to end with `code`."""
        command = line.partition("  #")[0].strip()
        if re.match(r"docker run .*-it ", command):  # it wants a terminal, and somebody who leaves it again
            command = f"echo exit | script -qec {shlex.quote(command)} /dev/null"
        said, ended = self._typed(command)
        assert ended == code, f"{line}\nexit code {ended}\n{said}"
        assert "Traceback (most recent" not in said
        return said

    def _typed(self, command: str) -> tuple[str, int]:
        if self._bash is None:
            self._bash = subprocess.Popen(
                ["bash"],
                cwd=self._folder,
                env=self.environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        assert self._bash.stdin
        assert self._bash.stdout
        mark = uuid.uuid4().hex
        self._bash.stdin.write(f"{{ {command}\n}} </dev/null\nprintf '\\n%s %s\\n' {mark} $?\n")
        self._bash.stdin.flush()
        said: list[str] = []
        watch = threading.Timer(LIMIT, self._bash.kill)
        watch.start()
        try:
            for text in self._bash.stdout:
                if text.startswith(mark):
                    return "".join(said).removesuffix("\n"), int(text.split()[1])
                said.append(text)
        finally:
            watch.cancel()
        raise AssertionError(f"{command}\nbash ended\n{''.join(said)}")

    def close(self) -> None:
        """Leave the terminal."""
        if self._bash:
            self._bash.kill()
            self._bash.communicate()


@functools.cache
def python_with(version: str) -> Path | None:
    """The folder of a program pythonX.Y that starts; None: this machine has none."""
    name = f"python{version}"
    pyenv = Path(os.environ.get("PYENV_ROOT", "/nowhere"))
    for path in (shutil.which(name), *sorted(pyenv.glob(f"versions/{version}*/bin/{name}"))):
        if path and not subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode:
            return Path(path).parent
    return None


def standin_files(name: str, version: str, folder: str = "") -> dict[str, str]:
    """The files of a stand-in for numpy or torch that passes envbuild's checks of it, below `folder`."""
    own = {f"{name}/__init__.py": f"{name}.py", "machine.py": "machine.py"}
    found = {f"{folder}{path}": (FRAMEWORKS / file).read_text() for path, file in own.items()}
    found[f"{folder}{name}/__init__.py"] += f"\n__version__ = {version!r}\n"
    return found
