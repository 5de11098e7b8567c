"""Audits what lies on this machine: a library, a wheel, a folder. Reads files; raises UsageError."""

from __future__ import annotations

import hashlib
import os
import zipfile
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.audit.model import AuditedPackage
from envbuild.audit.owners import by_file, find_owners, normal
from envbuild.errors import UsageError
from envbuild.fatbin.memory import recall_audit, remember_audit
from envbuild.fatbin.read import DeviceCode, find_libraries, read_library
from envbuild.fatbin.stream import read_wheel

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from envbuild.audit.owners import Owner


def audit_file(path: Path) -> AuditedPackage:
    """A single library."""
    return package_of(path.name, (read_library(str(path)),), found_by="read from the file")


def audit_wheel(path: Path, environ: Mapping[str, str] = os.environ) -> AuditedPackage:
    """A wheel; what is read is remembered by the digest of its bytes."""
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        libraries = recall_audit(digest, environ)
        found_by = "remembered" if libraries is not None else "read from the wheel"
        if libraries is None:
            libraries = read_wheel(path)
            remember_audit(digest, libraries, environ)
    except (OSError, zipfile.BadZipFile) as error:
        raise UsageError(f"{path}: cannot be read as a wheel: {error}") from error
    name, version = name_of_wheel(path.name)
    return package_of(name, libraries, version=version, file=path.name, found_by=found_by)


def audit_folder(path: Path) -> tuple[tuple[AuditedPackage, ...], tuple[str, ...]]:
    """The libraries below a folder, by package where dist-info folders tell; and what could not be listed."""
    failed: list[OSError] = []
    libraries = [read_library(found) for found in find_libraries([str(path.resolve())], failed=failed)]
    notes = tuple(f"{error.filename}: cannot be listed: {error.strerror}" for error in failed)
    owners = list(find_owners([str(path.resolve())]))
    packages = grouped(libraries, owners, "read from the folder")
    return tuple(replace(each, name=_below(each.name, path)) for each in packages), notes


def grouped(
    libraries: Iterable[DeviceCode], owners: Sequence[Owner], found_by: str
) -> tuple[AuditedPackage, ...]:
    """Libraries as packages: by owner, else by the folder that they lie in."""
    owned = by_file(list(owners))
    found: dict[tuple[str, str], list[DeviceCode]] = {}
    for library in libraries:
        if library.note == "not read: not an ELF file":  # a linker script
            continue
        owner = owned.get(os.path.normpath(library.path))
        key = (owner.name, owner.version) if owner else (os.path.dirname(library.path), "")  # noqa: PTH120
        found.setdefault(key, []).append(library)
    packages = (
        package_of(name, each, version=version, found_by=found_by) for (name, version), each in found.items()
    )
    return tuple(sorted((package for package in packages if package.libraries), key=lambda each: each.name))


def package_of(
    name: str, libraries: Iterable[DeviceCode], *, version: str = "", file: str = "", found_by: str = ""
) -> AuditedPackage:
    """A package with those of `libraries` that have device code, or may have."""
    everything = [each._replace(path=readable(each.path), note=readable(each.note)) for each in libraries]
    with_code = [each for each in everything if each.cubins is None or each.ptx is None or each.code]
    with_code.sort(key=lambda each: (-each.code, each.path))
    return AuditedPackage(
        name=readable(name),
        version=readable(version),
        file=file,
        libraries=tuple(with_code),
        others=len(everything) - len(with_code),
        found_by=found_by,
    )


def _below(name: str, top: Path) -> str:
    """A folder as seen from `top`; the name of a package stays."""
    inside = name.removeprefix(f"{top.resolve()}")
    return inside.removeprefix("/") or str(top) if inside != name else name


def readable(text: str) -> str:
    """`text` without the marks that Python sets for bytes that are no text: nothing can print them."""
    try:
        return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()


def name_of_wheel(file: str) -> tuple[str, str]:
    """`nvidia_nccl_cu12-2.27.3-py3-none-any.whl` → its normalised name and its version."""
    name, _, rest = file.partition("-")
    return normal(name.removesuffix(".whl")), rest.partition("-")[0].removesuffix(".whl")
