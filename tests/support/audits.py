"""Stand-ins for audits: wheels with libraries, and an engine whose sandbox is this machine."""

from __future__ import annotations

import contextlib
import hashlib
import io
import subprocess
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.errors import EngineError
from envbuild.images import ImageInfo, Ran

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

TAG = "cp311-cp311-manylinux_2_28_x86_64"


def wheel_of(name: str, version: str, members: Mapping[str, bytes], tag: str = TAG) -> tuple[str, bytes, str]:
    """A stand-in wheel: its file name, bytes and digest."""
    info = f"{name}-{version}.dist-info"
    parts = {**members, f"{info}/WHEEL": f"Wheel-Version: 1.0\nTag: {tag}\n".encode()}
    parts[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in parts).encode()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in parts.items():
            archive.writestr(path, content)
    data = buffer.getvalue()
    return f"{name}-{version}-{tag}.whl", data, hashlib.sha256(data).hexdigest()


def unpack(data: bytes, folder: Path) -> Path:
    """The wheel as installers unpack it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


@dataclass
class LocalSandboxes:
    """A stand-in for an engine: the "container" is this machine, so the image's folders are ours.

    `shell` False: containers without /bin/sh do not start; `pythons`: which commands start one then.
    """

    images: dict[str, ImageInfo] = field(default_factory=dict)
    shell: bool = True
    pythons: tuple[str, ...] = ()
    instead: Ran | None = None
    started: list[tuple[str, ...]] = field(default_factory=list)
    memory: int = 0

    def image(self, reference: str) -> ImageInfo | None:
        return self.images.get(reference)

    @contextlib.contextmanager
    def sandbox(self, image: str, *, memory: int, idle: Sequence[str]) -> Iterator[LocalSandboxes]:
        self.memory = memory
        if not self.shell and idle[0] not in self.pythons:
            raise EngineError(
                f'starting a sandbox of {image}: exec: "{idle[0]}": stat {idle[0]}: no such file or directory'
            )
        self.started.append(tuple(idle))
        yield self

    def run(self, argv: Sequence[str], stdin: str = "", timeout: float = 300) -> Ran:
        if self.instead:
            return self.instead
        done = subprocess.run(
            list(argv), input=stdin, capture_output=True, text=True, timeout=timeout, check=False
        )
        return Ran(code=done.returncode, stdout=done.stdout, stderr=done.stderr, seconds=0.1)
