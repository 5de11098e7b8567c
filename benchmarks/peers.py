"""Hand-written Dockerfiles beside envbuild, built by envbuild's own engine room."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.engine.model import BuildRequest
from envbuild.events import ignore
from envbuild.render.model import BuildContext
from envbuild.site.carry import build_args, build_secrets

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.engine.engine import Engine
    from envbuild.site.model import Site

HERE = Path(__file__).parent / "peers"
TOOL = "envbuild-bench-uv:latest"
COUNT = (
    "import importlib.metadata as m; print(len({d.name for d in m.distributions()} - {'pip', 'setuptools'}))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Peers:
    """Builds the Dockerfiles in peers/ on `engine`, from the base image `base`, for `platform`."""

    engine: Engine
    site: Site
    base: str
    platform: str

    def build(self, name: str, requirements: str, *, no_cache: bool = False) -> float:
        """Build peers/NAME.Dockerfile with these requirements, tagged `tag(name)`; returns seconds."""
        context = BuildContext(
            dockerfile=(HERE / f"{name}.Dockerfile").read_text(encoding="utf-8"),
            files={"requirements.txt": requirements.encode()},
            digest="",
            platform=self.platform,
        )
        request = BuildRequest(
            secrets=build_secrets(self.site),
            build_args={**build_args(self.site), "BASE": self.base},
            network="host" if self.site.build_network == "host" else "default",
            no_cache=no_cache,
            tags=(tag(name),),
        )
        with replacing(self.engine, tag(name)):
            begun = time.perf_counter()
            self.engine.build(context, request, ignore)
            return time.perf_counter() - begun

    def make_tool(self, uv: Path) -> None:
        """Make the image that the uv Dockerfile takes uv from. Not part of any measurement."""
        dockerfile = (HERE / "tool.Dockerfile").read_text(encoding="utf-8")
        context = BuildContext(
            dockerfile=dockerfile, files={}, digest="", platform=self.platform, needs_uv=True
        )
        self.engine.build(context, BuildRequest(tags=(TOOL,), uv_binary=uv), ignore)

    def packages(self, reference: str) -> int:
        """How many distributions an image has in /opt/env: all must have done the same work."""
        ran = self.engine.run(reference, ["/opt/env/bin/python", "-c", COUNT], timeout=120)
        return int(ran.stdout)


@contextlib.contextmanager
def replacing(engine: Engine, reference: str) -> Iterator[None]:
    """Removes the image that lost its name to a new one: a run makes dozens of about 1 GB."""
    before = engine.image(reference)
    yield
    after = engine.image(reference)
    if before and after and before.id != after.id:
        engine.remove(before.id)


def tag(name: str) -> str:
    """The tag of a peer's image."""
    return f"envbuild-bench-{name}-peer:latest"
