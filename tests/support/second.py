"""A second engine beside the one that tests use: a dockerd of the test's own, with an empty store."""

import contextlib
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from support.bridges import own_bridge
from support.commandline import CommandLine
from support.engines import own_dockerd
from support.need import missing
from support.processes import DidNotStart


@dataclass(frozen=True)
class Second:
    """The engine at `url`; `api` looks at it without the code under test."""

    url: str
    api: docker.APIClient

    def user(self, folder: Path) -> CommandLine:
        """Somebody who works with it, with a folder and a home of its own below `folder`."""
        (folder / "colleague").mkdir(exist_ok=True)
        made = CommandLine(folder / "colleague", folder / "colleague-home", self.url)
        made.environ["ENVBUILD_BUILD_NETWORK"] = "host"  # its bridge leads nowhere
        return made

    def image(self, name: str) -> dict[str, Any] | None:
        """What the engine says of an image; None: there is none of that name."""
        try:
            found: dict[str, Any] = self.api.inspect_image(name)
        except docker.errors.ImageNotFound:
            return None
        return found

    def empty(self) -> None:
        """Remove all images."""
        for image in self.api.images(all=False):
            with contextlib.suppress(docker.errors.APIError):
                self.api.remove_image(image["Id"], force=True)


@contextlib.contextmanager
def second_engine() -> Iterator[Second]:
    """A dockerd that goes with the context; the test is skipped, with the reason, where none can be had."""
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        try:
            # A bridge and no rules of its own: another dockerd may have them.
            options = ["--bridge", stack.enter_context(own_bridge()), "--iptables=false"]
            given = os.environ.get("ENVBUILD_DOCKERD_OPTIONS", "")
            patch.setenv("ENVBUILD_DOCKERD_OPTIONS", f"{given} {shlex.join(options)}")
            url = stack.enter_context(own_dockerd())
        except DidNotStart as error:
            missing("engine", str(error))
        api = stack.enter_context(contextlib.closing(docker.APIClient(base_url=url, version="auto")))
        yield Second(url, api)
