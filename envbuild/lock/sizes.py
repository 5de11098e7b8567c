"""Sizes of the locked files: fills `size` in a PEP 751 document where the index did not say it.

Asks by HEAD, caches by hash. A size is a help for the planner and for people, so one that cannot be had
stays absent; nothing here fails a lock.
"""

from __future__ import annotations

import contextlib
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from envbuild.files import cache_folder, write_atomically
from envbuild.lock.packages import chosen_file, files_of
from envbuild.lock.pip import with_site_credentials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import requests

    from envbuild.lock.model import Lock
    from envbuild.site.model import Site

_THREADS = 24
_TIMEOUT = 5.0  # seconds for one answer
_PATIENCE = 20.0  # seconds for all of them


def fill_sizes(
    document: dict[str, Any], *, previous: Lock | None, site: Site, environ: Mapping[str, str]
) -> int:
    """Give the files in `document` their sizes; asks for those to be installed. How many were asked for."""
    cache = _Cache(cache_folder(environ) / "sizes.json")
    known = cache.read()
    if previous:
        known |= {_key(table): table["size"] for _, table in files_of(previous.document) if "size" in table}
    chosen = {_key(table) for row in document.get("packages", ()) if (table := chosen_file(row))}
    asked: dict[str, str] = {}
    for _, table in files_of(document):
        key = _key(table)
        if "size" in table or not key:
            continue
        if key in known:
            table["size"] = known[key]
        elif key in chosen and table.get("url", "").startswith(("http://", "https://")):
            asked[key] = table["url"]
    answers = _ask(asked, site, environ) if asked else {}
    for _, table in files_of(document):
        if _key(table) in answers:
            table["size"] = answers[_key(table)]
    if answers:
        cache.write(answers)
    return len(asked)


def _key(table: Mapping[str, Any]) -> str:
    return str(table.get("hashes", {}).get("sha256", ""))


class _Cache:
    """sha256 → size in bytes, in a small JSON file. Losing it costs time, never truth."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, int]:
        try:
            data = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        entries = data.items() if isinstance(data, dict) else ()
        return {str(key): size for key, size in entries if isinstance(size, int) and size >= 0}

    def write(self, fresh: Mapping[str, int]) -> None:
        merged = self.read() | dict(fresh)
        with contextlib.suppress(OSError):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._path, json.dumps(merged, sort_keys=True).encode())


def _ask(urls: Mapping[str, str], site: Site, environ: Mapping[str, str]) -> dict[str, int]:
    """Size of each URL by its key, for those that answer in time."""
    import requests
    from requests.adapters import HTTPAdapter

    deadline = time.monotonic() + _PATIENCE
    dead: set[str] = set()
    with requests.Session() as session, ThreadPoolExecutor(_THREADS) as pool:
        adapter = HTTPAdapter(pool_connections=_THREADS, pool_maxsize=_THREADS)
        session.mount("http://", adapter)
        session.mount("https://", adapter)
        session.trust_env = False  # the site has read the environment already
        session.verify = _ca_bundle(site, environ)

        def one(item: tuple[str, str]) -> tuple[str, int | None]:
            key, url = item
            host = urlsplit(url).netloc
            if host in dead or time.monotonic() > deadline:
                return key, None
            try:
                return key, _head(session, url, site)
            except requests.ConnectionError:
                dead.add(host)
            except requests.RequestException:
                pass
            return key, None

        return {key: size for key, size in pool.map(one, urls.items()) if size is not None}


def _ca_bundle(site: Site, environ: Mapping[str, str]) -> str | bool:
    """The site's bundle, else what the host's variables say, else the bundle of requests."""
    if site.ca_bundle:
        return str(site.ca_bundle)
    return environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE") or True


def _head(session: requests.Session, url: str, site: Site) -> int | None:
    from requests.utils import get_netrc_auth, should_bypass_proxies

    bypass = should_bypass_proxies(url, site.proxies.get("no"))
    proxies = {} if bypass else {key: value for key, value in site.proxies.items() if key != "no"}
    address = with_site_credentials(url, site)
    answer = session.head(
        address,
        auth=None if address != url else get_netrc_auth(url),
        headers={"Accept-Encoding": "identity"},
        proxies=proxies,
        timeout=_TIMEOUT,
        allow_redirects=True,
    )
    length = answer.headers.get("Content-Length", "")
    return int(length) if answer.status_code == 200 and length.isdigit() else None
