"""The verbs: what a registry has, and bringing something to it. `RegistryClient(site, logins)`. Not pure.

What is read comes from the site's mirror of a registry, if it has one; what is written, and what is read for
that, goes to the registry itself. Raises RegistryError, whose `trouble` says what kind it is.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from envbuild.errors import RegistryError
from envbuild.names import at_mirror
from envbuild.registry import blobs, manifests, referrers, write
from envbuild.registry.model import LARGEST_CONFIG, OCI_MANIFEST, Descriptor, Index, Manifest
from envbuild.registry.pace import Pace
from envbuild.registry.pages import pages
from envbuild.registry.parse import digest_of, is_referrers_tag, parse_manifest
from envbuild.registry.platforms import best, fits, offers, platform_text
from envbuild.registry.refusals import server_text
from envbuild.registry.session import Request, Session, repository_of, silent, too_large
from envbuild.registry.source import Source
from envbuild.registry.upload import Upload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from envbuild.logins import Logins
    from envbuild.names import Reference
    from envbuild.registry.model import Attachment, Landed, Progress
    from envbuild.site.model import Site

_PAGE = 1000
_CONFIGS = 16  # configs that are remembered
_DEEPEST = 3  # indexes within indexes


class RegistryClient:
    """Registries, as one user of one site sees them. Close it. May be used by several threads.

    References must be whole: `names.read_reference` reads what somebody typed. `tell` gets a line for people
    when a registry makes them wait.
    """

    def __init__(
        self,
        site: Site,
        logins: Logins,
        *,
        pace: Pace | None = None,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[str], None] = silent,
    ) -> None:
        self._mirrors = site.registry_mirrors
        self._session = Session(site, logins, pace or Pace(), sleep=sleep, tell=tell)
        self._configs: dict[str, Mapping[str, Any]] = {}
        self._there: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def __enter__(self) -> RegistryClient:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections that are kept."""
        self._session.close()

    # reading

    def head(self, reference: Reference) -> Descriptor | None:
        """Digest, type and size of what is under a tag or digest now; None when there is nothing."""
        return manifests.look(self._session, self._mirror(reference))

    def manifest(self, reference: Reference) -> Manifest | Index:
        """The manifest or index under a tag or digest, held to its digest."""
        return manifests.get(self._session, self._mirror(reference))

    def resolve(self, reference: Reference, platform: str) -> Manifest:
        """The image for `platform` (`linux/amd64`) under a tag or digest; "" takes the only one there is."""
        found = self.manifest(reference)
        index = ""
        for _ in range(_DEEPEST):
            if isinstance(found, Manifest):
                self._check_platform(reference, found, platform)
                return replace(found, index=index)
            index = index or found.digest
            found = self.manifest(self._chosen(reference, found, platform))
        raise RegistryError(
            f"{reference}: is an index within an index within an index", trouble="unsupported"
        )

    def config(self, reference: Reference, manifest: Manifest) -> Mapping[str, Any]:
        """The config of an image: platform, environment, labels, history. Asked for once."""
        digest = manifest.config.digest
        with self._lock:
            if digest in self._configs:
                return self._configs[digest]
        what = f"the config of {reference}"
        data = self.read_blob(reference, manifest.config, LARGEST_CONFIG, what=what)
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise RegistryError(f"{what}: is no JSON object", trouble="wrong")
        with self._lock:
            while len(self._configs) >= _CONFIGS:
                del self._configs[next(iter(self._configs))]
            self._configs[digest] = found
        return found

    def has_blob(self, reference: Reference, digest: str) -> bool:
        """Whether the repository itself (not a mirror of it) has a blob."""
        return self._has(reference, digest, "blobs")

    def blob_stream(
        self, reference: Reference, blob: Descriptor, *, progress: Progress = blobs.nobody
    ) -> Iterator[bytes]:
        """A blob's bytes, continued where a connection breaks. The last piece comes after the whole was found
        right: who writes them down must not use them before the end.
        """
        place = repository_of(self._mirror(reference))
        return blobs.Download(self._session, place, blob, _named(reference, blob), progress=progress).chunks()

    def read_blob(self, reference: Reference, blob: Descriptor, limit: int, *, what: str = "") -> bytes:
        """A small blob, whole: of at most `limit` bytes."""
        what = what or _named(reference, blob)
        if blob.size > limit:
            raise too_large(what, limit)
        place = repository_of(self._mirror(reference))
        return b"".join(blobs.Download(self._session, place, blob, what).chunks())

    def fetch_blob(
        self,
        reference: Reference,
        blob: Descriptor,
        path: Path,
        *,
        resume: bool = True,
        progress: Progress = blobs.nobody,
    ) -> None:
        """Bring a blob to `path`, which is there whole and right afterwards, or not at all.

        With `resume`, what came before a failure stays as `.<name>.part`, and the next call goes on there.
        """
        place = repository_of(self._mirror(reference))
        what = _named(reference, blob)
        blobs.to_file(self._session, place, blob, path, what, resume=resume, progress=progress)

    def tags(self, reference: Reference) -> tuple[str, ...]:
        """All tags of the reference's repository, sorted (not all registries do).

        Without those that are not for people: lists of referrers (`sha256-…`), where a registry has no API.
        """
        reference = self._mirror(reference)
        request = Request(
            method="GET", path=f"tags/list?n={_PAGE}", doing="list", what=f"the tags of {reference.familiar}"
        )
        found: list[str] = []
        for reply in pages(self._session, repository_of(reference), request):
            try:
                found += [str(tag) for tag in json.loads(reply.data)["tags"] or ()] if reply else []
            except (ValueError, KeyError, TypeError) as error:
                raise RegistryError(
                    f"{request.what}: what the registry sent is no list", trouble="wrong"
                ) from error
        return tuple(sorted(tag for tag in set(found) if not is_referrers_tag(tag)))

    def referrers(self, reference: Reference, artifact_type: str = "") -> tuple[Descriptor, ...]:
        """What belongs to an image, of one type or all. Its digest is looked up if the reference has none."""
        reference = self._mirror(reference)
        subject = reference if reference.digest else self._pinned(reference)[0]
        return referrers.referrers(self._session, subject, artifact_type)

    # writing

    def upload_blob(
        self,
        reference: Reference,
        source: Path | bytes | IO[bytes],
        blob: Descriptor,
        *,
        mount_from: Reference | None = None,
        chunk: int = 0,
        progress: Progress = blobs.nobody,
    ) -> Landed:
        """Bring a blob to the reference's repository, and say how it came there.

        mount_from  a repository that may have it; one at another registry is of no use
        chunk       the most bytes of one request; 0: all in one, and less where the registry wants it so

        An open file is read from where it stands; it is read again after a failure if it can seek.
        """
        if self._has(reference, blob.digest, "blobs"):
            progress(blob.size, blob.size)
            return "there"
        what = _named(reference, blob)
        upload = Upload(
            self._session,
            repository_of(reference),
            blob,
            Source(source, blob.size, what),
            what=what,
            chunk=chunk,
            progress=progress,
        )
        elsewhere = mount_from if mount_from and mount_from.host == reference.host else None
        usable = elsewhere is not None and elsewhere.repository != reference.repository
        landed = upload.run(elsewhere.repository if elsewhere and usable else "")
        self._note(reference, blob.digest)
        return landed

    def put_manifest(self, reference: Reference, data: bytes, media_type: str) -> str:
        """Store a manifest or an index under the reference's tag, or by its digest where it has no tag.

        Only after the registry has said that it has every part; else nothing is stored, and no tag moves.
        Returns the digest.
        """
        manifest = parse_manifest(data, media_type, str(reference))
        self._check_parts(reference, manifest)
        manifests.put(self._session, reference, data, media_type)
        digest = digest_of(data, reference.digest or "sha256:")
        self._note(reference, digest)
        return digest

    def attach(
        self,
        subject: Reference,
        artifact_type: str,
        files: Sequence[Attachment],
        annotations: Mapping[str, str] | None = None,
    ) -> str:
        """Store an artifact of `files` that belongs to an image, so that `referrers` lists it.

        Returns its digest. The same content is the same artifact.
        """
        subject, described = self._pinned(subject)
        self.upload_blob(subject, write.EMPTY_DATA, write.EMPTY)
        layers = []
        for file in files:
            titled = {write.TITLE: file.title} if file.title else {}
            layer = Descriptor(
                media_type=file.media_type,
                digest=digest_of(file.data),
                size=len(file.data),
                annotations=titled,
            )
            self.upload_blob(subject, file.data, layer)
            layers.append(layer)
        data = write.artifact(described, artifact_type, layers, annotations or {})
        place = replace(subject, tag="", digest="")
        artifact = parse_manifest(data, OCI_MANIFEST, str(subject))
        assert isinstance(artifact, Manifest)  # noqa: S101  it was made so, three lines above
        reply = manifests.put(self._session, place, data, OCI_MANIFEST)
        referrers.add(self._session, subject, referrers.descriptor_of(artifact), reply)
        return artifact.digest

    def delete(self, reference: Reference) -> None:
        """Delete a manifest by its digest, with all its tags; or, without a digest, the tag alone."""
        subject = None
        if reference.digest:
            found = manifests.get(self._session, reference)
            subject = found.subject
        manifests.delete(self._session, reference)
        with self._lock:
            self._there.discard((reference.host, reference.repository, reference.digest))
        if subject:
            belongs_to = replace(reference, tag="", digest=subject.digest)
            referrers.forget(self._session, belongs_to, reference.digest)

    # inside

    def _mirror(self, reference: Reference) -> Reference:
        return at_mirror(reference, self._mirrors)

    def _pinned(self, reference: Reference) -> tuple[Reference, Descriptor]:
        """The reference by its digest, and the descriptor of what it is."""
        found = manifests.look(self._session, reference)
        if found is None:
            raise RegistryError(
                f"{reference}: the registry {reference.host} has no such image",
                trouble="missing",
                hint="push the image first, then what belongs to it",
            )
        return replace(reference, digest=found.digest), found

    def _chosen(self, reference: Reference, index: Index, platform: str) -> Reference:
        runnable = [entry for entry in index.manifests if "unknown" not in entry.platform]
        entry = runnable[0] if len(runnable) == 1 and not platform else best(platform, index.manifests)
        if entry is None:
            offered = ", ".join(offers(index.manifests)) or "no platform at all"
            wanted = f"wanted for {platform}" if platform else "for several platforms, and none was named"
            raise RegistryError(
                f"{reference}: {wanted}; the registry has it for {offered}",
                trouble="platform",
                hint="choose one that it has, or another image",
            )
        return replace(reference, tag="", digest=entry.digest)

    def _check_platform(self, reference: Reference, manifest: Manifest, platform: str) -> None:
        if not manifest.is_image:
            kind = server_text(manifest.artifact_type)
            raise RegistryError(
                f"{reference}: is no image, but an artifact of the type {kind}", trouble="unsupported"
            )
        if not platform:
            return
        offered = platform_text(self.config(reference, manifest))
        if not fits(platform, offered):
            raise RegistryError(
                f"{reference}: wanted for {platform}; the registry has it for {server_text(offered)}",
                trouble="platform",
                hint="choose one that it has, or another image",
            )

    def _has(self, reference: Reference, digest: str, kind: str) -> bool:
        key = (reference.host, reference.repository, digest)
        with self._lock:
            if key in self._there:
                return True
        request = Request(
            method="HEAD",
            path=f"{kind}/{digest}",
            doing="push",
            what=str(replace(reference, digest=digest)),
            headers=manifests.ACCEPT if kind == "manifests" else None,
        )
        repository = repository_of(reference)
        reply = self._session.ask(repository, request)
        if reply.status not in {200, 404}:
            raise self._session.refusal(repository, request, reply)
        if reply.status == 200:
            self._note(reference, digest)
        return reply.status == 200

    def _note(self, reference: Reference, digest: str) -> None:
        with self._lock:
            self._there.add((reference.host, reference.repository, digest))

    def _check_parts(self, reference: Reference, manifest: Manifest | Index) -> None:
        if isinstance(manifest, Index):
            kind, parts = "manifests", manifest.manifests
        else:
            kind, parts = "blobs", (manifest.config, *manifest.layers)
        wanted = dict.fromkeys(part.digest for part in parts if not part.urls)
        missing = [digest for digest in wanted if not self._has(reference, digest, kind)]
        if missing:
            named = ", ".join(missing[:3]) + (", …" if len(missing) > 3 else "")
            raise RegistryError(
                f"{reference}: was not stored: the registry {reference.host} lacks {len(missing)} of the"
                f" {len(wanted)} {kind} that it names: {named}",
                trouble="missing",
                hint="upload them first",
            )


def _named(reference: Reference, blob: Descriptor) -> str:
    """A blob in messages."""
    return f"{reference.familiar}@{blob.digest}"
