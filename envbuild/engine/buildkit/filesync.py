"""Sends a context through the session, for engines that cannot take a tar (containerd store, Docker 24.0 to
27.4).

fsutil's protocol, sender's side: a STAT for every entry in path order, an empty STAT, then DATA for each REQ;
FIN answers FIN.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING

from envbuild.engine.buildkit.grpc import NOT_FOUND, UNKNOWN, GrpcCall
from envbuild.engine.buildkit.proto import Message, encode
from envbuild.engine.context import DOCKERFILE, MTIME

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.engine.context import Entry

FILESYNC = "/moby.filesync.v1.FileSync/DiffCopy"
# Bits of Go's os.FileMode, and fsutil's types.Packet_PacketType.
GO_FOLDER, GO_LINK = 1 << 31, 1 << 27
STAT, REQ, DATA, FIN, ERR = range(5)
CHUNK = 1 << 15
FOLDERS = {"context", "dockerfile"}


class FileSync(GrpcCall):
    """One folder asked for by the engine: the context, or that of the Dockerfile."""

    def __init__(
        self, stream_id: int, entries: Sequence[Entry], headers: Mapping[str, Sequence[str]]
    ) -> None:
        super().__init__(stream_id)
        name = (headers.get("dir-name") or [""])[0]
        self._entries: list[Entry] = []
        if name not in FOLDERS:
            self.finish(NOT_FOUND, f"there is no folder {name}")
            return
        follow = list(headers.get("followpaths", ()))
        if "followpaths-encoded" in headers:
            follow = [urllib.parse.unquote_plus(path) for path in follow]
        wanted = [entry for entry in entries if name == "context" or entry.path == DOCKERFILE]
        self._entries = sorted(_followed(wanted, follow), key=lambda entry: entry.path.split("/"))
        self.produce(self._stats())

    def _stats(self) -> Iterator[bytes]:
        kinds = {"file": 0, "folder": GO_FOLDER, "link": GO_LINK}
        for entry in self._entries:
            status = encode(
                (1, entry.path),
                (2, kinds[entry.kind] | entry.mode),
                (5, entry.size),
                (6, MTIME * 10**9),
                (7, entry.target),
            )
            yield encode((1, STAT), (2, status))
        yield encode((1, STAT))

    def on_message(self, message: Message) -> None:
        """REQ asks for one file by its place in the list; FIN ends."""
        kind = message.number(1)
        if kind == REQ:
            self.produce(self._content(message.number(3)))
        elif kind == FIN:
            self.send(encode((1, FIN)))
            self.finish()
        elif kind == ERR:
            self.finish(UNKNOWN, "the engine could not take the context")

    def _content(self, index: int) -> Iterator[bytes]:
        with self._entries[index].open() as content:
            while data := content.read(CHUNK):
                yield encode((1, DATA), (3, index), (4, data))
        yield encode((1, DATA), (3, index))


def _followed(entries: Sequence[Entry], follow: Sequence[str]) -> list[Entry]:
    """Only what the engine asked for, where that is plain to see; more would be correct, too."""
    wanted = {path.strip("/") for path in follow}
    plain = not any(character in path for path in wanted for character in "*?[\\")
    if not wanted or wanted & {"", "."} or not plain or any(entry.kind == "link" for entry in entries):
        return list(entries)
    parents = {path[:at] for path in wanted for at, character in enumerate(path) if character == "/"}
    return [
        entry
        for entry in entries
        if entry.path in wanted | parents or any(entry.path.startswith(f"{path}/") for path in wanted)
    ]
