"""Every value of a draft held to the grammar of its kind: what breaks it is left out, with a finding."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.model import CopyEntry, Entry, Finding, Kind
from envbuild.importers.text.sources import hidden
from envbuild.spec import grammar
from envbuild.spec.channel import channel
from envbuild.spec.matchspec import match_spec
from envbuild.spec.pep508 import requirement_name
from envbuild.spec.requirements import inside
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

_SITE = "put credentials into the site config: docs/site.md"
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|SECRET_KEY|PRIVATE_KEY|CREDENTIALS?)(?:$|_)",
    re.IGNORECASE,
)
_SECRET_FILE = re.compile(r"_(?:FILE|PATH|DIR)$", re.IGNORECASE)
_VCS = re.compile(
    r"(?:(?P<name>[A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?\s*@\s*)?(?P<scheme>(?:git|hg|svn|bzr)\+[a-z]+|git)://(?P<rest>\S+)",
    re.IGNORECASE,
)
_GITHUB = re.compile(r"github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?(?:@([\w./-]+))?(?=#|$)")
_WORDS = re.compile(r"[^\s@;\[(=<>!~,]+\s+[^\s@;\[(=<>!~,]")
_OF_CONDA = re.compile(r"([A-Za-z0-9][\w.-]*)\s*=\s*([0-9][^\s=]*)(?:=\S*)?")
_FILE_AT = re.compile(
    r"https?://\S+/([A-Za-z0-9][A-Za-z0-9_.]*)-[0-9][^-/\s]*(?:-[^/\s]+\.whl|\.tar\.gz|\.zip)(?:#\S*)?",
    re.IGNORECASE,
)
_BRANCHES = frozenset({"main", "master", "develop", "dev", "trunk", "HEAD"})
_FOLDER = re.compile(r"#subdirectory=[\w./-]+")
_EGG = re.compile(r"[#&]egg=([A-Za-z0-9][A-Za-z0-9._-]*)")
# What YAML cannot hold: a lone surrogate, or a control character that a grammar lets through
_UNWRITTEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_EDITABLE = re.compile(r"(?:-e|--editable)[\s=]")
_SOURCES = "bring its sources with `copy:`, and name their folder in PYTHONPATH under `env:`"


def kind(text: str) -> Kind:
    """`text` as a kind of finding."""
    kinds: dict[str, Kind] = {"left": "left", "changed": "changed", "note": "note"}
    return kinds[text]


class Findings:
    """Checks values and collects what it leaves out in `found`; `file` is for values without a place."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.found: list[Finding] = []

    def single(self, key: str, value: str, check: Callable[[str], str]) -> str:
        """One text; "" when it breaks its grammar."""
        return value if value and self._passes(Entry(text=value, key=key), check) else ""

    def texts(self, key: str, values: Iterable[str], check: Callable[[str], str]) -> tuple[str, ...]:
        """A list without places; repeated values once."""
        return tuple(
            value
            for number, value in enumerate(dict.fromkeys(values))
            if self._passes(Entry(text=value, key=f"{key}[{number}]"), check)
        )

    def whole(self, key: str, values: tuple[str, ...], check: Callable[[str], str]) -> tuple[str, ...]:
        """A list that makes sense as a whole only: () when one of its values breaks the grammar."""
        passed = [self._passes(Entry(text=value, key=key), check) for value in values]
        return values if all(passed) else ()

    def entries(self, key: str, entries: Iterable[Entry], check: Callable[[str], str]) -> tuple[Entry, ...]:
        """A list with places; of equal texts the first, but for commands, which may run twice."""
        kept: dict[str, Entry] = {}
        steps: list[Entry] = []
        for entry in map(_tidy, entries):
            if key != "run" and entry.text in kept:
                what = f"{entry.text!r} is named again: it is written once"
                self._add("note", entry, what)
            elif self._passes(entry, check):
                kept[entry.text] = entry
                steps.append(entry)
        return tuple(steps)

    def channels(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """Channels, as the spec names them."""
        return self.entries("conda.channels", entries, channel)

    def conda(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """MatchSpecs."""
        return self.entries("conda.packages", entries, match_spec)

    def pip(self, entries: Iterable[Entry]) -> tuple[Entry, ...]:
        """PEP 508 requirements."""
        return self.entries("pip.packages", map(with_name, entries), _requirement)

    def env(self, pairs: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
        """Variables; of one named twice the last value, as in a shell. Secrets stay outside."""
        kept: dict[str, str] = {}
        for name, value in pairs:
            entry = Entry(text=name, key=f"env.{name}")
            if _SECRET_NAME.search(name) and not _SECRET_FILE.search(name) and value:
                what = "looks like a secret, which every copy of an image would hold"
                self._add("left", entry, what, "give it when the container starts")
            elif hidden(value) != value:
                self._add("left", entry, "its value holds a user name or a password", _SITE)
            elif self._passes(entry, grammar.env_name) and self._passes(
                replace(entry, text=value), grammar.value
            ):
                kept[name] = value
        return tuple(kept.items())

    def copies(self, entries: Iterable[CopyEntry], folder: Path) -> tuple[CopyEntry, ...]:
        """Items of `copy:` whose source is there."""
        kept: list[CopyEntry] = []
        for item in entries:
            entry = Entry(text=item.source, file=item.file, line=item.line, key="copy")

            def check(source: str) -> str:
                found = inside(folder, grammar.relative(source))
                if not found.is_file() and not found.is_dir():
                    raise Bad(f"{source!r} is neither a file nor a folder", "name one of them")
                return source

            if self._passes(entry, check) and self._passes(
                replace(entry, text=item.target), grammar.copy_target
            ):
                kept.append(item)
        return tuple(dict.fromkeys(kept))

    def _passes(self, entry: Entry, check: Callable[[str], str]) -> bool:
        if hidden(entry.text) != entry.text:
            what = f"{_short(hidden(entry.text))} holds a user name or a password"
            self._add("left", entry, what, _SITE)
            return False
        try:
            check(entry.text)
        except Bad as bad:
            self._add("left", entry, bad.what, bad.todo)
            return False
        if odd := _UNWRITTEN.search(entry.text):
            self._add("left", entry, f"holds the control character {odd[0]!r}", "remove it")
            return False
        return True

    def _add(self, word: str, entry: Entry, what: str, todo: str = "") -> None:
        self.found.append(
            Finding(
                kind=kind(word),
                file=entry.file or self._file,
                line=entry.line,
                key=entry.key,
                what=what,
                todo=todo,
            )
        )


def flavour(text: str) -> str:
    """How much of CUDA the base holds."""
    return _one_of(text, ("auto", "base", "runtime", "devel"), "flavour of CUDA images")


def priority(text: str) -> str:
    """How channels compete."""
    return _one_of(text, ("strict", "flexible", "disabled"), "channel priority")


def _one_of(text: str, known: tuple[str, ...], what: str) -> str:
    if text not in known:
        raise Bad(f"{text!r} is no {what}", f"known are {', '.join(known)}")
    return text


def _tidy(entry: Entry) -> Entry:
    return replace(
        entry,
        text=entry.text.strip(),
        comment=hidden(entry.comment),
        above=tuple(hidden(line) for line in entry.above),
    )


def _requirement(text: str) -> str:
    """PEP 508, with ways out for what people have: version control and folders on their machine."""
    if _EDITABLE.match(text) and "+" not in text:
        raise Bad(f"{_short(text)} is an editable folder of one machine", _SOURCES)
    if found := _VCS.search(text):
        raise Bad(
            f"{_short(text)} comes from version control, which has no hash to lock", _archive(found, text)
        )
    if _WORDS.match(text):
        raise Bad(f"{_short(text)} is no requirement", "write one such as name>=1.0,<2")
    if found := _OF_CONDA.fullmatch(text):
        raise Bad(f"{_short(text)} is written as conda does", f"write {found[1]}=={found[2]}")
    try:
        requirement_name(text)
    except Bad as bad:
        if "path on this machine" in bad.what or "does not lie at an http" in bad.what:
            raise Bad(f"{_short(text)} is a path on this machine", _SOURCES) from bad
        raise
    return text


def with_name(entry: Entry) -> Entry:
    """The address of a wheel or of a source archive with the name that its file tells: `name @ https://…`."""
    text, semicolon, marker = entry.text.partition(" ;")
    found = _FILE_AT.fullmatch(text.strip())
    if not found or "/archive/" in text:
        return entry
    return replace(entry, text=f"{found[1]} @ {text.strip()}{semicolon}{marker}")


def _archive(found: re.Match[str], text: str) -> str:
    """The way out of a version control address: GitHub serves archives of a commit or tag."""
    egg = _EGG.search(text)
    name = found["name"] or (egg[1] if egg else "")
    host = _GITHUB.search(found["rest"])
    if not host or found["scheme"].lower() == "git+ssh":
        return f"write a release such as {name or 'name'}==1.2, or {_SOURCES}"
    folder = _FOLDER.search(text)
    moves = not host[3] or host[3] in _BRANCHES
    commit = "COMMIT" if moves else host[3]
    archive = f"https://github.com/{host[1]}/{host[2]}/archive/{commit}.zip{folder[0] if folder else ''}"
    written = f"{name or host[2]} @ {archive}"
    if moves:
        return f"a branch moves: write a release, or the archive of a commit: {written}"
    return f"write a release, or the archive: {written}"


def _short(text: str) -> str:
    return repr(text if len(text) <= 100 else text[:99] + "…")
