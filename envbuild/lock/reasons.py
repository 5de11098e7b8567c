"""What uv says when it fails → our errors: shortened to the reason, pointing at the spec's lines. Pure.

uv prints `error: …` with `cause: …` lines (older ones: a cross with `╰─▶`), and `hint: …` after a blank line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from envbuild.errors import BuildError, LockError, Problem, Unsolvable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from envbuild.lock.uv import UvRan
    from envbuild.spec.model import Requirement

_CROSS = "\N{MULTIPLICATION SIGN}"
_LABEL = re.compile(
    rf"^\s*(?:(?P<label>error|cause|hint|warning|Caused by):|(?P<old>{_CROSS}|╰─▶|├─▶|│))\s?(?P<text>.*)$"
)
_CONCLUSION = re.compile(
    r",? ?we can conclude that (?:your requirements|the requirements) are unsatisfiable\.?$", re.IGNORECASE
)
_REQUIRED = re.compile(r"you require ([a-z0-9][a-z0-9._-]*[a-z0-9]|[a-z0-9])", re.IGNORECASE)
_FETCH = re.compile(r"Failed to fetch: `?(?P<url>[^\s`]+)`?")
_PACKAGE = re.compile(r"`(?P<name>[^`=\s]+)==(?P<version>[^`\s]+)`")
_MISMATCH = re.compile(r"(?P<kind>Hash|Size) mismatch")
_LONGEST = 14  # lines of a reason; a large conflict runs over pages, and its end names the requirements


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """uv's own words without its labels: what failed, why (entries may have line breaks), and its hints."""

    headline: str
    causes: tuple[str, ...]
    hints: tuple[str, ...]


def read_reason(stderr: str) -> Reason:
    """Take uv's standard error apart."""
    headline, causes, hints = "", list[str](), list[str]()
    into: list[str] | None = None
    for line in stderr.splitlines():
        found = _LABEL.match(line)
        label = (found["label"] or found["old"]) if found else ""
        text = found["text"] if found else line.strip()
        if label == "warning":
            into = None
        elif label in {"error", _CROSS} and not headline:
            headline, into = text.strip(), causes
        elif label == "hint":
            hints.append(text.strip())
            into = hints
        elif label in {"cause", "Caused by", "╰─▶", "├─▶"}:
            causes.append(text.strip())
            into = causes
        elif into and text.strip():  # a line that goes on
            into[-1] += f"\n{text.strip()}"
    return Reason(headline=headline, causes=tuple(causes), hints=tuple(hints))


def failure(ran: UvRan, requirements: Sequence[Requirement], more: str = "") -> LockError:
    """The error that a failed resolution means. `ran` is free of credentials already; `more` is a hint for
    requirements that do not go together.
    """
    reason = read_reason(ran.stderr)
    said = (reason.headline, *reason.causes)
    fetched = next((match for part in said if (match := _FETCH.search(part))), None)
    if fetched:
        return LockError(
            f"the package index does not answer: {fetched['url']}: {said[-1]}",
            hint="check the address, the proxy, the CA bundle and the credentials: envbuild doctor\n"
            "the site config has this machine's index settings, the spec's pip.index_url the project's",
        )
    if ran.code == 1:
        return _unsolvable(reason, requirements, more)
    what = ": ".join(part for part in said if part) or ran.stderr.strip()
    full = "No space left on device" in what or "Read-only file system" in what or "initialize cache" in what
    return LockError(
        f"uv could not lock the Python packages: {what or f'it ended with {ran.code}'}",
        hint="free some space, or name another cache folder: UV_CACHE_DIR" if full else "",
    )


def accept_hint(package: str) -> str:
    """What to do when the index has another file of a package than the lock."""
    return (
        f"find out why before you trust it; to accept the new file: envbuild lock --upgrade-package {package}"
    )


def not_installed(error: BuildError, requirements: Sequence[Requirement]) -> BuildError:
    """`error` of a step that installs Python packages, with the package that uv names, and its spec line.

    Any other error comes back as it is.
    """
    reason = read_reason("\n".join(error.log))
    found = _PACKAGE.search("\n".join((reason.headline, *reason.causes)))
    if not error.problem or error.problem.path != "pip" or not found:
        return error
    name = _normal(found["name"])
    mismatch = next((match for part in reason.causes if (match := _MISMATCH.match(part))), None)
    if mismatch:
        other = "the index has another file of this name than the lock"
        what, hint = f"{mismatch['kind'].lower()} mismatch: {other}", accept_hint(name)
    else:
        said = (reason.causes or (reason.headline,))[-1].splitlines()[0]
        what, hint = f"cannot be installed: {said}", "\n".join(reason.hints) or error.hint
    wish = next((wish for wish in requirements if _normal(wish.name) == name), None)
    problem = error.problem
    if wish:
        problem = Problem(file=wish.file, line=wish.line, path=wish.path, what=f"{wish.text} asks for it")
    return BuildError(
        f"{found['name']}=={found['version']}: {what}",
        step=error.step,
        log=error.log,
        dockerfile_line=error.dockerfile_line,
        problem=problem,
        hint=hint,
    )


def _unsolvable(reason: Reason, requirements: Sequence[Requirement], more: str) -> Unsolvable:
    said = [_CONCLUSION.sub(", there is no solution", line) for line in "\n".join(reason.causes).splitlines()]
    said = said or [reason.headline or "uv gave no reason"]
    if len(said) > _LONGEST:
        said = [*said[:3], "…", *said[-(_LONGEST - 4) :]]
    no_answer = "no solution" in reason.headline.lower() or not reason.headline
    head = "no set of packages satisfies the requirements" if no_answer else reason.headline
    text = "\n  ".join((f"{head}:", *said)) if reason.causes else head
    faulty = _at_fault(text, requirements)
    alone = "does not go with what conda brings" if more else "cannot be had"
    what = "is part of the conflict" if len(faulty) > 1 else alone
    problems = [
        Problem(file=wish.file, line=wish.line, path=wish.path, what=f"{wish.text} {what}") for wish in faulty
    ]
    return Unsolvable(text, problems=problems, hint="\n".join(filter(None, (*reason.hints, more))))


def _at_fault(text: str, requirements: Sequence[Requirement]) -> list[Requirement]:
    """The requirements that uv names as required, else all whose package it mentions."""
    required = {_normal(name) for name in _REQUIRED.findall(text)}
    named = [wish for wish in requirements if _normal(wish.name) in required]
    return named or [wish for wish in requirements if _mentions(text, _normal(wish.name))]


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text, re.IGNORECASE) is not None


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
