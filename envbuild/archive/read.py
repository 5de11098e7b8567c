"""A file that somebody brought → `Held`: one image, all of whose bytes were looked at. Reads the file only.

It may come from anywhere. Nothing is written by the names in it, memory does not grow with its size, and
nothing is believed that a digest does not bear out. Raises RegistryError (`wrong`) for a broken file,
UsageError for another kind of file, LockError where the lock is not the image's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import posixpath
import re
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any

from envbuild.archive.from_registry import artifact_of
from envbuild.archive.model import BLOBS, DOCKER, INDEX, LAYOUT, NAME, NAMES, REF_NAME, REFERRERS, Held
from envbuild.archive.packing import unpacked
from envbuild.archive.tar import Broken, TarReader
from envbuild.errors import EnvbuildError, RegistryError, UsageError
from envbuild.names import parse_reference, read_reference
from envbuild.registry.model import LARGEST_CONFIG, LARGEST_MANIFEST, Index, Manifest
from envbuild.registry.parse import is_digest, parse_manifest
from envbuild.registry.platforms import best, fits, offers, platform_text
from envbuild.remote.tiny import files_in
from envbuild.remote.unpack import Unreadable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from envbuild.archive.model import Artifact
    from envbuild.archive.tar import Entry, Readable
    from envbuild.registry.model import Descriptor

_KEPT = 128 << 20
_MOST_ENTRIES = 10_000
_DEEPEST = 3
_HINT = "copy the file anew, or save it again"
_BLOB = re.compile(r"blobs/(sha256|sha512)/([0-9a-f]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Blob:
    """A blob that was found right; `data` only of a small one."""

    size: int
    data: bytes | None = field(default=None, repr=False)


@dataclass(slots=True)
class _Found:
    """What was found in an archive."""

    blobs: dict[str, _Blob] = field(default_factory=dict)
    tables: dict[str, bytes] = field(default_factory=dict)
    kept: int = 0


@contextlib.contextmanager
def opened(path: Path, moved: Callable[[int, int], None]) -> Iterator[Readable]:
    """The archive's bytes, unpacked; `moved` is told how much of the file was read, and its size."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            with unpacked(file) as stream:
                yield _Watched(stream, file, lambda done: moved(done, size))
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", hint=error.hint) from error
    except Broken as error:
        raise broken(path, str(error)) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror or error}") from error


class _Watched:
    """A stream that tells how far its file was read."""

    def __init__(self, stream: Readable, file: IO[bytes], moved: Callable[[int], None]) -> None:
        self._stream, self._file, self._moved = stream, file, moved

    def read(self, size: int, /) -> bytes:
        data = self._stream.read(size)
        # Not `tell`: a program that unpacks reads by the same open file.
        self._moved(os.lseek(self._file.fileno(), 0, os.SEEK_CUR))
        return data


def broken(path: Path, why: str) -> RegistryError:
    """The error for a file that is not what it should be; `why` ends the sentence."""
    return RegistryError(f"{path}: {why}", trouble="wrong", hint=_HINT)


def examine(path: Path, platform: str, moved: Callable[[int, int], None]) -> Held:
    """Read all of the archive and say what it holds for `platform`."""
    found = _Found()
    with opened(path, moved) as stream:
        reader = TarReader(stream)
        for entry in reader:
            _take(found, entry, reader)
            if len(found.blobs) > _MOST_ENTRIES:
                raise Broken("holds more files than an image has")
        while stream.read(1 << 20):  # so that what packed it can say whether that was all
            pass
        return _Reading(path, found).held(platform)


def _take(found: _Found, entry: Entry, reader: TarReader) -> None:
    name = posixpath.normpath(entry.name)
    if name.startswith(("/", "..")) or "\\" in entry.name or "\0" in entry.name:
        raise Broken(f"holds a path that leads out of it: {_plain(entry.name)}")
    if name in {LAYOUT, INDEX, DOCKER}:
        if entry.kind != "file" or name in found.tables:
            raise Broken(f"holds {name} twice, or as a link")
        found.tables[name] = reader.content(LARGEST_MANIFEST)
    elif name.startswith(BLOBS) and entry.kind != "folder":
        match = _BLOB.fullmatch(name)
        if entry.kind != "file":
            raise Broken(f"holds a link in place of a blob: {_plain(name)}")
        digest = f"{match[1]}:{match[2]}" if match else ""
        if is_digest(digest):
            found.blobs[digest] = _blob(found, digest, entry, reader)


def _blob(found: _Found, digest: str, entry: Entry, reader: TarReader) -> _Blob:
    small = entry.size <= LARGEST_CONFIG and found.kept + entry.size <= _KEPT
    hasher, parts = hashlib.new(digest.partition(":")[0]), []
    for data in reader.chunks():
        hasher.update(data)
        if small:
            parts.append(data)
    if hasher.hexdigest() != digest.partition(":")[2]:
        raise Broken(f"holds something else than it says under {digest}: it was damaged or changed")
    found.kept += entry.size if small else 0
    return _Blob(size=entry.size, data=b"".join(parts) if small else None)


class _Reading:
    """The tables of an archive → the image that they tell of."""

    def __init__(self, path: Path, found: _Found) -> None:
        self._path, self._found = path, found

    def held(self, platform: str) -> Held:
        index = self._index()
        entry, manifest = self._image(index, platform)
        config_data = self._data(manifest.config.digest, "the image's config")
        config = self._object(config_data, "the image's config")
        offered = platform_text(config)
        if not fits(platform, offered):
            raise RegistryError(
                f"{self._path}: holds an image for {offered}, and {platform} was wanted", trouble="platform"
            )
        for layer in manifest.layers:
            self._check(layer, "a layer")
        return Held(
            path=self._path,
            names=_names(entry.annotations),
            manifest=manifest,
            config=config,
            config_data=config_data,
            platform=offered,
            artifacts=self._artifacts(index, manifest),
            files=self._files(manifest),
        )

    def _index(self) -> Index:
        tables = self._found.tables
        if INDEX not in tables:
            if DOCKER in tables:
                raise UsageError(
                    f"{self._path}: is an archive of docker's own kind, not an OCI one",
                    hint=f"load it with docker: docker load -i {self._path}",
                )
            raise UsageError(
                f"{self._path}: is no archive of an image: it has no index.json",
                hint="such archives are made by `envbuild save`, skopeo, buildah, and docker from 25 on",
            )
        version = self._object(tables.get(LAYOUT, b"{}"), LAYOUT).get("imageLayoutVersion")
        if version != "1.0.0":
            raise broken(self._path, f"has the layout version {_plain(version)}, where 1.0.0 is known")
        found = self._parsed(tables[INDEX], "", INDEX)
        if not isinstance(found, Index):
            raise broken(self._path, "its index.json is no index")
        return found

    def _image(self, index: Index, platform: str) -> tuple[Descriptor, Manifest]:
        """The one image for the platform, and how the index lists it."""
        entries = [entry for entry in index.manifests if not self._belongs_to_another(entry)]
        if len({entry.digest for entry in entries}) > 1:
            named = [entry for entry in entries if entry.platform]
            chosen = best(platform, named) if len(named) == len(entries) else None
            if chosen is None or sum(entry.platform == chosen.platform for entry in named) > 1:
                raise self._several(entries)
            entries = [chosen]
        if not entries:
            raise broken(self._path, "its index names no image")
        entry = entries[0]
        found = self._manifest(entry.digest)
        for _ in range(_DEEPEST):
            if isinstance(found, Manifest):
                return entry, found
            chosen = best(platform, found.manifests)
            if chosen is None:
                raise RegistryError(
                    f"{self._path}: holds the image for {', '.join(offers(found.manifests))}, and {platform}"
                    " was wanted",
                    trouble="platform",
                )
            found = self._manifest(chosen.digest)
        raise broken(self._path, "holds an index within an index within an index")

    def _belongs_to_another(self, entry: Descriptor) -> bool:
        """Whether an entry is no image itself: something attached to one, or an attestation."""
        if entry.artifact_type or "unknown" in entry.platform:
            return True
        found = self._manifest(entry.digest)
        return isinstance(found, Manifest) and (found.subject is not None or not found.is_image)

    def _several(self, entries: list[Descriptor]) -> UsageError:
        names = [name for entry in entries for name in _names(entry.annotations)]
        told = f": {', '.join(names)}" if names else ""
        return UsageError(
            f"{self._path}: holds {len(entries)} images{told}", hint="save one image in a file of its own"
        )

    def _artifacts(self, index: Index, image: Manifest) -> tuple[Artifact, ...]:
        digest = index.annotations.get(REFERRERS, "")
        entries = [entry for entry in index.manifests if entry.artifact_type]
        if digest:
            listed = self._manifest(digest)
            entries += listed.manifests if isinstance(listed, Index) else ()
        found = []
        for entry in entries:
            manifest = self._manifest(entry.digest)
            if not isinstance(manifest, Manifest) or manifest.subject is None:
                continue
            if manifest.subject.digest != image.digest:
                raise broken(
                    self._path, f"what it says belongs to the image belongs to another: {entry.digest}"
                )
            for part in (manifest.config, *manifest.layers):
                self._check(part, "a part of what belongs to the image")
            first = self._found.blobs[manifest.layers[0].digest].data if manifest.layers else None
            found.append(artifact_of(manifest, first or b""))
        return tuple(found)

    def _files(self, manifest: Manifest) -> Mapping[str, bytes]:
        """Spec and lock as the image has them, out of the topmost layer that holds any."""
        for layer in reversed(manifest.layers):
            data = self._found.blobs[layer.digest].data
            if data is None:
                continue
            with contextlib.suppress(Unreadable):
                if files := files_in(data):
                    return files
        return {}

    def _manifest(self, digest: str) -> Manifest | Index:
        data = self._data(digest, "a manifest")
        return self._parsed(data, "", digest)

    def _parsed(self, data: bytes, media_type: str, what: str) -> Manifest | Index:
        try:
            return parse_manifest(data, media_type, f"{self._path}: {what}")
        except RegistryError as error:
            message = error.message.replace("what the registry sent ", "")
            raise RegistryError(message, trouble=error.trouble, hint=_HINT) from error

    def _check(self, part: Descriptor, what: str) -> None:
        """Refuse an archive that lacks a part, or has it in another size."""
        blob = self._found.blobs.get(part.digest)
        if blob is None:
            raise broken(self._path, f"lacks {what}: {part.digest}")
        if blob.size != part.size:
            raise broken(
                self._path, f"has {what} of {blob.size} bytes, where {part.size} belong: {part.digest}"
            )

    def _data(self, digest: str, what: str) -> bytes:
        blob = self._found.blobs.get(digest)
        if blob is None:
            raise broken(self._path, f"lacks {what}: {digest}")
        if blob.data is None:
            raise broken(self._path, f"has {what} of {blob.size} bytes, more than makes sense: {digest}")
        return blob.data

    def _object(self, data: bytes, what: str) -> dict[str, Any]:
        try:
            found = json.loads(data)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise broken(self._path, f"{what} is no JSON object")
        return found


def _names(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """What the image was called, as people write it; what is no reference does not count. Pure."""
    told = annotations.get(NAMES, "").split() or [annotations.get(NAME, "")]
    if not told[0] and ":" in annotations.get(REF_NAME, ""):
        told = [annotations[REF_NAME]]  # skopeo and podman may write all of a name there
    found = []
    for text in told:
        with contextlib.suppress(EnvbuildError):
            reference = read_reference(text)
            found.append(str(parse_reference(f"{reference.name}:{reference.tag or 'latest'}")))
    return tuple(dict.fromkeys(found))


def _plain(value: object) -> str:
    """A value for a message: one line, printable, not long."""
    return "".join(character if character.isprintable() else "?" for character in str(value))[:100]
