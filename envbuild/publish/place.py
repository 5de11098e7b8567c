"""One repository: is the image there, bring it, attach what belongs to it, set its tags. Asks registry and
engine.

An engine can push under a tag only. It gets one that nobody reads (`envbuild-<start of the image's id>`); the
tags that people read are set by the registry client when everything is there, by storing the same manifest
under them. Afterwards the engine's tag goes.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.errors import EngineError, RegistryError
from envbuild.events import Notice, StepDone, StepFailed, StepStarted
from envbuild.publish.model import Attached, Seen
from envbuild.registry import kinds, write
from envbuild.registry.model import OCI_MANIFEST, Descriptor, Index, Manifest
from envbuild.registry.parse import digest_of
from envbuild.registry.rights import check_push

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from envbuild.engine.engine import Engine
    from envbuild.engine.push import Pushed
    from envbuild.events import Sink
    from envbuild.logins import Logins
    from envbuild.names import Reference
    from envbuild.publish.attachments import Artifact
    from envbuild.publish.model import Destination, Subject
    from envbuild.registry.client import RegistryClient
    from envbuild.site.model import Site

UNUSED = "application/vnd.dev.envbuild.unused.v1"
"""The type of the empty artifact that stands under an engine's tag where a registry deletes nothing."""
_NOT_SHOWN = frozenset({"missing", "denied", "login"})


class Place:
    """One destination of one image."""

    def __init__(
        self,
        client: RegistryClient,
        destination: Destination,
        subject: Subject,
        sink: Sink,
    ) -> None:
        self.destination = destination
        self._client = client
        self._subject = subject
        self._sink = sink
        short = subject.image_id.partition(":")[2][:12]
        self._staging = replace(destination.repository, tag=f"envbuild-{short}")
        self._image: Manifest | Index | None = None
        self._staged = False  # whether the engine's tag may be there
        self.seen = Seen(tags={})
        self.pushed: Pushed | None = None
        self.attached: tuple[Attached, ...] = ()

    @property
    def digest(self) -> str:
        """The image's digest there; "" before it is known."""
        return self._image.digest if self._image else ""

    def look(self) -> None:
        """See what the tags name now, and whether one of them is the image already. Raises RegistryError."""
        tags = {}
        for reference in self.destination.references:
            found = self._head(reference)
            tags[reference.tag] = found.digest if found else ""
            if found and self._image is None:
                self._image = self._if_ours(found.digest)
        self.seen = Seen(tags=tags, image=self._image)

    def check(self, site: Site, logins: Logins) -> None:
        """Raise RegistryError now when the image would have to be pushed, and may not be."""
        if self._image is None:
            check_push(site, logins, self.destination.repository)

    def bring(self, connect: Callable[[], Engine]) -> None:
        """Have the engine push the image, under its own tag. Raises RegistryError, EngineError."""
        if self._image is not None:
            return
        engine = connect()
        name = str(self._staging)
        if not self._subject.local:  # it would go with the only name that it ever had
            engine.tag(self._subject.image_id, str(self.destination.references[0]))
        engine.tag(self._subject.image_id, name)
        self._staged = True
        try:
            self.pushed = engine.push(name, self._sink)
        except RegistryError as error:
            self._staged = False  # a tag is the last that an engine sets
            self._say_more(error)
            raise
        finally:
            with contextlib.suppress(EngineError):
                engine.untag(name)
        self._image = self._if_ours(self.pushed.digest)
        if self._image is None:
            raise RegistryError(
                f"{self.destination.name}: what the registry has as {self.pushed.digest} is not the image",
                trouble="wrong",
                hint="somebody may have pushed at the same moment: try again",
            )

    def attach(self, artifacts: Sequence[Artifact]) -> None:
        """Attach what is not attached yet. Raises RegistryError."""
        assert self._image is not None  # noqa: S101  `look` or `bring` found it
        image = self._pinned
        described = Descriptor(
            media_type=self._image.media_type, digest=self._image.digest, size=len(self._image.data)
        )
        there = {entry.digest for entry in self._client.referrers(image)}
        missing = [item for item in artifacts if item.digest(described) not in there]
        if missing:
            names = ", ".join(kinds.WORDS[item.artifact_type] for item in missing)
            with self._step(f"attach:{self.destination.name}", f"attach {names}"):
                for item in missing:
                    self._client.attach(image, item.artifact_type, [item.file])
        self.attached = tuple(
            Attached(artifact_type=item.artifact_type, digest=item.digest(described), new=item in missing)
            for item in artifacts
        )

    def set_tags(self, done: list[str]) -> tuple[str, ...]:
        """Have every tag name the image; returns those that did not. `done` collects what was set, here and
        elsewhere: an error names it. Raises RegistryError.
        """
        assert self._image is not None  # noqa: S101  `look` or `bring` found it
        tags: list[str] = []
        for reference in self.destination.references:
            if self.seen.tags[reference.tag] == self._image.digest:
                continue
            try:
                self._warn_of_others(reference)
                with self._step(f"tag:{reference}", f"set {reference}"):
                    self._client.put_manifest(reference, self._image.data, self._image.media_type)
            except RegistryError as error:
                if not done:
                    raise
                text = f"{error.message}; {', '.join(done)} {'was' if len(done) == 1 else 'were'} set before"
                raise RegistryError(text, trouble=error.trouble, hint=error.hint) from error
            done.append(str(reference))
            tags.append(reference.tag)
        return tuple(tags)

    def take_away(self) -> str:
        """Take the engine's tag away; returns it if the registry does not let us.

        Never by deleting the tag: there are registries that delete the image with it. The tag is moved to an
        empty artifact, and that is deleted.
        """
        if not self._staged:
            return ""
        try:
            if self._client.head(self._staging) is None:
                return ""
            empty = _unused(self._staging.tag)
            self._client.upload_blob(self._staging, write.EMPTY_DATA, write.EMPTY)
            self._client.put_manifest(self._staging, empty, OCI_MANIFEST)
            self._client.delete(replace(self._staging, tag="", digest=digest_of(empty)))
        except RegistryError:
            return self._staging.tag
        return ""

    @property
    def _pinned(self) -> Reference:
        return replace(self.destination.repository, digest=self.digest)

    def _head(self, reference: Reference) -> Descriptor | None:
        try:
            return self._client.head(reference)
        except RegistryError as error:
            if (
                error.trouble in _NOT_SHOWN
            ):  # so registries speak of what is not there, too; `check` will tell
                return None
            raise

    def _if_ours(self, digest: str) -> Manifest | Index | None:
        """What has that digest, if it is the subject: by its config, or (containerd's store) by itself."""
        found = self._client.manifest(replace(self.destination.repository, digest=digest))
        config = found.config.digest if isinstance(found, Manifest) else ""
        return found if self._subject.image_id in {found.digest, config} else None

    def _say_more(self, error: RegistryError) -> None:
        """Raise what the registry tells us where the engine only tells that it failed: docker's keeps the
        reason of a 500 to itself.
        """
        if error.trouble not in {"busy", ""}:
            return
        try:
            self._client.upload_blob(self.destination.repository, write.EMPTY_DATA, write.EMPTY)
        except RegistryError as told:
            if told.trouble in {"full", "login", "denied"}:
                raise told from error

    def _warn_of_others(self, reference: Reference) -> None:
        """Say when the tag was moved by somebody else while the image was on its way: the last one wins."""
        found = self._head(reference)
        now = found.digest if found else ""
        if now not in {self.seen.tags[reference.tag], self.digest}:
            text = f"{reference} was set to {now or 'nothing'} by somebody else meanwhile; it is moved now"
            self._sink(Notice(level="warning", text=text))

    @contextlib.contextmanager
    def _step(self, identity: str, name: str) -> Iterator[None]:
        begun = time.monotonic()
        self._sink(StepStarted(id=identity, stage="push", name=name))
        try:
            yield
        except BaseException as error:
            reason = str(error) or "stopped"
            self._sink(StepFailed(id=identity, seconds=time.monotonic() - begun, reason=reason))
            raise
        self._sink(StepDone(id=identity, seconds=time.monotonic() - begun))


def _unused(tag: str) -> bytes:
    """The manifest of an empty artifact for one tag: another tag's has another digest, and stays."""
    empty = {
        "mediaType": write.EMPTY.media_type,
        "digest": write.EMPTY.digest,
        "size": write.EMPTY.size,
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": UNUSED,
        "config": empty,
        "layers": [empty],
        "annotations": {"dev.envbuild.tag": tag},
    }
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()
