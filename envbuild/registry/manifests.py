"""Manifests and indexes in a registry: fetched, held to their digests, put there, deleted. Not pure."""

from __future__ import annotations

import difflib
import json
import urllib.parse
from typing import TYPE_CHECKING

from envbuild.errors import RegistryError
from envbuild.registry.model import INDEXES, LARGEST_MANIFEST, MANIFESTS, OLD, Descriptor, Index, Manifest
from envbuild.registry.parse import digest_of, is_digest, is_referrers_tag, parse_manifest
from envbuild.registry.refusals import LIE_HINT, server_text
from envbuild.registry.session import Request, repository_of

if TYPE_CHECKING:
    from envbuild.names import Reference
    from envbuild.registry.refusals import Reply
    from envbuild.registry.session import Session

ACCEPT = {"Accept": ", ".join((*MANIFESTS, *INDEXES, *OLD))}
_STORING = 120.0
_SOME = 100


def get(session: Session, reference: Reference) -> Manifest | Index:
    """What the registry has under a tag or digest. Raises RegistryError."""
    found = find(session, reference)
    if isinstance(found, RegistryError):
        raise _more_exact(session, reference, found)
    return found


def find(session: Session, reference: Reference) -> Manifest | Index | RegistryError:
    """As `get`, with the error for one that is not there as an answer."""
    request = _request("GET", reference)
    repository = repository_of(reference)
    reply = session.ask(repository, request, LARGEST_MANIFEST)
    if reply.status != 200:
        error = session.refusal(repository, request, reply)
        if reply.status == 404:
            return error
        raise error
    digest = _digest(reference, reply)
    return parse_manifest(reply.data, reply.header("Content-Type"), str(reference), digest)


def look(session: Session, reference: Reference) -> Descriptor | None:
    """Digest, type and size of what is under a tag or digest, by HEAD; None when there is nothing."""
    request = _request("HEAD", reference)
    repository = repository_of(reference)
    reply = session.ask(repository, request)
    if reply.status == 404:
        return None
    if reply.status != 200:
        raise session.refusal(repository, request, reply)
    digest, size = reply.header("Docker-Content-Digest"), reply.header("Content-Length")
    media_type = reply.header("Content-Type").partition(";")[0].strip()
    if not (is_digest(digest) and size.isdigit() and media_type in {*MANIFESTS, *INDEXES}):
        found = get(session, reference)  # a registry that says less
        return Descriptor(media_type=found.media_type, digest=found.digest, size=len(found.data))
    if reference.digest and digest != reference.digest:
        raise _lie(reference, digest)
    return Descriptor(media_type=media_type, digest=digest, size=int(size))


def put(session: Session, reference: Reference, data: bytes, media_type: str) -> Reply:
    """Store a manifest under the reference's tag, or by its digest where it has no tag.

    Raises RegistryError.
    """
    digest = digest_of(data, reference.digest or "sha256:")
    if reference.digest and reference.digest != digest:
        raise RegistryError(f"{reference}: the manifest has the digest {digest}", trouble="wrong")
    if len(data) > LARGEST_MANIFEST:
        raise RegistryError(
            f"{reference}: its manifest has {len(data)} bytes; registries take {LARGEST_MANIFEST} at most",
            trouble="unsupported",
        )
    request = Request(
        method="PUT",
        path=f"manifests/{reference.tag or digest}",
        doing="push",
        what=str(reference),
        headers={"Content-Type": media_type, "Content-Length": str(len(data))},
        body=lambda: data,
        silence=_STORING,
    )
    repository = repository_of(reference)
    reply = session.ask(repository, request)
    if reply.status not in {200, 201, 202, 204}:
        raise session.refusal(repository, request, reply)
    said = reply.header("Docker-Content-Digest")
    if said and said != digest:
        raise RegistryError(
            f"{reference}: the registry {reference.host} stored it as {server_text(said)}, not as {digest}",
            trouble="wrong",
            hint="do not use this registry before somebody has looked at it",
        )
    return reply


def delete(session: Session, reference: Reference) -> None:
    """Delete a manifest by its digest, or only the tag where the reference has no digest.

    Raises RegistryError.
    """
    request = _request("DELETE", reference)
    repository = repository_of(reference)
    reply = session.ask(repository, request)
    if reply.status in {200, 202, 204}:
        return
    if not reference.digest and reply.status in {400, 405}:
        raise RegistryError(
            f"{reference}: the registry {reference.host} deletes no tags",
            trouble="denied",
            hint="name the digest as well: that deletes the image with all its tags",
        )
    raise session.refusal(repository, request, reply)


def _request(method: str, reference: Reference) -> Request:
    name = urllib.parse.quote(reference.digest or reference.tag or "latest", safe=":")
    reading = method in {"GET", "HEAD"}
    return Request(
        method=method,
        path=f"manifests/{name}",
        doing="read" if reading else "delete",
        what=str(reference),
        headers=ACCEPT if reading else None,
    )


def _more_exact(session: Session, reference: Reference, error: RegistryError) -> RegistryError:
    """Whether the repository is not there either, or which tags it has: most registries say neither."""
    request = Request(method="GET", path=f"tags/list?n={_SOME}", doing="list", what=str(reference))
    repository = repository_of(reference)
    try:
        reply = session.ask(repository, request)
        tags = [str(tag) for tag in json.loads(reply.data)["tags"]] if reply.status == 200 else []
    except (RegistryError, ValueError, KeyError, TypeError):
        return error
    if reply.status == 404:
        return session.refusal(repository, request, reply)
    tags = [tag for tag in tags if not is_referrers_tag(tag)]
    if reference.digest or not tags:
        return error
    close = difflib.get_close_matches(reference.tag or "latest", tags, n=3, cutoff=0.3) or tags[:3]
    return RegistryError(error.message, trouble=error.trouble, hint=f"tags that it has: {', '.join(close)}")


def _digest(reference: Reference, reply: Reply) -> str:
    """The digest of what came, which is the one asked for; of a tag, the one that the registry names."""
    said = reply.header("Docker-Content-Digest")
    wanted = reference.digest or (said if is_digest(said) else "")
    found = digest_of(reply.data, wanted or "sha256:")
    if wanted and found != wanted:
        raise _lie(reference, found, wanted)
    return found


def _lie(reference: Reference, found: str, wanted: str = "") -> RegistryError:
    return RegistryError(
        f"{reference}: the registry {reference.host} sent a manifest with the digest {server_text(found)}"
        f"{f', and not {wanted}' if wanted else ''}",
        trouble="wrong",
        hint=LIE_HINT,
    )
