"""Is what was made anew what it should be? An image and the one it should equal, or its lock → `Finding`.

Asks the engine and the registry. Times do not count: no two builds have the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild import subjects
from envbuild.archive.tar import Broken
from envbuild.compare.diff import diff
from envbuild.errors import EngineError
from envbuild.registry.model import Descriptor
from envbuild.remote.model import RemoteImage
from envbuild.reproduce.files import Pieces, image_trees, layer_tree, stacked, unlike
from envbuild.reproduce.inside import installed, unlike_lock
from envbuild.reproduce.model import Finding
from envbuild.reproduce.steps import step

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from envbuild.compare.model import Change
    from envbuild.engine.engine import Engine
    from envbuild.images import ImageInfo
    from envbuild.lock.model import Lock
    from envbuild.names import Reference
    from envbuild.outcomes import Request
    from envbuild.registry.client import RegistryClient
    from envbuild.remote.model import RemoteLayer
    from envbuild.reproduce.files import Tree, Unlike
    from envbuild.reproduce.steps import Step
    from envbuild.subjects import LocalImage

_SHOWN = 20
"""Paths that are named; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The image that a lock came from: in the engine, or in a registry, where `reference` pins it."""

    found: LocalImage | RemoteImage
    reference: Reference | None = None

    @property
    def name(self) -> str:
        """What it is called, and where it is."""
        if isinstance(self.found, RemoteImage):
            return f"{str(self.reference).partition('@')[0]} in its registry"
        return f"{self.found.name} as the engine had it"

    @property
    def image_id(self) -> str:
        """The digest of its config."""
        return self.found.config if isinstance(self.found, RemoteImage) else self.found.image.id

    @property
    def diff_ids(self) -> tuple[str, ...]:
        """Its layers, from the bottom up; () unknown."""
        if isinstance(self.found, RemoteImage):
            known = tuple(layer.diff_id for layer in self.found.layers)
            return known if all(known) else ()
        return self.found.image.layers


def held_against_lock(engine: Engine, image: ImageInfo, lock: Lock) -> Finding:
    """Whether the image has installed what the lock says. For when nobody has the image that it came from."""
    differences = unlike_lock(lock, installed(engine, image.id))
    if differences:
        return Finding(
            verdict="different",
            compared_with="the lock",
            why="what is installed in it is not what the lock says",
            differences=differences,
        )
    conda = f", {len(lock.conda)} conda" if lock.conda else ""
    counted = f"{len(lock.packages)} Python{conda} and {len(lock.apt)} Debian packages"
    return Finding(
        verdict="equivalent",
        compared_with="the lock",
        why=f"its {counted} are those of the lock; no image of this spec and lock was at hand to compare"
        " files with",
    )


def held_against(
    request: Request, client: RegistryClient | None, image: ImageInfo, original: Original
) -> Finding:
    """Whether `image`, of the engine, equals the one that it should."""
    if image.id == original.image_id:
        return _finding(original, "identical", "the same image id")
    with step(request.sink, "compare", "compare", f"with {original.name}") as running:
        finding = _compared(request, client, image, original, running)
        running.detail = finding.verdict
    return finding


def _compared(
    request: Request, client: RegistryClient | None, image: ImageInfo, original: Original, running: Step
) -> Finding:
    engine = request.connect()
    built = subjects.contents_of(subjects.local_image(engine, image, image.id))
    told = diff(subjects.contents_of(original.found), built)
    # Copied files are compared below, by content: their layers have times.
    changes = [change for change in told.changes if change.part != "copy"]
    if changes:
        lines = tuple(change_line(change) for change in changes)
        return _finding(original, "different", "it holds other things", lines)
    if original.diff_ids and original.diff_ids == image.layers:
        return _finding(
            original, "equivalent", "the same layers to the byte; only what is said of them differs"
        )
    try:
        found = _unlike_files(request, client, image, original, running)
    except Broken as error:
        raise EngineError(f"comparing with {original.name}: a layer {error}") from error
    if found:
        return _finding(original, "different", "not all files are the same", _file_lines(found))
    return _finding(
        original, "equivalent", f"the same packages and the same {found.files:,} files; only times differ"
    )


def _finding(original: Original, verdict: str, why: str, differences: tuple[str, ...] = ()) -> Finding:
    return Finding(
        verdict=verdict,  # type: ignore[arg-type]
        compared_with=original.name,
        why=why,
        differences=differences,
    )


def _unlike_files(
    request: Request, client: RegistryClient | None, image: ImageInfo, original: Original, running: Step
) -> Unlike:
    """What differs between the files of the original and those of `image`."""
    engine = request.connect()
    with engine.save(image.id) as stream:
        here = image_trees(stream)
    shared = 0
    for mine, other in zip(image.layers, original.diff_ids, strict=False):
        if mine != other:
            break
        shared += 1
    if isinstance(original.found, RemoteImage):
        assert client is not None  # noqa: S101  who found it there had one
        assert original.reference is not None  # noqa: S101
        layers = original.found.layers[shared:]
        there = [*here[:shared], *_remote_trees(client, original.reference, layers, running)]
    else:
        with engine.save(original.found.image.id) as stream:
            there = image_trees(stream)
    return unlike(stacked(there), stacked(here))


def _remote_trees(
    client: RegistryClient, reference: Reference, layers: Sequence[RemoteLayer], running: Step
) -> Iterator[Tree]:
    total, done = sum(layer.size for layer in layers), 0

    def pieces(blob: Descriptor) -> Iterator[bytes]:
        nonlocal done
        for data in client.blob_stream(reference, blob):
            done += len(data)
            running.moved(done, total)
            yield data

    for layer in layers:
        blob = Descriptor(media_type=layer.media_type, digest=layer.digest, size=layer.size)
        yield layer_tree(Pieces(pieces(blob)))


def _file_lines(found: Unlike) -> tuple[str, ...]:
    lines = []
    for what, paths in (
        ("changed", found.changed),
        ("missing", found.only_a),
        ("new", found.only_b),
    ):
        lines += [f"file {what}: /{path}" for path in paths[:_SHOWN]]
        if len(paths) > _SHOWN:
            lines.append(f"file {what}: {len(paths) - _SHOWN:,} more")
    return tuple(lines)


def change_line(change: Change) -> str:
    """What differs, on one line. Pure."""
    subject = f"{change.part}: {change.name}" if change.name else change.part
    if change.how == "added":
        return f"{subject} added" + (f" ({change.after})" if change.after not in {None, change.name} else "")
    if change.how == "removed":
        return f"{subject} removed" + (
            f" ({change.before})" if change.before not in {None, change.name} else ""
        )
    return f"{subject}: {change.before or 'none'} -> {change.after or 'none'}"
