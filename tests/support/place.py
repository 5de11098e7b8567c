"""A site of the test's own: a certificate authority, an index and a proxy that want logins, and a config for
them.
"""

import contextlib
import ssl
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import trustme
import yaml

from support.index import Index
from support.proxy import Proxy, recording_proxy

INDEX_HOST = "index.test"
"""The index's name, which the proxy alone knows."""


@dataclass(frozen=True)
class Place:
    """What the site has. `mark` is in every secret of it and nowhere else."""

    mark: str
    bundle: Path
    index: Index
    proxy: Proxy

    @property
    def index_url(self) -> str:
        """With the login in it; reached without the proxy."""
        return f"https://{_info(self.index.login)}@{self.index.host}/simple"

    def settings(self) -> dict[str, Any]:
        """config.yml of somebody who reaches the index through the proxy."""
        proxy = f"http://{_info(self.proxy.login)}@{self.proxy.host}"
        return {
            "ca_bundle": str(self.bundle),
            "proxies": {"http": proxy, "https": proxy, "no": "127.0.0.1"},
            "index_url": f"https://{_info(self.index.login)}@{INDEX_HOST}/simple",
            "build_network": "host",
        }

    def direct_settings(self) -> dict[str, Any]:
        """config.yml of somebody who needs no proxy."""
        return {"ca_bundle": str(self.bundle), "index_url": self.index_url, "build_network": "host"}

    def secrets(self) -> list[bytes]:
        """Everything that must not leave the site, in each of its spellings."""
        found = {self.mark}
        for login in (self.index.login, self.proxy.login):
            found |= {login, _info(login), b64encode(login.encode()).decode()}
            for word in login.split(":"):
                found |= {word, quote(word), quote(word, safe=""), quote_plus(word)}
        lines = self.bundle.read_text().splitlines()
        found |= {line for line in lines if len(line) == 64}  # the certificate's own
        return sorted(word.encode() for word in found)


def _info(login: str) -> str:
    return ":".join(quote(word, safe="") for word in login.split(":"))


@contextlib.contextmanager
def a_place(folder: Path) -> Iterator[Place]:
    """A place whose servers run until the context ends."""
    mark = f"mark{uuid.uuid4().hex[:12]}"
    authority = trustme.CA(organization_name=mark)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(INDEX_HOST, "127.0.0.1").configure_cert(tls)
    bundle = folder / "ca.pem"
    bundle.write_text(f"# {mark}\n{authority.cert_pem.bytes().decode()}")
    with contextlib.closing(Index(login=f"reader-{mark}:i@x/{mark}", tls=tls)) as index:
        known = {f"{INDEX_HOST}:443": ("127.0.0.1", index.port)}
        with recording_proxy(f"surfer-{mark}:p@y/{mark}", known) as proxy:
            yield Place(mark, bundle, index, proxy)


def write_config(home: Path, settings: dict[str, Any]) -> None:
    """Make `settings` the config of whoever has `home`, as CommandLine lays it out."""
    path = home / "config" / "envbuild" / "config.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(settings))
