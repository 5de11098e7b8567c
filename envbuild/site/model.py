"""What belongs to a place and not to an environment: certificates, proxies, mirrors, engine. Data only."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from envbuild.site.urls import redact_url

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Site:
    """Settings of this machine, from config.yml, `ENVBUILD_*`, and what the host says; see docs/site.md.

    ca_bundle         a PEM file for every TLS connection; None: the system's own
    proxies           http, https, no → value, as in HTTP_PROXY, HTTPS_PROXY, NO_PROXY
    index_url         the default Python index, None: uv's own. May hold credentials: show it by `redact` only
    extra_index_urls  further indexes
    index_strategy    uv's --index-strategy, None: uv's default
    python_mirror     where uv's managed Pythons come from (UV_PYTHON_INSTALL_MIRROR)
    python_downloads  a JSON list of managed Pythons (UV_PYTHON_DOWNLOADS_JSON_URL)
    apt_mirrors       URL prefix → URL prefix, for apt sources in images
    debian_mirror     mirror for `envbuild bootstrap`, None: mmdebstrap's default
    registry_mirrors  registry host → mirror prefix (`docker.io` → `mirror.example.org/hub`)
    http_registries   registries (host or host:port) that are spoken to in plain http; loopback needs no word
    conda_mirrors     URL prefix → URL prefix, for conda channels and their files; may hold credentials
    micromamba        where micromamba comes from: auto, image, rattler, or the absolute path of a binary
    engine            URL of the engine, None: found
    build_network     network of build steps: default or host
    notes             what was seen on the host and not taken over, and why (one sentence each)
    origins           setting → where its value came from, for `doctor`
    """

    ca_bundle: Path | None = None
    proxies: Mapping[str, str] = field(default_factory=dict)
    index_url: str | None = None
    extra_index_urls: tuple[str, ...] = ()
    index_strategy: str | None = None
    python_mirror: str | None = None
    python_downloads: str | None = None
    apt_mirrors: Mapping[str, str] = field(default_factory=dict)
    debian_mirror: str | None = None
    registry_mirrors: Mapping[str, str] = field(default_factory=dict)
    http_registries: tuple[str, ...] = ()
    conda_mirrors: Mapping[str, str] = field(default_factory=dict)
    micromamba: str = "auto"
    engine: str | None = None
    build_network: str = "default"
    notes: tuple[str, ...] = ()
    origins: Mapping[str, str] = field(default_factory=dict)

    def __repr__(self) -> str:
        """As a dataclass shows itself, without credentials: a repr ends up in tracebacks and logs."""
        shown = ", ".join(f"{item.name}={getattr(self, item.name)!r}" for item in fields(self))
        return redact_url(f"Site({shown})")
