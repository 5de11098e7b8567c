"""The verb of this room: `import_from(path, wishes) → Draft`: found, read, finished. Reads files."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from envbuild.importers.finish import finish
from envbuild.importers.folders import find_in_folder
from envbuild.importers.formats import Format, find_format
from envbuild.importers.placed import project_folder
from envbuild.importers.text.sources import refused, shown_path, source_head

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.errors import SpecError
    from envbuild.importers.model import Draft, Finding, Wishes

_LIVING = ("pyvenv.cfg", "conda-meta")


class Importer(Protocol):
    """What every importer module offers."""

    def read(self, path: Path, wishes: Wishes) -> Draft:
        """The draft of the file or folder `path`. SpecError for what cannot be read at all."""


def import_from(path: Path, wishes: Wishes, *, format_: Format | None = None) -> Draft:
    """The finished draft of what lies at `path`: a file, a folder, or a living environment.

    format_: the format to read it as; None: found by name and content.
    SpecError with every problem when it cannot be read.
    """
    notes: tuple[Finding, ...] = ()
    folder = path.is_dir()
    if folder and any((path / name).exists() for name in _LIVING):
        return import_living(path, wishes)
    if format_ is None and folder:
        format_, path, notes = find_in_folder(path)
    elif format_ is None:
        format_ = _of_file(path)
    draft = _importer(format_, path).read(path, wishes)
    source = "" if path.is_dir() else shown_path(path)
    draft = replace(draft, source=source, findings=(*notes, *draft.findings))
    return finish(draft, project_folder(path), wishes)


def import_living(prefix: Path, wishes: Wishes) -> Draft:
    """The finished draft of a venv or conda environment: its folder, or its name. SpecError for neither."""
    import os

    from envbuild.importers.installed.prefix import find_prefix, read_prefix

    prefix = find_prefix(str(prefix), os.environ)
    return finish(read_prefix(prefix, wishes), prefix.resolve().parent, wishes)


def _of_file(path: Path) -> Format:
    head = source_head(path)
    found = find_format(path, head)
    if found is None:
        raise _unknown(path, head)
    return found


def _unknown(path: Path, head: bytes) -> SpecError:
    file = shown_path(path)
    if b"\0" in head and not head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return refused(file, "is a binary file", "name a text file")
    if not head.strip():
        return refused(file, "is empty", "name a file that says what to install")
    return refused(
        file, "is of no format that can be imported", "`--format` says it; docs/importing.md lists them"
    )


def _importer(format_: Format, path: Path) -> Importer:
    file = shown_path(path)
    if not format_.module:
        raise refused(file, "is a spec of envbuild already", "`envbuild lock` is next, or `envbuild image`")
    name = f"envbuild.importers.{format_.module}"
    if importlib.util.find_spec(name) is None:
        raise refused(file, f"is a {format_.title}, which this version does not import")
    return cast("Importer", importlib.import_module(name))
