"""The image that a spec and its lock came to, if the engine or the spec's repository has it. Asks both.

An image belongs to a spec and its lock when its labels name both. Files of `copy:` are in neither: where the
same envbuild made the image, the digest of all that it was built from tells whether they are the same.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild import __version__
from envbuild.errors import RegistryError, UsageError
from envbuild.events import Notice
from envbuild.names import HUB, HUB_HOSTS, read_reference
from envbuild.reproduce.judge import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from envbuild.images import ImageInfo
    from envbuild.names import Reference
    from envbuild.outcomes import Locked, Request
    from envbuild.registry.client import RegistryClient

MOST_TAGS = 50
"""Tags of a repository that are looked at, besides those of the spec."""
_NOT_THERE = frozenset({"missing", "platform", "unsupported"})


class Wanted:
    """What the labels of the image have to say. `context`: the digest of all that it would be made from.

    doubtful  the image was found, and its copied files were not compared
    former    an image of the spec's names that is of this environment, but made from something else; where it
              was seen first
    """

    def __init__(self, locked: Locked, context: Callable[[], str]) -> None:
        self._spec, self._lock = locked.spec.source.digest, locked.lock.digest
        self._copies = bool(locked.spec.copy)
        self._context = context
        self._name = locked.spec.name
        self.doubtful = False
        self.former: tuple[str, ImageInfo] | Reference | None = None

    def is_it(self, labels: Mapping[str, str]) -> bool:
        """Whether an image with these labels is the one."""
        if labels.get("dev.envbuild.lock") != self._lock or labels.get("dev.envbuild.spec") != self._spec:
            return False
        if not self._copies:
            return True
        same = labels.get("dev.envbuild.context") == self._context()
        # Another envbuild writes another Dockerfile for the same spec.
        self.doubtful = not same and labels.get("dev.envbuild.version") != __version__
        return same or self.doubtful

    def is_former(self, labels: Mapping[str, str]) -> bool:
        """Whether these are the labels of an image of the same environment, as it was at another time."""
        return labels.get("dev.envbuild.name") == self._name


def in_engine(request: Request, locked: Locked, wanted: Wanted) -> tuple[str, ImageInfo] | None:
    """The name and the image of the engine, by the names of the spec. Raises EngineError."""
    engine = request.connect()
    for name in locked.spec.image.references:
        image = engine.image(name)
        if image and wanted.is_it(image.labels):
            return name, image
        if image and wanted.former is None and wanted.is_former(image.labels):
            wanted.former = name, image
    return None


def in_registry(
    request: Request, client: Callable[[], RegistryClient], locked: Locked, wanted: Wanted
) -> Reference | None:
    """The image by tag and digest in the spec's repository; None when it is not there, or nobody can tell.

    A repository that names no registry (`dl-env`, `lab/dl-env`) is a name in the engine: as nothing is pushed
    from it to Docker Hub, nothing is looked for there.
    """
    repository = locked.spec.image.repository
    try:
        place = read_reference(repository)
        if place.host == HUB and repository.partition("/")[0] not in HUB_HOSTS:
            return None
        return _found(request, client(), place, locked.spec.image.tags, wanted)
    except (RegistryError, UsageError) as error:
        text = f"{repository} was not looked through for an image of this lock: {error.message}"
        request.sink(Notice(level="warning", text=text))
        return None


def _found(
    request: Request, client: RegistryClient, place: Reference, tags: tuple[str, ...], wanted: Wanted
) -> Reference | None:
    seen: set[str] = set()
    for tag in _tags(client, place, tags):
        reference = replace(place, tag=tag)
        try:
            manifest = client.resolve(reference, request.platform)
            if manifest.digest in seen:
                continue
            seen.add(manifest.digest)
            labels, _ = said(client.config(reference, manifest))
        except RegistryError as error:
            if error.trouble not in _NOT_THERE:
                raise
            continue
        if wanted.is_it(labels):
            return replace(reference, digest=manifest.digest)
        if tag in tags and wanted.former is None and wanted.is_former(labels):
            wanted.former = replace(reference, digest=manifest.digest)
    return None


def _tags(client: RegistryClient, place: Reference, tags: tuple[str, ...]) -> Iterator[str]:
    """Those of the spec; then, if it is none of them, the last ones of the repository's."""
    yield from tags
    try:
        others = [tag for tag in client.tags(place) if tag not in tags]
    except RegistryError as error:
        if error.trouble == "missing":
            return
        raise
    yield from reversed(others[-MOST_TAGS:])
