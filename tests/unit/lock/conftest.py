"""A package index on loopback, a stand-in for the engine's store, and a desk that locks specs with them."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import io
import os
import threading
import zipfile
from collections import Counter
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from envbuild.errors import RegistryError
from envbuild.images import ImageInfo, Ran
from envbuild.lock.make import make_lock
from envbuild.site.model import Site
from envbuild.spec.load import load_spec

PROBE = "distribution=debian:12\ncodename=bookworm\nglibc=2.36\napt=yes\n"
DIGEST = "sha256:" + "a" * 64


def wheel(name, version, requires=(), tag="py3-none-any"):
    """A tiny wheel that pip and uv accept, the same bytes each time: (file name, bytes)."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
    metadata += "".join(f"Requires-Dist: {wish}\n" for wish in requires)
    parts = {
        f"{name}/__init__.py": f"__version__ = {version!r}\n",
        f"{info}/METADATA": metadata,
        f"{info}/WHEEL": f"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: {tag}\n",
    }
    parts[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*parts, f"{info}/RECORD"])
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path, text in parts.items():
            archive.writestr(zipfile.ZipInfo(path, (2020, 1, 1, 0, 0, 0)), text)
    return f"{name}-{version}-{tag}.whl", buffer.getvalue()


class Index:
    """A PEP 503 index: pages with hashes, files, HEAD; with a login if `login` is set to `user:password`."""

    def __init__(self):
        self.files = {}
        self.asked = Counter()
        self.login = ""
        index = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.reply()

            def do_HEAD(self):
                self.reply()

            def reply(self):
                index.asked[self.command, self.headers.get("User-Agent", "").partition("/")[0]] += 1
                status, kind, body = index.answer(self.path, self.headers.get("Authorization", ""))
                self.send_response(status)
                if status == 401:
                    self.send_header("WWW-Authenticate", "Basic")
                self.send_header("Content-Type", kind)
                self.send_header("Cache-Control", "no-store")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    @property
    def host(self):
        return f"127.0.0.1:{self._server.server_port}"

    @property
    def url(self):
        return f"http://{self.host}/simple"

    def add(self, name, version, requires=(), tag="py3-none-any"):
        file, data = wheel(name, version, requires, tag)
        self.files[file] = data

    def answer(self, path, authorization):
        if self.login and authorization != f"Basic {base64.b64encode(self.login.encode()).decode()}":
            return 401, "text/plain", b"log in"
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and name in self.files:
            return 200, "application/octet-stream", self.files[name]
        found = [file for file in self.files if file.partition("-")[0].replace("_", "-") == name]
        if kind == "simple" and found:
            lines = (
                f'<a href="/files/{file}#sha256={hashlib.sha256(self.files[file]).hexdigest()}">{file}</a>'
                for file in found
            )
            return 200, "text/html", "\n".join(lines).encode()
        return 404, "text/plain", b"no"

    def heads(self):
        """How often envbuild itself (and not uv) asked for a size."""
        return self.asked["HEAD", "python-requests"]

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


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
