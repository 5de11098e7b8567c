"""Blobs into a registry: mounted from another repository, sent whole, or in chunks. Not pure.

Memory does not grow with a blob's size. An upload that does not end well is taken back where that can be.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from envbuild.errors import RegistryError
from envbuild.registry.pace import AGAIN
from envbuild.registry.session import Request, unreachable
from envbuild.registry.wire import Lost

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.registry.model import Descriptor, Landed, Progress
    from envbuild.registry.refusals import Reply
    from envbuild.registry.session import Repository, Session
    from envbuild.registry.source import Source

SMALLER = 16 << 20
"""Bytes of a chunk where a whole blob was too large for the registry, or for a proxy before it."""
SMALLEST = 256 << 10
_STORING = 600.0  # seconds of silence in which a registry may check and store what was sent
_CANCELLING = 5.0
_TYPE = {"Content-Type": "application/octet-stream"}
_GONE = {404, 416}  # an upload that the registry does not know any more, or knows otherwise than we do


class _Refused(Exception):  # noqa: N818  an answer, not a mistake
    """An answer after which the upload may be begun anew."""

    def __init__(self, request: Request, reply: Reply) -> None:
        super().__init__(reply.status)
        self.request = request
        self.reply = reply


class Upload:
    """One blob on its way into a repository. `chunk` is the most bytes of one request, 0: all in one."""

    def __init__(
        self,
        session: Session,
        repository: Repository,
        blob: Descriptor,
        source: Source,
        *,
        what: str,
        chunk: int = 0,
        progress: Progress,
    ) -> None:
        self._session = session
        self._repository = repository
        self._blob = blob
        self._source = source
        self._what = what
        self._chunk = chunk
        self._progress = progress
        self._url = ""  # of the upload that is under way
        self._begun: list[str] = []  # uploads that are to be taken back
        self._continued = False  # whether this upload goes on after a break

    def run(self, mount_from: str = "") -> Landed:
        """Bring it there; `mount_from` is a repository of the same registry that may have it.

        Raises RegistryError.
        """
        failed = 0
        try:
            while True:
                try:
                    if mount_from and self._mounted(mount_from):
                        self._progress(self._blob.size, self._blob.size)
                        return "mounted"
                    self._send()
                except Lost as lost:
                    failed += 1
                    if failed >= self._session.pace.tries:
                        raise unreachable(self._what, self._repository.host, lost, failed) from lost
                    self._session.pause(failed, f"{self._repository.host}: {lost}")
                except _Refused as refused:
                    failed += 1
                    self._again_after(refused, failed)
                else:
                    return "sent"
                mount_from = ""
        finally:
            self._take_back()

    def _again_after(self, refused: _Refused, failed: int) -> None:
        """Wait or make requests smaller, so that another try makes sense; raise where none does."""
        status = refused.reply.status
        if status == 413:
            smaller = min(SMALLER, self._blob.size // 2, self._chunk // 4 if self._chunk else SMALLER)
            if smaller >= SMALLEST:
                self._chunk = smaller
                return
        elif failed < self._session.pace.tries:
            if status in {*_GONE, 400}:
                self._session.pause(failed, f"{self._repository.host}: the upload has to begin anew")
                return
            if self._session.waited(refused.reply, failed):
                return
        raise self._session.refusal(self._repository, refused.request, refused.reply, failed)

    def _mounted(self, source: str) -> bool:
        """Whether the registry took it from there; else an upload has begun, or nothing."""
        repository = replace(self._repository, mount_from=source)
        query = urlencode({"mount": self._blob.digest, "from": source})
        request = self._request("POST", f"blobs/uploads/?{query}", again=True)
        reply = self._session.ask(repository, request)
        if reply.status == 201:
            self._check(reply)
            return True
        if reply.status == 202:
            self._begin(reply)
        return False  # any other answer is about the other repository: the upload itself will tell

    def _send(self) -> None:
        if not self._url:
            request = self._request("POST", "blobs/uploads/", again=True)
            reply = self._session.ask(self._repository, request)
            if reply.status != 202:
                raise self._session.refusal(self._repository, request, reply)
            self._begin(reply)
        try:
            if self._chunk:
                self._send_chunks(0)
            else:
                self._send_whole()
        finally:
            self._url = ""

    def _begin(self, reply: Reply) -> None:
        if not reply.header("Location"):
            raise RegistryError(
                f"{self._what}: the registry {self._repository.host} began an upload and did not say where",
                trouble="wrong",
            )
        self._url = self._session.location(self._repository, reply)
        self._begun.append(self._url)
        self._continued = False
        least = reply.header("OCI-Chunk-Min-Length")
        if self._chunk and least.isdigit():
            self._chunk = max(self._chunk, int(least))

    def _send_whole(self) -> None:
        try:
            self._end(self._body(0, self._blob.size))
        except Lost:
            start = self._arrived()
            if not start:
                raise
            self._send_chunks(start)

    def _send_chunks(self, start: int) -> None:
        broken = 0
        while start < self._blob.size:
            end = min(start + (self._chunk or self._blob.size), self._blob.size)
            before = start
            try:
                start = self._patch(start, end)
            except Lost as lost:
                arrived = self._arrived()
                if arrived is None or broken >= self._session.pace.tries:
                    raise
                self._session.pause(broken + 1, f"{self._repository.host}: {lost}")
                start = arrived
            broken = 0 if start > before else broken + 1
            if broken > self._session.pace.tries:
                raise RegistryError(
                    f"{self._what}: the registry {self._repository.host} takes chunks, and keeps none",
                    trouble="wrong",
                )
        self._end(None)

    def _patch(self, start: int, end: int) -> int:
        """Send one chunk; returns the end of what the registry has."""
        headers = {"Content-Range": f"{start}-{end - 1}"}
        request = self._request("PATCH", self._url, body=self._body(start, end), headers=headers)
        reply = self._session.ask(self._repository, request)
        self._accepted(request, reply, {202})
        self._moved(reply)
        has = _end_of(reply)
        return end if has is None else has

    def _end(self, body: _Body | None) -> None:
        """The last request: with all the bytes, or after the chunks with none."""
        mark = "&" if "?" in self._url else "?"
        path = f"{self._url}{mark}{urlencode({'digest': self._blob.digest})}"
        request = self._request("PUT", path, body=body)
        reply = self._session.ask(self._repository, request)
        self._accepted(request, reply, {200, 201, 204})
        self._check(reply)
        self._begun.remove(self._begun[-1])

    def _accepted(self, request: Request, reply: Reply, wanted: set[int]) -> None:
        """Raise for an answer that is none of those wanted: _Refused where the upload may be begun anew.

        A registry may still be writing what came before a break while the rest comes, and then find the
        whole wrong (400): that says nothing about the blob.
        """
        if reply.status in wanted:
            return
        if reply.status in {*AGAIN, *_GONE, 413} or (self._continued and reply.status == 400):
            raise _Refused(request, reply)
        raise self._session.refusal(self._repository, request, reply)

    def _arrived(self) -> int | None:
        """How many bytes of a broken upload the registry has; None where it cannot go on from there."""
        request = self._request("GET", self._url, again=True)
        with contextlib.suppress(RegistryError):
            reply = self._session.ask(self._repository, request)
            has = _end_of(reply)
            if reply.status == 204 and has is not None and has <= self._blob.size:
                self._moved(reply)
                self._continued = True
                return has if has > 1 else 0  # docker-registry says 0-0 where it has nothing
        return None

    def _moved(self, reply: Reply) -> None:
        if reply.header("Location"):
            self._url = self._begun[-1] = self._session.location(self._repository, reply)

    def _check(self, reply: Reply) -> None:
        said = reply.header("Docker-Content-Digest")
        if said and said != self._blob.digest:
            raise RegistryError(
                f"{self._what}: the registry {self._repository.host} stored it as {said[:80]}",
                trouble="wrong",
                hint="do not use this registry before somebody has looked at it",
            )

    def _take_back(self) -> None:
        """Tell the registry that uploads which did not end never will. It would find out by itself, later."""
        with contextlib.suppress(Lost, RegistryError):
            for url in self._begun:
                self._session.ask(self._repository, self._request("DELETE", url, silence=_CANCELLING))

    def _body(self, start: int, end: int) -> _Body:
        return _Body(self._source, start, end, self._blob.size, self._progress)

    def _request(
        self,
        method: str,
        path: str,
        *,
        body: _Body | None = None,
        headers: dict[str, str] | None = None,
        again: bool = False,
        silence: float = _STORING,
    ) -> Request:
        more = dict(headers or {})
        if body:
            more |= {**_TYPE, "Content-Length": str(body.end - body.start)}
        return Request(
            method=method,
            path=path,
            doing="push",
            what=self._what,
            headers=more,
            body=body,
            again=again,
            silence=silence,
        )


class _Body:
    """The bytes of one request, for as often as it is sent."""

    def __init__(self, source: Source, start: int, end: int, size: int, progress: Progress) -> None:
        self._source = source
        self.start = start
        self.end = end
        self._size = size
        self._progress = progress

    def __call__(self) -> Iterator[bytes]:
        at = self.start
        self._progress(at, self._size)
        for data in self._source.pieces(self.start, self.end):
            yield data
            at += len(data)
            self._progress(at, self._size)


def _end_of(reply: Reply) -> int | None:
    """The end of what a registry has, out of its Range header: `0-1023` means 1024 bytes."""
    match = re.fullmatch(r"(?:bytes=)?0-(\d+)", reply.header("Range").strip())
    return int(match[1]) + 1 if match else None
