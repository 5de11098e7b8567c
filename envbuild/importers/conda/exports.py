"""Full exports of conda (`name=1.2.3=py310h…`) → packages that another machine can have. Pure.

`conda env export` names every build. A build belongs to one platform and one moment: versions are kept
exactly, builds are left to the lock, but for what says CUDA.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.importers.model import Entry, Finding, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable

_BUILT = re.compile(r"((?:[\w./-]+::)?[A-Za-z0-9_][\w.-]*)={1,2}([^=\s*]+)=([^=\s]+)")
_CUDA = re.compile(r"(?:^|[_.])cuda_?(\d{2})\.?(\d)|cuda(\d{2})(\d)?")
_ELSEWHERE = {
    "Windows": re.compile(
        r"vc|vc14_runtime|vs2015_runtime|vs20\d\d_win-64|ucrt|pywin32(-ctypes)?|pywinpty|wincertstore|win_inet_pton|"
        r"winpty|menuinst|console_shortcut|powershell_shortcut|msys2-.*|m2w64-.*|m2-.*|libwinpthread|colorama-win|win_unicode_console"
    ),
    "macOS": re.compile(
        r"appnope|libcxx|python\.app|ld64.*|tapi|cctools.*|pyobjc-.*|tensorflow-deps|xattr|libcxxabi|ld_impl_osx-.*"
    ),
}


def cuda_of_build(build: str) -> str:
    """The CUDA X.Y that a build names (`cuda120_py311h…`, `py3.10_cuda11.8_cudnn8.7.0_0`); "" for none."""
    found = _CUDA.search(build)
    if not found:
        return ""
    major, minor = found[1] or found[3], found[2] or found[4]
    return f"{major}.{minor}" if minor else ""


class Export:
    """The packages of a file: entries, the CUDA X.Y that a build names ("" none), and findings."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.cuda = ""
        self.findings: list[Finding] = []
        self._built: list[tuple[Entry, str]] = []
        self._inner: list[Entry] = []
        self._elsewhere: dict[str, list[tuple[str, Entry]]] = {}
        kept = [found for entry in entries if (found := self._one(entry)) is not None]
        self.entries = tuple(kept)
        self._conclude()

    def _one(self, entry: Entry) -> Entry | None:
        name = re.split(r"[\s=<>!~\[]", entry.text.rpartition("::")[2])[0].lower()
        for system, names in _ELSEWHERE.items():
            if names.fullmatch(name):
                self._elsewhere.setdefault(system, []).append((name, entry))
                return None
        found = _BUILT.fullmatch(entry.text)
        if not found or "*" in found[3]:
            return entry
        if name.startswith("_"):
            self._inner.append(entry)
            return None
        self._built.append((entry, found[3]))
        if _CUDA.search(found[3]):
            self.cuda = self.cuda or cuda_of_build(found[3])
            if found[3].startswith("cuda"):
                return replace(entry, text=f"{found[1]}={found[2]}=cuda*")
        return replace(entry, text=f"{found[1]}=={found[2]}")

    def _conclude(self) -> None:
        for system, found in self._elsewhere.items():
            names = ", ".join(name for name, _ in found)
            what = f"{names} {'exists' if len(found) == 1 else 'exist'} for {system} alone"
            self._say("left", found[0][1], what, "an image runs Linux: what needs it there brings its like")
        if self._built:
            entry, build = self._built[0]
            count = len(self._built)
            said = "the build of 1 package is" if count == 1 else f"the builds of {count} packages are"
            what = f"{said} left out, such as {build}: versions are kept, and the lock records builds"
            self._say("changed", entry, what)
        if self._inner:
            names = ", ".join(entry.text.split("=")[0] for entry in self._inner)
            come = "comes" if len(self._inner) == 1 else "come"
            self._say(
                "note",
                self._inner[0],
                f"{names}: not named, as {'it' if come == 'comes' else 'they'} {come} with what needs them",
            )

    def _say(self, kind: Kind, entry: Entry, what: str, todo: str = "") -> None:
        self.findings.append(
            Finding(kind=kind, file=entry.file, line=entry.line, key=entry.key, what=what, todo=todo)
        )
