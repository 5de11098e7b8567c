"""Where the packages of a project come from: uv's sources and indexes, poetry's sources. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.importers.python.indexes import is_public, torch_backend_of
from envbuild.importers.python.pins import at_address, from_git, is_on_this_machine, with_extras
from envbuild.importers.text.sources import hidden
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from collections.abc import Iterable

    from envbuild.importers.model import Finding
    from envbuild.importers.python.target import Target
    from envbuild.importers.text.places import Place

WAY_OUT = "bring its sources with `copy:`, and name their folder in PYTHONPATH under `env:`"
_SITE = "put it into the site config: docs/site.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One index that a project names. explicit: asked only for packages that name it."""

    name: str
    url: str
    place: Place
    default: bool = False
    explicit: bool = False


@dataclass(slots=True)
class Chosen:
    """The indexes that a spec names, and what had to be said of them."""

    indexes: tuple[Index, ...]
    index_url: str = ""
    extra_index_urls: list[str] = field(default_factory=list)
    torch_backend: str = ""
    findings: list[Finding] = field(default_factory=list)

    def conclude(self, used: Iterable[str]) -> None:
        """Take the indexes along that are asked for every package, or are named by one in `used`."""
        wanted = set(used)
        for index in self.indexes:
            if index.explicit and index.name not in wanted:
                continue
            if is_public(index.url):
                continue
            if backend := torch_backend_of(index.url):
                self._backend(backend, index)
            else:
                self._take(index)
        for name in sorted(wanted - {index.name for index in self.indexes}):
            place = self.indexes[0].place if self.indexes else None
            if place is not None:
                self.findings.append(
                    place.finding("left", f"there is no index {shown(name)}", "correct the name")
                )

    def _backend(self, backend: str, index: Index) -> None:
        if self.torch_backend and self.torch_backend != backend:
            what = f"torch comes for {self.torch_backend} and for {backend}: a spec has one torch backend"
            self.findings.append(index.place.finding("left", what, "make one environment for each"))
            return
        self.torch_backend = backend
        what = f"the index of PyTorch for {backend} is written as torch_backend: {backend}"
        self.findings.append(index.place.finding("changed", what))

    def _take(self, index: Index) -> None:
        if hidden(index.url) != index.url:
            what = f"the index {hidden(index.url)} holds a user name or a password"
            self.findings.append(index.place.finding("left", what, _SITE))
        elif is_on_this_machine(index.url):
            what = f"the index {shown(index.url)} lies on this machine"
            self.findings.append(index.place.finding("left", what, "name an index by http or https"))
        elif index.default and not self.index_url:
            self.index_url = index.url
        else:
            self.extra_index_urls.append(index.url)
            if index.explicit:
                what = f"the index {index.name} is asked for every package, not only for those that name it"
                self.findings.append(index.place.finding("changed", what))


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where one package comes from: its requirement, "" where it cannot be one; the index that it names."""

    text: str = ""
    index: str = ""
    findings: tuple[Finding, ...] = ()


def origin(name: str, extras: Iterable[str], place: Place) -> Origin:
    """What a table with git, url, path, file, workspace or index says. `text` "" and no finding: nothing.

    Raises SpecError for values of the wrong kind.
    """
    extras = tuple(extras)
    if url := place.text("git"):
        revision = place.text("rev") or place.text("tag") or place.text("branch")
        text = from_git(url, revision)
        if folder := place.text("subdirectory"):
            text += f"#subdirectory={folder}"
        text, findings = at_address(name, text, place, extras)
        return Origin(text=text, findings=findings)
    if url := place.text("url"):
        text, findings = at_address(name, url, place, extras)
        return Origin(text=text, findings=findings)
    if path := place.text("path") or place.text("file"):
        what = f"{with_extras(name, extras)} lies in {shown(path)} on this machine"
        return Origin(findings=(place.finding("left", what, WAY_OUT),))
    if "workspace" in place:
        what = f"{name} is a member of the workspace, on this machine"
        return Origin(findings=(place.finding("left", what, WAY_OUT),))
    return Origin(index=place.text("index") or place.text("source"))


def chosen_table(place: Place, target: Target) -> Place | None:
    """The table that counts for `target`: of a list, the first whose marker, extra and group apply."""
    tables = place.as_rows() if isinstance(place.value, list) else [place.as_table()]
    for table in tables:
        extra, group = table.text("extra"), table.text("group")
        if (extra and extra not in target.extras) or (group and group not in target.groups):
            continue
        if target.holds(table.text("marker"), table):
            return table
    return None
