"""A draft as read → one that a spec can say: named, with one Python, every value held to the spec's grammar.

What a grammar refuses is left out with a finding, never silently. Pure but for looking at `copy` sources and
folders of channels.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from envbuild.errors import UsageError
from envbuild.importers import held
from envbuild.importers.conda.together import fit_together
from envbuild.importers.mends.apply import mend
from envbuild.importers.model import Draft, Finding, Wishes
from envbuild.importers.pythons import choose_python
from envbuild.importers.text.sources import hidden, refused
from envbuild.spec import grammar
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    from envbuild.importers.model import Entry

MOST_ENTRIES = 15_000
"""A spec holds at most 20,000 values."""
MOST_TEXT = 800_000
"""Characters in all values and comments; a spec holds at most 1 MB."""
_LONGEST_NAME = 64


def finish(draft: Draft, folder: Path, wishes: Wishes) -> Draft:
    """The draft with every value such that a spec can hold it, and findings for what had to be left out.

    folder: the one of the source: relative paths start there, and its name is the last resort for `name`.
    UsageError when a wish breaks its grammar; SpecError when the draft is larger than any spec may be.
    """
    _check_size(draft, folder)
    draft = _named(draft, folder, wishes)
    draft = _with_python(mend(draft), wishes)
    findings = held.Findings(draft.place)
    finished = replace(
        draft,
        base=findings.single("base", draft.base, grammar.image_reference),
        cuda=findings.single("cuda", draft.cuda, grammar.cuda_version),
        cuda_flavour=findings.single("cuda.flavour", draft.cuda_flavour, held.flavour),
        cuda_os=findings.single("cuda.os", draft.cuda_os, grammar.cuda_os),
        priority=findings.single("conda.priority", draft.priority, held.priority),
        targets=findings.texts("targets", draft.targets, grammar.target),
        apt=findings.entries("apt", draft.apt, grammar.debian_package),
        channels=findings.channels(draft.channels),
        conda=findings.conda(draft.conda),
        pip=findings.pip(draft.pip),
        index_url=findings.single("index_url", draft.index_url, grammar.index_url),
        extra_index_urls=findings.texts("extra_index_urls", draft.extra_index_urls, grammar.index_url),
        torch_backend=findings.single("torch_backend", draft.torch_backend, grammar.torch_backend),
        env=findings.env(draft.env),
        copy=findings.copies(draft.copy, folder),
        run=findings.entries("run", draft.run, grammar.command),
        user=findings.single("user", draft.user, grammar.user),
        workdir=findings.single("workdir", draft.workdir, grammar.absolute),
        entrypoint=findings.whole("entrypoint", draft.entrypoint, grammar.argument),
        cmd=findings.whole("cmd", draft.cmd, grammar.argument),
        imports=findings.texts("imports", draft.imports, grammar.import_name),
    )
    channels, conda, more = fit_together(finished.channels, finished.conda, finished.python)
    more = (*more, *_missing(channels, folder))
    found = [_clean(finding) for finding in (*draft.findings, *findings.found, *more)]
    return replace(finished, channels=channels, conda=conda, findings=_in_order(found))


def _missing(channels: Iterable[Entry], folder: Path) -> Iterator[Finding]:
    """A word on channels beside the spec that are not there: the spec is good once they are."""
    for entry in channels:
        if entry.text.startswith("./") and not (folder / entry.text).is_dir():
            what = f"the channel {entry.text} is no folder here: the spec needs it beside itself"
            yield Finding(kind="note", file=entry.file, line=entry.line, what=what, todo="put it there")


def _in_order(findings: list[Finding]) -> tuple[Finding, ...]:
    """Each once, by line; files in the order in which they first come up."""
    files = list(dict.fromkeys(finding.file for finding in findings))
    order = {file: number for number, file in enumerate(files)}
    unique = dict.fromkeys(findings)
    return tuple(sorted(unique, key=lambda finding: (order[finding.file], finding.line)))


def _check_size(draft: Draft, folder: Path) -> None:
    entries = [*draft.apt, *draft.channels, *draft.conda, *draft.pip, *draft.run]
    count = len(entries) + len(draft.env) * 2 + len(draft.copy) * 3 + len(draft.imports)
    text = sum(len(entry.text) + len(entry.comment) + sum(map(len, entry.above)) for entry in entries)
    text += sum(len(name) + len(value) for name, value in draft.env) + sum(map(len, draft.head))
    text += sum(map(len, (*draft.entrypoint, *draft.cmd)))
    if count <= MOST_ENTRIES and text <= MOST_TEXT:
        return
    file = next((entry.file for entry in entries if entry.file), folder.name)
    what = f"says {count} things in {text} characters, more than a spec can hold"
    raise refused(file, what, "import what it was made from, or a part of it")


def _named(draft: Draft, folder: Path, wishes: Wishes) -> Draft:
    if wishes.name:
        return replace(draft, name=_wished(wishes.name, grammar.name, "name"))
    said = draft.name.strip()
    name = near_name(said) or near_name(_folder_name(folder)) or "env"
    if name == said:
        return replace(draft, name=name)
    if said:
        finding = Finding(kind="changed", file=draft.place, key="name", what=f"{said!r} is written {name}")
    else:
        what = f"names no environment: it is called {name}"
        finding = Finding(kind="note", file=draft.place, what=what, todo="`--name` says another")
    return replace(draft, name=name, findings=(*draft.findings, finding))


def _folder_name(folder: Path) -> str:
    try:
        return folder.resolve().name
    except (OSError, RuntimeError):
        return folder.name


def near_name(text: str) -> str:
    """The name of a spec nearest to `text`; "" when nothing in it can stand in a name."""
    plain = re.sub(r"[-_]{2,}|[^a-z0-9_-]+", "-", text.lower()).strip("-_")
    plain = re.sub(r"[-_]{2,}", "-", plain)[:_LONGEST_NAME].strip("-_")
    return plain if re.fullmatch(grammar.NAME, plain) else ""


def _wished(text: str, check: Callable[[str], str], option: str) -> str:
    try:
        return check(text)
    except Bad as bad:
        raise UsageError(f"--{option}: {bad.what}", hint=bad.todo) from bad


def _with_python(draft: Draft, wishes: Wishes) -> Draft:
    if wishes.python:
        version = _wished(wishes.python, grammar.python, "python")
        said = draft.python.strip()
        if not said or said == version:
            return replace(draft, python=version)
        what = f"asks for Python {said}: {version} is written, as you said"
        finding = Finding(kind="changed", file=draft.place, key="python", what=what)
        return replace(draft, python=version, findings=(*draft.findings, finding))
    choice = choose_python(draft.python, draft.pip)
    if not choice.why:
        return replace(draft, python=choice.version)
    what = f"{choice.why}; {choice.version} is written instead" if choice.left else choice.why
    kind = held.kind("left" if choice.left else "note")
    finding = Finding(kind=kind, file=draft.place, key="python", what=what, todo="`--python` says another")
    return replace(draft, python=choice.version, findings=(*draft.findings, finding))


def _clean(finding: Finding) -> Finding:
    """Without credentials, and of one line."""
    return replace(
        finding,
        file=_line(finding.file),
        key=_line(hidden(finding.key)),
        what=_line(hidden(finding.what)),
        todo=_line(hidden(finding.todo)),
    )


def _line(text: str) -> str:
    return re.sub(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+", " ", text)
