"""A BuildContext as a list of entries, and those as a tar: what an engine is sent. Reads the user's files,
and only then.

Input: `BuildContext`, uv binary. Output: entries in a fixed order with fixed owner and time, so that equal
contexts are equal bytes. Raises BuildError when a file of the user's is gone or of a kind that cannot be
copied.
"""

from __future__ import annotations

import io
import stat
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal, Protocol

from envbuild.errors import BuildError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from envbuild.render.model import BuildContext

DOCKERFILE = "Dockerfile"
UV = "uv"
# tarfile writes 10 KB at a time by itself: thousands of calls for the uv binary alone.
BUFFER = 1 << 20
# A fixed date that zip files can hold (they begin in 1980), in every time zone.
MTIME = 315619200


class Writable(Protocol):
    """What a tar is written to."""

    def write(self, data: bytes, /) -> int:
        """Take all of `data`."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member of a context: `path` in it, permission bits, and content, a file to read it from, or a
    link's target.
    """

    path: str
    kind: Literal["file", "folder", "link"]
    mode: int
    size: int = 0
    content: bytes = b""
    source: Path | None = None
    target: str = ""

    def open(self) -> IO[bytes]:
        """The content of a file. Raises BuildError."""
        if self.source is None:
            return io.BytesIO(self.content)
        try:
            return self.source.open("rb")
        except OSError as error:
            raise _unreadable(self.source, error) from error


def context_entries(
    context: BuildContext, uv_binary: Path | None, extra: Mapping[str, bytes] | None = None
) -> tuple[Entry, ...]:
    """All members, the Dockerfile first, folders before what is in them."""
    found = {path: _made(path, content) for path, content in {**context.files, **(extra or {})}.items()}
    if context.needs_uv:
        if uv_binary is None:
            raise BuildError("this build needs the uv binary, and there is none for its platform")
        if not uv_binary.is_file():
            raise BuildError(f"{uv_binary}: there is no such uv binary")
        found[UV] = Entry(path=UV, kind="file", mode=0o755, size=uv_binary.stat().st_size, source=uv_binary)
    for path, source in context.copies.items():
        found.update((entry.path, entry) for entry in _of_the_users(path, source.resolve()))
    for path in list(found):
        for parent in list(Path(path).parents)[:-1]:
            found.setdefault(parent.as_posix(), Entry(path=parent.as_posix(), kind="folder", mode=0o755))
    found.pop(DOCKERFILE, None)
    rest = (found[path] for path in sorted(found, key=lambda path: path.split("/")))
    return (_made(DOCKERFILE, context.dockerfile.encode()), *rest)


def _made(path: str, content: bytes) -> Entry:
    return Entry(path=path, kind="file", mode=0o644, size=len(content), content=content)


def _of_the_users(path: str, source: Path) -> Iterator[Entry]:
    try:
        status = source.lstat()
        # Images are for everybody: only the executable bit counts, as in the context's digest.
        bits = 0o755 if status.st_mode & stat.S_IXUSR else 0o644
        if stat.S_ISLNK(status.st_mode):
            yield Entry(path=path, kind="link", mode=0o777, target=str(source.readlink()))
        elif stat.S_ISREG(status.st_mode):
            yield Entry(path=path, kind="file", mode=bits, size=status.st_size, source=source)
        elif stat.S_ISDIR(status.st_mode):
            yield Entry(path=path, kind="folder", mode=0o755)
            for child in sorted(source.iterdir()):
                yield from _of_the_users(f"{path}/{child.name}", child)
        else:
            raise BuildError(
                f"{source}: neither a file, a folder nor a link, so it cannot be copied",
                hint="take it out of what `copy:` names",
            )
    except OSError as error:
        raise _unreadable(source, error) from error


def _unreadable(source: Path, error: OSError) -> BuildError:
    return BuildError(
        f"{source}: cannot be read: {(error.strerror or str(error)).lower()}",
        hint="correct `copy:` in the spec, or the file's permissions",
    )


def write_tar(entries: Iterable[Entry], output: Writable) -> None:
    """Write a GNU tar, member by member.

    GNU format and a short first name: BuildKit looks at the first 1024 bytes, and takes a tar that begins
    with a PAX header for a Dockerfile.
    """
    with tarfile.open(  # type: ignore[call-overload]
        fileobj=output, mode="w|", format=tarfile.GNU_FORMAT, bufsize=BUFFER
    ) as tar:
        for entry in entries:
            member = tarfile.TarInfo(entry.path)
            member.mode = entry.mode
            member.mtime = MTIME
            if entry.kind == "folder":
                member.type = tarfile.DIRTYPE
                tar.addfile(member)
            elif entry.kind == "link":
                member.type = tarfile.SYMTYPE
                member.linkname = entry.target
                tar.addfile(member)
            else:
                member.size = entry.size
                with entry.open() as content:
                    tar.addfile(member, _Whole(entry, content))


class _Whole:
    """Reads as much of a file as its entry promised; tarfile would call a shorter one a disk error."""

    def __init__(self, entry: Entry, content: IO[bytes]) -> None:
        self._entry = entry
        self._content = content

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes."""
        data = self._content.read(size)
        if len(data) < size:
            raise BuildError(
                f"{self._entry.source or self._entry.path}: changed while it was being sent to the engine",
                hint="build again when nothing writes to it",
            )
        return data
