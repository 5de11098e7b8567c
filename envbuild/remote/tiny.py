"""The tiny last layer's bytes → the files in /opt/envbuild. Nothing of it is written down.

The bytes come from anywhere. What is unpacked is bounded, only plain files of exact names count, and whatever
else the layer holds is not looked at.
"""

from __future__ import annotations

import io
import tarfile

from envbuild.remote.unpack import Unreadable, unpacked

LARGEST_LAYER = 1 << 20
"""Bytes as the registry has them; a layer with more is none of ours (41 packages take 2 KiB)."""
LARGEST_CONTENT = 16 << 20
"""Bytes of the layer unpacked."""
MOST_FILES = 100
FOLDER = "opt/envbuild/"


def files_in(data: bytes, folder: str = FOLDER) -> dict[str, bytes]:
    """The plain files that lie right in `folder`, by name; of two with one name the last counts, as engines
    unpack them. Raises Unreadable.
    """
    return _files(unpacked(data, LARGEST_CONTENT), folder)


def _files(content: bytes, folder: str) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
            for number, member in enumerate(archive):
                if number >= MOST_FILES:
                    raise Unreadable(f"holds more than {MOST_FILES} files")
                name = _name(member, folder)
                if name and (source := archive.extractfile(member)):
                    found[name] = source.read(LARGEST_CONTENT)
    # tarfile lets all of these through for headers that somebody made up
    except (
        tarfile.TarError,
        OSError,
        EOFError,
        ValueError,
        OverflowError,
        RecursionError,
        KeyError,
    ) as error:
        raise Unreadable("is no tar archive") from error
    return found


def _name(member: tarfile.TarInfo, folder: str) -> str:
    """The name of a plain file right in the folder, "" for anything else: links, devices, sparse files,
    names with `..`, and sizes that go beyond the archive.
    """
    if not member.isreg() or member.issparse() or not 0 <= member.size <= LARGEST_CONTENT:
        return ""
    path = member.name.removeprefix("./").removeprefix("/")
    name = path.removeprefix(folder)
    return name if path.startswith(folder) and name and "/" not in name else ""
