"""What the host already says, in variables that other tools read: environ → settings with origins, and notes.

Reads the CA bundle's file, otherwise pure. A setting that containers could not use is noted, not taken over;
a broken one is noted too, for it was not written for envbuild.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.site import check
from envbuild.site.urls import is_local_path, redact_url, with_credentials

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
_INDEX = ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL")
_EXTRA_INDEXES = (("UV_INDEX", "UV_EXTRA_INDEX_URL"), ("PIP_EXTRA_INDEX_URL",))
_SINGLE: tuple[tuple[str, str, Callable[[str], str]], ...] = (
    ("UV_INDEX_STRATEGY", "index_strategy", check.index_strategy),
    ("UV_PYTHON_INSTALL_MIRROR", "python_mirror", check.index),
    ("UV_PYTHON_DOWNLOADS_JSON_URL", "python_downloads", check.index),
)
_NOT_CARRIED = {
    "PIP_FIND_LINKS": "a list of files is not an index",
    "UV_FIND_LINKS": "a list of files is not an index",
    "PIP_TRUSTED_HOST": "certificates are always checked; give a CA bundle instead",
    "UV_INSECURE_HOST": "certificates are always checked; give a CA bundle instead",
}


@dataclass(slots=True)
class Layer:
    """Settings by name (`proxies.https` for one proxy), each with where it came from; and notes."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def set(self, name: str, value: object, origin: str) -> None:
        """Take over a setting."""
        self.values[name] = value
        self.origins[name] = origin


def host_layer(environ: Mapping[str, str]) -> Layer:
    """The settings that the host's own variables hold."""
    layer = Layer()
    _ca_bundle(environ, layer)
    _proxies(environ, layer)
    _indexes(environ, layer)
    for variable, name, grammar in _SINGLE:
        if value := environ.get(variable, "").strip():
            _take(layer, name, value, variable, grammar)
    layer.notes += [
        f"{variable} is not carried into builds: {why}"
        for variable, why in _NOT_CARRIED.items()
        if environ.get(variable, "").strip()
    ]
    return layer


def bundle_problem(path: Path) -> str:
    """Why `path` cannot serve as a CA bundle; "" when it can."""
    try:
        if b"-----BEGIN " not in path.read_bytes():
            return "holds no PEM certificate"
    except OSError as error:
        return (error.strerror or "cannot be read").lower()
    return ""


def local_path_note(where: str, value: str) -> str:
    """The sentence for something that lies on this machine's disk."""
    return f"{where} is a local path ({value}), which containers cannot reach: not carried into builds"


def _take(layer: Layer, name: str, value: str, variable: str, grammar: Callable[[str], str]) -> None:
    try:
        layer.set(name, grammar(value), variable)
    except ValueError as error:
        layer.notes.append(f"{variable} is not used: {error}")


def _ca_bundle(environ: Mapping[str, str], layer: Layer) -> None:
    for variable in CA_VARIABLES:
        value = environ.get(variable, "").strip()
        if not value:
            continue
        path = Path(value).absolute()
        if problem := bundle_problem(path):
            layer.notes.append(f"{variable} is not used: {path}: {problem}")
        elif "ca_bundle" not in layer.values:
            layer.set("ca_bundle", path, variable)
        elif path.resolve() != layer.values["ca_bundle"].resolve():
            layer.notes.append(
                f"{variable} names another file than {layer.origins['ca_bundle']}: {path} is not used"
            )


def _proxies(environ: Mapping[str, str], layer: Layer) -> None:
    # The lower-case spelling wins, as it does in curl, Python and uv.
    for key, names in {
        "http": ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"),
        "https": ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
        "no": ("no_proxy", "NO_PROXY"),
    }.items():
        variable = next((name for name in names if environ.get(name, "").strip()), None)
        if variable:
            grammar = check.line_of_text if key == "no" else check.proxy
            _take(layer, f"proxies.{key}", environ[variable].strip(), variable, grammar)


def _indexes(environ: Mapping[str, str], layer: Layer) -> None:
    for variable in _INDEX:
        if value := environ.get(variable, "").strip():
            found = _index_urls(environ, variable, [value], layer)
            if found:
                layer.set("index_url", found[0], variable)
                break
    for family in _EXTRA_INDEXES:  # pip's further indexes count only where uv has none
        urls: list[str] = []
        names = [name for name in family if environ.get(name, "").strip()]
        for variable in names:
            urls += _index_urls(environ, variable, environ[variable].split(), layer)
        if urls:
            layer.set("extra_index_urls", tuple(dict.fromkeys(urls)), ", ".join(names))
            break


def _index_urls(environ: Mapping[str, str], variable: str, words: list[str], layer: Layer) -> list[str]:
    urls = []
    for word in words:
        name, equals, rest = word.partition("=")
        named = bool(equals) and name.replace("-", "").replace("_", "").replace(".", "").isalnum()
        url = rest if named else word
        try:
            check.index(url)
        except ValueError as error:
            layer.notes.append(f"{variable} is not used: {error}")
            continue
        if is_local_path(url):
            layer.notes.append(local_path_note(variable, redact_url(url)))
            continue
        if named:  # uv keeps the credentials of a named index in variables of their own
            prefix = "UV_INDEX_" + "".join(c if c.isalnum() else "_" for c in name).upper()
            url = with_credentials(
                url, environ.get(f"{prefix}_USERNAME", ""), environ.get(f"{prefix}_PASSWORD", "")
            )
        urls.append(url)
    return urls
