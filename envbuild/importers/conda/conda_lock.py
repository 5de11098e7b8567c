"""conda-lock.yml → a `Draft` of exact packages for one platform. Reads it; its explicit renders too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from envbuild.importers.conda.names import channels_of, conda_python, package_file
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.pins import Pin, at_address, exact, is_on_this_machine, left_path
from envbuild.importers.text.documents import yaml_of
from envbuild.importers.text.sources import source_head
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "conda-lock.yml"
_VERSION = 1
MAIN = "main"


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the lock at `path` gives. Raises SpecError for what is no lock of conda-lock's.

    Categories beside `main` come along by `wishes.groups`, `wishes.extras` or `wishes.environment`.
    """
    if b"@EXPLICIT" in source_head(path):
        from envbuild.importers.conda import explicit

        return explicit.read(path, wishes)
    lock = yaml_of(path)
    if not isinstance(lock.value, dict) or "package" not in lock:
        raise lock.error("is no lock of conda-lock: it has no `package`", "name a conda-lock.yml")
    findings: list[Finding] = []
    if (version := lock.number("version")) != _VERSION:
        what = f"it is of version {version}; version {_VERSION} is known, and it is read as that"
        findings.append(lock.at("version").finding("note", what, "compare the packages"))
    rows = lock.rows("package")
    chosen, words = _of_platform(lock, rows, wishes)
    findings += words
    conda: list[Entry] = []
    pip: dict[str, Pin] = {}
    urls: list[tuple[str, Place]] = []
    for row in chosen:
        if row.text("manager", "conda") == "conda":
            if entry := _conda(row):
                conda.append(entry)
                urls.append((row.needed("url"), row))
            continue
        pin, found = _pip(row)
        findings += found
        if pin:
            pip.setdefault(pin.text, pin)
    named = [(item.needed("url"), item) for item in lock.table("metadata").rows("channels")]
    channels, logins = channels_of(named or urls)
    return Draft(
        format=FORMAT,
        python=conda_python(conda, wishes.python),
        channels=channels,
        conda=tuple({entry.text: entry for entry in conda}.values()),
        pip=tuple(
            Entry(text=pin.text, file=pin.place.file, line=pin.place.line, key=pin.place.key)
            for pin in pip.values()
        ),
        findings=(*findings, *logins),
    )


def _of_platform(lock: Place, rows: list[Place], wishes: Wishes) -> tuple[list[Place], list[Finding]]:
    """The rows for the platform in the categories that are wished for, and words on other categories."""
    platforms = dict.fromkeys(row.needed("platform") for row in rows)
    if wishes.platform not in platforms:
        have = ", ".join(sorted(platforms)) or ", ".join(lock.table("metadata").texts("platforms"))
        what = f"has no packages for {wishes.platform}"
        raise lock.error(what, f"it has: {have or 'none'}; lock anew: conda-lock -p {wishes.platform}")
    inside = [row for row in rows if row.text("platform") == wishes.platform]
    known = dict.fromkeys(row.text("category", MAIN) for row in inside)
    environment = () if wishes.environment in {"", "default"} else (wishes.environment,)
    wanted = {MAIN, *wishes.groups, *wishes.extras, *environment}
    for name in wanted - {MAIN}:
        if name not in known:
            todo = f"it has: {', '.join(sorted(known))}"
            raise lock.error(f"has no category {shown(name)} for {wishes.platform}", todo)
    words = [
        lock.finding("note", f"the category {shown(name)} is not taken along", f"take it with --group {name}")
        for name in known
        if name not in wanted
    ]
    return [row for row in inside if row.text("category", MAIN) in wanted], words


def _conda(row: Place) -> Entry | None:
    """A conda package; None for a virtual one (`__glibc`), which is no package."""
    name, version = row.needed("name"), row.needed("version")
    if name.startswith("__"):
        return None
    file = package_file(row.needed("url"))
    if file is None:
        raise row.at("url").error("is no address of a conda package", "lock anew with conda-lock")
    if (file.name, file.version) != (name, version):
        what = f"{name} {version} lies in a file of {file.name} {file.version}"
        raise row.error(what, "lock anew with conda-lock")
    return Entry(text=file.exact, file=row.file, line=row.line, key=row.key)


def _pip(row: Place) -> tuple[Pin | None, tuple[Finding, ...]]:
    if (manager := row.text("manager")) != "pip":
        raise row.at("manager").error(f"{shown(manager)} is no manager", "conda and pip are known")
    name, url = row.needed("name"), row.text("url")
    source = row.table("source")
    if source.text("type") == "url":
        url = source.text("url") or url
    if url and is_on_this_machine(url):
        return None, (left_path(name, url, row.at("url")),)
    if source.value or url.startswith("git+"):
        text, findings = at_address(name, url, row.at("url"))
    else:
        text, findings = exact(name, row.needed("version"), row), ()
    return Pin(name=name, text=text, place=row), findings
