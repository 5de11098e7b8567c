"""What an importer of several files or commands finds, one after the other, until it is a `Draft`."""

from __future__ import annotations

import importlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from envbuild.errors import SpecError
from envbuild.importers.model import CopyEntry, Draft, Entry, Finding
from envbuild.importers.text.sources import hidden

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.model import Kind, Wishes
    from envbuild.importers.read import Importer

_SECRET = re.compile(
    r"TOKEN(?!IZ)|PASSWORD|PASSWD|PASSPHRASE|SECRET|CREDENTIAL|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|(?:^|_)(?:PAT|PWD|AUTH)$",
    re.IGNORECASE,
)
_SET = re.compile(r"""\b([A-Za-z_][A-Za-z0-9_]*)=["']?(?![$"'\s])\S""")
_BEARER = re.compile(
    r"""(?:Bearer|Basic|token)\s+(?!\$)[A-Za-z0-9._~+/-]{8,}|--(?:password|token)[= ](?!["']?\$)\S"""
)
_LOGIN = re.compile(r"://[^/\s@]+@")
_TO_SITE = "put it into the site config, or give it to the container when it starts"


def is_secret(name: str, value: str) -> bool:
    """Whether a variable looks like a credential, by its name or by an address with a password in it."""
    return bool(value) and bool(_SECRET.search(name) or has_login(value))


def has_login(text: str) -> bool:
    """Whether a text holds an address with a user name or a password."""
    return bool(_LOGIN.search(text)) or hidden(text) != text


def holds_secret(text: str) -> bool:
    """Whether a command holds what looks like a credential: an address, a variable, an option, a header."""
    if has_login(text) or _BEARER.search(text):
        return True
    return any(_SECRET.search(name) for name in _SET.findall(text))


@dataclass(frozen=True, slots=True)
class Where:
    """The place that is being read: file, line (from 1, 0 unknown), key in the source's words."""

    file: str
    line: int = 0
    key: str = ""


@dataclass(slots=True)
class Gathered:
    """The parts of a draft as lists; see `Draft` for what each holds."""

    where: Where
    name: str = ""
    python: str = ""
    base: str = ""
    cuda: str = ""
    cuda_flavour: str = ""
    cuda_os: str = ""
    cudnn: bool | None = None
    priority: str = ""
    index_url: str = ""
    torch_backend: str = ""
    user: str = ""
    workdir: str = ""
    entrypoint: tuple[str, ...] = ()
    cmd: tuple[str, ...] = ()
    head: tuple[str, ...] = ()
    targets: list[str] = field(default_factory=list)
    apt: list[Entry] = field(default_factory=list)
    channels: list[Entry] = field(default_factory=list)
    conda: list[Entry] = field(default_factory=list)
    pip: list[Entry] = field(default_factory=list)
    extra_index_urls: list[str] = field(default_factory=list)
    env: dict[str, str] = field(default_factory=dict)
    copy: list[CopyEntry] = field(default_factory=list)
    run: list[Entry] = field(default_factory=list)
    imports: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)

    def say(self, kind: Kind, what: str, todo: str = "") -> None:
        """A finding at the place that is being read."""
        where = self.where
        self.findings.append(
            Finding(
                kind=kind,
                file=where.file,
                line=where.line,
                key=where.key,
                what=hidden(what),
                todo=hidden(todo),
            )
        )

    def entry(self, text: str) -> Entry:
        """An entry from the place that is being read."""
        return Entry(text=text, file=self.where.file, line=self.where.line, key=self.where.key)

    def add(self, to: list[Entry], *texts: str) -> None:
        """Entries at the end of one of the lists, each text once."""
        held = {entry.text for entry in to}
        to.extend(self.entry(text) for text in dict.fromkeys(texts) if text not in held)

    def set_env(self, name: str, value: str) -> None:
        """A variable, unless it looks like a credential: that is left, and its value is not shown."""
        if is_secret(name, value):
            self.env.pop(name, None)
            self.say(
                "left", f"the variable {name} looks like a credential, which an image must not hold", _TO_SITE
            )
        else:
            self.env[name] = value

    def add_run(self, text: str) -> None:
        """A shell step, unless it holds a credential."""
        if holds_secret(text):
            self.say(
                "left", "a command holds what looks like a credential, which an image must not", _TO_SITE
            )
        elif text.strip():
            self.add(self.run, text)

    def absorb(self, draft: Draft) -> None:
        """What another importer read: lists are joined, a text counts if there is none yet."""
        for one in ("name", "python", "base", "cuda", "priority", "index_url", "torch_backend"):
            setattr(self, one, getattr(self, one) or getattr(draft, one))
        self.cudnn = draft.cudnn if self.cudnn is None else self.cudnn
        self.head = self.head or draft.head
        for entries, more in (
            (self.apt, draft.apt),
            (self.channels, draft.channels),
            (self.conda, draft.conda),
            (self.pip, draft.pip),
            (self.run, draft.run),
        ):
            held = {entry.text for entry in entries}
            entries.extend(entry for entry in more if entry.text not in held)
        self.targets.extend(target for target in draft.targets if target not in self.targets)
        self.extra_index_urls.extend(
            url for url in draft.extra_index_urls if url not in self.extra_index_urls
        )
        self.copy.extend(draft.copy)
        self.imports.extend(draft.imports)
        for name, value in draft.env:
            self.env.setdefault(name, value)
        self.findings.extend(draft.findings)

    def absorb_file(self, module: str, path: Path, wishes: Wishes) -> bool:
        """What the importer `module` reads from `path`. What it refuses is left, with its reason."""
        importer = cast("Importer", importlib.import_module(f"envbuild.importers.{module}"))
        try:
            self.absorb(importer.read(path, wishes))
        except SpecError as error:
            self.findings.extend(
                Finding(
                    kind="left", file=each.file, line=each.line, key=each.path, what=each.what, todo=each.todo
                )
                for each in error.problems
            )
            return False
        return True

    def draft(self, format_: str) -> Draft:
        """All of it as a draft."""
        return Draft(
            format=format_,
            name=self.name,
            python=self.python,
            base=self.base,
            cuda=self.cuda,
            cuda_flavour=self.cuda_flavour,
            cuda_os=self.cuda_os,
            cudnn=self.cudnn,
            targets=tuple(self.targets),
            apt=tuple(self.apt),
            channels=tuple(self.channels),
            priority=self.priority,
            conda=tuple(self.conda),
            pip=tuple(self.pip),
            index_url=self.index_url,
            extra_index_urls=tuple(self.extra_index_urls),
            torch_backend=self.torch_backend,
            env=tuple(self.env.items()),
            copy=tuple(dict.fromkeys(self.copy)),
            run=tuple(self.run),
            user=self.user,
            workdir=self.workdir,
            entrypoint=self.entrypoint,
            cmd=self.cmd,
            imports=tuple(self.imports),
            head=self.head,
            findings=tuple(self.findings),
        )
