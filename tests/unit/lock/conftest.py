"""A package index on loopback, a stand-in for the engine's store, and a desk that locks specs with them."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from support.index import Index

from envbuild.errors import RegistryError
from envbuild.images import ImageInfo, Ran
from envbuild.lock.make import make_lock
from envbuild.site.model import Site
from envbuild.spec.load import load_spec

PROBE = "distribution=debian:12\ncodename=bookworm\nglibc=2.36\napt=yes\n"
DIGEST = "sha256:" + "a" * 64


@dataclass
class FixedStore:
    """A stand-in for an engine's store: fixed images, digests, answers; it notes what it was asked."""

    images: dict = field(default_factory=dict)
    remote: dict = field(default_factory=dict)
    probe: Ran = field(default_factory=lambda: Ran(code=0, stdout=PROBE, stderr="", seconds=0.1))
    apt: Ran = field(default_factory=lambda: Ran(code=0, stdout="", stderr="", seconds=0.1))
    pulled: list = field(default_factory=list)
    runs: list = field(default_factory=list)

    def image(self, reference):
        return self.images.get(reference)

    def remote_digest(self, reference, platform):
        if reference not in self.remote:
            raise RegistryError(f"{reference}: the registry cannot be reached")
        return self.remote[reference]

    def pull(self, reference, platform, sink):
        self.pulled.append(reference)
        return ImageInfo(
            id="sha256:" + "b" * 64, digests=(reference,), layers=("sha256:1",), platform=platform
        )

    def run(self, image, argv, *, stdin="", timeout=60, network=False, environment=None):
        self.runs.append(
            {"image": image, "argv": argv, "stdin": stdin, "network": network, "env": environment}
        )
        return self.apt if "envbuild-apt" in argv else self.probe


@dataclass
class Desk:
    """Locks spec texts against the loopback index; `site` may be replaced."""

    folder: Path
    index: Index
    site: Site
    store: FixedStore
    environ: dict
    events: list = field(default_factory=list)

    def spec(self, text):
        path = self.folder / "spec.yml"
        path.write_text(text, encoding="utf-8")
        return load_spec(path)

    def lock(self, text, *, platform="linux/amd64", **options):
        return make_lock(
            self.spec(text),
            site=self.site,
            store=self.store,
            platform=platform,
            environ=self.environ,
            sink=self.events.append,
            **options,
        )


@contextlib.contextmanager
def no_writing(folder):
    """`folder` becomes the working directory and cannot be written to; root is somebody else meanwhile."""
    root, before = os.geteuid() == 0, Path.cwd()
    folder.chmod(0o555)
    os.chdir(folder)
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        os.chdir(before)
        folder.chmod(0o755)


@pytest.fixture
def read_only():
    return no_writing


@pytest.fixture
def index():
    served = Index()
    yield served
    served.close()


@pytest.fixture
def desk(tmp_path, index):
    store = FixedStore(remote={"debian:bookworm-slim": DIGEST})
    environ = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path / "home"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "UV_CACHE_DIR": str(tmp_path / "uv-cache"),
        "UV_HTTP_RETRIES": "0",
    }
    folder = tmp_path / "project"
    folder.mkdir()
    return Desk(folder=folder, index=index, site=Site(index_url=index.url), store=store, environ=environ)
