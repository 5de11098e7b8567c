"""Lists of conda packages, exactly → a `Draft`: `@EXPLICIT` lists and `conda list --export`. Reads one file.

conda-lock's explicit renders are such lists too, with the packages of pip as comments (`# pip name @ …`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.importers.conda.exports import Export
from envbuild.importers.conda.names import channels_of, conda_python, package_file
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.pins import at_address, is_on_this_machine
from envbuild.importers.text.places import Place
from envbuild.importers.text.sources import hidden, refused, shown_path, source_text
from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes

FORMAT = "explicit"
_MARK = "@EXPLICIT"
_PLATFORM = re.compile(r"#\s*platform:\s*(\S+)")
_PIP = re.compile(r"#\s*pip\s+([A-Za-z0-9._-]+)\s*@\s*(\S+)")
_WHEEL = re.compile(r"([A-Za-z0-9._]+)-([0-9][A-Za-z0-9.!+_]*)(?:-[0-9][^-]*)?-[^-]+-[^-]+-[^-]+\.whl")
_SDIST = re.compile(r"(.+)-([0-9][A-Za-z0-9.!+_]*)\.(?:tar\.gz|zip)")
_ROW = re.compile(r"([A-Za-z0-9_.-]+)=([^=\s]+)(?:=([^=\s]+))?")
_HASH = re.compile(r"[0-9a-f]{32}|(?:sha256:)?[0-9a-f]{64}|md5:[0-9a-f]{32}", re.IGNORECASE)
_SUBDIR = re.compile(r"noarch|[a-z]+-[a-z0-9_]+")
# Builds as one channel names them; `conda list --export` does not say where a package came from
_FORGE = re.compile(r"=conda_forge$|_cpython$")
_DEFAULTS = re.compile(r"=main$|=h06a4308_\d+$|py3\d+h06a4308_\d+$|^blas=1\.0=(?:mkl|openblas)$")
_PYTORCH = re.compile(r"^(?:pytorch|torchvision|torchaudio)=[^=]+=py3\.?\d+_(?:cuda|cu|cpu)")
_MANY = 20


@dataclass(slots=True)
class _Found:
    file: str
    platform: str
    conda: list[Entry] = field(default_factory=list)
    pip: list[Entry] = field(default_factory=list)
    urls: list[tuple[str, Place]] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def bad(self, line: int, what: str, todo: str) -> None:
        self.problems.append(Problem(file=self.file, line=line, what=what, todo=todo))


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft that the list at `path` gives. Raises SpecError for what is no such list."""
    found = _Found(shown_path(path), wishes.platform)
    explicit = False
    for number, raw in enumerate(re.split("\r\n|\r|\n", source_text(path)), start=1):
        line = raw.strip()
        if line.startswith("#"):
            _comment(line, number, found)
        elif line == _MARK:
            explicit = True
        elif line and explicit:
            _url(line, number, found)
        elif line:
            _row(line, number, found)
    if found.problems:
        raise SpecError(found.problems[:_MANY])
    if not found.conda and not found.pip:
        raise refused(found.file, "lists no packages", "name a list that `conda list --explicit` wrote")
    channels, words = channels_of(found.urls)
    python = conda_python(found.conda, wishes.python)
    if not explicit and not any(_FORGE.search(entry.text) for entry in found.conda):
        channels = _channels(found.conda)
        export = Export(entry for entry in found.conda if not entry.text.startswith("python="))
        found.conda = list(export.entries)
        words = tuple(export.findings)
    return Draft(
        format=FORMAT,
        python=python,
        channels=channels,
        conda=tuple(found.conda),
        pip=tuple(found.pip),
        findings=(*found.findings, *words),
    )


def _channels(entries: list[Entry]) -> tuple[Entry, ...]:
    """The channels that builds give away, where a list names none; () when they do not."""
    found = {
        name: entry
        for name, build in (("pytorch", _PYTORCH), ("defaults", _DEFAULTS))
        for entry in reversed(entries)
        if build.search(entry.text)
    }
    return tuple(replace(entry, text=name) for name, entry in found.items())


def _comment(line: str, number: int, found: _Found) -> None:
    if match := _PLATFORM.match(line):
        if match[1] != found.platform:
            what = f"is a list for {match[1]}, and the image is for {found.platform}"
            raise refused(found.file, what, f"make the list on {found.platform}", line=number)
    elif match := _PIP.match(line):
        _pip(match[1], match[2], number, found)


def _pip(name: str, url: str, number: int, found: _Found) -> None:
    """A package of pip's, by the address of its file: by version, as its index has it."""
    if is_on_this_machine(url):
        what = f"{name} lies in {shown(hidden(url))} on this machine"
        found.findings.append(Finding(kind="left", file=found.file, line=number, what=what))
        return
    file = url.split("#")[0].rpartition("/")[2]
    match = _WHEEL.fullmatch(file) or _SDIST.fullmatch(file)
    same = match and normalise(match[1]) == normalise(name)
    text = f"{name}=={match[2]}" if match and same else ""
    if not text:
        text, words = at_address(name, url, Place(found.file, url, start=number))
        found.findings += words
    found.pip.append(Entry(text=text, file=found.file, line=number))


def _url(line: str, number: int, found: _Found) -> None:
    url, _, digest = line.partition("#")
    package = package_file(url.strip())
    if package is None:
        found.bad(
            number,
            f"{shown(hidden(line))} is no address of a conda package",
            "write https://…/name-version-build.conda",
        )
        return
    if digest and not _HASH.fullmatch(digest.strip()):
        what = f"{shown(digest)} is neither an MD5 nor a SHA-256"
        found.bad(number, what, "let conda write the list again")
    if _SUBDIR.fullmatch(package.subdir) and package.subdir not in {"noarch", found.platform}:
        what = f"{package.name} is a package for {package.subdir}, and the image is for {found.platform}"
        found.bad(number, what, f"make the list on {found.platform}")
    if is_on_this_machine(url) and not url.startswith("./"):  # those lie beside the spec, too
        what = f"{package.name} lies on this machine: an image cannot reach its channel {package.channel}"
        found.findings.append(Finding(kind="note", file=found.file, line=number, what=what))
    found.conda.append(Entry(text=package.exact, file=found.file, line=number))
    found.urls.append((url.rpartition("/")[0], Place(found.file, url, start=number)))


def _row(line: str, number: int, found: _Found) -> None:
    """`name=version=build` of `conda list --export`; pip's own have the build `pypi_0`."""
    match = _ROW.fullmatch(line)
    if match is None:
        found.bad(number, f"{shown(line)} is no `name=version=build`", "let conda write the list again")
    elif (match[3] or "").startswith("pypi_"):
        found.pip.append(Entry(text=f"{match[1]}=={match[2]}", file=found.file, line=number))
    else:
        found.conda.append(Entry(text=line, file=found.file, line=number))
