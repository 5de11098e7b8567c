"""Plain, gzip and zstd streams: by a file's name when written, by its first bytes when read. Not pure.

zstd comes from Python 3.14 itself, from its backport (`pip install backports.zstd`), or from the program
`zstd`, whichever is there.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import importlib
import os
import shutil
import signal
import subprocess
import zlib
from typing import IO, TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from envbuild.archive.tar import Broken
from envbuild.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.archive.tar import Readable

Packing: TypeAlias = Literal["", "gzip", "zstd"]

GZIP_LEVEL = 5
ZSTD_LEVEL = 3
_MODULES = ("compression.zstd", "backports.zstd")
_NAMES: tuple[tuple[tuple[str, ...], Packing], ...] = (
    ((".tar.zst", ".tar.zstd", ".tzst"), "zstd"),
    ((".tar.gz", ".tgz"), "gzip"),
    ((".tar",), ""),
)
_GZIP = b"\x1f\x8b"
_ZSTD = b"\x28\xb5\x2f\xfd"
_SKIPPABLE = b"\x2a\x4d\x18"  # after a byte of 50 to 5f: frames that pzstd begins with
_OTHERS = {b"BZh": "bzip2", b"\xfd7zXZ": "xz", b"PK\x03\x04": "zip"}
NO_MODULE = "`pip install backports.zstd`, or take Python 3.14"
NO_ZSTD = "install the program zstd, or `pip install backports.zstd`; or take a name that ends in .tar.gz"


class Writable(Protocol):
    """Where bytes go."""

    def write(self, data: bytes, /) -> object:
        """Take all of `data`."""
        ...


def packing_for(path: Path) -> Packing:
    """How a file of this name is to be packed. Raises UsageError, also where zstd is not to be had."""
    for endings, packing in _NAMES:
        if path.name.lower().endswith(endings):
            if packing == "zstd" and not has_zstd():
                raise UsageError(f"{path}: nothing here can pack zstd", hint=NO_ZSTD)
            return packing
    raise UsageError(
        f"{path}: how it is to be packed is told by its name, which says nothing",
        hint="take a name that ends in .oci.tar, .oci.tar.gz or .oci.tar.zst",
    )


def has_zstd() -> bool:
    """Whether zstd can be read and written here."""
    return _module() is not None or shutil.which("zstd") is not None


def _module() -> Any:
    for name in _MODULES:
        with contextlib.suppress(ImportError):
            return importlib.import_module(name)
    return None


# writing


@contextlib.contextmanager
def packed(file: IO[bytes], packing: Packing) -> Iterator[Writable]:
    """A stream whose bytes end up in `file`, packed. Raises OSError."""
    if packing == "":
        yield file
    elif packing == "gzip":
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, compresslevel=GZIP_LEVEL, mtime=0) as stream:
            yield stream
    elif module := _module():
        wanted = module.CompressionParameter
        options = {wanted.compression_level: ZSTD_LEVEL, wanted.checksum_flag: 1}  # as the program does
        with module.ZstdFile(file, "w", options=options) as stream:
            yield stream
    else:
        with _by_program(["zstd", "-q", "-c", "-T0", f"-{ZSTD_LEVEL}"], subprocess.PIPE, file) as program:
            assert program.stdin is not None  # noqa: S101  it was asked for
            try:
                yield program.stdin
                program.stdin.close()
            except BrokenPipeError:
                _ended_well(program)  # which tells why
                raise
            _ended_well(program)


def _ended_well(program: subprocess.Popen[bytes]) -> None:
    """Raise OSError for a zstd that could not do what it should: it says why as text only."""
    code = program.wait()
    if not code:
        return
    assert program.stderr is not None  # noqa: S101  it was asked for
    said = program.stderr.read().decode(errors="replace").strip().rpartition(": ")[2]
    for number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        if said == os.strerror(number):
            raise OSError(number, said)
    if code == -signal.SIGXFSZ:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    raise OSError(f"zstd ended with {said or f'exit code {code}'}")


@contextlib.contextmanager
def _by_program(
    argv: list[str], source: int | IO[bytes], target: int | IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that does not outlive the block, and that Ctrl-C reaches by way of us."""
    with subprocess.Popen(
        argv, stdin=source, stdout=target, stderr=subprocess.PIPE, start_new_session=True
    ) as program:
        try:
            yield program
        except BaseException:
            program.kill()
            with contextlib.suppress(OSError):  # what was not yet sent to it
                if program.stdin:
                    program.stdin.close()
            raise
        finally:
            if program.stdout:
                program.stdout.close()


# reading


def packing_of(head: bytes) -> Packing:
    """How a file that begins with `head` is packed. Raises Broken for what envbuild does not unpack."""
    if head.startswith(_GZIP):
        return "gzip"
    if head.startswith(_ZSTD) or (head[1:4] == _SKIPPABLE and 0x50 <= head[0] <= 0x5F):
        return "zstd"
    for magic, name in _OTHERS.items():
        if head.startswith(magic):
            raise Broken(f"is packed by {name}, which envbuild does not unpack")
    return ""


@contextlib.contextmanager
def unpacked(file: IO[bytes]) -> Iterator[Readable]:
    """The bytes that are packed in `file`, from its beginning; it has to be open without a buffer.

    Raises Broken, and UsageError where zstd is not to be had.
    """
    file.seek(0)
    packing = packing_of(file.read(6))
    file.seek(0)
    if packing == "":
        yield file
    elif packing == "gzip":
        with gzip.GzipFile(fileobj=file, mode="rb") as stream:
            yield _Careful(stream, (OSError, EOFError, zlib.error))
    elif module := _module():
        with module.ZstdFile(file, "r") as stream:
            yield _Careful(stream, (OSError, EOFError, module.ZstdError))
    elif shutil.which("zstd"):
        with _by_program(["zstd", "-q", "-d", "-c"], file, subprocess.PIPE) as program:
            yield _FromProgram(program)
            program.kill()  # who has read enough need not wait for the rest
    else:
        raise UsageError("it is packed by zstd, and nothing here can unpack that", hint=NO_ZSTD)


def zstd_stream(stream: Any) -> Readable:
    """The bytes that are packed in a stream, by a module only. Raises Broken, also where there is none."""
    module = _module()
    if module is None:
        raise Broken(f"is packed by zstd, and nothing here can unpack that as a stream: {NO_MODULE}")
    return _Careful(module.ZstdFile(stream, "r"), (OSError, EOFError, module.ZstdError))


class _Careful:
    """A stream whose errors are the archive's, and not the disk's."""

    def __init__(self, stream: Readable, errors: tuple[type[Exception], ...]) -> None:
        self._stream, self._errors = stream, errors

    def read(self, size: int, /) -> bytes:
        try:
            return self._stream.read(size)
        except self._errors as error:
            raise Broken(f"cannot be unpacked: {error}") from error


class _FromProgram:
    """What a program writes, whose end counts only if it ended well."""

    def __init__(self, program: subprocess.Popen[bytes]) -> None:
        self._program = program

    def read(self, size: int, /) -> bytes:
        assert self._program.stdout is not None  # noqa: S101  it was asked for
        data = self._program.stdout.read(size)
        if not data and size:
            try:
                _ended_well(self._program)
            except OSError as error:
                raise Broken(f"cannot be unpacked: {error}") from error
        return data
