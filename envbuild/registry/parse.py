"""Bytes that a registry sent → `Manifest` or `Index`, checked. Pure.

What makes no sense is refused with what is wrong, as RegistryError: these bytes come from elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any

from envbuild.errors import RegistryError
from envbuild.names import DIGEST
from envbuild.registry.model import (
    INDEXES,
    MANIFESTS,
    OCI_INDEX,
    OCI_MANIFEST,
    OLD,
    Descriptor,
    Index,
    Manifest,
)
from envbuild.registry.platforms import platform_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_VAGUE = frozenset({"", "application/json", "text/plain", "application/octet-stream"})


def digest_of(data: bytes, like: str = "sha256:") -> str:
    """The digest of bytes, by the algorithm of the digest `like`."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Whether `text` is a digest by an algorithm that is known here."""
    return re.fullmatch(DIGEST, text) is not None


def is_referrers_tag(tag: str) -> bool:
    """Whether a tag is a list of referrers (`sha256-…`), where a registry has no API for them."""
    return is_digest(tag.replace("-", ":", 1))


def parse_manifest(data: bytes, content_type: str, where: str, digest: str = "") -> Manifest | Index:
    """What `data` say. `where` names them in messages; `digest` is theirs, computed when not given.

    Raises RegistryError for what is no JSON, no manifest, ambiguous, or of a type that is not known.
    """
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise _wrong(where, "is not JSON") from error
    if not isinstance(found, dict):
        raise _wrong(where, "is no JSON object")
    media_type = _media_type(found, content_type.partition(";")[0].strip(), where)
    try:
        if media_type in INDEXES:
            return _index(found, media_type, data, digest or digest_of(data))
        return _manifest(found, media_type, data, digest or digest_of(data))
    except _Unfit as error:
        raise _wrong(where, f"makes no sense: {error}") from error


def _media_type(found: Mapping[str, Any], said: str, where: str) -> str:
    own = found.get("mediaType") or ""
    if own and said not in _VAGUE and own != said:
        # One document that two readers take for two things is a way around digests (CVE-2021-41190).
        raise _wrong(where, f"calls itself {_plain(own)}, and the registry calls it {_plain(said)}")
    media_type = own or (said if said not in _VAGUE else "")
    if not media_type and found.get("schemaVersion") == 2:
        media_type = OCI_INDEX if "manifests" in found else OCI_MANIFEST
    if media_type in OLD or found.get("schemaVersion") == 1:
        raise RegistryError(
            f"{where}: has docker's first manifest format (schema 1), which engines no longer take",
            trouble="unsupported",
            hint="pull and push it once with a docker before 28, or build it anew",
        )
    if media_type not in (*MANIFESTS, *INDEXES):
        raise RegistryError(
            f"{where}: is of a type that is not known here: {_plain(media_type) or 'it does not say'}",
            trouble="unsupported",
            hint="it may be no image; known are image manifests and indexes of Docker (schema 2) and OCI",
        )
    if "manifests" in found and ("layers" in found or "config" in found):
        raise _wrong(where, "is an image and an index at once")
    return str(media_type)


class _Unfit(Exception):  # noqa: N818  it never reaches a user
    """A part of a manifest that makes no sense, by its path."""


def _manifest(found: Mapping[str, Any], media_type: str, data: bytes, digest: str) -> Manifest:
    config = _descriptor(found.get("config"), "config")
    return Manifest(
        digest=digest,
        media_type=media_type,
        config=config,
        layers=_descriptors(found.get("layers"), "layers"),
        data=data,
        annotations=_texts(found.get("annotations"), "annotations"),
        artifact_type=_text(found.get("artifactType"), "artifactType") or config.media_type,
        subject=_subject(found),
    )


def _index(found: Mapping[str, Any], media_type: str, data: bytes, digest: str) -> Index:
    return Index(
        digest=digest,
        media_type=media_type,
        manifests=_descriptors(found.get("manifests"), "manifests"),
        data=data,
        annotations=_texts(found.get("annotations"), "annotations"),
        artifact_type=_text(found.get("artifactType"), "artifactType"),
        subject=_subject(found),
    )


def _subject(found: Mapping[str, Any]) -> Descriptor | None:
    value = found.get("subject")
    return None if value is None else _descriptor(value, "subject")


def _descriptors(value: object, path: str) -> tuple[Descriptor, ...]:
    if value is None and path == "manifests":  # Go's empty list
        return ()
    if not isinstance(value, list):
        raise _Unfit(f"{path} is no list")
    return tuple(_descriptor(item, f"{path}[{number}]") for number, item in enumerate(value))


def _descriptor(value: object, path: str) -> Descriptor:
    if not isinstance(value, dict):
        raise _Unfit(f"{path} is no object" if value is not None else f"{path} is missing")
    digest, size, platform = value.get("digest"), value.get("size"), value.get("platform")
    if not isinstance(digest, str) or not is_digest(digest):
        raise _Unfit(f"{path}.digest is no sha256 or sha512 digest")
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise _Unfit(f"{path}.size is no number of bytes")
    urls = value.get("urls") or []
    return Descriptor(
        media_type=_text(value.get("mediaType"), f"{path}.mediaType"),
        digest=digest,
        size=size,
        platform=platform_text(platform) if isinstance(platform, dict) else "",
        artifact_type=_text(value.get("artifactType"), f"{path}.artifactType"),
        annotations=_texts(value.get("annotations"), f"{path}.annotations"),
        urls=tuple(str(url) for url in urls) if isinstance(urls, list) else (),
    )


def _texts(value: object, path: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise _Unfit(f"{path} is no mapping of texts")
    return value


def _text(value: object, path: str) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise _Unfit(f"{path} is no text")
    return value


def _plain(value: object) -> str:
    """A value for a message: one line, printable, not long."""
    return "".join(character if character.isprintable() else "?" for character in str(value))[:100]


def _wrong(where: str, what: str) -> RegistryError:
    return RegistryError(
        f"{where}: what the registry sent {what}",
        trouble="wrong",
        hint="try again; if it stays, the registry or a proxy before it is at fault",
    )
