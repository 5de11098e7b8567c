"""conda's environment.yml → `Draft`: its packages, those of its `pip:` part, channels and variables."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem, SpecError
from envbuild.importers.conda.exports import Export
from envbuild.importers.conda.selectors import is_true, selector_around, selector_of
from envbuild.importers.model import Draft, Entry, Finding, Kind
from envbuild.importers.python.requirements_lines import Line
from envbuild.importers.python.requirements_txt import RequirementsReader
from envbuild.importers.text.comments import Comments
from envbuild.importers.text.sources import hidden, refused, shown_path, source_bytes
from envbuild.spec.words import dotted, shown
from envbuild.spec.yaml import read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.spec.model import KeyPath
    from envbuild.spec.yaml import Document

FORMAT = "environment.yml"
_PYTHON = re.compile(r"(?:[\w.-]+::)?python(?=$|[\s=<>!~])\s*(.*)")
_EXACT = re.compile(r"=?=?\s*(\d+(?:\.\d+)*)(?:\.?\*)?")
_LEFT = {
    "platforms": (
        "is for conda-lock: an image is for one platform",
        "`envbuild lock --platform` says another",
    ),
    "category": ("is for conda-lock: a spec has no categories", "make one spec for each"),
    "includes": ("names other files, which conda-devenv joins", "import each of them, and join the specs"),
    "environment": ("is for conda-devenv", "write the variables under `env:`"),
    "pip-repositories": ("is for conda-lock", "use `pip.extra_index_urls` in the spec"),
}


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of an environment file. SpecError when it is no YAML, or holds something else."""
    file = shown_path(path)
    data = source_bytes(path)
    document = read_yaml(data, file)
    if document.problems:
        raise SpecError(document.problems)
    if not isinstance(document.value, dict):
        kind = "a list" if isinstance(document.value, list) else "one text"
        raise refused(
            file,
            f"holds {kind} where a mapping is expected",
            "begin with a line such as `name: dl-env`",
            line=1,
        )
    return _Reader(path, file, document, Comments(data.decode()), wishes).draft()


@dataclass(slots=True)
class _Reader:
    """What the file says, collected key by key."""

    path: Path
    file: str
    document: Document
    comments: Comments
    wishes: Wishes
    pip: RequirementsReader = field(default_factory=RequirementsReader)
    channels: list[Entry] = field(default_factory=list)
    conda: list[Entry] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    pythons: list[tuple[str, int]] = field(default_factory=list)
    name: str = ""
    cuda: str = ""
    _said: set[int] = field(default_factory=set)

    def draft(self) -> Draft:
        """The whole file as a draft. SpecError when it contradicts itself."""
        value: Any = self.document.value
        for key, each in value.items():
            self._key(key, each)
        if self.pip.problems:
            raise SpecError(self.pip.problems)
        if lines := self.comments.left():
            said = f"the comment in line {lines[0]} has" if len(lines) == 1 else f"{len(lines)} comments have"
            what = f"{said} no place in the spec"
            self.findings.append(Finding(kind="note", file=self.file, line=lines[0], what=what))
        export = Export(self.conda)
        below = self.pip.draft()
        return replace(
            below,
            format=FORMAT,
            name=self.name,
            python=self._python() or below.python,
            cuda=export.cuda or self.cuda,
            channels=tuple(self.channels),
            conda=export.entries,
            env=tuple(self.env.items()),
            head=self.comments.head,
            findings=(*self.findings, *export.findings, *below.findings),
        )

    def _key(self, key: str, value: object) -> None:
        if value is None:
            return
        match key:
            case "name":
                self.name = self._text(value, (key,))
            case "channels":
                self._channels(value, (key,))
            case "dependencies":
                for number, each in enumerate(self._list(value, (key,))):
                    self._dependency(each, (key, number))
            case "variables":
                self._variables(value)
            case "prefix":
                self._say("note", (key,), "is a folder of the machine that wrote the file")
            case _:
                what, todo = _LEFT.get(key, ("is not known in an environment file", ""))
                said = f"the key {shown(key)} {what}" if key not in _LEFT else what
                self._say("left", (key,), said, todo)

    def _channels(self, value: object, path: KeyPath) -> None:
        for number, each in enumerate(self._list(value, path)):
            here = (*path, number)
            text = self._text(each, here)
            if text == "nodefaults":
                self._say(
                    "note",
                    here,
                    "nodefaults says what is so anyway: a spec has no channels but those it names",
                )
            elif text:
                self.channels.append(self._entry(text, here))

    def _dependency(self, value: object, path: KeyPath) -> None:
        if isinstance(value, str):
            self._package(value, path)
        elif isinstance(value, dict):
            for key, each in value.items():
                inner = (*path, key)
                if key == "pip":
                    self._pip(each, inner)
                elif selector := selector_around(key):
                    for number, one in enumerate(each if isinstance(each, list) else [each]):
                        place = (*inner, number) if isinstance(each, list) else inner
                        if is_true(selector, self.wishes.platform) is False:
                            self._say("note", place, f"{shown(str(one))} is for {selector} alone")
                        else:
                            self._dependency(one, place)
                else:
                    self._say("left", inner, f"the key {shown(key)} is not known among dependencies", "")
        else:
            what = "is empty" if value is None else "is a list, where a package is expected"
            self._say("left", path, what)

    def _package(self, text: str, path: KeyPath) -> None:
        entry = self._entry(text.strip(), path)
        if not entry.text:
            self._say("left", path, "is empty")
            return
        selector, comment = selector_of(entry.comment)
        if selector and is_true(selector, self.wishes.platform) is False:
            self._say("note", path, f"{entry.text} is for {selector} alone")
            return
        if found := _PYTHON.fullmatch(entry.text):
            self.pythons.append((_version(found[1]), entry.line))
            self.comments.release(entry.line)
            return
        self.conda.append(replace(entry, comment=comment))

    def _pip(self, value: object, path: KeyPath) -> None:
        if value is None:
            return
        items = value if isinstance(value, list) else [value]
        for number, each in enumerate(items):
            here = (*path, number) if isinstance(value, list) else path
            if not isinstance(each, str) or not each.strip():
                kind = (
                    "empty"
                    if each is None or each == ""
                    else "a mapping or a list, where a requirement is expected"
                )
                self._say("left", here, f"is {kind}", "name Python packages directly below `pip:`")
                continue
            entry = self._entry(each.strip(), here)
            # A YAML scalar keeps what looks like a comment only within quotes: pip would take that away
            text = re.sub(r"(?:^|\s)#.*$", "", entry.text).strip()
            selector, comment = selector_of(entry.comment)
            if selector and is_true(selector, self.wishes.platform) is False:
                self._say("note", here, f"{text} is for {selector} alone")
            elif text:
                line = Line(
                    number=entry.line, text=" ".join(text.split("\n")), comment=comment, above=entry.above
                )
                self.pip.item(line, self.path)

    def _variables(self, value: object) -> None:
        if not isinstance(value, dict):
            self._say("left", ("variables",), "is no mapping of names to values")
            return
        for name, each in value.items():
            if name == "CONDA_OVERRIDE_CUDA" and isinstance(each, str):
                self.cuda = each
                self._say("changed", ("variables", name), f"is written as `cuda: {each}`")
            elif isinstance(each, (str, type(None))):
                self.env[name] = each or ""
            else:
                self._say("left", ("variables", name), "is a list or a mapping, where one value is expected")

    def _python(self) -> str:
        """What the file asks of Python; SpecError when two versions are named."""
        exact = {found[1]: line for said, line in self.pythons if (found := _EXACT.fullmatch(said))}
        if len(exact) > 1:
            first, line, *_ = exact.values()
            what = f"python is given twice, first in line {first}"
            raise SpecError(
                [Problem(file=self.file, line=line, path="dependencies", what=what, todo="keep one of them")]
            )
        if exact:
            return next(said for said, _ in self.pythons if _EXACT.fullmatch(said))
        return ",".join(dict.fromkeys(said for said, _ in self.pythons if said))

    def _entry(self, text: str, path: KeyPath) -> Entry:
        line = self.document.lines.get(path, 0)
        above, behind = ((), "") if line in self._said else self.comments.around(line)
        if path[-1] == 0 and line not in self._said:
            above = (*self._above(path[:-1]), *above)
        self._said.add(line)
        return Entry(text=text, comment=behind, above=above, file=self.file, line=line, key=dotted(path))

    def _above(self, path: KeyPath) -> tuple[str, ...]:
        line = self.document.lines.get(path, 0)
        return self.comments.above(line) if line else ()

    def _list(self, value: object, path: KeyPath) -> list[Any]:
        if isinstance(value, list):
            return value
        if isinstance(value, str):
            return [value]
        raise self._error(path, "is a mapping, where a list is expected", "begin each item with `- `")

    def _text(self, value: object, path: KeyPath) -> str:
        if isinstance(value, str):
            return value.strip()
        if value is None:
            return ""
        raise self._error(path, "is a list or a mapping, where a text is expected", "write one word")

    def _error(self, path: KeyPath, what: str, todo: str) -> SpecError:
        line = self.document.lines.get(path, 0)
        return refused(self.file, what, todo, line=line, path=dotted(path))

    def _say(self, kind: Kind, path: KeyPath, what: str, todo: str = "") -> None:
        line = self.document.lines.get(path, 0)
        self.findings.append(
            Finding(kind=kind, file=self.file, line=line, key=dotted(path), what=hidden(what), todo=todo)
        )


def _version(said: str) -> str:
    """The version of `python=3.10.4=h12debd9_0`, without the build; ranges as they are."""
    said = said.strip()
    if said.startswith(("==", "=")) or said[:1].isdigit():
        body = said.lstrip("=").strip()
        return re.split(r"=|\s+(?=[a-z])", body, maxsplit=1)[0].strip()
    return said
