"""The instructions of a Dockerfile's stage, one after the other → what they bring to the draft."""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.importers.containers.files import Files
from envbuild.importers.containers.gathered import holds_secret, is_secret
from envbuild.importers.containers.run_steps import take_run
from envbuild.importers.containers.wrappers import is_environment_path, unwrapped
from envbuild.importers.text.shell import expanded

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from envbuild.importers.containers.gathered import Gathered
    from envbuild.importers.containers.instructions import Instruction
    from envbuild.importers.model import Wishes

_PAIR = re.compile(
    r"([A-Za-z_][A-Za-z0-9_.-]*)=((?:\"(?:\\.|[^\"\\])*\"|'[^']*'|\\.|[^\s\\\"'])*)", re.DOTALL
)
_PLAIN_SHELL = re.compile(r"[A-Za-z0-9_./:=,@%+ \"'-]+")
_ROOT = frozenset({"root", "0"})
_LEFT = {
    "EXPOSE": ("ports are opened by who starts the container", "`docker run -p`"),
    "VOLUME": ("volumes are given by who starts the container", "`docker run -v`"),
    "HEALTHCHECK": ("a spec has no health check", "put the check into `smoke.commands`"),
    "STOPSIGNAL": ("a spec has no stop signal", "`docker run --stop-signal`"),
    "ONBUILD": ("it concerns images built on this one", ""),
    "SHELL": ("`run:` steps are run by /bin/sh", "name the shell in the step: bash -c '…'"),
    "LABEL": ("labels stand under `image.labels`", "write them there"),
    "MAINTAINER": ("labels stand under `image.labels`", "write it there"),
}


@dataclass(slots=True)
class Steps:
    """What is known while the instructions are read.

    arguments  those the build is given; outer: ARG lines before the first FROM
    known      variables that are set so far; names in `build_only` come from ARG, not from ENV
    handed     whether it is a stage that only hands its packages over: wherever they are put, they count
    """

    into: Gathered
    wishes: Wishes
    context: Path
    arguments: dict[str, str]
    outer: dict[str, str]
    known: dict[str, str] = field(default_factory=dict)
    build_only: set[str] = field(default_factory=set)
    workdir: str = "/"
    user: str = ""
    handed: bool = False
    files: Files = field(init=False)

    def __post_init__(self) -> None:
        self.files = Files(self.into, self.context)

    def take(self, instruction: Instruction) -> None:
        """One instruction; what is not known is left."""
        takers: dict[str, Callable[[Instruction], None]] = {
            "ARG": self._arg,
            "ENV": self._env,
            "RUN": self._run,
            "COPY": self._copy,
            "ADD": self._copy,
            "WORKDIR": self._workdir,
            "USER": self._user,
            "ENTRYPOINT": self._entrypoint,
            "CMD": self._cmd,
        }
        keyword = instruction.keyword
        if keyword in takers:
            takers[keyword](instruction)
        elif keyword == "SHELL" and (words := instruction.words) and unwrapped(words) != words:
            self.into.say("note", "commands are run in the environment anyway")
        elif keyword in _LEFT:
            self.into.say("left", *_LEFT[keyword])
        else:
            self.into.say("left", "is no instruction that is known", "compare it with docker's reference")

    def end(self) -> None:
        """What is said once, after the last instruction."""
        self.into.where = type(self.into.where)(self.into.where.file)
        if self.user in _ROOT or not self.user:
            self.into.say(
                "note", "its containers run as root; those of the spec as app", "`user: root` keeps root"
            )

    def _arg(self, instruction: Instruction) -> None:
        for name, value in self._pairs(instruction.text) or ((instruction.text.strip(), None),):
            held = self.arguments.get(name, self.outer.get(name) if value is None else value)
            if held is None:
                continue
            if is_secret(name, held):
                self.into.say("left", f"the argument {name} looks like a credential: its value is not taken")
                continue
            self.known[name] = held
            self.build_only.add(name)

    def _env(self, instruction: Instruction) -> None:
        pairs = self._pairs(instruction.text)
        if not pairs:
            name, _, value = instruction.text.partition(" ")
            pairs = ((name, expanded(value.strip(), self.known)),)
        for name, value in pairs:
            if name == "PATH" and is_environment_path(value):
                self.into.say("note", "PATH: the programs of the environment are found first anyway")
                continue
            if name == "PATH":
                self.into.say(
                    "left", "PATH is set by envbuild", "name programs by their full path, or link them"
                )
                continue
            if "$" in value and re.search(r"\$[A-Za-z_{]", value):
                todo = "write the value out: a `$` has no meaning under `env`"
                self.into.say("left", f"{name} depends on a variable that is not set here", todo)
                continue
            self.into.set_env(name, value)
            if not is_secret(name, value):
                self.known[name] = value
                self.build_only.discard(name)

    def _pairs(self, text: str) -> tuple[tuple[str, str], ...]:
        """The pairs of `NAME=value NAME="other"`; () when the text is none of that."""
        if not re.match(r"[A-Za-z_][A-Za-z0-9_.-]*=", text):
            return ()
        found = []
        for name, raw in _PAIR.findall(text):
            parts = re.findall(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|\\.|[^\s\\\"']+", raw, re.DOTALL)
            found.append((name, "".join(self._part(part) for part in parts)))
        return tuple(found)

    def _part(self, part: str) -> str:
        if part.startswith("'"):
            return part[1:-1]
        if part.startswith('"'):
            return expanded(re.sub(r"\\([\"\\])", r"\1", part[1:-1]), self.known)
        return part[1:] if part.startswith("\\") else expanded(part, self.known)

    def _run(self, instruction: Instruction) -> None:
        take_run(instruction, self)

    def _copy(self, instruction: Instruction) -> None:
        if instruction.heredocs:
            self.into.say(
                "left", "a file that is written in the Dockerfile", "save it, and bring it with `copy:`"
            )
            return
        self.files.take(instruction, self.workdir, self.known)

    def _workdir(self, instruction: Instruction) -> None:
        folder = expanded(instruction.text.strip().strip("\"'"), self.known)
        if "$" in folder:
            self.into.say(
                "left", f"the folder {folder} depends on a variable that is not set here", "write `workdir:`"
            )
            return
        self.workdir = posixpath.normpath(posixpath.join(self.workdir, folder))
        self.into.workdir = self.workdir

    def _user(self, instruction: Instruction) -> None:
        self.user = expanded(instruction.text.strip(), self.known).partition(":")[0]
        if self.user.isdigit() and self.user not in _ROOT:
            self.into.user = ""
            self.into.say("changed", f"the user {self.user} becomes app, uid 1000")
        elif self.user in _ROOT or "$" in self.user:
            self.into.user = ""
        else:
            self.into.user = self.user

    def _entrypoint(self, instruction: Instruction) -> None:
        self.into.entrypoint = self._program(instruction)
        self.into.cmd = ()  # as docker has it: an ENTRYPOINT forgets the CMD that it inherits

    def _cmd(self, instruction: Instruction) -> None:
        self.into.cmd = self._program(instruction)

    def _program(self, instruction: Instruction) -> tuple[str, ...]:
        if holds_secret(instruction.text):
            self.into.say("left", "the command holds what looks like a credential, which an image must not")
            return ()
        if (words := instruction.words) is not None:
            return self._inner(words)
        text = instruction.text.strip()
        if _PLAIN_SHELL.fullmatch(text):
            try:
                return self._inner(tuple(shlex.split(text)))
            except ValueError:
                pass
        return ("/bin/sh", "-c", text) if text else ()

    def _inner(self, words: tuple[str, ...]) -> tuple[str, ...]:
        inner = unwrapped(words)
        if inner != words:
            what = f"{' '.join(words[:2])} is left out: programs of the environment are found without it"
            self.into.say("changed", what)
        return inner
