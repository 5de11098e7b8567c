"""requirements.txt → `Draft`, with includes, constraints and index options. Reads all files it names."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.importers.model import Draft, Entry, Finding, Kind, Wishes
from envbuild.importers.python import constraints
from envbuild.importers.python.indexes import is_public, torch_backend_of
from envbuild.importers.python.requirements_lines import Line, Made, head_of, made_by, requirement_lines
from envbuild.importers.python.told import Told, told_release, told_words
from envbuild.importers.text.sources import hidden, lies_there, shown_path, source_text
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from pathlib import Path

MAX_FILES = 50
_FORMAT = "requirements.txt"
_OPTION = re.compile(r"(--?[A-Za-z][A-Za-z-]*)(?:[ =]\s*|\s+|(?<=^-[recif]))?(.*)")
_SHORT = {
    "-r": "--requirement",
    "-c": "--constraint",
    "-e": "--editable",
    "-i": "--index-url",
    "-f": "--find-links",
}
_HASH = re.compile(r"\s*--hash[ =]\S+")
_BEHIND = re.compile(r"\s--?[A-Za-z][A-Za-z-]*(?:[ =].*)?$")
_EXTRAS = re.compile(r"([^\[\]]+?)\s*(?:\[([^\]]*)\])?")
_PYTHON = re.compile(r"[Pp]ython\s*((?:[=<>!~]=|[<>])[^;@]*)")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_OWN_WORDS = {
    "--find-links": "pages of links are not asked: name an index, or each archive as `name @ https://…`",
    "--trusted-host": "its certificate belongs to the site config: docs/site.md",
    "--no-index": "the indexes are those of the site config: docs/site.md",
    "--index-url": "name the index under `pip.index_url`",
    "--extra-index-url": "name the index under `pip.extra_index_urls`",
    "--no-deps": "packages come with all that they need",
    "--pre": "name a pre-release by its version, such as name==2.0rc1",
}
_NO_MATTER = frozenset(
    {"--require-hashes", "--prefer-binary", "--use-feature", "--use-pep517", "--no-cache-dir"}
)


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of a requirements file and all that it includes.

    SpecError, with every problem, when one of the files cannot be read or includes itself.
    """
    del wishes
    reader = RequirementsReader()
    reader.read(path)
    return reader.draft()


@dataclass(slots=True)
class RequirementsReader:
    """Reads requirements files one after the other; what they say collects in its fields.

    projects  whether the pyproject.toml of `-e .` is read as well: not for who reads that itself
    asked     what those projects ask for
    """

    projects: bool = True
    pip: list[Entry] = field(default_factory=list)
    asked: list[Entry] = field(default_factory=list)
    bounds: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    index_url: str = ""
    extra_index_urls: list[str] = field(default_factory=list)
    torch_backend: str = ""
    head: tuple[str, ...] = ()
    made: Made = field(default_factory=Made)
    _done: set[tuple[str, bool]] = field(default_factory=set)
    pythons: list[str] = field(default_factory=list)
    _told: dict[str, list[tuple[Told, int]]] = field(default_factory=dict)
    _hashes: bool = False

    def read(self, path: Path) -> None:
        """Read the file, with those that it includes."""
        self._read(path, (), bounds=False)
        if self.problems:
            raise SpecError(self.problems)

    def item(self, line: Line, path: Path) -> None:
        """One line that stands in another file, `path`: an item of `pip:` in an environment file."""
        self._line(line, path, (os.path.realpath(path),), bounds=False)

    def draft(self) -> Draft:
        """What was read, constraints put to the packages that they are for."""
        named = {entry.text for entry in self.pip}
        own = [entry for entry in self.asked if entry.text not in named]
        pip, said = constraints.applied([*self.pip, *own], self.bounds)
        if self._hashes:
            what = "hashes are left out: the lock records those of what it takes"
            said = (Finding(kind="note", file=self.pip[0].file if self.pip else _FORMAT, what=what), *said)
        for file, told in self._told.items():
            what, todo = told_words([one for one, _ in told])
            said = (
                *said,
                Finding(kind="changed", file=file, line=told[0][1], what=what, todo=todo),
            )
        return Draft(
            format=_FORMAT,
            python=self.made.python or ",".join(dict.fromkeys(self.pythons)),
            pip=pip,
            index_url=self.index_url,
            extra_index_urls=tuple(dict.fromkeys(self.extra_index_urls)),
            torch_backend=self.torch_backend,
            head=self.head,
            findings=(*self.findings, *said),
        )

    def _read(self, path: Path, above: tuple[str, ...], *, bounds: bool) -> None:
        real = os.path.realpath(path)
        if (real, bounds) in self._done:
            return
        self._done.add((real, bounds))
        text = source_text(path)
        if not above:
            self.head, self.made = head_of(text), made_by(text)
        by_tool = bool(made_by(text).tool)
        for number, line in enumerate(requirement_lines(text)):
            told = replace(line, above=()) if by_tool and not number else line
            self._line(told, path, (*above, real), bounds=bounds)

    def _line(self, line: Line, path: Path, above: tuple[str, ...], *, bounds: bool) -> None:
        if line.text.startswith("-"):
            self._option(line, path, above, bounds=bounds)
            return
        text = _HASH.sub("", line.text)
        self._hashes |= text != line.text
        if behind := _BEHIND.search(text):
            option = behind[0].split()[0].split("=")[0]
            text = text[: behind.start()]
            what = f"the option {option} of {shown(text)} is left out"
            self._say("left", line, path, what, _OWN_WORDS.get(_SHORT.get(option, option), ""))
        entry = _entry(text, line, path)
        if found := _VARIABLE.search(text):
            what = f"{shown(hidden(text))} holds the variable ${{{found[1]}}}, which a spec does not replace"
            self._say("left", line, path, what, "write its value, or put credentials into the site config")
        elif bounds:
            self.bounds.append(entry)
        elif told := told_release(text):
            self.pip.append(replace(entry, text=told.text))
            self._told.setdefault(entry.file, []).append((told, line.number))
        elif asked := _PYTHON.fullmatch(text):
            self.pythons.append("".join(asked[1].split()))
            self._say("changed", line, path, f"{shown(text)} is no package: it is written as `python:`")
        else:
            self.pip.append(entry)

    def _option(self, line: Line, path: Path, above: tuple[str, ...], *, bounds: bool) -> None:
        found = _OPTION.match(line.text)
        name, value = (found[1], found[2].strip()) if found else (line.text, "")
        if name[:2] in _SHORT and not name.startswith("--") and len(name) > 2:
            name, value = name[:2], f"{name[2:]}{line.text[len(name) :]}".strip()
        name, value = _SHORT.get(name, name), value.strip("\"'")
        match name:
            case "--requirement" | "--constraint":
                self._include(value, line, path, above, bounds=bounds or name == "--constraint")
            case "--editable":
                self.pip.append(_entry(f"-e {value}", line, path))
                self._project(value, line, path)
            case "--index-url" | "--extra-index-url":
                self._index(name, value, line, path)
            case "--find-links" if "//download.pytorch.org/" in value:
                what = f"the page of links {value} is left out: builds of torch come by torch_backend"
                self._say("note", line, path, what)
            case _ if name in _NO_MATTER:
                what = f"the option {name} is left out: the lock holds hashes of all that it takes"
                self._say("note", line, path, what)
            case _:
                said = hidden(value) if value else ""
                what = f"the option {name}{' ' + said if said else ''} is left out"
                self._say("left", line, path, what, _OWN_WORDS.get(name, ""))

    def _include(self, value: str, line: Line, path: Path, above: tuple[str, ...], *, bounds: bool) -> None:
        file = shown_path(path)
        if "://" in value:
            what = f"{shown(hidden(value))} is not fetched"
            self._say("left", line, path, what, "download it, and include the file")
            return
        if "$" in value:
            self._say("left", line, path, f"{shown(value)} holds a variable", "write the path out")
            return
        target = path.parent / value
        trouble = ""
        if not value:
            trouble = "no file is named"
        elif os.path.realpath(target) in above:
            trouble = f"{shown(value)} includes itself"
        elif not lies_there(target):
            trouble = f"there is no {shown(value)} beside it"
        elif len(self._done) >= MAX_FILES:
            trouble = f"{shown(value)} is one file too many: at most {MAX_FILES} are read"
        if trouble:
            todo = "remove that line" if "itself" in trouble or "many" in trouble else "correct the name"
            self.problems.append(Problem(file=file, line=line.number, what=trouble, todo=todo))
            return
        try:
            self._read(target, above, bounds=bounds)
        except SpecError as error:
            self.problems += error.problems

    def _project(self, value: str, line: Line, path: Path) -> None:
        """What the project of `-e .[extra]` asks for, where its pyproject.toml says so."""
        found = _EXTRAS.fullmatch(value)
        if not self.projects or not found or "://" in value or "$" in value:
            return
        folder = path.parent / found[1]
        project = folder / "pyproject.toml"
        if not lies_there(project):
            if lies_there(folder / "setup.py"):
                what = f"what {shown(value)} needs is said by its setup.py, which is not run"
                self._say("left", line, path, what, "write it under `pip.packages`")
            return
        from envbuild.importers.python.pyproject import read as read_project

        extras = tuple(name.strip() for name in (found[2] or "").split(",") if name.strip())
        try:
            draft = read_project(project, Wishes(extras=extras))
        except SpecError as error:
            self.problems += error.problems
            return
        self.asked += draft.pip
        self.pythons += [draft.python] if draft.python and not self.pythons else []
        self.index_url = self.index_url or draft.index_url
        self.extra_index_urls += draft.extra_index_urls
        self.torch_backend = self.torch_backend or draft.torch_backend
        # The project itself is said by its own line; extras are taken as that line names them
        self.findings += [
            each
            for each in draft.findings
            if not each.key.endswith(".name") and not each.todo.startswith(("`--extra", "`--group"))
        ]

    def _index(self, name: str, value: str, line: Line, path: Path) -> None:
        if "$" in value:
            what = f"the index {hidden(value)} holds a variable"
            self._say(
                "left", line, path, what, "put it with its credentials into the site config: docs/site.md"
            )
        elif hidden(value) != value:
            what = f"the index {hidden(value)} holds a user name or a password"
            self._say("left", line, path, what, "put it into the site config: docs/site.md")
        elif backend := torch_backend_of(value):
            self._backend(backend, line, path)
        elif is_public(value):
            pass  # what every tool asks anyway
        elif name == "--index-url":
            self.index_url = value
        else:
            self.extra_index_urls.append(value)

    def _backend(self, backend: str, line: Line, path: Path) -> None:
        if self.torch_backend and self.torch_backend != backend:
            what = f"a second index of PyTorch, {backend}, beside {self.torch_backend}"
            self._say("left", line, path, what, "make one environment for each")
            return
        self.torch_backend = backend
        what = f"the index of PyTorch for {backend} is written as torch_backend: {backend}"
        self._say("changed", line, path, what)

    def _say(self, kind: Kind, line: Line, path: Path, what: str, todo: str = "") -> None:
        self.findings.append(
            Finding(kind=kind, file=shown_path(path), line=line.number, what=what, todo=todo)
        )


def _entry(text: str, line: Line, path: Path) -> Entry:
    return Entry(
        text=" ".join(text.split()),
        comment=line.comment,
        above=line.above,
        file=shown_path(path),
        line=line.number,
    )
