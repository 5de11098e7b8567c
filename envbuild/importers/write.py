"""A finished draft → the text of a commented spec.yml that loads. Reads its template only."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from functools import cache
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from envbuild.importers.text.sources import hidden
from envbuild.spec.starter import quoted

if TYPE_CHECKING:
    from jinja2 import Template

    from envbuild.importers.model import Draft, Kind

_TITLES: dict[Kind, str] = {"left": "Not carried over:", "changed": "Written in another way:"}
# What a comment cannot hold: controls, and what YAML 1.1 counts as a line end
_UNSAID = re.compile("[^\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]+")
_LONGEST_COMMENT = 300
_WIDTH = 106


def spec_text(draft: Draft) -> str:
    """The spec that `draft`, which `finish` has seen, says: its comments and order kept.

    What could not be carried, and what is written in another way, stands at the end as comments.
    """
    values = {field.name: getattr(draft, field.name) for field in fields(draft)}
    findings = [(title, _said(draft, kind)) for kind, title in _TITLES.items()]
    findings = [(title, lines) for title, lines in findings if lines]
    origin = PurePath(draft.source).name or draft.format
    return _template().render(values | {"origin": origin, "findings": findings, "summary": _summary(draft)})


def _said(draft: Draft, kind: Kind) -> list[str]:
    """The findings of one kind as lines of a comment; continued lines are set in."""
    import textwrap

    # The file by its name: the folders of one machine say nothing to others
    found = [
        str(replace(finding, file=PurePath(finding.file).name or finding.file))
        for finding in draft.findings
        if finding.kind == kind
    ]
    lines: list[str] = []
    for text in found:
        plain = _UNSAID.sub(" ", text)
        lines += textwrap.wrap(
            f"- {plain}", _WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    return lines


def _summary(draft: Draft) -> str:
    left = sum(finding.kind == "left" for finding in draft.findings)
    changed = sum(finding.kind == "changed" for finding in draft.findings)
    said = [f"{left} could not be carried over"] if left else []
    said += [f"{changed} {'is' if changed == 1 else 'are'} written in another way"] if changed else []
    things = "thing" if (left or changed) == 1 else "things"
    count, _, rest = " and ".join(said).partition(" ")
    return f"{count} {things} {rest}: see the end."


def remark(text: str, sign: str = "") -> str:
    """`text` as a comment can hold it: one line, shortened when very long, `sign` and a blank before it."""
    plain = hidden(_UNSAID.sub(" ", text)).rstrip()
    if len(plain) > _LONGEST_COMMENT:
        plain = plain[: _LONGEST_COMMENT - 1] + "…"
    return f"{sign} {plain}".rstrip() if sign else plain


def step(text: str) -> str:
    """A shell step as a YAML value: several lines as a block, where that holds them as they are."""
    lines = text.split("\n")
    safe = len(lines) > 1 and not text.startswith((" ", "\t", "\n")) and lines[-1].strip()
    if not safe or _UNSAID.search(text.replace("\n", "").replace("\t", "")):
        return quoted(text)
    return "\n".join(["|-", *(f"    {line}" if line else "" for line in lines)])


@cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    from envbuild.render.compiled import compiled_templates

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # noqa: S701  # YAML is no HTML; every value passes `quoted` or `remark`
        auto_reload=False,
        bytecode_cache=compiled_templates(),
    )
    environment.filters["quoted"] = quoted
    environment.filters["remark"] = remark
    environment.filters["step"] = step
    return environment.get_template("spec.yml.j2")
