"""Where packages came from → the indexes of a spec: the addresses that a lock names → `Indexes`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.importers.model import Finding
    from envbuild.importers.text.places import Place

_PUBLIC = (("pypi", "org"), ("pypi", "python", "org"))
_TORCH_HOST = "download.pytorch.org"
_TORCH = re.compile(r"/whl/(cpu|cu[0-9]{2,3}|rocm[0-9]+(?:\.[0-9]+){1,2}|xpu)/?")
_TORCH_NAMES = ("torch", "torchvision", "torchaudio")
_LOCAL = re.compile(r"\+(cpu|cu[0-9]{2,3})$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    """The fields of a draft that say where packages come from; all may be empty."""

    index_url: str = ""
    extra_index_urls: tuple[str, ...] = ()
    torch_backend: str = ""
    findings: tuple[Finding, ...] = ()


def indexes_of(
    used: Iterable[tuple[str, Place]], pins: Iterable[tuple[str, str]] = (), *, public: bool = False
) -> Indexes:
    """What a spec says for the indexes in `used`, each with a place that names it, most important first.

    `pins` are (name, version) of packages: a torch `+cu124` names its backend, too.
    `public`: whether something comes from the public index without naming it.
    """
    others: list[str] = []
    backends: list[tuple[str, Place]] = []
    findings: list[Finding] = []
    for url, place in _each_once(used):
        if is_public(url):
            public = True
        elif backend := torch_backend_of(url):
            backends.append((backend, place))
        elif not _is_web(url):
            what = f"packages lie in {_safe(url)}, which an image cannot reach"
            findings.append(place.finding("left", what, "name an index by http or https"))
        else:
            plain = without_login(url)
            if plain != url:
                what = f"the login for {plain} is not carried"
                findings.append(place.finding("changed", what, "put it into the site config"))
            if plain not in others:
                others.append(plain)
    backend = next((backend for backend, _ in backends), "")
    for other, place in backends:
        if other != backend:
            what = f"torch comes for {backend} and for {other}; a spec has one torch backend: {backend}"
            findings.append(place.finding("left", what, "make one environment for each"))
    backend = backend or _by_version(pins)
    main = others.pop(0) if others and not public else ""
    return Indexes(
        index_url=main, extra_index_urls=tuple(others), torch_backend=backend, findings=tuple(findings)
    )


def is_public(url: str) -> bool:
    """Whether `url` is the index that every tool asks when told nothing else."""
    return tuple(_host(url).split(".")) in _PUBLIC


def torch_backend_of(url: str) -> str:
    """The backend whose index of PyTorch's `url` is (`cu124`); "" for any other index."""
    if _host(url) != _TORCH_HOST:
        return ""
    match = _TORCH.fullmatch(urlsplit(url).path)
    return match[1] if match else ""


def without_login(url: str) -> str:
    """`url` without user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _by_version(pins: Iterable[tuple[str, str]]) -> str:
    found = (_LOCAL.search(version) for name, version in pins if name in _TORCH_NAMES)
    return next((match[1] for match in found if match), "")


def _each_once(used: Iterable[tuple[str, Place]]) -> Iterable[tuple[str, Place]]:
    seen: dict[str, Place] = {}
    for url, place in used:
        if url:
            seen.setdefault(url.rstrip("/"), place)
    return seen.items()


def _is_web(url: str) -> bool:
    return url.lower().startswith(("http://", "https://")) and bool(_host(url))


def _host(url: str) -> str:
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _safe(url: str) -> str:
    from envbuild.site.urls import redact_url
    from envbuild.spec.words import shown

    return shown(redact_url(url))
