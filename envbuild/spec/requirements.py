"""`pip.requirements` → requirements with their own file and line. Reads those files only.

pip's format, as far as it says what is wanted: requirements, comments, continued lines, `-r`. Options that
say how to install (`--index-url`, `--hash`, `-e`, …) are refused, each with what to do instead.
"""

from __future__ import annotations

import posixpath
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from envbuild.errors import Problem, SpecError
from envbuild.spec import grammar
from envbuild.spec.model import Requirement
from envbuild.spec.pep508 import requirement_name
from envbuild.spec.reading import read_limited
from envbuild.spec.words import Bad, shown
from envbuild.spec.yaml import decode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MAX_FILES = 50
_COMMENT = re.compile(r"(^|\s)#.*$")
_INCLUDE = re.compile(r"(?:-r|--requirement)(?:\s+|=|(?<=-r))(\S.*)")
_OPTION = re.compile(r"\s(--?[A-Za-z][A-Za-z-]*)")
_INSTEAD = {
    "-c": "write the bounds into the requirements themselves",
    "--constraint": "write the bounds into the requirements themselves",
    "-e": "bring sources with `copy:` and install them in `run:`",
    "--editable": "bring sources with `copy:` and install them in `run:`",
    "-i": "use `pip.index_url` in the spec",
    "--index-url": "use `pip.index_url` in the spec",
    "--extra-index-url": "use `pip.extra_index_urls` in the spec",
    "--hash": "leave hashes out: the lock records them",
    "--trusted-host": "put certificates into the site config",
}


@dataclass(slots=True)
class Reader:
    """Reads requirements files below `folder`; what it finds collects in its fields.

    `shown_folder` is the folder as messages name it; `files` are relative to `folder`, in POSIX form.
    """

    folder: Path
    shown_folder: Path
    requirements: list[Requirement] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def read(self, name: str) -> None:
        """Read the file `name`, relative to the folder, and all that it includes.

        Bad when it cannot be had at all.
        """
        self._read(name, ())

    def _read(self, name: str, above: tuple[str, ...]) -> None:
        relative = posixpath.normpath(grammar.relative(name))
        if relative in above:
            raise Bad(f"{shown(relative)} includes itself", "remove that -r line")
        if relative in self.files:
            return
        if len(self.files) >= _MAX_FILES:
            raise Bad(
                f"{shown(relative)} is one file too many: at most {_MAX_FILES} are read", "join some of them"
            )
        inside(self.folder, relative)
        shown_name = str(self.shown_folder / relative)
        try:
            text = decode(read_limited(self.folder / relative, shown_name), shown_name)
        except SpecError as error:
            self.problems += error.problems
            return
        self.files.append(relative)
        for number, line in logical_lines(text):
            try:
                self._line(line, relative, number, above)
            except Bad as bad:
                self.problems.append(Problem(file=shown_name, line=number, what=bad.what, todo=bad.todo))
                if "--hash" in bad.what:  # a file with hashes has them on every line: say it once
                    return

    def _line(self, line: str, relative: str, number: int, above: tuple[str, ...]) -> None:
        if include := _INCLUDE.fullmatch(line):
            beside = posixpath.join(posixpath.dirname(relative), include[1].strip("\"'"))
            self._read(posixpath.normpath(beside), (*above, relative))
            return
        option = line.split("=")[0].split()[0] if line.startswith("-") else ""
        if not option and (found := _OPTION.search(line)):
            option = found[1]
        if option:
            todo = _INSTEAD.get(option, "leave it out")
            raise Bad(f"the option {shown(option)[1:-1]} is not read from a requirements file", todo)
        file = str(self.shown_folder / relative)
        self.requirements.append(
            Requirement(text=line, name=requirement_name(line), file=file, line=number, path="")
        )


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """Lines with something on them, by their first line's number: continued ones joined, comments gone."""
    start, parts = 0, list[str]()
    for number, raw in enumerate(re.split("\r\n|\r|\n", text), start=1):
        if not parts:
            start = number
        comment = raw.lstrip().startswith("#")
        if raw.endswith("\\") and not comment:
            parts.append(raw[:-1])
            continue
        parts.append("" if comment else raw)
        joined = _COMMENT.sub("", "".join(parts)).strip()
        parts = []
        if joined:
            yield start, joined
    if joined := _COMMENT.sub("", "".join(parts)).strip():
        yield start, joined


def inside(folder: Path, relative: str) -> Path:
    """The path below `folder`; Bad when there is nothing, or when symbolic links lead out of the folder."""
    path = folder / relative
    try:
        real = path.resolve(strict=True)
        home = folder.resolve(strict=True)
    except FileNotFoundError:
        todo = "patterns are not expanded: name a file or a folder" if re.search(r"[*?\[]", relative) else ""
        raise Bad(
            f"there is no {shown(relative)} beside the spec", todo or "create it, or correct the name"
        ) from None
    except (OSError, RuntimeError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its links go in a circle"
        raise Bad(f"{shown(relative)} cannot be found: {reason}", "correct the name") from error
    if not real.is_relative_to(home):
        raise Bad(
            f"{shown(relative)} leads out of the spec's folder by a symbolic link", "copy the file there"
        )
    return path
