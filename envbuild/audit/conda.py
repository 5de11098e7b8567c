"""Audits the conda packages of a lock: from memory, unpacked in py-rattler's cache, in a channel's folder, in
the spec's image, or by download; else they are named. Reads files; the network only when told.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from envbuild.audit.download import downloaded
from envbuild.audit.local import package_of
from envbuild.audit.owners import is_library, normal
from envbuild.conda.channels import folder_of
from envbuild.conda.place import mirrored
from envbuild.errors import EnvbuildError, LockError
from envbuild.events import StepDone, StepFailed, StepStarted
from envbuild.fatbin.memory import recall_audit, remember_audit
from envbuild.fatbin.read import DeviceCode, find_libraries, read_library
from envbuild.files import cache_folder
from envbuild.gpu.conda import cuda_users, members_of
from envbuild.plan.weights import said

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from envbuild.audit.locked import Sources
    from envbuild.audit.model import AuditedPackage
    from envbuild.conda.model import CondaRecord

_NO_ELF = "not read: not an ELF file"
_DIGEST = slice(8, 40)
"""Where py-rattler's `PACKAGE.lock` keeps the sha256 of what it unpacked; zeros or nothing: unknown."""


def audit_conda(
    records: Sequence[CondaRecord],
    folder: Path,
    sources: Sources,
    held: Callable[[], Mapping[str, AuditedPackage] | None] = lambda: None,
) -> tuple[tuple[AuditedPackage, ...], tuple[str, ...]]:
    """The conda packages that have device code or may have; and the names of those not looked into, the
    largest first. `noarch` packages hold no machine code and are left out.

    folder  of the spec: channels `./…` begin there
    held    gives what the spec's image holds, by name, where it was made from this very lock

    Raises LockError when a download fails.
    """
    compiled = [record for record in records if record.subdir != "noarch"]
    found = {}
    for record in compiled:
        if read := _at_hand(record, folder, sources):
            found[record.name] = read
    if len(found) < len(compiled):
        found = _installed(compiled, held()) | found
    for record in compiled if sources.download else ():
        if record.name not in found and mirrored(record.url, sources.site).startswith(
            ("http://", "https://")
        ):
            found[record.name] = _fetched(record, sources)
    left = [record for record in compiled if record.name not in found]
    likely = {each.name for user in cuda_users(records) for each in members_of(user.name, left)}
    shown = [each for each in found.values() if each.libraries]
    shown += [_package(record, (), "") for record in left if record.name in likely]
    unread = sorted(
        (each for each in left if each.name not in likely), key=lambda each: (-(each.size or 0), each.name)
    )
    return tuple(sorted(shown, key=lambda each: each.name)), tuple(record.name for record in unread)


def libraries_in(packages: Iterable[AuditedPackage], record: CondaRecord) -> tuple[DeviceCode, ...]:
    """Those that an installed environment has of `record`: its Python distribution owns some of them."""
    names = {record.name, normal(record.name), record.pypi} - {""}
    return tuple(library for each in packages if each.name in names for library in each.libraries)


def _at_hand(record: CondaRecord, folder: Path, sources: Sources) -> AuditedPackage | None:
    libraries = recall_audit(record.sha256, sources.environ)
    if libraries is not None:
        return _package(record, libraries, "remembered")
    for read, found_by in (
        (_unpacked(record, sources), "read from py-rattler's cache"),
        (_in_channel(record, folder, sources), "read from its archive"),
    ):
        if read is not None:
            remember_audit(record.sha256, read, sources.environ)
            return _package(record, read, found_by)
    return None


def _unpacked(record: CondaRecord, sources: Sources) -> tuple[DeviceCode, ...] | None:
    """None unless py-rattler itself says that it unpacked the file of this sha256, and all is there."""
    stem = record.file.removesuffix(".conda").removesuffix(".tar.bz2")
    place = cache_folder(sources.environ) / "conda" / "pkgs" / stem
    try:
        if place.with_name(f"{stem}.lock").read_bytes()[_DIGEST].hex() != record.sha256:
            return None
        names = (place / "info" / "files").read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return None
    found = [place / name for name in names if _inside(name) and is_library(name.rpartition("/")[2])]
    if not all(path.is_file() for path in found):
        return None
    return _read(found, place)


def _in_channel(record: CondaRecord, folder: Path, sources: Sources) -> tuple[DeviceCode, ...] | None:
    """None where its channel is no folder of this machine, or has another file than the lock says."""
    url = mirrored(record.url, sources.site)
    if not url.startswith(("./", "file:")):
        return None
    archive = folder_of(url, folder)
    try:
        with archive.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return _of_archive(archive, sources) if digest == record.sha256 else None
    except (OSError, LockError):
        return None


def _fetched(record: CondaRecord, sources: Sources) -> AuditedPackage:
    identity, begun = f"audit:{record.name}", time.monotonic()
    size = f" ({said(record.size)})" if record.size else ""
    sources.sink(StepStarted(id=identity, stage="audit", name=f"{record.file}{size}"))
    try:
        url = mirrored(record.url, sources.site)
        with downloaded(url, record.sha256, site=sources.site, environ=sources.environ) as path:
            suffix = ".conda" if record.file.endswith(".conda") else ".tar.bz2"
            libraries = _of_archive(path.rename(path.with_name(f"package{suffix}")), sources)
    except (EnvbuildError, OSError) as error:
        seconds = time.monotonic() - begun
        sources.sink(StepFailed(id=identity, seconds=seconds, reason=str(error).partition("\n")[0]))
        raise
    remember_audit(record.sha256, libraries, sources.environ)
    read = _package(record, libraries, "read from its archive")
    detail = f"{len(read.libraries)} with device code"
    sources.sink(StepDone(id=identity, seconds=time.monotonic() - begun, detail=detail))
    return read


def _of_archive(archive: Path, sources: Sources) -> tuple[DeviceCode, ...]:
    """The libraries of a conda package, unpacked for as long as that takes. Raises LockError, OSError."""
    try:
        from rattler.package_streaming import extract
    except ImportError as error:
        raise LockError(
            f"{archive.name}: py-rattler, which unpacks conda packages, is missing",
            hint="pip install 'envbuild[conda]'",
        ) from error
    room = cache_folder(sources.environ)
    room.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="conda-", dir=room) as made:
        try:
            extract(archive, Path(made))
        except Exception as error:  # py-rattler's own kinds share no other base
            raise LockError(f"{archive.name}: cannot be unpacked: {error}") from error
        return _read((Path(path) for path in find_libraries([made])), Path(made))


def _read(paths: Iterable[Path], top: Path) -> tuple[DeviceCode, ...]:
    read = (read_library(str(path)) for path in paths if not path.is_symlink())
    return tuple(
        each._replace(path=PurePosixPath(each.path).relative_to(top).as_posix())
        for each in read
        if each.note != _NO_ELF
    )


def _installed(
    records: Iterable[CondaRecord], held: Mapping[str, AuditedPackage] | None
) -> dict[str, AuditedPackage]:
    if held is None:
        return {}
    found_by = next((each.found_by for each in held.values()), "read in the image")
    return {
        record.name: _package(record, libraries_in(held.values(), record), found_by) for record in records
    }


def _package(record: CondaRecord, libraries: Sequence[DeviceCode], found_by: str) -> AuditedPackage:
    return package_of(record.name, libraries, version=record.version, file=record.file, found_by=found_by)


def _inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts
