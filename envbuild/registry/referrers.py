"""What belongs to an image in its registry (reports, locks, SBOMs): by the referrers API, or by the tag that
stands in for it. Not pure.

Distribution specification 1.1, "Listing Referrers" and "Referrers Tag Schema".
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from envbuild.errors import RegistryError
from envbuild.registry import manifests, write
from envbuild.registry.model import OCI_INDEX, Descriptor, Index
from envbuild.registry.pages import pages
from envbuild.registry.parse import parse_manifest
from envbuild.registry.session import Request, repository_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from envbuild.names import Reference
    from envbuild.registry.model import Manifest
    from envbuild.registry.refusals import Reply
    from envbuild.registry.session import Session

_NO_API = frozenset({400, 404, 405, 406, 501})
_TRIES = 4


def referrers(session: Session, subject: Reference, artifact_type: str = "") -> tuple[Descriptor, ...]:
    """All artifacts of the image with `subject`'s digest, of one type if given. () when there are none."""
    found = _by_api(session, subject, artifact_type)
    if found is None:
        found = _by_tag(session, subject)
    return tuple(entry for entry in found if artifact_type in {"", entry.artifact_type})


def add(session: Session, subject: Reference, artifact: Descriptor, reply: Reply) -> None:
    """Make an artifact findable that was just put (`reply`), where the registry does not do so itself."""
    if reply.header("OCI-Subject"):
        return

    def with_it(entries: tuple[Descriptor, ...]) -> tuple[Descriptor, ...]:
        others = tuple(entry for entry in entries if entry.digest != artifact.digest)
        return (*others, artifact)

    _rewrite(session, subject, with_it, lambda entries: any(e.digest == artifact.digest for e in entries))


def forget(session: Session, subject: Reference, digest: str) -> None:
    """Take a deleted artifact out of the tag's list, where there is one."""
    if any(entry.digest == digest for entry in _by_tag(session, subject)):
        _rewrite(
            session,
            subject,
            lambda entries: tuple(entry for entry in entries if entry.digest != digest),
            lambda entries: all(entry.digest != digest for entry in entries),
        )


def _by_api(session: Session, subject: Reference, artifact_type: str) -> tuple[Descriptor, ...] | None:
    """None where the registry does not know the API."""
    query = f"?artifactType={quote(artifact_type, safe='')}" if artifact_type else ""
    request = Request(
        method="GET",
        path=f"referrers/{subject.digest}{query}",
        doing="read",
        what=f"what belongs to {subject}",
        headers={"Accept": OCI_INDEX},
    )
    found: list[Descriptor] = []
    for reply in pages(session, repository_of(subject), request, none_at=_NO_API):
        if reply is None:
            return None
        index = parse_manifest(reply.data, reply.header("Content-Type"), request.what)
        if not isinstance(index, Index):
            return None
        found += index.manifests
    return tuple(found)


def _by_tag(session: Session, subject: Reference) -> tuple[Descriptor, ...]:
    found = manifests.find(session, _tag(subject))
    return found.manifests if isinstance(found, Index) else ()


def _tag(subject: Reference) -> Reference:
    """`sha256-…`: the tag of the list, where there is no API."""
    return replace(subject, tag=subject.digest.replace(":", "-"), digest="")


def _rewrite(
    session: Session,
    subject: Reference,
    change: Callable[[tuple[Descriptor, ...]], tuple[Descriptor, ...]],
    is_done: Callable[[tuple[Descriptor, ...]], bool],
) -> None:
    """Change the list and look whether it stayed so: somebody else may have written at the same time."""
    for _ in range(_TRIES):
        data = write.index(change(_by_tag(session, subject)))
        manifests.put(session, _tag(subject), data, OCI_INDEX)
        if is_done(_by_tag(session, subject)):
            return
    raise RegistryError(
        f"what belongs to {subject}: its list in the registry changes faster than it can be written",
        trouble="busy",
        hint="try again when nobody else pushes to this image",
    )


def descriptor_of(artifact: Manifest) -> Descriptor:
    """How an artifact is listed."""
    return Descriptor(
        media_type=artifact.media_type,
        digest=artifact.digest,
        size=len(artifact.data),
        artifact_type=artifact.artifact_type,
        annotations=artifact.annotations,
    )
