"""Distributions that only tell to install another one, and torch builds by local version. Pure."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.facts.versions import numbers
from envbuild.importers.mends.mending import facts
from envbuild.spec.pep508 import normalise

if TYPE_CHECKING:
    from envbuild.importers.mends.mending import Mending
    from envbuild.importers.model import Entry

_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)\s*(\[[^\]]*\])?\s*(.*)", re.DOTALL)
_PIN = re.compile(r"={2,3}\s*(\d+(?:\.\d+)*)(?:\.\*)?")
_LOCAL = re.compile(r"={2,3}\s*[0-9][0-9a-z.]*\+(cpu|cu[0-9]{2,3}|rocm[0-9.]+)")
_NO_NEED = "an image runs Linux: what needs it there brings its like"
_APT = "name what you use of it under `apt:`"
_TORCH = frozenset({"torch", "torchvision", "torchaudio"})


def mend_pip(draft: Mending) -> None:
    """Write what the stubs name, and the backend of `torch==2.1.0+cu121`."""
    rows = {row["name"]: row for row in facts("pip")["stubs"]}
    draft.pip = _of_linux(draft, rows)
    instead = {name: row["instead"] for name, row in rows.items() if not row.get("exact")}
    for index, entry in enumerate(draft.pip):
        found = _REQUIREMENT.fullmatch(entry.text)
        if not found:
            continue
        name, rest = normalise(found[1]), found[3]
        if name in instead:
            text = f"{instead[name]}{found[2] or ''}" + (f" {rest}" if rest.startswith(";") else "")
            draft.pip[index] = replace(entry, text=text)
            draft.say("changed", entry, f"{found[1]} is a name that fails to install: {text} is written")
        elif address := _spacy_model(name, rest):
            draft.pip[index] = replace(entry, text=f"{found[1]} @ {address}")
            draft.say("changed", entry, f"{entry.text} is on no index: its address is written")
        elif name == "tensorflow-gpu":
            draft.pip[index] = _tensorflow(draft, entry, rest)
        elif name in _TORCH and (local := _LOCAL.match(rest)) and not draft.torch_backend:
            draft.torch_backend = local[1]
            what = f"{entry.text} is on PyTorch's own index: torch_backend: {local[1]} is written"
            draft.say("changed", entry, what)


def _of_linux(draft: Mending, rows: dict[str, dict[str, str]]) -> list[Entry]:
    """The packages without those of Windows, macOS or Ubuntu's own Python, as `pip freeze` lists them."""
    groups = [
        (row["of"], frozenset(row["names"]), what)
        for key, what in (("elsewhere", "for {} alone"), ("system", "of {}'s own Python, not of the index"))
        for row in facts("pip")[key]
    ]
    names = {_name(entry) for entry in draft.pip}
    out: dict[str, list[tuple[str, Entry]]] = {}
    kept: list[Entry] = []
    for entry in draft.pip:
        name = _name(entry)
        said = next((what.format(of) for of, known, what in groups if name in known), "")
        same = rows[name]["instead"] if name in rows and rows[name].get("exact") else ""
        if ";" in entry.text or not (said or same):
            kept.append(entry)
        elif same and same not in names:
            written = replace(entry, text=same + entry.text[len(name) :])
            draft.say("changed", entry, f"{name} is not for Linux: {written.text} is written")
            kept.append(written)
        elif same:
            draft.say("changed", entry, f"{name} is not for Linux: {same} is there beside it")
        else:
            out.setdefault(said, []).append((name, entry))
    for said, found in out.items():
        are = "is" if len(found) == 1 else "are"
        todo = _NO_NEED if said.startswith("for ") else _APT
        draft.say("left", found[0][1], f"{', '.join(name for name, _ in found)} {are} {said}", todo)
    return kept


def _name(entry: Entry) -> str:
    found = _REQUIREMENT.fullmatch(entry.text)
    return normalise(found[1]) if found else ""


def _spacy_model(name: str, rest: str) -> str:
    """The address of a model of spaCy that is pinned; "" for anything else."""
    pin = _PIN.fullmatch(rest.strip())
    for row in facts("pip")["spacy_models"] if pin else ():
        # Older ones have no wheels
        if pin and numbers(pin[1]) >= (3,) and re.fullmatch(row["pattern"], name):
            return str(row["address"]).format(name=name.replace("-", "_"), version=pin[1])
    return ""


def _tensorflow(draft: Mending, entry: Entry, rest: str) -> Entry:
    """`tensorflow-gpu` from 2.12 on, and without a version, is a stub that fails."""
    from envbuild.facts.tensorflow import tensorflow_release

    said, semicolon, marker = rest.partition(";")
    tail = f" ;{marker}" if semicolon else ""
    pin = _PIN.fullmatch(said.strip())
    if (pin and numbers(pin[1]) < (2, 12)) or re.search(r"<=?\s*(?:1\b|2\.(?:\d|1[01])\b|2\.12(?!\d))", said):
        return entry
    release = tensorflow_release(pin[1]) if pin else None
    extra = "" if release and not release.and_cuda else "[and-cuda]"
    written = replace(entry, text=f"tensorflow{extra}{said.strip()}{tail}")
    what = f"tensorflow-gpu fails to install from 2.12 on: {written.text} is written"
    draft.say("changed", entry, what)
    if release and not extra and not draft.cuda:
        draft.cuda = release.cuda
        draft.say(
            "changed",
            entry,
            f"tensorflow {release.minor} brings no CUDA: `cuda: {release.cuda}` is written too",
        )
    return written
