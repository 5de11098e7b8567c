"""HTTP to registries by urllib3: certificates, proxies, http or https, connections that are kept. Not pure.

One request, one answer: trying again, logins and redirects are `session`'s. Raises `Lost` for a connection
that broke or never was, RegistryError for one that must not be.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import ssl
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from envbuild import __version__
from envbuild.errors import RegistryError, SiteError
from envbuild.names import HUB
from envbuild.registry.proxies import proxy_for
from envbuild.site.urls import is_loopback, redact_url

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import urllib3

    from envbuild.site.model import Site

HUB_API = "registry-1.docker.io"
CHUNK = 1 << 18
CONNECT_LIMIT = 15.0  # seconds
SILENCE_LIMIT = 60.0  # seconds without a byte
_PROBE_LIMIT = 3.0
_HEADERS = {"User-Agent": f"envbuild/{__version__}", "Accept-Encoding": "identity"}


class Lost(Exception):  # noqa: N818  an event, not a mistake
    """A connection broke, or there never was one (`reached` is False). The text says why, in one line."""

    def __init__(self, why: str, *, reached: bool = True) -> None:
        super().__init__(why)
        self.reached = reached


class Answer:
    """A registry's answer, its body still to be read. Close it, or read all of it."""

    def __init__(self, response: urllib3.BaseHTTPResponse, url: str) -> None:
        self._response = response
        self.url = url
        self.status = response.status
        self.headers = response.headers

    def header(self, name: str) -> str:
        """A header, "" when there is none."""
        return self.headers.get(name) or ""

    def chunks(self) -> Iterator[bytes]:
        """The body as it comes. Raises Lost when it breaks off."""
        with _losing():
            while data := self._response.read(CHUNK):
                yield data
        self._response.release_conn()

    def read(self, limit: int) -> bytes | None:
        """The whole body; None when it has more than `limit` bytes. Raises Lost."""
        parts: list[bytes] = []
        size = 0
        for data in self.chunks():
            size += len(data)
            if size > limit:
                self.close()
                return None
            parts.append(data)
        return b"".join(parts)

    def close(self) -> None:
        """Give the answer up, and its connection if the body was not read."""
        self._response.close()
        self._response.release_conn()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Wire:
    """Connections to registries, as the site wants them. May be used by several threads."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._pools: dict[str, urllib3.PoolManager] = {}
        self._schemes: dict[str, str] = {}
        self._context: ssl.SSLContext | None = None
        self._lock = threading.RLock()

    def close(self) -> None:
        """Close all connections that are kept."""
        with self._lock:
            for pool in self._pools.values():
                pool.clear()
            self._pools.clear()

    def base(self, host: str) -> str:
        """`https://host` or `http://host` of a registry, by its host in references. Raises Lost."""
        host = HUB_API if host == HUB else host
        with self._lock:
            if host not in self._schemes:
                self._schemes[host] = self._scheme(host)
            return f"{self._schemes[host]}://{host}"

    def _scheme(self, host: str) -> str:
        if host in self._site.http_registries:
            return "http"
        if is_loopback(f"https://{host}") and not _speaks_tls(host):
            return "http"
        return "https"

    def may_be_plain(self, url: str) -> bool:
        """Whether an http URL may be followed: loopback, and what the site names in http_registries."""
        parts = urlsplit(url)
        return is_loopback(url) or parts.netloc.rpartition("@")[2] in self._site.http_registries

    def send(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | Iterable[bytes] | None = None,
        *,
        silence: float = SILENCE_LIMIT,
    ) -> Answer:
        """One request. A body that is no bytes needs its Content-Length in `headers`."""
        import urllib3

        if not url.startswith("https://") and not self.may_be_plain(url):
            raise RegistryError(
                f"{_host(url)}: would be spoken to in plain http, where others can listen and change things",
                trouble="tls",
                hint=f"if that is meant, add {_host(url)} to http_registries: of the site config",
            )
        pool = self._pool(proxy_for(url, self._site.proxies))
        with _losing(_host(url)):
            response = pool.urlopen(
                method,
                url,
                body=body,
                headers={**_HEADERS, **headers},
                redirect=False,
                retries=False,
                preload_content=False,
                decode_content=False,
                timeout=urllib3.Timeout(connect=min(CONNECT_LIMIT, silence), read=silence),
            )
        return Answer(response, url)

    def _pool(self, proxy: str) -> urllib3.PoolManager:
        import urllib3

        with self._lock:
            if proxy not in self._pools:
                options: dict[str, Any] = {"ssl_context": self._tls(), "maxsize": 8, "num_pools": 16}
                self._pools[proxy] = _proxied(proxy, options) if proxy else urllib3.PoolManager(**options)
            return self._pools[proxy]

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            bundle = self._site.ca_bundle
            try:
                self._context = ssl.create_default_context(cafile=str(bundle) if bundle else None)
            except OSError as error:
                raise SiteError(
                    f"the CA bundle {bundle} cannot be used: {error.strerror or error}",
                    hint="name a file of PEM certificates in ca_bundle: of the site config",
                ) from error
        return self._context


def _proxied(proxy: str, options: dict[str, Any]) -> urllib3.PoolManager:
    import urllib3
    from urllib3.util import make_headers, parse_url

    if proxy.startswith("socks"):
        if importlib.util.find_spec("socks") is None:
            raise RegistryError(
                f"the proxy {redact_url(proxy)} needs the Python package PySocks, which is not installed",
                trouble="unreachable",
                hint="install pysocks beside envbuild, or name an http proxy",
            )
        from urllib3.contrib.socks import SOCKSProxyManager

        return SOCKSProxyManager(proxy, **options)
    auth = parse_url(proxy).auth
    headers = make_headers(proxy_basic_auth=_unquoted(auth)) if auth else {}
    return urllib3.ProxyManager(
        proxy, proxy_headers=headers, proxy_ssl_context=options["ssl_context"], **options
    )


def _unquoted(auth: str) -> str:
    from urllib.parse import unquote

    return unquote(auth)


@contextlib.contextmanager
def _losing(host: str = "") -> Iterator[None]:
    """Turn what urllib3 raises into `Lost`, and what no other try will mend into RegistryError."""
    import urllib3.exceptions as broken

    try:
        yield
    except broken.SSLError as error:
        raise _tls_error(host, error) from error
    except broken.ProxyError as error:
        raise Lost(f"the proxy does not let through: {_reason(error)}", reached=False) from error
    except broken.NameResolutionError as error:
        raise Lost("its name is not known", reached=False) from error
    except (broken.NewConnectionError, broken.ConnectTimeoutError) as error:
        raise Lost(_reason(error), reached=False) from error
    except (broken.HTTPError, OSError) as error:
        raise Lost(_reason(error)) from error


def _tls_error(host: str, error: Exception) -> Exception:
    found = _root(error)
    if isinstance(found, ssl.SSLCertVerificationError):
        if found.verify_code == 10:
            why, hint = (
                "it has expired",
                "the registry needs a new certificate; or this machine's clock is wrong",
            )
        elif found.verify_code in {62, 64}:
            why, hint = "it is for another name", "use the name that the certificate is for"
        else:
            why = f"{found.verify_message}"
            hint = "name a PEM file with its CA in ca_bundle: of the site config, or in SSL_CERT_FILE"
        return RegistryError(
            f"{host}: the registry's certificate is not trusted: {why}", trouble="tls", hint=hint
        )
    if isinstance(found, ssl.SSLError) and found.reason in {"WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE"}:
        return RegistryError(
            f"{host}: does not speak TLS",
            trouble="tls",
            hint=f"if plain http is meant, add {host} to http_registries: of the site config",
        )
    return Lost(f"TLS failed: {_reason(error)}")


def _root(error: BaseException) -> BaseException:
    """The innermost cause: urllib3 wraps the real one."""
    found, seen = error, {id(error)}
    while True:
        inner = next(
            (part for part in (*found.args, found.__cause__) if isinstance(part, BaseException)), None
        )
        if inner is None or id(inner) in seen:
            return found
        seen.add(id(inner))
        found = inner


def _reason(error: BaseException) -> str:
    found = _root(error)
    if isinstance(found, TimeoutError) or "Timeout" in type(found).__name__:
        return "it did not answer in time"
    if isinstance(found, OSError) and found.strerror:
        return found.strerror.lower()
    if type(found).__name__ == "IncompleteRead":
        return "the answer ended in the middle"
    text = str(found) or type(found).__name__
    return redact_url(" ".join(text.split()))[:200]


def _host(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2]


def _speaks_tls(host: str) -> bool:
    """Whether TLS answers at a loopback address. Only asked, not trusted: certificates are checked later."""
    parts = urlsplit(f"https://{host}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        plain = socket.create_connection((parts.hostname or "", parts.port or 443), timeout=_PROBE_LIMIT)
    except OSError as error:
        if parts.port is None:  # nothing at 443: then the port of plain http is meant
            return False
        raise Lost(_reason(error), reached=False) from error
    with plain:
        try:
            context.wrap_socket(plain, server_hostname=parts.hostname).close()
        except ssl.SSLError as error:
            return "ALERT" in (error.reason or "")
        except OSError:
            return False
    return True
