"""What several rooms need of files: whole-or-nothing writes, and digests of files and folders."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


def cache_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where things lie that can be made again: `$XDG_CACHE_HOME/envbuild`. Nothing says that it exists."""
    return Path(environ.get("XDG_CACHE_HOME") or _home(environ) / ".cache") / "envbuild"


def state_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where envbuild remembers what it did: `$XDG_STATE_HOME/envbuild`."""
    return Path(environ.get("XDG_STATE_HOME") or _home(environ) / ".local" / "state") / "envbuild"


def docker_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Where docker's own settings lie: DOCKER_CONFIG, else ~/.docker."""
    if folder := environ.get("DOCKER_CONFIG"):
        return Path(folder)
    return Path(environ.get("HOME") or Path.home()) / ".docker"


def _home(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("HOME") or "~").expanduser()


def write_atomically(path: Path, data: bytes, *, mode: int = 0o644) -> None:
    """Write `data` to `path` wholly or not at all: readers see the old file or the new.

    Raises OSError that names a file; PermissionError for a device, a pipe or a socket, which a file must not
    take the place of.
    """
    if is_special(path):
        raise PermissionError(errno.EPERM, "not a regular file", str(path))
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(mode)
        Path(name).replace(path)
    except BaseException as error:
        Path(name).unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename is None:  # a full disk: what writes knows no name
            error.filename = str(path)
        raise


def is_special(path: Path) -> bool:
    """Whether `path` is a device, a pipe, a socket, or a link to an open file such as /dev/stdout."""
    if path.is_symlink() and path.readlink().is_relative_to("/proc"):
        return True
    return path.exists() and not path.is_file() and not path.is_dir()


def digest_tree(path: Path) -> str:
    """The sha256 (hex) of a file or folder: names, contents, link targets, executable bits; not times.

    A path that does not exist has the digest `missing`. Raises OSError where something cannot be read.
    """
    digest = hashlib.sha256()
    try:
        _add(digest, path, "")
    except FileNotFoundError:
        return "missing"
    return digest.hexdigest()


def _add(digest: hashlib._Hash, path: Path, name: str) -> None:
    status = path.lstat()
    if stat.S_ISLNK(status.st_mode) and name:
        digest.update(f"link\0{name}\0{path.readlink()}\0".encode(errors="surrogateescape"))
    elif path.is_dir():
        digest.update(f"folder\0{name}\0".encode(errors="surrogateescape"))
        for child in sorted(os.scandir(path), key=lambda entry: os.fsencode(entry.name)):
            _add(digest, path / child.name, f"{name}/{child.name}")
    elif path.is_file():
        executable = "x" if status.st_mode & 0o100 else "-"
        digest.update(f"file\0{name}\0{executable}\0{status.st_size}\0".encode(errors="surrogateescape"))
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    else:
        digest.update(f"other\0{name}\0{stat.S_IFMT(status.st_mode)}\0".encode(errors="surrogateescape"))
