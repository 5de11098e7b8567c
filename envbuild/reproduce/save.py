"""The verb: an image → a file for a machine without a network. Asks the engine or the registry.

From a registry the file has the image to the byte, and all that is attached to it there. From an engine it
has the layers unpacked, under a manifest made here. Lock, spec, smoke report and SBOM are put beside the
image where nothing of their kind is attached.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild import __version__, state, subjects
from envbuild.archive.from_engine import export
from envbuild.archive.from_registry import fetch
from envbuild.archive.layout import Layout
from envbuild.archive.model import SPEC_KIND, Document, Saved
from envbuild.archive.packing import packed, packing_for
from envbuild.archive.tar import Broken
from envbuild.archive.write import room_for, whole
from envbuild.errors import EngineError, RegistryError, UsageError
from envbuild.events import Notice
from envbuild.names import read_reference
from envbuild.registry import kinds
from envbuild.remote.contained import contained
from envbuild.remote.tiny import files_in
from envbuild.remote.unpack import Unreadable
from envbuild.reproduce.judge import said
from envbuild.reproduce.steps import step
from envbuild.smoke.report import to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from envbuild.archive.model import Brought
    from envbuild.archive.packing import Packing
    from envbuild.archive.tar import Readable
    from envbuild.images import ImageInfo
    from envbuild.outcomes import Request
    from envbuild.registry.client import RegistryClient
    from envbuild.reproduce.steps import Step


def save(request: Request, client: Callable[[], RegistryClient], target: str, path: Path) -> Saved:
    """Write the image of `target` (a spec, an image of the engine, a reference) to `path`, or nothing.

    Raises UsageError for a disk or a name that does not do, EngineError, RegistryError.
    """
    begun = time.monotonic()
    packing = packing_for(path)
    local = in_engine(request, target)
    with step(request.sink, "save", "save", str(path)) as running:
        if local:
            saved = _from_engine(request, *local, path, packing, running)
        else:
            saved = _from_registry(request, client(), target, path, packing, running)
    return replace(saved, seconds=time.monotonic() - begun)


def in_engine(request: Request, target: str) -> tuple[ImageInfo, tuple[str, ...]] | None:
    """The image of the engine that `target` means, and its names; None when it means one in a registry."""
    if target.startswith(subjects.REGISTRY):
        return None
    file = subjects.find_file(request, target, strict=False)
    if isinstance(file, subjects.LockFile):
        raise UsageError(f"{target}: is a lock", hint="name its spec, or an image")
    names = file.spec.image.references if file else (target,)
    try:
        image = request.connect().image(names[0])
    except EngineError:
        if file:
            raise
        return None
    if image is None and file:
        hint = f"make it: envbuild image {target}"
        raise UsageError(f"{target}: its image {names[0]} is not there yet", hint=hint)
    if image is None:
        return None
    if file and image.labels.get("dev.envbuild.spec", file.spec.source.digest) != file.spec.source.digest:
        text = f"{target} changed since its image {names[0]} was made: the image is saved as it is"
        request.sink(Notice(level="warning", text=text))
    if image.id.partition(":")[2].startswith(target.removeprefix("sha256:")):
        return image, image.tags
    return image, tuple(_with_tag(name) for name in names if "@" not in name)


def _with_tag(name: str) -> str:
    reference = read_reference(name)
    return f"{reference.familiar}:{reference.tag or 'latest'}"


def _from_engine(
    request: Request,
    image: ImageInfo,
    names: tuple[str, ...],
    path: Path,
    packing: Packing,
    running: Step,
) -> Saved:
    engine = request.connect()

    def bring(layout: Layout) -> Brought:
        with engine.save(image.id) as stream:
            try:
                brought = export(_Counted(stream, _mover(running, image.size)), layout)
            except Broken as error:
                raise EngineError(f"what the engine hands out as {image.id} {error}") from error
        plain = {layer.digest for layer in brought.layers if "+" not in layer.media_type}
        by_config = engine.info.kind == "docker" and not engine.info.containerd_store
        if (by_config and brought.config.digest != image.id) or not plain <= set(image.layers):
            raise EngineError(f"the engine handed out something else than the image {image.id}")
        return brought

    return replace(_written(request, path, packing, names, bring), image_id=image.id)


def _from_registry(
    request: Request,
    client: RegistryClient,
    target: str,
    path: Path,
    packing: Packing,
    running: Step,
) -> Saved:
    reference = read_reference(target.removeprefix(subjects.REGISTRY))
    if not (reference.tag or reference.digest):
        reference = replace(reference, tag="latest")
    try:
        manifest = client.resolve(reference, request.platform)
    except RegistryError as error:
        raise subjects.with_engine(request, target, error) from error
    total = sum(layer.size for layer in manifest.layers)
    room_for(path, total)
    moved = _mover(running, total)

    def bring(layout: Layout) -> Brought:
        try:
            return fetch(client, reference, manifest, layout, moved)
        except Broken as error:
            raise RegistryError(f"{reference}: what came {error}", trouble="wrong") from error

    names = (f"{reference.familiar}:{reference.tag}",) if reference.tag else ()
    return _written(request, path, packing, names, bring)


def _written(
    request: Request,
    path: Path,
    packing: Packing,
    names: tuple[str, ...],
    bring: Callable[[Layout], Brought],
) -> Saved:
    """The file with what `bring` puts into it, and with the documents that belong there."""
    with whole(path) as file:
        with packed(file, packing) as out:
            layout = Layout(out, path.parent)
            brought = bring(layout)
            for note in brought.notes:
                request.sink(Notice(level="warning", text=note))
            kept = {artifact.kind for artifact in brought.artifacts}
            documents = [row for row in _documents(request, brought) if row.kind not in kept]
            subject = replace(brought.manifest, platform="")
            added = [layout.add_document(subject, document) for document in documents]
            layout.finish(brought, names, [listed for listed, _ in added])
        file.flush()
        size = file.seek(0, 2)
    return Saved(
        path=path,
        size=size,
        names=names,
        digest=brought.manifest.digest,
        image_id=brought.config.digest,
        platform=brought.manifest.platform,
        layers=brought.layers,
        artifacts=(*brought.artifacts, *(artifact for _, artifact in added)),
        seconds=0.0,
    )


def _documents(request: Request, brought: Brought) -> Iterator[Document]:
    """Lock, spec, smoke report and SBOM of an image that envbuild made, as far as they are to be had."""
    labels, _ = said(json.loads(brought.config_data))
    if "dev.envbuild.name" not in labels:
        return
    held = contained(_files(brought), labels)
    if held.doubts or held.lock is None:
        text = f"neither lock nor spec were put beside the image: {'; '.join(held.doubts)}"
        request.sink(Notice(level="warning", text=text))
        return
    yield Document(kind=kinds.LOCK, title=f"pylock.{held.lock.name}.toml", data=held.lock_text.encode())
    yield Document(kind=SPEC_KIND, title="spec.yml", data=held.spec_text.encode())
    memory = state.recall_image(brought.config.digest)
    if memory and memory.report:
        text = json.dumps(to_json(memory.report), indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        yield Document(kind=kinds.SMOKE, title="smoke.json", data=text.encode())
    from envbuild.publish.sbom import cyclonedx

    bill = cyclonedx(held.lock, version=__version__)
    yield Document(kind=kinds.CYCLONEDX, title=f"{held.lock.name}.cdx.json", data=bill)


def _files(brought: Brought) -> Mapping[str, bytes]:
    for layer in brought.tiny:
        with contextlib.suppress(Unreadable):
            if files := files_in(layer):
                return files
    return {}


def _mover(running: Step, total: int) -> Callable[[int], None]:
    """Told of each piece's bytes, tells how far it all is."""
    done = 0

    def moved(size: int) -> None:
        nonlocal done
        done += size
        running.moved(done, max(done, total))

    return moved


class _Counted:
    """A stream whose bytes are counted."""

    def __init__(self, stream: Readable, moved: Callable[[int], None]) -> None:
        self._stream, self._moved = stream, moved

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        self._moved(len(data))
        return data
