"""Fetches a locked wheel to read it: streamed into a temporary file, its digest checked. Needs the network.

With the site's certificates, proxies and credentials, as the locking does.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from envbuild.errors import LockError, UsageError
from envbuild.files import cache_folder
from envbuild.lock.pip import with_site_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from envbuild.site.model import Site

_CHUNK = 1 << 20
_TIMEOUT = 60.0  # seconds without a byte


@contextlib.contextmanager
def downloaded(url: str, sha256: str, *, site: Site, environ: Mapping[str, str]) -> Iterator[Path]:
    """The file at `url` while the block runs. Raises LockError when it cannot be had or is another file,
    UsageError when it cannot be written.
    """
    import requests

    name = urlsplit(url).path.rpartition("/")[2]
    folder = cache_folder(environ)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="wheel-", dir=folder) as made:
        path = Path(made, "file.whl")
        try:
            digest = _fetch(url, path, site, environ)
        except requests.RequestException as error:
            reason = getattr(error.response, "reason", None) or type(error).__name__
            raise LockError(f"{name}: cannot be downloaded: {reason}") from error
        except OSError as error:
            raise UsageError(f"{folder}: {error.strerror}", hint="free some space") from error
        if digest != sha256:
            raise LockError(
                f"{name}: the index has another file of this name than the lock: another hash",
                hint="renew the lock: envbuild lock",
            )
        yield path


def _fetch(url: str, path: Path, site: Site, environ: Mapping[str, str]) -> str:
    import requests
    from requests.utils import get_netrc_auth, should_bypass_proxies

    address = with_site_credentials(url, site)
    bypass = should_bypass_proxies(url, site.proxies.get("no"))
    digest = hashlib.sha256()
    with requests.Session() as session:
        session.trust_env = False  # the site has read the environment already
        session.verify = (
            str(site.ca_bundle)
            if site.ca_bundle
            else environ.get("REQUESTS_CA_BUNDLE") or environ.get("SSL_CERT_FILE") or True
        )
        with (
            session.get(
                address,
                auth=None if address != url else get_netrc_auth(url),
                headers={"Accept-Encoding": "identity"},
                proxies={} if bypass else {key: value for key, value in site.proxies.items() if key != "no"},
                timeout=_TIMEOUT,
                stream=True,
            ) as answer,
            path.open("wb") as file,
        ):
            answer.raise_for_status()
            for chunk in answer.iter_content(_CHUNK):
                digest.update(chunk)
                file.write(chunk)
    return digest.hexdigest()
