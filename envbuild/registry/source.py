"""The bytes of a blob on this machine: a path, bytes, or an open file; read in pieces, again where possible.
Not pure.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path
from typing import IO, TYPE_CHECKING

from envbuild.errors import RegistryError
from envbuild.registry.wire import CHUNK

if TYPE_CHECKING:
    from collections.abc import Iterator


class Source:
    """`size` bytes of `content`, from where an open file stands. A stream that cannot seek is read once.

    `what` names the blob in messages.
    """

    def __init__(self, content: Path | bytes | IO[bytes], size: int, what: str) -> None:
        self._content = content
        self._size = size
        self._what = what
        self._first = 0
        self._at = 0  # how far a stream that cannot seek was read
        self._seeks = True
        if not isinstance(content, (Path, bytes)):
            self._seeks = content.seekable()
            self._first = content.tell() if self._seeks else 0

    def pieces(self, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` to before `end`. Raises RegistryError where there are fewer."""
        at = start
        with self._opened(start) as file:
            while at < end:
                try:
                    data = file.read(min(CHUNK, end - at))
                except OSError as error:  # as itself, it would be taken for a broken connection
                    raise self._unreadable(error) from error
                if not data:
                    raise RegistryError(
                        f"{self._what}: has {at} bytes here, and should have {self._size}",
                        trouble="wrong",
                        hint="it was changed after it was measured; begin again",
                    )
                at += len(data)
                self._at = at
                yield data

    @contextlib.contextmanager
    def _opened(self, start: int) -> Iterator[IO[bytes]]:
        if isinstance(self._content, bytes):
            yield io.BytesIO(self._content[start:] if start else self._content)
        elif isinstance(self._content, Path):
            try:
                file = self._content.open("rb")
            except OSError as error:
                raise self._unreadable(error) from error
            with file:
                file.seek(start)
                yield file
        else:
            if self._seeks:
                self._content.seek(self._first + start)
            elif start != self._at:
                raise RegistryError(
                    f"{self._what}: has to be sent again, and comes from a stream that cannot be read again",
                    trouble="unreachable",
                    hint="try again from the beginning",
                )
            yield self._content

    def _unreadable(self, error: OSError) -> RegistryError:
        return RegistryError(f"{self._what}: cannot be read here: {error.strerror or error}")
