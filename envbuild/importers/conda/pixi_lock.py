"""pixi.lock → a `Draft` of exact packages of one environment on one platform. Reads it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.importers.conda.names import channels_of, conda_python, package_file
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.indexes import indexes_of
from envbuild.importers.python.pins import at_address, exact, is_on_this_machine, left_path
from envbuild.importers.text.documents import yaml_of
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "pixi.lock"
_KNOWN = (4, 5, 6)
_OLDEST = 4
DEFAULT = "default"
_KINDS = ("conda", "pypi")
_VCS = re.compile(r"(?:git|hg|svn|bzr)\+")


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the pixi.lock at `path` gives. Raises SpecError for what is none."""
    lock = yaml_of(path)
    if not isinstance(lock.value, dict) or "version" not in lock:
        raise lock.error("is no pixi.lock: it has no `version`", "name a pixi.lock that pixi wrote")
    findings: list[Finding] = []
    version = lock.number("version")
    if version < _OLDEST or "environments" not in lock:
        what = f"is a pixi.lock of version {version}; versions 4 to 6 are known"
        raise lock.at("version").error(what, "let a newer pixi write it again: pixi lock")
    if version not in _KNOWN:
        what = f"it is of version {version}; versions 4 to 6 are known, and it is read as 6"
        findings.append(lock.at("version").finding("note", what, "compare the packages"))
    environment, words = _environment(lock, wishes)
    findings += words
    known = {(kind, url): row for row in lock.rows("packages") for kind, url in (_address(row),)}
    conda: list[Entry] = []
    pip: list[Entry] = []
    for item in _items(environment, wishes):
        kind, url = _address(item)
        row = known.get((kind, url))
        if row is None:
            raise item.error(f"{shown(url)} is not among the packages of the lock", "run: pixi lock")
        made, found = (_conda if kind == "conda" else _pypi)(row, url)
        findings += found
        if made:
            (conda if kind == "conda" else pip).append(made)
    said = [(channel.needed("url"), channel) for channel in environment.rows("channels")]
    channels, words = channels_of(said)
    indexes = indexes_of([(index.as_text(), index) for index in environment.every("indexes")])
    return Draft(
        format=FORMAT,
        python=conda_python(conda, wishes.python),
        channels=channels,
        conda=tuple(conda),
        pip=tuple(pip),
        index_url=indexes.index_url,
        extra_index_urls=indexes.extra_index_urls,
        torch_backend=indexes.torch_backend,
        findings=(*findings, *words, *indexes.findings),
    )


def _environment(lock: Place, wishes: Wishes) -> tuple[Place, tuple[Finding, ...]]:
    """The environment that is wished for, and words on the others."""
    environments = lock.table("environments")
    names = [name for name, _ in environments.items()]
    wish = wishes.environment or DEFAULT
    if wish not in names:
        raise lock.error(f"has no environment {shown(wish)}", f"it has: {', '.join(names) or 'none'}")
    words = tuple(
        place.finding(
            "note",
            f"the environment {shown(name)} is not taken along",
            f"import it with --environment {name}",
        )
        for name, place in environments.items()
        if name != wish
    )
    return environments.table(wish), words


def _items(environment: Place, wishes: Wishes) -> list[Place]:
    """The packages for the platform, as the environment lists them."""
    packages = environment.table("packages")
    if wishes.platform not in packages:
        have = ", ".join(name for name, _ in packages.items())
        what = f"has no packages for {wishes.platform}"
        raise environment.error(what, f"it has: {have or 'none'}; add the platform and run: pixi lock")
    return packages.rows(wishes.platform)


def _address(row: Place) -> tuple[str, str]:
    """Kind and address of a package: `conda: URL` (6), or `kind: conda` with `url` or `path` (4, 5)."""
    for kind in _KINDS:
        if kind in row:
            return kind, row.needed(kind)
    kind = row.text("kind")
    if kind not in _KINDS:
        raise row.error("is neither a conda nor a pypi package", "run: pixi lock")
    return kind, row.text("url") or row.needed("path")


def _conda(row: Place, url: str) -> tuple[Entry | None, tuple[Finding, ...]]:
    file = package_file(url)
    if file is None:
        what = f"{row.text('name') or shown(url)} is built from its sources, and not carried"
        return None, (row.finding("left", what, "name a channel that has it"),)
    for key in ("name", "version", "build"):
        if row.text(key) and row.text(key) != getattr(file, key):
            what = f"says {key} {row.text(key)}, and its file {getattr(file, key)}"
            raise row.error(what, "run: pixi lock")
    return Entry(text=file.exact, file=row.file, line=row.line, key=row.key), ()


def _pypi(row: Place, url: str) -> tuple[Entry | None, tuple[Finding, ...]]:
    name = row.needed("name")
    findings: tuple[Finding, ...] = ()
    if _VCS.match(url):
        text, findings = at_address(name, _at_commit(url), row)
    elif is_on_this_machine(url):
        return None, (left_path(name, url, row),)
    else:
        text = exact(name, row.needed("version"), row)
    return Entry(text=text, file=row.file, line=row.line, key=row.key), findings


def _at_commit(url: str) -> str:
    """`git+https://a/b?rev=v1#commit` → `git+https://a/b@commit`."""
    base, _, commit = url.partition("#")
    plain = base.partition("?")[0]
    return f"{plain}@{commit}" if re.fullmatch("[0-9a-f]{7,64}", commit) else url
