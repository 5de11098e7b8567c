"""A `Site` → what network steps need: variables for uv on the host, build secrets, build args, redacted text.

Reads the CA bundle's file, otherwise pure. Nothing of this may reach a layer, a label or the history: values
travel as secrets and predefined build args only.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from envbuild.errors import SiteError
from envbuild.site.urls import HIDDEN, redact_url, secrets_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.site.model import Site

__all__ = [
    "CA_SECRET",
    "SITE_SECRET",
    "build_args",
    "build_secrets",
    "redact",
    "redact_url",
    "uv_environment",
]

SITE_SECRET = "envbuild_site"  # noqa: S105  # the id of a secret, not a secret
CA_SECRET = "envbuild_ca"  # noqa: S105

# Of the host's own UV_ variables these alone reach uv: they say how it works, not what it chooses. All others
# (UV_PYTHON, UV_EXCLUDE_NEWER, UV_FIND_LINKS, …) would make a lock depend on the machine it was made on.
_KEPT = frozenset(
    [
        *("UV_CACHE_DIR", "UV_PYTHON_CACHE_DIR", "UV_LINK_MODE", "UV_OFFLINE", "UV_LOG_CONTEXT"),
        *("UV_CONCURRENT_DOWNLOADS", "UV_CONCURRENT_BUILDS", "UV_CONCURRENT_INSTALLS"),
        *("UV_HTTP_TIMEOUT", "UV_HTTP_CONNECT_TIMEOUT", "UV_HTTP_RETRIES", "UV_REQUEST_TIMEOUT"),
        *("UV_KEYRING_PROVIDER", "UV_NATIVE_TLS", "UV_SYSTEM_CERTS"),
    ]
)
_PROXY_NAMES = {"http": "HTTP_PROXY", "https": "HTTPS_PROXY", "no": "NO_PROXY"}
_DROPPED = frozenset(
    ["VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "PYTHONHOME", "ALL_PROXY", *_PROXY_NAMES.values()]
)


def uv_environment(site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    """The full environment for a uv subprocess on the host.

    That is `environ` without what would change uv's answers, plus what the site says.
    """
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() not in _DROPPED and (not name.startswith("UV_") or name in _KEPT)
    }
    kept |= _uv_variables(site) | build_args(site)
    kept["UV_NO_CONFIG"] = "1"
    if site.ca_bundle:
        kept["SSL_CERT_FILE"] = str(site.ca_bundle)
    return kept


def build_secrets(site: Site) -> dict[str, bytes]:
    """Secrets for network steps of a build, by id; an id is absent when there is nothing to say.

    `envbuild_site` is a POSIX sh file of `export NAME=value` lines, `envbuild_ca` a PEM file.
    ENVBUILD_APT_MIRRORS and ENVBUILD_CONDA_MIRRORS hold `FROM=TO` pairs of URL prefixes, separated by spaces;
    those for conda longest first: the first that fits is meant.
    Raises SiteError when the CA bundle is gone.
    """
    variables = _uv_variables(site)
    if site.index_url:
        variables["PIP_INDEX_URL"] = site.index_url
    if site.extra_index_urls:
        variables["PIP_EXTRA_INDEX_URL"] = " ".join(site.extra_index_urls)
    if site.apt_mirrors:
        pairs = (f"{old}={new}" for old, new in sorted(site.apt_mirrors.items()))
        variables["ENVBUILD_APT_MIRRORS"] = " ".join(pairs)
    if site.conda_mirrors:
        longest_first = sorted(site.conda_mirrors.items(), key=lambda pair: (-len(pair[0]), pair[0]))
        variables["ENVBUILD_CONDA_MIRRORS"] = " ".join(f"{old}={new}" for old, new in longest_first)
    secrets: dict[str, bytes] = {}
    if variables:
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(variables.items()))
        secrets[SITE_SECRET] = "".join(lines).encode()
    if site.ca_bundle:
        try:
            secrets[CA_SECRET] = site.ca_bundle.read_bytes()
        except OSError as error:
            message = f"cannot read the CA bundle {site.ca_bundle}: {error.strerror}"
            hint = "put it back, or name another one in SSL_CERT_FILE or in ca_bundle:"
            raise SiteError(message, hint=hint) from error
    return secrets


def build_args(site: Site) -> dict[str, str]:
    """The proxies, in both cases, as build args that every engine predefines and keeps out of history."""
    named = {_PROXY_NAMES[key]: value for key, value in site.proxies.items()}
    return named | {name.lower(): value for name, value in named.items()}


def redact(text: str, site: Site) -> str:
    """`text` without credentials: those of any URL, and those that `site` knows, however they are spelt."""
    urls = tuple(url for url in _urls(site) if "@" in url or "/t/" in url)
    pattern = secrets_pattern(urls)
    clean = redact_url(text)
    return pattern.sub(HIDDEN, clean) if pattern else clean


def _uv_variables(site: Site) -> dict[str, str]:
    named = {
        "UV_DEFAULT_INDEX": site.index_url,
        "UV_INDEX": " ".join(site.extra_index_urls),
        "UV_INDEX_STRATEGY": site.index_strategy,
        "UV_PYTHON_INSTALL_MIRROR": site.python_mirror,
        "UV_PYTHON_DOWNLOADS_JSON_URL": site.python_downloads,
    }
    return {name: value for name, value in named.items() if value}


def _urls(site: Site) -> tuple[str, ...]:
    single = (site.index_url, site.python_mirror, site.python_downloads, site.debian_mirror, site.engine)
    mirrors = (*site.apt_mirrors.items(), *site.conda_mirrors.items())
    pairs = (url for pair in mirrors for url in pair)
    many = (*site.extra_index_urls, *site.proxies.values(), *pairs)
    return tuple(url for url in (*single, *many) if url)
