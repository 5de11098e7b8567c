"""Looking at a machine: real files, a real uv, an index on loopback, and a stand-in engine."""

from __future__ import annotations

import http.server
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from envbuild.doctor import probe
from envbuild.doctor.model import Trouble
from envbuild.engine.model import EngineInfo
from envbuild.errors import EngineError, RegistryError
from envbuild.images import ImageInfo
from envbuild.site.model import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

INFO = EngineInfo(
    kind="docker",
    version="28.0.1",
    api_version="1.48",
    platform="linux/amd64",
    url="unix:///x.sock",
    found_by="--engine",
    buildkit=True,
    containerd_store=False,
    context="tar",
)


class FixedEngine:
    """A stand-in: its store and its registry hold what they are told."""

    info = INFO

    def __init__(self, *, stored: bool = False, registry: bool = True) -> None:
        self.stored = stored
        self.registry = registry

    def image(self, reference: str) -> ImageInfo | None:
        return ImageInfo(id="sha256:1", tags=(reference,)) if self.stored else None

    def remote_digest(self, reference: str, platform: str) -> str:
        if not self.registry:
            raise RegistryError(f"{reference}: no such host", hint="x")
        return "sha256:2"


class SmallIndex(http.server.BaseHTTPRequestHandler):
    """An index with one package of one wheel, whose metadata is served beside it."""

    def do_GET(self) -> None:
        if self.path == "/simple/six/":
            body = (
                b'<a href="/six-1.0-py3-none-any.whl" data-core-metadata="true">six-1.0-py3-none-any.whl</a>'
            )
        elif self.path == "/six-1.0-py3-none-any.whl.metadata":
            body = b"Metadata-Version: 2.1\nName: six\nVersion: 1.0\n"
        else:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def index() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), SmallIndex) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/simple"
        server.shutdown()
        thread.join()


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "127.0.0.1"}


def test_index_answers(index: str, environ: dict[str, str], tmp_path: Path) -> None:
    seconds = probe.see_index(Site(index_url=index, proxies={"no": "127.0.0.1"}), environ)
    assert isinstance(seconds, float), seconds
    assert list(tmp_path.iterdir()) == []  # nothing was cached


def test_index_does_not_answer(environ: dict[str, str]) -> None:
    site = Site(index_url="http://me:s3cret@127.0.0.1:9/simple", proxies={"no": "127.0.0.1"})
    trouble = probe.see_index(site, environ)
    assert isinstance(trouble, Trouble)
    assert trouble.message
    assert "s3cret" not in trouble.message


def test_uv(environ: dict[str, str]) -> None:
    assert str(probe.see_uv(environ)).startswith("uv ")


def test_engine() -> None:
    def refuse() -> FixedEngine:
        raise EngineError("no engine", hint="start one")

    assert probe.see_engine(refuse) == (None, Trouble(message="no engine", hint="start one"))
    engine = FixedEngine()
    assert probe.see_engine(lambda: engine) == (engine, INFO)


@pytest.mark.parametrize(
    ("stored", "registry", "source"),
    [(True, True, "registry"), (False, True, "registry"), (True, False, "engine"), (False, False, "nowhere")],
)
def test_base(stored: bool, registry: bool, source: str) -> None:
    site = Site(registry_mirrors={"docker.io": "mirror.example.org/hub"})
    base = probe.see_base(FixedEngine(stored=stored, registry=registry), "linux/amd64", site)
    assert (base.source, base.mirror) == (source, "mirror.example.org/hub")
    assert (base.trouble is None) == registry


def test_certificates(tmp_path: Path) -> None:
    assert probe.see_certificates(None) is None
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\nnothing\n-----END CERTIFICATE-----\n")
    trouble = probe.see_certificates(broken)
    assert isinstance(trouble, Trouble)
    assert trouble.message.startswith("does not parse")
    assert probe.see_certificates(tmp_path / "missing.pem") == Trouble(message="no such file or directory")


def test_disk(tmp_path: Path) -> None:
    disk = probe.see_disk(tmp_path / "not" / "yet")
    assert disk is not None
    assert disk.folder == str(tmp_path / "not" / "yet")
    assert disk.free > 0


def test_cache_folder(tmp_path: Path) -> None:
    assert probe.cache_folder({"UV_CACHE_DIR": "/c"}) == Path("/c")
    assert probe.cache_folder({"XDG_CACHE_HOME": "/x", "HOME": "/h"}) == Path("/x/uv")
    assert probe.cache_folder({"HOME": "/h"}) == Path("/h/.cache/uv")


def test_observe_raises_for_nothing(index: str, environ: dict[str, str]) -> None:
    def refuse() -> FixedEngine:
        raise EngineError("no engine")

    seen = probe.observe(Site(index_url=index, proxies={"no": "127.0.0.1"}), environ, refuse)
    assert isinstance(seen.engine, Trouble)
    assert seen.base is None
    assert isinstance(seen.index, float)
    seen = probe.observe(Site(index_url=index, proxies={"no": "127.0.0.1"}), environ, FixedEngine)
    assert seen.base is not None
