"""Commands of conda, mamba and micromamba → what they install."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.importers.text.options import parted

if TYPE_CHECKING:
    from envbuild.importers.containers.installs import Installer

NAMES = frozenset({"conda", "mamba", "micromamba"})
_VALUES = frozenset(
    {
        *("-n", "--name", "-p", "--prefix", "-c", "--channel", "-f", "--file", "--platform", "--solver"),
        *("-r", "--root-prefix", "--channel-priority", "--category", "--cwd"),
    }
)
_IDLE = frozenset({"clean", "init", "activate", "deactivate", "shell", "info", "list", "update", "upgrade"})
_TOOLS = frozenset(
    {"conda", "mamba", "micromamba", "conda-libmamba-solver", "conda-lock", "conda-build", "boa"}
)
_PYTHON = re.compile(r"python\s*(?P<range>(?:[=<>!~].*|\s+\d.*)?)")


def take(words: tuple[str, ...], installer: Installer) -> bool:
    """Put what the command (without its first word) installs into the draft; False when it is none."""
    into = installer.into
    if words[:1] == ("run",):
        return _run(words[1:], installer)
    options = parted(words, _VALUES)
    rest = options.rest
    if rest[:1] == ("env",):
        rest = rest[1:]
        if rest[:1] not in {("create",), ("update",)}:
            return True
    if rest[:1] == ("config",):
        return _config(words, installer)
    if rest[:1] in {("update",), ("upgrade",)} and options.values("-f", "--file"):
        rest = ("install", *rest[1:])
    verb = rest[0] if rest else ""
    if verb not in {"install", "create", "update"} or (
        verb == "update" and not options.values("-f", "--file")
    ):
        return verb in _IDLE
    packages = tuple(each for each in rest[1:] if re.split(r"[\s=<>!~]", each.strip())[0] not in _TOOLS)
    if len(packages) < len(rest[1:]) and not packages and not options.values("-f", "--file"):
        into.say("note", f"{', '.join(rest[1:])}: a tool that installs packages; none is needed")
        return True
    into.add(into.channels, *options.values("-c", "--channel"))
    if value := next(iter(options.values("--channel-priority")), ""):
        into.priority = value
    if options.has("--strict-channel-priority"):
        into.priority = "strict"
    for name in options.values("-f", "--file"):
        _file(name, installer)
    for package in packages:
        add_package(package, installer)
    return True


def add_package(text: str, installer: Installer) -> None:
    """One MatchSpec; `python=3.11` is the spec's own Python."""
    into = installer.into
    match = _PYTHON.fullmatch(text.strip())
    if match:
        said = match["range"].strip()
        if said and not into.python:
            into.python = said.lstrip("= ") if said.startswith("=") else said
        return
    into.add(into.conda, text)


def _file(name: str, installer: Installer) -> None:
    path = installer.find(name)
    into = installer.into
    if path is None:
        into.say("left", f"the file {name} does not lie beside it", "add what it says")
    elif path.suffix in {".yml", ".yaml"}:
        module = "conda.lock" if "conda-lock" in path.name else "conda.environment_yml"
        into.absorb_file(module, path, installer.wishes)
    else:
        from envbuild.importers.text.sources import source_text

        for line in source_text(path).splitlines():
            if (text := line.partition("#")[0].strip()) and not text.startswith("@"):
                add_package(text, installer)


def _config(words: tuple[str, ...], installer: Installer) -> bool:
    """`conda config --add channels NAME` and `--set channel_priority strict`; other settings say how."""
    into = installer.into
    for at, word in enumerate(words):
        after = words[at + 1 : at + 3]
        if word in {"--add", "--prepend", "--append"} and after[:1] == ("channels",) and len(after) == 2:
            entry = into.entry(after[1])
            if entry.text not in {known.text for known in into.channels}:
                into.channels.insert(len(into.channels) if word == "--append" else 0, entry)
        elif word == "--set" and after[:1] == ("channel_priority",) and len(after) == 2:
            into.priority = after[1]
    return True


def _run(words: tuple[str, ...], installer: Installer) -> bool:
    """`conda run -n NAME COMMAND`: the command's own words."""
    at = 0
    while at < len(words) and words[at].startswith("-"):
        at += 2 if words[at] in _VALUES else 1
    return installer.take(words[at:])
