"""What `inspect` and `diff` found, to standard output: text, or one JSON document."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.cli import differences, inspections
from envbuild.cli.output import emit, emit_json, emit_table

if TYPE_CHECKING:
    from envbuild.compare.model import Contents, Difference
    from envbuild.lock.model import Lock
    from envbuild.remote.model import RemoteImage
    from envbuild.subjects import LockFile, SpecFile


def show_image(image: RemoteImage, *, packages: bool, as_json: bool) -> None:
    """An image in a registry; `packages`: with all of them."""
    if as_json:
        emit_json(inspections.image_data(image))
        return
    for line in inspections.image_lines(image):
        emit(line)
    emit()
    emit_table(inspections.LAYER_HEADERS, inspections.layer_rows(image.layers), inspections.LAYER_RIGHT)
    if packages:
        _show_packages(image.contained.lock)
    for doubt in image.doubts:
        emit(f"note: {doubt}")


def show_file(found: LockFile | SpecFile, *, packages: bool, as_json: bool) -> None:
    """A lock, or a spec by its lock. Raises LockError for a spec without one."""
    from envbuild.lock.needs import needs_of_lock
    from envbuild.subjects import LockFile, ensure_lock

    lock = found.lock if isinstance(found, LockFile) else ensure_lock(found)
    needs = needs_of_lock(lock)
    if as_json:
        emit_json(inspections.lock_file_data(found, lock, needs))
        return
    for line in inspections.lock_file_lines(found, lock, needs):
        emit(line)
    if packages:
        _show_packages(lock)


def show_difference(found: Difference, a: Contents, b: Contents, *, as_json: bool) -> None:
    """What differs between two."""
    if as_json:
        emit_json(differences.difference_data(found))
        return
    emit(differences.side_line("A", a))
    emit(differences.side_line("B", b))
    emit(differences.verdict_line(found))
    if found.changes:
        emit()
        emit_table(differences.CHANGE_HEADERS, differences.change_rows(found))
    if rows := differences.size_rows(found):
        emit()
        emit(differences.size_title(found))
        emit_table(differences.SIZE_HEADERS, rows, differences.SIZE_RIGHT)
    if found.not_compared:
        emit()
    for text in found.not_compared:
        emit(f"not compared: {text}")


def _show_packages(lock: Lock | None) -> None:
    emit()
    if lock is None:
        emit("packages: nobody tells, there is no lock in it")
        return
    emit_table(inspections.PACKAGE_HEADERS, inspections.package_rows(lock), inspections.PACKAGE_RIGHT)
