"""One family of specs: every test adds a few lines to the same spec and starts from the same lock, so that
the engine installs packages once and the rest is quick.
"""

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from envbuild.engine.engine import Engine
from support.commandline import CommandLine


@dataclass(frozen=True)
class Family:
    """The spec that all tests build on, and its lock."""

    name: str
    lock: bytes

    @property
    def lock_name(self) -> str:
        return f"pylock.{self.name}.toml"


class Project(CommandLine):
    """A folder with a spec of the family and its lock; its image has a name of its own."""

    def __init__(self, family: Family, folder: Path, home: Path, engine: str) -> None:
        super().__init__(folder, home, engine)
        folder.mkdir(exist_ok=True)
        self.family = family
        self.repository = f"envbuild-test-{uuid.uuid4().hex[:12]}"
        self.tag = f"{self.repository}:latest"
        self.lock_path = folder / family.lock_name
        self.lock_path.write_bytes(family.lock)

    def spec(self, more: str = "") -> None:
        """Write the spec: the family's, with further lines (from line 5 on)."""
        image = f"image:\n  repository: {self.repository}\n"
        (self.folder / "spec.yml").write_text(f"name: {self.family.name}\npython: 3.11\n{image}{more}")


def id_of(engine: Engine, reference: str) -> str | None:
    image = engine.image(reference)
    return image.id if image else None


def in_image(api: docker.APIClient, image: str, command: list[str] | None = None, **more: Any) -> str:
    """Standard output of the image run as it is, but for what `more` says."""
    container = api.create_container(image, command=command, **more)["Id"]
    try:
        api.start(container)
        code = api.wait(container, timeout=60)["StatusCode"]
        said = api.logs(container, stdout=True, stderr=False).decode()
        assert code == 0, said + api.logs(container, stdout=False, stderr=True).decode()
        return str(said)
    finally:
        api.remove_container(container, force=True)
