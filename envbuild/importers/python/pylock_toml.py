"""pylock.toml (PEP 751) → a `Draft`. Reads the lock.

Of a lock by uv, pip or another tool: exact pins of what applies. Of envbuild's own: the wishes that the lock
answers, so that spec and lock fit together again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.indexes import indexes_of
from envbuild.importers.python.pins import (
    Pin,
    at_address,
    check_name,
    entries_of,
    exact,
    from_git,
    is_on_this_machine,
    left_path,
    name_of,
)
from envbuild.importers.python.target import Target, choose_target
from envbuild.importers.text.documents import toml_of
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "pylock.toml"
_MAJOR = "1"
_OWN_FORMAT = 1
_UNSAID = "a lock does not say env, copy, run, user, entrypoint and smoke tests: add what the spec had"


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the lock at `path` gives. Raises SpecError for what is no such lock."""
    lock = toml_of(path)
    version = lock.text("lock-version")
    if not version:
        raise lock.error("is no lock by PEP 751: it has no `lock-version`", "name a pylock.toml")
    if version.split(".")[0] != _MAJOR:
        what = f"is a lock of version {shown(version)}; version 1.0 is known"
        raise lock.at("lock-version").error(what, "let its tool write version 1.0")
    own = lock.table("tool").table("envbuild")
    if own.value and own.number("format") == _OWN_FORMAT and "inputs" in own:
        return _own(own, path)
    draft = _foreign(lock, path, wishes)
    if version == "1.0" and not own.value:
        return draft
    said = (
        f"it was made by an envbuild that writes format {own.number('format')}: its pins alone are read"
        if own.value
        else f"it is a lock of version {version}, and read as version 1.0"
    )
    note = lock.finding("note", said, "compare the packages")
    return _with(draft, note)


def _with(draft: Draft, finding: Finding) -> Draft:
    from dataclasses import replace

    return replace(draft, findings=(*draft.findings, finding))


def _own(own: Place, path: Path) -> Draft:
    """The wishes in a lock of envbuild's own."""
    inputs = own.table("inputs")
    cuda, conda = inputs.table("cuda"), inputs.table("conda")
    cudnn = cuda.yes("cudnn") if "cudnn" in cuda else None
    name = own.text("name")
    findings = [own.finding("note", _UNSAID)]
    keep = f"it is the lock of this spec: as pylock.{name}.toml beside it, it keeps every version"
    if path.name != f"pylock.{name}.toml":
        findings.append(own.finding("note", keep))
    if "accept" in inputs:
        what = f"the rules that it accepts are not written: {', '.join(inputs.texts('accept'))}"
        findings.append(inputs.at("accept").finding("left", what, "add them under `accept:`"))
    return Draft(
        format=FORMAT,
        name=name,
        python=inputs.text("python"),
        base=inputs.text("base"),
        cuda=cuda.text("version"),
        cuda_flavour=cuda.text("flavour"),
        cuda_os=cuda.text("os"),
        cudnn=cudnn,
        targets=inputs.texts("targets"),
        apt=_entries(inputs.every("apt")),
        channels=_entries(conda.every("channels")),
        priority=conda.text("priority"),
        conda=_entries(conda.every("packages")),
        pip=_entries(inputs.every("pip")),
        index_url=inputs.text("index_url"),
        extra_index_urls=inputs.texts("extra_index_urls"),
        torch_backend=inputs.text("torch_backend"),
        findings=tuple(findings),
    )


def _entries(places: list[Place]) -> tuple[Entry, ...]:
    return tuple(
        Entry(text=place.as_text(), file=place.file, line=place.line, key=place.key) for place in places
    )


def _foreign(lock: Place, path: Path, wishes: Wishes) -> Draft:
    target, words = choose_target(lock.at("requires-python"), wishes, path.parent)
    groups = wishes.groups or lock.texts("default-groups")
    target = Target(target.python, target.platform, frozenset(wishes.extras), frozenset(groups))
    findings = [*words, *_check_wishes(lock, wishes), *_check_environments(lock, target)]
    pins: list[Pin] = []
    used: list[tuple[str, Place]] = []
    for row in lock.rows("packages"):
        if not target.holds(row.text("marker"), row.at("marker")):
            continue
        pin, found = _pin(row, target)
        findings += found
        if pin:
            pins.append(pin)
            used.append((row.text("index"), row.at("index")))
    findings += _check_twice(pins)
    versions = [tuple(pin.text.split("==", 1)) for pin in pins if "==" in pin.text]
    indexes = indexes_of(used, [(name, version) for name, version in versions])
    return Draft(
        format=FORMAT,
        name=_name(path),
        python=target.python,
        pip=entries_of(pins),
        index_url=indexes.index_url,
        extra_index_urls=indexes.extra_index_urls,
        torch_backend=indexes.torch_backend,
        findings=(*findings, *indexes.findings),
    )


def _name(path: Path) -> str:
    match = re.fullmatch(r"pylock\.([^.]+)\.toml", path.name)
    return name_of(match[1]) if match else ""


def _check_wishes(lock: Place, wishes: Wishes) -> list[Finding]:
    """Words on the extras and groups that are not taken along; SpecError for a wish that it does not have."""
    findings: list[Finding] = []
    defaults = lock.texts("default-groups")
    kinds = (
        ("extra", "extras", wishes.extras, wishes.extras),
        ("group", "dependency-groups", wishes.groups, wishes.groups or defaults),
    )
    for word, key, wanted, taken in kinds:
        known = lock.texts(key)
        for name in wanted:
            if name not in known:
                todo = f"it has: {', '.join(known)}" if known else f"it has no {word}s"
                raise lock.error(f"has no {word} {shown(name)}", todo)
        for name in known:
            if name not in taken:
                what = f"the {word} {shown(name)} is not taken along"
                findings.append(lock.at(key).finding("note", what, f"take it with --{word} {name}"))
    return findings


def _check_environments(lock: Place, target: Target) -> list[Finding]:
    """A word when the lock was not made for the target at all."""
    places = lock.every("environments")
    if not places or any(target.holds(place.as_text(), place) for place in places):
        return []
    said = "; ".join(place.as_text() for place in places)
    what = f"it was made for other machines than {target.platform} with Python {target.python}: {said}"
    return [lock.at("environments").finding("note", what, "compare the packages")]


def _check_twice(pins: list[Pin]) -> list[Finding]:
    """SpecError when one package is there in two versions: a lock must name one for each environment."""
    seen: dict[str, Pin] = {}
    for pin in pins:
        first = seen.setdefault(pin.name, pin)
        if first.text != pin.text:
            what = f"{shown(pin.text)} stands beside {shown(first.text)}"
            raise pin.place.error(what, "let its tool write the lock again")
    return []


def _pin(row: Place, target: Target) -> tuple[Pin | None, tuple[Finding, ...]]:
    name = row.needed("name")
    needs = row.text("requires-python")
    if needs and not target.holds(_marker(needs), row.at("requires-python")):
        what = f"{name} is not for Python {target.python}, but for {needs}"
        return None, (row.finding("left", what, "choose another Python with --python"),)
    if "directory" in row:
        where = row.table("directory").text("path", ".")
        return None, (left_path(name, where, row.at("directory")),)
    if "vcs" in row:
        return _vcs(name, row, row.table("vcs"))
    if "archive" in row:
        return _archive(name, row, row.table("archive"))
    if "version" not in row:
        word = row.finding("changed", f"{name} has no version in the lock, and is written without one")
        return Pin(name=name, text=check_name(name, row), place=row), (word,)
    return Pin(name=name, text=exact(name, row.needed("version"), row), place=row), ()


def _marker(needs: str) -> str:
    """`>=3.9,<4` as a marker."""
    clauses = (clause.strip() for clause in needs.split(","))
    parts = (re.fullmatch(r"([<>=!~]+)\s*([0-9.*]+)", clause) for clause in clauses if clause)
    return " and ".join(f"python_full_version {part[1]} '{part[2]}'" for part in parts if part)


def _vcs(name: str, row: Place, vcs: Place) -> tuple[Pin | None, tuple[Finding, ...]]:
    kind, url = vcs.needed("type"), vcs.text("url")
    if not url or (is_on_this_machine(url) and not re.match(r"[\w.-]+@[\w.-]+:", url)):
        return None, (left_path(name, url or vcs.text("path", "."), row.at("vcs")),)
    address = from_git(url, vcs.needed("commit-id"))
    address = address.replace("git+", f"{kind}+", 1)
    if folder := vcs.text("subdirectory"):
        address += f"#subdirectory={folder}"
    text, findings = at_address(name, address, vcs)
    return Pin(name=name, text=text, place=row), findings


def _archive(name: str, row: Place, archive: Place) -> tuple[Pin | None, tuple[Finding, ...]]:
    url = archive.text("url")
    if not url or is_on_this_machine(url):
        return None, (left_path(name, url or archive.text("path", "."), row.at("archive")),)
    parts = []
    if digest := archive.table("hashes").text("sha256"):
        parts.append(f"sha256={digest}")
    if folder := archive.text("subdirectory"):
        parts.append(f"subdirectory={folder}")
    text, findings = at_address(
        name, f"{url.partition('#')[0]}{'#' if parts else ''}{'&'.join(parts)}", archive
    )
    return Pin(name=name, text=text, place=row), findings
