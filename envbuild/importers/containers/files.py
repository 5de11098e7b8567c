"""COPY and ADD → `copy:`, and which file beside the Dockerfile a path in the image means."""

from __future__ import annotations

import json
import posixpath
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.importers.model import CopyEntry
from envbuild.importers.text.shell import expanded

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from envbuild.importers.containers.gathered import Gathered
    from envbuild.importers.containers.instructions import Instruction

_ARCHIVES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".txz")
_MOST = 500
_OF_PACKAGES = re.compile(
    r"/\.?(?:virtual)?v?envs?(?:/|$)|/\.local(?:/|$)|/site-packages(?:/|$)|/dist-packages(?:/|$)|/install(?:ed)?/?$"
    r"|/wheels(?:/|$)|/opt/(?:conda|\w*env\w*)(?:/|$)|/usr/local/(?:lib/python[\d.]+|bin)?/?$"
)


@dataclass(slots=True)
class Files:
    """pairs: (path in the image, path in the build's folder) of all that was copied so far.

    stages  those that only hand over, whose Python packages are taken: by name in lower case, and by number
    handed  folders in the image that hold packages or wheels of those
    """

    into: Gathered
    context: Path
    pairs: list[tuple[str, str]] = field(default_factory=list)
    stages: set[str] = field(default_factory=set)
    handed: list[str] = field(default_factory=list)

    def take(self, instruction: Instruction, workdir: str, known: Mapping[str, str]) -> None:
        """One COPY or ADD."""
        into = self.into
        words = [expanded(word, known) for word in _words(instruction)]
        if stage := instruction.flag("from"):
            if "astral-sh/uv" in stage:
                into.say("note", "uv is brought by envbuild itself")
            elif stage.lower() in self.stages and all(_OF_PACKAGES.search(word) for word in words[:-1]):
                into.say("note", f"{' '.join(words[:-1])}: packages are installed into /opt/env instead")
                self.handed.append(posixpath.normpath(posixpath.join(workdir, words[-1])))
            else:
                into.say(
                    "left", f"{' '.join(words[:-1])} comes from {stage}", "bring it with `copy:` or `run:`"
                )
            return
        if len(words) < 2:
            into.say("left", "names no source and target", "write `copy:` yourself")
            return
        if instruction.flag("chmod"):
            into.say("changed", "files keep the permissions that they have on this machine")
        *sources, target = words
        folder = target.endswith("/") or len(sources) > 1
        target = posixpath.normpath(posixpath.join(workdir, target)) + ("/" if folder else "")
        for source in sources:
            self._one(source, target, is_add=instruction.keyword == "ADD")

    def _one(self, source: str, target: str, *, is_add: bool) -> None:
        into = self.into
        if is_add and ("://" in source or source.startswith("git@")):
            into.say("left", f"{source} is fetched when the image is built", "fetch it in a `run:` step")
            return
        if is_add and source.lower().endswith(_ARCHIVES):
            into.say("left", f"{source} would be unpacked", "unpack it, and bring the folder with `copy:`")
            return
        if "$" in source or "$" in target:
            into.say(
                "left", f"{source} → {target} depends on a variable that is not set here", "write `copy:`"
            )
            return
        found = self._beside(source)
        if not found:
            into.say("left", f"{source} does not lie beside it", "create it, and bring it with `copy:`")
            return
        for name in found:
            # As docker does: a folder's content goes into the target, a file keeps its name below a folder
            keeps_name = not (self.context / name).is_dir() and (
                target.endswith("/") or self._is_folder(target)
            )
            place = (
                posixpath.join(target, posixpath.basename(name)) if keeps_name else target.rstrip("/") or "/"
            )
            self.pairs.append((place, name))
            where = into.where
            into.copy.append(CopyEntry(source=name, target=place, file=where.file, line=where.line))

    def _is_folder(self, target: str) -> bool:
        """Whether the image has a folder there, as far as can be told: `COPY a.txt .` after WORKDIR."""
        return target in {"/", self.into.workdir, "/tmp", "/root", "/opt", "/srv", "/home", "/etc", "/app"}  # noqa: S108  # a path in an image

    def _beside(self, source: str) -> list[str]:
        """Paths in the build's folder, patterns expanded; nothing outside of it."""
        plain = posixpath.normpath(source.lstrip("/") or ".")
        if plain == ".." or plain.startswith("../") or "\0" in plain:
            return []
        try:
            if (self.context / plain).exists():
                return [plain]
            if not any(sign in plain for sign in "*?["):
                return []
            found = sorted(path.relative_to(self.context).as_posix() for path in self.context.glob(plain))
        except (OSError, ValueError, NotImplementedError):
            return []
        return found[:_MOST]

    def find(self, name: str, workdir: str) -> Path | None:
        """The file beside the Dockerfile that the path `name` in the image means."""
        there = posixpath.normpath(posixpath.join(workdir, name))
        candidates = []
        for target, source in reversed(self.pairs):
            if there == target:
                candidates.append(source)
            elif there.startswith(target.rstrip("/") + "/"):
                candidates.append(posixpath.join(source, there[len(target.rstrip("/")) + 1 :]))
        candidates += [name.lstrip("/"), posixpath.basename(name)]
        for candidate in candidates:
            plain = posixpath.normpath(candidate)
            if plain.startswith("..") or "\0" in plain:
                continue
            path = self.context / plain
            try:
                if path.is_file():
                    return path
            except (OSError, ValueError):
                continue
        return None


def _words(instruction: Instruction) -> list[str]:
    text = instruction.text.strip()
    if text.startswith("["):
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = []
        if isinstance(found, list) and found and all(isinstance(word, str) for word in found):
            return found
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
