"""pyproject.toml → `Draft`: PEP 621, dependency groups, poetry, uv's sources and indexes. Reads it alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python import constraints, poetry
from envbuild.importers.python.project_groups import extra_items, group_items, name_in, named_files, not_taken
from envbuild.importers.python.project_sources import WAY_OUT, Chosen, Index, chosen_table, origin
from envbuild.importers.python.project_tools import flit_metadata, pdm_groups, pdm_indexes, said_of_tools
from envbuild.importers.python.requirements_txt import RequirementsReader
from envbuild.importers.python.target import Target
from envbuild.importers.pythons import choose_python
from envbuild.importers.text.comments import Comments, list_lines
from envbuild.importers.text.documents import toml_of
from envbuild.importers.text.sources import lies_there, source_text
from envbuild.spec.pep508 import normalise
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from envbuild.importers.model import Wishes
    from envbuild.importers.text.places import Place

FORMAT = "pyproject.toml"


def read(path: Path, wishes: Wishes) -> Draft:
    """The draft of the project's dependencies. SpecError for what is no TOML, or of the wrong shape."""
    document = toml_of(path)
    tool = document.table("tool")
    project, told = document.table("project"), tool.table("poetry")
    reader = _Reader(path, document, wishes, project, told, tool.table("uv"))
    reader.read()
    draft = reader.draft()
    pixi = tool.table("pixi")
    if not pixi:
        return draft
    from envbuild.importers.conda.pixi import draft_of

    own = draft_of(pixi, path, wishes, format_=FORMAT)
    return replace(
        own,
        name=own.name or draft.name,
        python=own.python or draft.python,
        pip=(*own.pip, *draft.pip),
        torch_backend=own.torch_backend or draft.torch_backend,
        head=draft.head,
        findings=(*own.findings, *draft.findings),
    )


@dataclass(slots=True)
class _Reader:
    path: Path
    document: Place
    wishes: Wishes
    project: Place
    poetry: Place
    uv: Place
    pip: list[Entry] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    more: RequirementsReader = field(default_factory=lambda: RequirementsReader(projects=False))
    _text: str = ""
    _comments: Comments = field(default_factory=lambda: Comments(""))
    _lines: dict[str, list[int]] = field(default_factory=dict)

    def read(self) -> None:
        """Everything that is wished for, in the order of the file."""
        self._text = source_text(self.path)
        self._comments = Comments(self._text)
        tool = self.document.table("tool")
        said = (
            self.project,
            self.poetry,
            self.document.at("dependency-groups"),
            self.uv,
            flit_metadata(tool),
        )
        if not any(said):
            what = "says nothing about packages: it has no [project], [tool.poetry] or [dependency-groups]"
            self.findings.append(Finding(kind="note", file=self.document.file, what=what))
        self._standard()
        self._of_poetry()
        self._of_uv()
        for item in flit_metadata(tool).every("requires"):
            self._requirement(item)
        self.findings += said_of_tools(tool)
        self._itself()

    def draft(self) -> Draft:
        """What was read."""
        chosen = Chosen(indexes=tuple(self._indexes()))
        chosen.conclude(self.used)
        bounds = [self._entry(item, item.as_text()) for item in self.uv.every("constraint-dependencies")]
        pip, said = constraints.applied((*self.pip, *self.more.pip), bounds)
        return Draft(
            format=FORMAT,
            name=self.project.text("name") or self.poetry.text("name") or self._flit_name(),
            python=self._python(),
            pip=pip,
            index_url=chosen.index_url or self.more.index_url,
            extra_index_urls=tuple(dict.fromkeys((*chosen.extra_index_urls, *self.more.extra_index_urls))),
            torch_backend=(
                self.uv.table("pip").text("torch-backend") or chosen.torch_backend or self.more.torch_backend
            ),
            head=self._comments.head,
            findings=(*self.findings, *chosen.findings, *said, *self.more.findings),
        )

    def _flit_name(self) -> str:
        flit = flit_metadata(self.document.table("tool"))
        return flit.text("dist-name") or flit.text("module")

    def _standard(self) -> None:
        """`[project]`, its extras, `[dependency-groups]`."""
        for item in self.project.every("dependencies"):
            self._requirement(item)
        if "dependencies" in self.project.texts("dynamic"):
            self._dynamic()
        extras = self.project.table("optional-dependencies")
        taken = {*self.wishes.extras, *self.wishes.groups}
        in_files = self._dynamic_extras()
        if self.project:
            for name in self.wishes.extras:
                if files := in_files.get(normalise(name)):
                    self._from_files(files)
                elif not (self.poetry.table("extras") and name in self.poetry.table("extras")):
                    for item in extra_items(self.project, name):
                        self._requirement(item)
                        taken.add(str(item.path[-2]))
        groups = self.document.table("dependency-groups")
        own = {normalise(name) for name, _ in groups.items()}
        elsewhere = self._other_groups()
        for name in self.wishes.groups:
            if normalise(name) in own or normalise(name) not in elsewhere:
                for item in group_items(groups, name):
                    self._requirement(item)
                    taken.add(str(item.path[-2]))
        self.findings += not_taken(extras, "extras", "--extra", [name for name, _ in extras.items()], taken)
        named = self._setuptools().table("optional-dependencies")
        self.findings += not_taken(named, "extras", "--extra", list(in_files), taken)
        self.findings += not_taken(groups, "groups", "--group", [name for name, _ in groups.items()], taken)
        self._of_pdm()

    def _of_pdm(self) -> None:
        """The groups of pdm's own that are wished for."""
        groups = pdm_groups(self._pdm())
        for name in self.wishes.groups:
            if place := groups.get(normalise(name)):
                for item in place.as_list():
                    self._requirement(item)
        place = self._pdm().at("dev-dependencies")
        self.findings += not_taken(place, "groups", "--group", list(groups), self.wishes.groups)

    def _pdm(self) -> Place:
        return self.document.table("tool").table("pdm")

    def _other_groups(self) -> set[str]:
        """Groups that stand in tables of poetry's, pdm's or uv's own."""
        found = {normalise(name) for name, _ in self.poetry.table("group").items()}
        found |= set(pdm_groups(self._pdm()))
        if "dev-dependencies" in self.poetry or "dev-dependencies" in self.uv:
            found.add("dev")
        return found

    def _dynamic(self) -> None:
        """Dependencies that setuptools reads from files."""
        files = self._setuptools().table("dependencies").at("file")
        if not named_files(files):
            what = "the build backend says the dependencies, by running code"
            place = self.project.at("dynamic")
            self.findings.append(place.finding("left", what, "write them under `pip.packages`"))
        self._from_files(files)

    def _setuptools(self) -> Place:
        return self.document.table("tool").table("setuptools").table("dynamic")

    def _dynamic_extras(self) -> dict[str, Place]:
        """The files of each extra that setuptools reads from files, by its name."""
        if "optional-dependencies" not in self.project.texts("dynamic"):
            return {}
        extras = self._setuptools().table("optional-dependencies")
        return {normalise(name): place.as_table().at("file") for name, place in extras.items()}

    def _from_files(self, files: Place) -> None:
        for name in named_files(files):
            target = self.path.parent / name
            if not lies_there(target):
                raise files.error(f"there is no {shown(name)} beside it", "correct the name")
            self.more.read(target)

    def _of_poetry(self) -> None:
        """Poetry's dependencies, and those of the groups that are wished for."""
        optional = self._optional()
        for name, place in self.poetry.table("dependencies").items():
            said = place.value if isinstance(place.value, dict) else {}
            if normalise(name) == "python" or (
                said.get("optional") is True and normalise(name) not in optional
            ):
                continue
            if self._enriches(name, place):
                continue
            self._wanted(name, place)
        groups = self.poetry.table("group")
        names = [name for name, _ in groups.items()]
        names += ["dev"] if "dev-dependencies" in self.poetry and "dev" not in names else []
        for name in names:
            if normalise(name) not in map(normalise, self.wishes.groups):
                continue
            table = groups.table(name).table("dependencies") if name in groups else None
            old = self.poetry.table("dev-dependencies") if name == "dev" else None
            for each in (table, old):
                if each is None:
                    continue
                for package, place in each.items():
                    self._wanted(package, place)
        self.findings += not_taken(self.poetry.at("group"), "groups", "--group", names, self.wishes.groups)
        extras = [name for name, _ in self.poetry.table("extras").items()]
        self.findings += not_taken(self.poetry.at("extras"), "extras", "--extra", extras, self.wishes.extras)

    def _enriches(self, name: str, place: Place) -> bool:
        """Whether a package of `[project]` is only told here where it comes from, as poetry 2 has it."""
        asked = [entry for entry in self.pip if name_in(entry.text) == normalise(name)]
        if not asked or not isinstance(place.value, dict):
            return False
        if any(key in place for key in ("git", "path", "file", "url")):
            self.pip = [entry for entry in self.pip if entry not in asked]
            return False
        if "version" in place:
            return False
        if index := place.text("source"):
            self.used.add(index)
        return True

    def _optional(self) -> set[str]:
        """The optional packages of poetry's extras that are wished for."""
        extras = self.poetry.table("extras")
        wished = {normalise(name) for name in self.wishes.extras}
        return {
            normalise(item.as_text().partition("[")[0])
            for name, items in extras.items()
            if normalise(name) in wished
            for item in items.as_list()
        }

    def _wanted(self, name: str, place: Place) -> None:
        found = poetry.requirement(name, place, self._target())
        self.findings += found.findings
        if found.index:
            self.used.add(found.index)
        if found.text:
            self.pip.append(self._entry(place, found.text))

    def _of_uv(self) -> None:
        """uv's dev-dependencies, and what it says that a spec cannot."""
        own = self.uv.every("dev-dependencies")
        if "dev" in self.wishes.groups:
            for item in own:
                self._requirement(item)
        elif own:
            place = self.uv.at("dev-dependencies")
            self.findings += not_taken(place, "groups", "--group", ["dev"], self.wishes.groups)
        for key in ("override-dependencies", "exclude-dependencies"):
            if self.uv.at(key):
                what = f"{key} is left out: a spec overrides nothing that packages ask for"
                self.findings.append(self.uv.at(key).finding("left", what))

    def _itself(self) -> None:
        """The project is no package of an index: a word on how to bring it."""
        name = self.project.text("name") or self.poetry.text("name")
        built = "build-system" in self.document or bool(self.poetry) or self.uv.yes("package")
        off = ("package" in self.uv and not self.uv.yes("package")) or (
            "package-mode" in self.poetry and not self.poetry.yes("package-mode")
        )
        if name and built and not off:
            place = (self.project if "name" in self.project else self.poetry).at("name")
            self.findings.append(
                place.finding("left", f"the project itself, {name}, is not carried", WAY_OUT)
            )

    def _requirement(self, item: Place) -> None:
        """A requirement by PEP 508, from where uv's sources say."""
        from packaging.requirements import InvalidRequirement, Requirement

        text = item.as_text()
        try:
            parsed = Requirement(text)
        except (InvalidRequirement, RecursionError):
            self.pip.append(self._entry(item, text))  # `finish` says what is wrong with it
            return
        sources = {normalise(name): place for name, place in self.uv.table("sources").items()}
        source = sources.get(normalise(parsed.name))
        table = chosen_table(source, self._target()) if source is not None else None
        found = origin(parsed.name, sorted(parsed.extras), table) if table is not None else None
        if found is None:
            self.pip.append(self._entry(item, text))
            return
        self.findings += found.findings
        if found.index:
            self.used.add(found.index)
        if found.text or not found.findings:
            marker = f" ; {parsed.marker}" if parsed.marker and found.text else ""
            self.pip.append(self._entry(item, f"{found.text}{marker}" if found.text else text))

    def _entry(self, place: Place, text: str) -> Entry:
        line = self._line(place)
        above, behind = self._comments.around(line) if line else ((), "")
        return Entry(text=text, comment=behind, above=above, file=place.file, line=line, key=place.key)

    def _line(self, place: Place) -> int:
        """The line of an item in a list, which the document's own lines do not tell."""
        last = place.path[-1] if place.path else ""
        if not isinstance(last, int):
            return place.line
        parent = place.path[:-1]
        key = repr(parent)
        if key not in self._lines:
            start = place.lines.get(parent, 0)
            self._lines[key] = list_lines(self._text, start) if start else []
        lines = self._lines[key]
        return lines[last] if last < len(lines) else place.line

    def _indexes(self) -> Iterable[Index]:
        for row in self.uv.rows("index"):
            yield Index(
                name=row.text("name"),
                url=row.needed("url"),
                place=row,
                default=row.yes("default"),
                explicit=row.yes("explicit"),
            )
        if url := self.uv.text("index-url"):
            yield Index(name="", url=url, place=self.uv.at("index-url"), default=True)
        for item in self.uv.every("extra-index-url"):
            yield Index(name="", url=item.as_text(), place=item)
        yield from pdm_indexes(self._pdm())
        for row in self.poetry.rows("source"):
            if "url" in row:
                priority = row.text("priority", "primary").lower()
                yield Index(
                    name=row.text("name"),
                    url=row.needed("url"),
                    place=row,
                    default=priority in {"default", "primary"},
                    explicit=priority == "explicit",
                )

    def _python(self) -> str:
        said = self.poetry.table("dependencies").at("python")
        poetry_says = said.value if isinstance(said.value, str) else ""
        of_flit = flit_metadata(self.document.table("tool")).text("requires-python")
        return self.project.text("requires-python") or poetry_says or of_flit

    def _target(self) -> Target:
        python = self.wishes.python or choose_python(self._python(), self.pip).version
        extras = frozenset(self.wishes.extras)
        return Target(python, self.wishes.platform, extras, frozenset(self.wishes.groups))
