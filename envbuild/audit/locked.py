"""Audits what a lock brings, wheel by wheel: from memory, at hand, by download, else from the tables.

Reads files; asks uv and, when there is one, the engine; the network only when told to download.
"""

from __future__ import annotations

import time
import zipfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from envbuild.audit.download import downloaded
from envbuild.audit.image import audit_image
from envbuild.audit.local import package_of
from envbuild.audit.model import AuditedPackage
from envbuild.audit.owners import normal
from envbuild.audit.unpacked import read_unpacked, uv_cache
from envbuild.errors import EnvbuildError, LockError
from envbuild.events import Sink, StepDone, StepFailed, StepStarted, ignore
from envbuild.facts.model import Code
from envbuild.fatbin.memory import recall_audit, remember_audit
from envbuild.fatbin.stream import read_wheel
from envbuild.gpu.needs import needs_of
from envbuild.lock.packages import chosen_file, file_name
from envbuild.plan.weights import is_cuda, said, weight

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from envbuild.audit.image import Engine
    from envbuild.fatbin.read import DeviceCode
    from envbuild.lock.model import Lock, LockedPackage
    from envbuild.site.model import Site
    from envbuild.spec.model import Spec

    Held = Mapping[str, AuditedPackage]

LOCK_LABEL = "dev.envbuild.lock"
ENVIRONMENT = "/opt/env"
_MACHINES = {"linux/amd64": "x86_64", "linux/arm64": "aarch64"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where wheels may be looked for.

    connect    gives an engine, to look into a built image; raises EngineError when there is none
    download   fetch what is nowhere else
    """

    site: Site
    environ: Mapping[str, str]
    connect: Callable[[], Engine] | None = None
    download: bool = False
    sink: Sink = ignore


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wheel:
    package: LockedPackage
    sha256: str
    table: Mapping[str, Any]


def audit_locked(
    spec: Spec, lock: Lock, sources: Sources
) -> tuple[tuple[AuditedPackage, ...], tuple[str, ...]]:
    """As `audit_wheels`, with what the image of `spec` holds."""
    name = spec.image.references[0]
    return audit_wheels(lock, name, sources, lambda: held_in_image(name, lock, sources))


def audit_wheels(
    lock: Lock, image: str, sources: Sources, held: Callable[[], Held | None]
) -> tuple[tuple[AuditedPackage, ...], tuple[str, ...]]:
    """The Python packages of `lock` that have device code or may have; and the names of those that nothing is
    known of, the largest first. `held` gives what its `image` holds, as `held_in_image` does.

    Raises LockError when a download fails.
    """
    wheels = _wheels(lock)
    found = _at_hand(wheels, sources)
    if _left(wheels, found):
        found |= _in_image(_left(wheels, found), held(), image)
    if sources.download:
        for wheel in _left(wheels, found):
            if read := _fetched(wheel, sources):
                found[wheel.package.name] = read
    left = _left(wheels, found)
    tables = codes_of_tables(lock)
    guessed = [_by_table(wheel.package, tables.get(wheel.package.name)) for wheel in left]
    likely = [each for each in guessed if each.table or is_cuda(_locked(lock, each.name))]
    shown = [each for each in found.values() if each.libraries] + likely
    named = {each.name for each in likely}
    unread = [wheel.package for wheel in left if wheel.package.name not in named]
    unread.sort(key=lambda package: (-weight(package), package.name))
    return tuple(sorted(shown, key=lambda each: each.name)), tuple(package.name for package in unread)


def codes_of_tables(lock: Lock) -> dict[str, Code]:
    """What the tables say of the device code of locked packages, by name."""
    packages = {package.name: package.version for package in lock.packages}
    uses = needs_of(packages, machine=_MACHINES.get(lock.platform, "x86_64")).uses
    return {
        use.component.split()[0]: Code(cubins=use.cubins, ptx=use.ptx, source=use.found_by)
        for use in uses
        if use.kernels and use.cubins is not None
    }


def _wheels(lock: Lock) -> list[_Wheel]:
    tables = {row["name"]: chosen_file(row) or {} for row in lock.document.get("packages", ())}
    return [
        _Wheel(
            package=package,
            sha256=str(tables.get(package.name, {}).get("hashes", {}).get("sha256", "")),
            table=tables.get(package.name, {}),
        )
        for package in lock.packages
    ]


def _left(wheels: list[_Wheel], found: Mapping[str, AuditedPackage]) -> list[_Wheel]:
    return [wheel for wheel in wheels if wheel.package.name not in found]


def _at_hand(wheels: list[_Wheel], sources: Sources) -> dict[str, AuditedPackage]:
    """Those remembered, or in uv's cache."""
    found: dict[str, AuditedPackage] = {}
    for wheel in wheels:
        libraries = recall_audit(wheel.sha256, sources.environ)
        if libraries is not None:
            found[wheel.package.name] = _read(wheel, libraries, "remembered")
    left = [wheel for wheel in _left(wheels, found) if not wheel.package.from_source]
    cache = uv_cache(sources.environ) if left else None
    for wheel in left if cache else ():
        assert cache is not None  # noqa: S101  # for the type checker
        unpacked = read_unpacked(cache, file_name(wheel.table), wheel.sha256)
        if unpacked:
            libraries, certain = unpacked
            if certain:
                remember_audit(wheel.sha256, libraries, sources.environ)
            words = "read from uv's cache" if certain else "read from uv's cache, by name and version"
            found[wheel.package.name] = _read(wheel, libraries, words)
    return found


def held_in_image(name: str, lock: Lock, sources: Sources) -> Held | None:
    """What the image holds, by package; None: there is none that was made from this very lock."""
    try:
        engine = sources.connect() if sources.connect else None
        image = engine.image(name) if engine else None
        if engine is None or image is None or image.labels.get(LOCK_LABEL) != lock.digest:
            return None
        packages, _ = audit_image(engine, image, name, [ENVIRONMENT])
    except EnvbuildError:  # no engine, or nothing can be run in it: the next source, then
        return None
    return {each.name: each for each in packages}


def _in_image(wheels: list[_Wheel], held: Held | None, name: str) -> dict[str, AuditedPackage]:
    """Those installed in the spec's image `name`."""
    found: dict[str, AuditedPackage] = {}
    for wheel in wheels if held is not None else ():
        package = wheel.package
        installed = (held or {}).get(normal(package.name))
        if installed is None:
            found[package.name] = _read(wheel, (), f"installed in {name}")
        elif installed.version == package.version:
            found[package.name] = replace(installed, name=package.name, file=package.file)
    return found


def _fetched(wheel: _Wheel, sources: Sources) -> AuditedPackage | None:
    """Downloaded, read and remembered; None: the lock names no wheel with an address and a digest."""
    package = wheel.package
    url = str(wheel.table.get("url", ""))
    if package.from_source or not url.startswith(("http://", "https://")) or not wheel.sha256:
        return None
    identity, begun = f"audit:{package.name}", time.monotonic()
    size = f" ({said(package.size)})" if package.size else ""
    sources.sink(StepStarted(id=identity, stage="audit", name=f"{package.file}{size}"))
    try:
        with downloaded(url, wheel.sha256, site=sources.site, environ=sources.environ) as path:
            libraries = _libraries(path, package.file)
    except (EnvbuildError, OSError) as error:
        seconds = time.monotonic() - begun
        sources.sink(StepFailed(id=identity, seconds=seconds, reason=str(error).partition("\n")[0]))
        raise
    remember_audit(wheel.sha256, libraries, sources.environ)
    read = _read(wheel, libraries, "read from the wheel")
    detail = f"{len(read.libraries)} with device code"
    sources.sink(StepDone(id=identity, seconds=time.monotonic() - begun, detail=detail))
    return read


def _libraries(path: Path, file: str) -> tuple[DeviceCode, ...]:
    try:
        return read_wheel(path)
    except zipfile.BadZipFile as error:
        raise LockError(f"{file}: cannot be read as a wheel: {error}") from error


def _read(wheel: _Wheel, libraries: tuple[DeviceCode, ...], found_by: str) -> AuditedPackage:
    package = wheel.package
    return package_of(package.name, libraries, version=package.version, file=package.file, found_by=found_by)


def _by_table(package: LockedPackage, code: Code | None) -> AuditedPackage:
    return AuditedPackage(
        name=package.name,
        version=package.version,
        file=package.file,
        table=code,
        found_by="table" if code else "",
    )


def _locked(lock: Lock, name: str) -> LockedPackage:
    return next(package for package in lock.packages if package.name == name)
