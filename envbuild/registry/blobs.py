"""Blobs out of a registry: streamed, continued where a connection broke, held to digest and size. Not pure.

Memory does not grow with a blob's size.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
from typing import TYPE_CHECKING

from envbuild.errors import RegistryError
from envbuild.registry.refusals import LIE_HINT, Reply
from envbuild.registry.session import LARGEST_ANSWER, Request, unreachable
from envbuild.registry.wire import CHUNK, Answer, Lost

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.registry.model import Descriptor, Progress
    from envbuild.registry.session import Repository, Session

ENOUGH = 1 << 20
"""Bytes that a try has to bring to count as progress, after which all tries are open again."""
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def nobody(done: int, total: int) -> None:
    """A progress for those who do not listen."""
    del done, total


class Download:
    """One blob on its way out of a registry. `skip` what is here already, then take the `chunks`."""

    def __init__(
        self,
        session: Session,
        repository: Repository,
        blob: Descriptor,
        what: str,
        *,
        progress: Progress = nobody,
    ) -> None:
        self._session = session
        self._repository = repository
        self._blob = blob
        self._what = what
        self._progress = progress
        self._hasher = hashlib.new(blob.digest.partition(":")[0])
        self._have = 0

    def skip(self, data: bytes) -> None:
        """Bytes that an earlier download brought."""
        self._hasher.update(data)
        self._have += len(data)

    def chunks(self) -> Iterator[bytes]:
        """The bytes that are still to come, the last piece only after digest and size were found right.

        Raises RegistryError.
        """
        failed, mark = 0, self._have
        held = b""
        self._progress(self._have, self._blob.size)
        while self._have < self._blob.size:
            lost = Lost("the answer ended in the middle")
            try:
                for data in self._from_here():
                    if held:
                        yield held
                    held = data
            except Lost as error:
                lost = error
            if self._have == self._blob.size:
                break
            failed = 1 if self._have - mark >= ENOUGH else failed + 1
            mark = self._have
            if failed >= self._session.pace.tries:
                if held:  # it is good as far as it goes, and the next download can go on after it
                    yield held
                raise unreachable(self._what, self._repository.host, lost, failed) from lost
            self._session.pause(failed, f"{self._repository.host}: {lost}")
        self._check()
        if held:
            yield held

    def _from_here(self) -> Iterator[bytes]:
        with self._answer() as answer:
            leave_out = self._start(answer)
            for data in answer.chunks():
                if leave_out >= len(data):
                    leave_out -= len(data)
                    continue
                piece, leave_out = data[leave_out:], 0
                self._have += len(piece)
                if self._have > self._blob.size:
                    raise self._lie(f"more than the {self._blob.size} bytes that it should have")
                self._hasher.update(piece)
                self._progress(self._have, self._blob.size)
                yield piece

    def _answer(self) -> Answer:
        headers = {"Range": f"bytes={self._have}-"} if self._have else {}
        request = Request(
            method="GET", path=f"blobs/{self._blob.digest}", doing="read", what=self._what, headers=headers
        )
        answer = self._session.open(self._repository, request)
        if answer.status in {200, 206}:
            return answer
        with answer:
            # docker-registry 2.8 announces a 416 with the whole blob's length, and sends less: leave it.
            data = b"" if answer.status == 416 else answer.read(LARGEST_ANSWER) or b""
        if answer.status == 416:
            raise self._lie(f"fewer than the {self._blob.size} bytes that it should have")
        reply = Reply(status=answer.status, headers=answer.headers, data=data)
        raise self._session.refusal(self._repository, request, reply)

    def _start(self, answer: Answer) -> int:
        """How many bytes of the answer were there before: all, where a registry knows no ranges."""
        if answer.status == 200:
            return self._have
        first = answer.header("Content-Range").removeprefix("bytes ").partition("-")[0]
        if first != str(self._have):
            raise self._lie(f"its bytes from {first or 'somewhere'} on, where {self._have} was asked for")
        return 0

    def _check(self) -> None:
        algorithm = self._blob.digest.partition(":")[0]
        found = f"{algorithm}:{self._hasher.hexdigest()}"
        if found != self._blob.digest:
            raise self._lie(f"content with the digest {found}, and not {self._blob.digest}")

    def _lie(self, what: str) -> RegistryError:
        return RegistryError(
            f"{self._what}: the registry {self._repository.host} sent {what}",
            trouble="wrong",
            hint=LIE_HINT,
        )


def to_file(
    session: Session,
    repository: Repository,
    blob: Descriptor,
    path: Path,
    what: str,
    *,
    resume: bool = True,
    progress: Progress = nobody,
) -> None:
    """Bring a blob to `path`, which is there whole and right afterwards, or not at all.

    With `resume`, what came before a failure stays as `.<name>.part` and is where the next call goes on.
    """
    part = path.with_name(f".{path.name}.part")
    if not resume:
        part.unlink(missing_ok=True)
    try:
        try:
            _fill(Download(session, repository, blob, what, progress=progress), part, blob.size, what)
        except _Stale:
            part.unlink(missing_ok=True)
            _fill(Download(session, repository, blob, what, progress=progress), part, blob.size, what)
        part.replace(path)
    except RegistryError as error:
        if not resume or error.trouble in {"wrong", "full"}:
            part.unlink(missing_ok=True)
        raise
    except BaseException:
        if not resume:
            part.unlink(missing_ok=True)
        raise


class _Stale(Exception):  # noqa: N818  an event, not a mistake
    """What an earlier download left does not belong to this blob."""


def _fill(download: Download, part: Path, size: int, what: str) -> None:
    try:
        with part.open("ab") as file:
            have = file.tell()
            if have > size:
                raise _Stale
            _room_for(size - have, part, what)
            _reread(part, have, download)
            try:
                for data in download.chunks():
                    file.write(data)
            except RegistryError as error:
                if have and error.trouble == "wrong":
                    raise _Stale from error
                raise
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno in _FULL:
            raise _full(part, what) from error
        raise


def _reread(part: Path, have: int, download: Download) -> None:
    with part.open("rb") as file:
        while have:
            data = file.read(min(CHUNK, have))
            if not data:
                raise _Stale
            download.skip(data)
            have -= len(data)


def _room_for(wanted: int, part: Path, what: str) -> None:
    """Refuse before anything moves, where the disk has too little space."""
    with contextlib.suppress(OSError):
        found = os.statvfs(part.parent)
        free = found.f_bavail * found.f_frsize
        if free < wanted:
            raise _full(part, what, f": {wanted / 1e6:.0f} MB are to come, and {free / 1e6:.0f} MB are free")


def _full(part: Path, what: str, more: str = "") -> RegistryError:
    return RegistryError(
        f"{what}: no space left on this machine for {part.parent}{more}",
        trouble="full",
        hint="free some space, or choose another folder",
    )
