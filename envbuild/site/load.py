"""The site: environ and config file → `Site`. Reads config.yml and the CA bundle's file, nothing else.

Precedence, strongest first: `ENVBUILD_*` variables, config.yml, what the host says to every tool; one setting
at a time.
"""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.errors import SiteError
from envbuild.site import check
from envbuild.site.host import Layer, bundle_problem, host_layer, local_path_note
from envbuild.site.model import Site
from envbuild.site.urls import is_local_path, is_loopback, redact_url

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_TEXT: dict[str, tuple[str, Callable[[str], str]]] = {
    "ENVBUILD_CA_BUNDLE": ("ca_bundle", check.line_of_text),
    "ENVBUILD_HTTP_PROXY": ("proxies.http", check.proxy),
    "ENVBUILD_HTTPS_PROXY": ("proxies.https", check.proxy),
    "ENVBUILD_NO_PROXY": ("proxies.no", check.line_of_text),
    "ENVBUILD_INDEX_URL": ("index_url", check.index),
    "ENVBUILD_INDEX_STRATEGY": ("index_strategy", check.index_strategy),
    "ENVBUILD_PYTHON_MIRROR": ("python_mirror", check.index),
    "ENVBUILD_PYTHON_DOWNLOADS": ("python_downloads", check.index),
    "ENVBUILD_DEBIAN_MIRROR": ("debian_mirror", check.web_url),
    "ENVBUILD_MICROMAMBA": ("micromamba", check.micromamba),
    "ENVBUILD_ENGINE": ("engine", check.engine),
    "ENVBUILD_BUILD_NETWORK": ("build_network", check.network),
}
_PAIRS: dict[str, tuple[str, Callable[[str], str], Callable[[str], str]]] = {
    "ENVBUILD_APT_MIRRORS": ("apt_mirrors", check.apt_prefix, check.web_url),
    "ENVBUILD_CONDA_MIRRORS": ("conda_mirrors", check.conda_prefix, check.conda_mirror),
    "ENVBUILD_REGISTRY_MIRRORS": ("registry_mirrors", check.registry, check.registry_prefix),
}
_PREFIX = "ENVBUILD_"
_LISTS: dict[str, tuple[str, Callable[[str], str]]] = {
    "ENVBUILD_EXTRA_INDEX_URLS": ("extra_index_urls", check.index),
    "ENVBUILD_HTTP_REGISTRIES": ("http_registries", check.registry),
}
VARIABLES = (*_TEXT, *_PAIRS, *_LISTS, "ENVBUILD_CONFIG")
"""Every variable that sets something of the site."""

_CONTAINER_URLS = ("index_url", "python_mirror", "python_downloads", "proxies.http", "proxies.https")


def load_site(environ: Mapping[str, str], config: Path | None = None) -> Site:
    """The settings of this machine.

    The config file is `config`, else what ENVBUILD_CONFIG names, else $XDG_CONFIG_HOME/envbuild/config.yml.
    Raises SiteError for a file that is wrong, or named and missing, and for a wrong `ENVBUILD_*`.
    """
    layer = host_layer(environ)
    path, named = _config_path(environ, config)
    if path and (named or _is_there(path, layer)):
        _apply_config(layer, path)
    _apply_variables(layer, environ)
    _check_bundle(layer)
    _drop_local_paths(layer)
    layer.notes += _loopback_notes(layer)
    values = layer.values
    found = [key for key in ("http", "https", "no") if f"proxies.{key}" in values]
    proxies = {key: values.pop(f"proxies.{key}") for key in found}
    notes = tuple(redact_url(note) for note in dict.fromkeys(layer.notes))
    return Site(**values, proxies=proxies, notes=notes, origins=layer.origins)


def _is_there(path: Path, layer: Layer) -> bool:
    """Whether there is a config file; a home of somebody else's may not be looked into, and then has none."""
    try:
        return path.exists()
    except OSError as error:
        layer.notes.append(f"{path} cannot be looked at, so it counts as missing: {error.strerror}")
        return False


def _config_path(environ: Mapping[str, str], config: Path | None) -> tuple[Path | None, bool]:
    if config:
        return config, True
    if named := environ.get("ENVBUILD_CONFIG"):
        return Path(named), True
    if home := environ.get("XDG_CONFIG_HOME"):
        return Path(home) / "envbuild" / "config.yml", False
    if home := environ.get("HOME"):
        return Path(home) / ".config" / "envbuild" / "config.yml", False
    return None, False


def _apply_config(layer: Layer, path: Path) -> None:
    # pydantic and yaml cost 0.1 s, which a machine without a config file need not pay.
    from envbuild.site.config import read_config

    values, lines = read_config(path)
    for name, value in values.items():
        if name == "ca_bundle":
            value = path.absolute().parent / Path(value).expanduser()
        elif isinstance(value, list):
            value = tuple(value)
        layer.set(name, value, f"{path}:{lines[name]}")


def _apply_variables(layer: Layer, environ: Mapping[str, str]) -> None:
    for variable in VARIABLES:
        text = environ.get(variable, "").strip()
        if not text or variable == "ENVBUILD_CONFIG":
            continue
        try:
            name, value = _variable(variable, text)
        except ValueError as error:
            raise SiteError(f"{variable}: {error}") from None
        layer.set(name, value, variable)
    known = {variable.removeprefix(_PREFIX): variable for variable in VARIABLES}
    for name in environ:
        word = name.removeprefix(_PREFIX)
        if word != name and word not in known and (close := difflib.get_close_matches(word, known, 1, 0.75)):
            layer.notes.append(f"{name} is not a setting; did you mean {known[close[0]]}?")


def _variable(variable: str, text: str) -> tuple[str, Any]:
    if variable in _TEXT:
        name, grammar = _TEXT[variable]
        return name, Path(text).expanduser().absolute() if name == "ca_bundle" else grammar(text)
    if variable in _LISTS:
        name, grammar = _LISTS[variable]
        return name, tuple(grammar(word) for word in text.split())
    name, left, right = _PAIRS[variable]
    pairs = {}
    for word in text.split():
        old, equals, new = word.partition("=")
        if not equals:
            raise ValueError(f"{redact_url(word)!r} is not a pair; write FROM=TO, with spaces between pairs")
        pairs[left(old)] = right(new)
    return name, pairs


def _check_bundle(layer: Layer) -> None:
    """A bundle named for envbuild must be good; a bad one named for other tools has only been noted."""
    path = layer.values.get("ca_bundle")
    if path and (problem := bundle_problem(path)):
        message = f"{layer.origins['ca_bundle']}: the CA bundle {path}: {problem}"
        raise SiteError(message, hint="name a file of PEM certificates")


def _drop_local_paths(layer: Layer) -> None:
    for name in ("index_url", "python_mirror", "python_downloads"):
        value = layer.values.get(name)
        if value and is_local_path(value):
            layer.notes.append(local_path_note(f"{name} ({layer.origins.pop(name)})", value))
            del layer.values[name]
    extra = layer.values.get("extra_index_urls", ())
    for url in filter(is_local_path, extra):
        layer.notes.append(local_path_note(f"extra_index_urls ({layer.origins['extra_index_urls']})", url))
    if extra:
        layer.values["extra_index_urls"] = tuple(url for url in extra if not is_local_path(url))


def _loopback_notes(layer: Layer) -> list[str]:
    """Containers have a loopback of their own, so an address there needs the host's network."""
    if layer.values.get("build_network") == "host":
        return []
    urls = [(layer.origins[name], layer.values[name]) for name in _CONTAINER_URLS if name in layer.values]
    for name in ("extra_index_urls", "apt_mirrors", "conda_mirrors"):
        found = layer.values.get(name, ())
        urls += [(layer.origins[name], url) for url in (found.values() if isinstance(found, dict) else found)]
    return [
        f"{origin}: {url} is this machine's loopback: build steps reach it only with build_network: host"
        for origin, url in urls
        if is_loopback(url)
    ]
