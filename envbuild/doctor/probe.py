"""This machine → observations. Asks the engine, uv, the index and a registry, side by side where it can."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from envbuild.doctor.model import Base, Disk, Observations, Trouble
from envbuild.doctor.probe_gpu import see_gpu
from envbuild.errors import EnvbuildError
from envbuild.site.carry import redact, uv_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from envbuild.engine.model import EngineInfo
    from envbuild.images import ImageInfo
    from envbuild.site.model import Site

DEFAULT_BASE = "debian:bookworm-slim"
_SMALL = "six"  # one file, no dependencies: the smallest question to an index that is a real one
_INDEX_SECONDS = 10


class Engine(Protocol):
    """What is asked of an engine here."""

    @property
    def info(self) -> EngineInfo:
        """What it says of itself."""

    def image(self, reference: str) -> ImageInfo | None:
        """The image of that name in its store."""

    def remote_digest(self, reference: str, platform: str) -> str:
        """What the registry has for that name. Raises RegistryError."""


def observe(site: Site, environ: Mapping[str, str], connect: Callable[[], Engine]) -> Observations:
    """Look at everything. Whatever fails becomes a Trouble; nothing is raised for it."""
    with ThreadPoolExecutor(max_workers=4) as pool:
        engine = pool.submit(see_engine, connect)
        uv = pool.submit(see_uv, environ)
        index = pool.submit(see_index, site, environ)
        gpu = pool.submit(see_gpu, environ)
        connected, info = engine.result()
        base = (
            see_base(connected, info.platform, site) if connected and not isinstance(info, Trouble) else None
        )
        return Observations(
            site=site,
            engine=info,
            cache=see_disk(cache_folder(environ)),
            uv=uv.result(),
            index=index.result(),
            certificates=see_certificates(site.ca_bundle),
            base=base,
            mmdebstrap=shutil.which("mmdebstrap"),
            gpu=gpu.result(),
        )


def see_engine(connect: Callable[[], Engine]) -> tuple[Engine | None, EngineInfo | Trouble]:
    """The engine and what it says of itself, or why there is none."""
    try:
        engine = connect()
    except EnvbuildError as error:
        return None, Trouble(message=error.message, hint=error.hint)
    return engine, engine.info


def see_base(engine: Engine, platform: str, site: Site) -> Base:
    """Whether the default base image can be had."""
    mirror = site.registry_mirrors.get("docker.io", "")
    try:
        engine.remote_digest(DEFAULT_BASE, platform)
    except EnvbuildError as error:
        trouble = Trouble(message=redact(error.message, site), hint=error.hint)
    else:
        return Base(reference=DEFAULT_BASE, source="registry", mirror=mirror)
    try:
        stored = engine.image(DEFAULT_BASE)
    except EnvbuildError:
        stored = None
    return Base(
        reference=DEFAULT_BASE, source="engine" if stored else "nowhere", mirror=mirror, trouble=trouble
    )


def see_uv(environ: Mapping[str, str]) -> str | Trouble:
    """Version and path of uv."""
    from envbuild.lock.uv import find_uv

    try:
        path = find_uv()
        ran = subprocess.run(
            [path, "--version"], capture_output=True, text=True, timeout=10, env=dict(environ), check=True
        )
    except EnvbuildError as error:
        return Trouble(message=error.message, hint=error.hint)
    except (OSError, subprocess.SubprocessError) as error:
        return Trouble(
            message=f"uv does not run: {error}", hint="install it anew: pip install --force-reinstall uv"
        )
    return f"{ran.stdout.strip()} at {path}"


def see_index(site: Site, environ: Mapping[str, str]) -> float | Trouble:
    """Seconds that uv takes to resolve one small package with the site's settings and an empty cache."""
    from envbuild.lock.uv import find_uv

    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        options = [
            "--no-config",
            "--no-deps",
            "--no-header",
            "--quiet",
            "--cache-dir",
            scratch,
            "--python",
            sys.executable,
        ]
        try:
            ran = subprocess.run(
                [find_uv(), "pip", "compile", "-", *options],
                input=_SMALL,
                capture_output=True,
                text=True,
                timeout=_INDEX_SECONDS,
                env=uv_environment(site, environ) | {"UV_HTTP_RETRIES": "0"},
                check=False,
            )
        except EnvbuildError as error:
            return Trouble(message=error.message, hint=error.hint)
        except subprocess.TimeoutExpired:
            return Trouble(message=f"no answer within {_INDEX_SECONDS} s")
        except OSError as error:
            return Trouble(message=f"uv does not run: {error}")
    if ran.returncode:
        return Trouble(message=redact(_reason(ran.stderr), site))
    return time.monotonic() - begun


def _reason(stderr: str) -> str:
    """The last cause in uv's chain of causes, else its last line: what names the fault."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    causes = [line for line in lines if line.startswith("Caused by:")]
    return (
        (causes or lines or ["uv gave no reason"])[-1]
        .removeprefix("Caused by:")
        .removeprefix("error:")
        .strip()
    )


def see_certificates(bundle: Path | None) -> int | Trouble | None:
    """How many certificates the bundle holds, by parsing them all."""
    if bundle is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cafile=str(bundle))
    except ssl.SSLError as error:
        return Trouble(message=f"does not parse ({error.reason or error})")
    except OSError as error:
        return Trouble(message=(error.strerror or str(error)).lower())
    return context.cert_store_stats()["x509"]


def cache_folder(environ: Mapping[str, str]) -> Path:
    """Where uv keeps its cache."""
    if folder := environ.get("UV_CACHE_DIR"):
        return Path(folder)
    home = Path(environ.get("HOME") or Path.home())
    return Path(environ.get("XDG_CACHE_HOME") or home / ".cache") / "uv"


def see_disk(folder: Path) -> Disk | None:
    """Room left where `folder` lies or would lie; None when that cannot be said."""
    for place in (folder, *folder.parents):
        try:
            status = os.statvfs(place)
        except OSError:
            continue
        return Disk(folder=str(folder), free=status.f_bavail * status.f_frsize)
    return None
