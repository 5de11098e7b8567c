"""One RUN of a Dockerfile, or a script → packages, and what remains as a `run:` step."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.containers.installs import Installer
from envbuild.importers.containers.wrappers import unwrapped_text
from envbuild.importers.text.shell import Command, commands, expanded

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.importers.containers.dockerfile_steps import Steps
    from envbuild.importers.containers.gathered import Gathered
    from envbuild.importers.containers.instructions import Instruction

_CLEANED = re.compile(
    r"(?:/var/lib/apt/lists|/var/cache/apt|/root/\.cache|~/\.cache|\$HOME/\.cache|/var/tmp|/tmp)\S*"
)
_ACCOUNT = frozenset({"useradd", "adduser", "groupadd", "addgroup", "usermod"})
_IDLE = frozenset({"set", "true", ":", "cd", "pushd", "popd", "source", ".", "echo", "export", "umask"})
_SOURCE = re.compile(r"add-apt-repository|sources\.list|apt-key|/keyrings/")
_PYTHONS = "deadsnakes"  # the archive that Ubuntu's users take other Pythons from
_OWN_PYTHON = re.compile(
    r"(?:sudo\s+)?(?:update-alternatives\s.*/(?:python|pip)[\d.]*(?:\s|$)"
    r"|ln\s+-\S+\s+\S*/(?:python|pip)[\d.]*\s+\S*/(?:python|pip)[\d.]*$"
    r"|(?:curl|wget)\s.*\bget-pip\.py\b|\S*python[\d.]*\s+(?:/\S*/)?get-pip\.py)"
)
_NAME = re.compile(r"\$\{?([A-Za-z_][A-Za-z0-9_]*)")


def take_run(instruction: Instruction, steps: Steps) -> None:
    """One RUN: its packages, and the rest of it as one step."""
    for _, value in (pair for pair in instruction.flags if pair[0] == "mount"):
        _mount(value, steps)
    if (words := instruction.words) is not None:
        text = words[-1] if words[:2] in {("/bin/sh", "-c"), ("/bin/bash", "-c")} else shlex.join(words)
    elif instruction.heredocs and instruction.text.startswith("<<"):
        text = instruction.heredocs[0].text
    else:
        bodies = "".join(f"\n{doc.text}\n{doc.word}" for doc in instruction.heredocs)
        text = instruction.text + bodies
    if _SOURCE.search(text) and _PYTHONS not in text:
        steps.into.say(
            "changed", "adds a source of apt: kept whole as a `run:` step, after the other packages"
        )
        steps.into.add_run(_with_arguments(text, steps))
        return
    installer = Installer(
        steps.into, lambda name: _find(name, steps), steps.wishes, steps.handed, tuple(steps.files.handed)
    )
    rest = take_script(text, installer, steps.known)
    if rest:
        steps.into.add_run(_with_arguments(rest, steps))


def _find(name: str, steps: Steps) -> Path | None:
    return steps.files.find(name, steps.workdir)


def take_script(text: str, installer: Installer, known: dict[str, str]) -> str:
    """Put what a script installs into the draft; returns the rest of it, "" when nothing remains."""
    rest: list[Command] = []
    for command in commands(text):
        words = tuple(expanded(word, known) for word in command.words)
        if _OWN_PYTHON.match(command.text):
            installer.into.say(
                "note", "the environment brings its own Python and pip: a step for them is left out"
            )
        elif not _is_known(words, installer):
            rest.append(replace(command, text=unwrapped_text(command.text)))
    if not any(command.words[:1] not in {(word,) for word in _IDLE} for command in rest):
        _say_exports(rest, installer.into)
        return ""
    return _joined(rest)


def _is_known(words: tuple[str, ...], installer: Installer) -> bool:
    """Whether the command is taken, or means nothing in an image that envbuild makes."""
    if not words:
        return False
    if words[0] == "rm" and all(word.startswith("-") or _CLEANED.fullmatch(word) for word in words[1:]):
        return True
    if words[0] in _ACCOUNT:
        installer.into.say(
            "left", f"{words[0]} {words[-1]}: the account is made by envbuild", "name it by `user:`"
        )
        return True
    if words[0] == "add-apt-repository" and _PYTHONS in " ".join(words):
        return True
    return installer.take(words)


def _say_exports(rest: list[Command], into: Gathered) -> None:
    for command in rest:
        for word in command.words[1:] if command.words[:1] == ("export",) else ():
            name = word.partition("=")[0]
            if name != "DEBIAN_FRONTEND":
                into.say("left", f"{name} is set for the packages of this command alone", "see `env:`")


def _joined(rest: list[Command]) -> str:
    """Commands as one text again; where all were joined by `&&`, one a line."""
    text = ""
    for command in rest:
        if text:
            text += "\n" if command.joined in {"\n", ";"} else " && \\\n"
        text += command.text
    return text


def _with_arguments(text: str, steps: Steps) -> str:
    """The step after the values of ARG that it uses: a `run:` step has the variables of `env` only."""
    used = dict.fromkeys(_NAME.findall(text))
    before = [f"{name}={shlex.quote(steps.known[name])}" for name in used if name in steps.build_only]
    step = "\n".join([*before, text])
    if steps.workdir != "/" and not text.startswith("cd /"):
        copied = [
            source for target, source in steps.files.pairs if source not in {".", ""} and source in text
        ]
        if copied or any(source == "." for _, source in steps.files.pairs):
            what = "the command may use files of yours: `run:` comes before `copy`, in another folder"
            steps.into.say("changed", what, "look at the step")
    return step


def _mount(value: str, steps: Steps) -> None:
    """`--mount=type=bind,source=a.txt,target=/tmp/a.txt` is like a COPY for one command."""
    parts = dict(part.partition("=")[::2] for part in value.split(","))
    kind = parts.get("type", "bind")
    source = parts.get("source") or parts.get("src") or "."
    target = parts.get("target") or parts.get("dst") or parts.get("destination") or ""
    if kind == "bind" and target and not parts.get("from"):
        import posixpath

        place = posixpath.normpath(posixpath.join(steps.workdir, target))
        steps.files.pairs.append((place, posixpath.normpath(source.lstrip("/") or ".")))
    elif kind in {"secret", "ssh"}:
        steps.into.say(
            "left", f"a {kind} that is mounted for one command", "credentials belong to the site config"
        )
