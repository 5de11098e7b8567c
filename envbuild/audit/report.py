"""An audit as table rows and as JSON. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from envbuild.facts.gpus import architecture
from envbuild.gpu.libraries import bulk, code_of, main_library, rare, served_by
from envbuild.gpu.serves import serves

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from envbuild.audit.model import Audit, AuditedPackage, Target
    from envbuild.fatbin.read import DeviceCode
    from envbuild.gpu.serves import Served

    Answers = Mapping[str, Served]

_WORDS: Mapping[Served, str] = {"cubin": "cubin", "ptx": "PTX", "none": "no", "unknown": "unknown"}


def headers(audit: Audit) -> tuple[str, ...]:
    """The table's columns: one for each GPU that was named, else one for all that the tables know."""
    asked = tuple(target.name for target in audit.targets) if audit.asked else ("SERVES",)
    return ("LIBRARY", "SIZE", "CUBINS", "PTX", *asked, "NOTE")


def rows(audit: Audit, size: Callable[[int], str]) -> list[tuple[str, ...]]:
    """A row for each package, and below it one for each of its libraries; `size` writes bytes for people."""
    found = []
    for package in audit.packages:
        if audit.kind != "file":
            found.append(_package_row(package, audit))
        indent = "" if audit.kind == "file" else "  "
        for library in package.libraries:
            name = indent + library.path.rpartition("/")[2]
            codes = (_listed(library.cubins), _listed(library.ptx))
            cells = _cells(_of_library(library, audit.targets), audit)
            found.append((name, size(library.size), *codes, *cells, _note(library)))
    return found


def summary(audit: Audit) -> list[str]:
    """What is said below the table."""
    lines = list(audit.notes)
    others = sum(package.others for package in audit.packages)
    if not any(package.libraries or package.table or not package.found_by for package in audit.packages):
        lines.append("no library with device code was found")
    elif others:
        lines.append(f"besides, {others} libraries of these packages without device code")
    for unread, what in ((audit.unread, "wheels are"), (audit.unread_conda, "conda archives are")):
        if unread:
            names = ", ".join(unread[:5]) + (", …" if unread[5:] else "")
            lines.append(f"not looked into, as their {what} not at hand: {len(unread)} packages ({names})")
    left = audit.unread or audit.unread_conda
    if left or any(package.found_by in {"", "table"} for package in audit.packages):
        lines.append("to read them all: envbuild gpu-audit --download")
    return lines


def data(audit: Audit) -> dict[str, Any]:
    """The JSON document; docs/gpu.md says what is in it."""
    return {
        "target": audit.target,
        "kind": audit.kind,
        "targets": [{"name": target.name, "capability": _dotted(target)} for target in audit.targets],
        "packages": [_package_data(package, audit.targets) for package in audit.packages],
        "unread": list(audit.unread),
        "unread_conda": list(audit.unread_conda),
        "notes": list(audit.notes),
    }


def answers_of(package: AuditedPackage, targets: Sequence[Target]) -> Answers:
    """Which of `targets` a package serves, by name: as its main library does, else as the tables say."""
    code = code_of(package.libraries) or package.table
    return {
        target.name: serves(code.cubins, code.ptx, target.capability)
        if code and target.capability
        else "unknown"
        for target in targets
    }


def span(answers: Answers, targets: Sequence[Target]) -> str:
    """All answers in one cell: `7.0 8.0; PTX: 12.1`. Jetson's chips only where a cubin serves them."""
    jetson = {
        target.name
        for target in targets
        if target.capability and (row := architecture(target.capability)) and row.jetson
    }
    parts = []
    for word, label in (("cubin", ""), ("ptx", "PTX: "), ("unknown", "unknown: ")):
        names = [name for name, said in answers.items() if said == word]
        shown = [name for name in names if word == "cubin" or name not in jetson]
        if word == "unknown" and len(names) == len(answers):
            return "unknown"
        if shown:
            parts.append(label + " ".join(shown))
    return "; ".join(parts) or "none"


def _package_row(package: AuditedPackage, audit: Audit) -> tuple[str, ...]:
    name = f"{package.name} {package.version}".strip()
    codes = (_listed(package.table.cubins), _listed(package.table.ptx)) if package.table else ("", "")
    kind = "conda archive" if package.file.endswith((".conda", ".tar.bz2")) else "wheel"
    note = "(table)" if package.table else package.found_by or f"its {kind} is not at hand"
    return (name, "", *codes, *_cells(answers_of(package, audit.targets), audit), note)


def _cells(answers: Answers, audit: Audit) -> Iterator[str]:
    if not audit.asked:
        yield span(answers, audit.targets)
        return
    for target in audit.targets:
        yield _WORDS[answers[target.name]]


def _of_library(library: DeviceCode, targets: Sequence[Target]) -> Answers:
    return {
        target.name: served_by(library, target.capability) if target.capability else "unknown"
        for target in targets
    }


def _note(library: DeviceCode) -> str:
    few = ", ".join(rare(library))
    return "; ".join(part for part in (library.note, f"hardly any: {few}" if few else "") if part)


def _package_data(package: AuditedPackage, targets: Sequence[Target]) -> dict[str, Any]:
    main = main_library(package.libraries)
    code = code_of(package.libraries) or package.table
    return {
        "name": package.name,
        "version": package.version,
        "file": package.file,
        "found_by": package.found_by,
        "main": main.path if main else "",
        "cubins": code.cubins if code else None,
        "ptx": code.ptx if code else None,
        "source": code.source if code else "",
        "serves": answers_of(package, targets),
        "libraries": [_library_data(each, targets) for each in package.libraries],
        "without_device_code": package.others,
    }


def _library_data(library: DeviceCode, targets: Sequence[Target]) -> dict[str, Any]:
    cubins, ptx = bulk(library)
    return {
        **library._asdict(),
        "bulk": {"cubins": cubins, "ptx": ptx},
        "serves": _of_library(library, targets),
    }


def _listed(names: Sequence[str] | None) -> str:
    if names is None:
        return "unknown"
    return " ".join(names) or "none"


def _dotted(target: Target) -> str:
    return f"{target.capability[0]}.{target.capability[1]}" if target.capability else ""
