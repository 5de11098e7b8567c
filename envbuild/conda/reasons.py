"""Why no set of conda packages fits: the worker's answer → `Unsolvable`, pointing at the spec's lines. Pure.

What is certain comes first: a requirement that nothing answers, whatever else the spec says. Only where there
is none are those named that the solver's own reason names. Its reason is shown in either case.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from envbuild.errors import Problem, Unsolvable
from envbuild.spec.matchspec import matchspec_name, parse_match

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from envbuild.conda.channels import Channel
    from envbuild.spec.model import Spec

_HEAD = "Cannot solve the request because of: "
_LONGEST = 14  # lines of the solver's reason
_MOST = 8  # versions or builds that a message names
_ROOT = re.compile(r"^(?:[├└]─ )?([a-z0-9_][a-z0-9_.-]*) .*?can(?:not)? be installed", re.MULTILINE)
_VIRTUAL = re.compile(r"(__\w+) ([^\n]*?), for which no candidates were found")
_CUDA = re.compile(r"\bcuda-version ([^\n]*?), which can be installed with any of the following options:"
                   r"\n[^\n]*?cuda-version ([^\n]+)")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One build that a channel has of a package."""

    source: int
    version: str
    build: str
    fits: bool
    cuda: bool
    python: bool
    minors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked, for the words of an answer; `sources`: the URL asked with → the channel."""

    spec: Spec
    subdir: str
    glibc: str
    cuda: str
    sources: Mapping[str, Channel]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wish:
    """One requirement of the spec, with what the channels have of it."""

    text: str
    name: str
    key: tuple[str | int, ...]
    rows: tuple[_Row, ...]
    exact_channel: bool


def unsolvable(answer: Mapping[str, Any], asked: Asked) -> Unsolvable:
    """The error that the worker's answer means."""
    wishes = _wishes(answer, asked.spec)
    certain = [problem for wish in wishes if (problem := _certain(wish, answer, asked))]
    problems = list(certain)
    text = tidy(answer["unsolvable"], asked.sources)
    if not problems and (found := _CUDA.search(text)) and "constraint cuda-version" in text:
        there = ", ".join(part.strip() for part in found[2].split("|"))
        what = f"the packages need cuda-version {found[1]}; `cuda: {asked.cuda}` leaves none of it"
        problems = [_problem(asked.spec, ("cuda",), what, f"take one of {there}")]
    if not problems:
        named = set(_ROOT.findall(text))
        faulty = [wish for wish in wishes if wish.name in named] or wishes
        what = "is part of the conflict" if len(faulty) > 1 else "cannot be had"
        problems = [_problem(asked.spec, wish.key, f"{wish.text} {what}", "") for wish in faulty]
    message = "\n  ".join(("no set of conda packages satisfies the requirements:", *_short(text)))
    return Unsolvable(message, problems=problems, hint="" if certain else _hint(text, asked))


def _wishes(answer: Mapping[str, Any], spec: Spec) -> list[_Wish]:
    packages = spec.conda.packages if spec.conda else ()
    named: list[tuple[str, str, tuple[str | int, ...], bool]] = [
        (f"Python {spec.python}", "python", ("python",), False)
    ]
    for number, text in enumerate(packages):
        match = parse_match(text)
        named.append((text, match.name, ("conda", "packages", number), bool(match.channel)))
    return [
        _Wish(text=text, name=name, key=key, exact_channel=exact, rows=tuple(_row(row) for row in rows))
        for (text, name, key, exact), rows in zip(named, answer["known"], strict=True)
    ]


def _row(row: Sequence[Any]) -> _Row:
    source, version, build, fits, cuda, python, minors = row
    return _Row(
        source=source,
        version=version,
        build=build,
        fits=fits,
        cuda=cuda,
        python=python,
        minors=tuple(minors),
    )


def _certain(wish: _Wish, answer: Mapping[str, Any], asked: Asked) -> Problem | None:
    """What is wrong with one requirement alone; None when it alone could be had."""
    what, todo = _words(wish, answer, asked)
    return _problem(asked.spec, wish.key, what, todo) if what else None


def _words(wish: _Wish, answer: Mapping[str, Any], asked: Asked) -> tuple[str, str]:
    channels = list(asked.sources.values())
    if not wish.rows:
        return _unknown(wish, answer, asked)
    fitting = [row for row in wish.rows if row.fits]
    if not fitting:
        return _no_version(wish)
    first = min(row.source for row in wish.rows)
    strict = asked.spec.conda is None or asked.spec.conda.priority == "strict"
    if strict and not wish.exact_channel:
        open_ = [row for row in fitting if row.source == first]
        if not open_:
            later = channels[fitting[0].source].text
            versions = _there(row.version for row in wish.rows if row.source == first)
            what = f"{later} has one that fits, and is not asked for it (conda.priority: strict)"
            return (
                f"{wish.text}: {what}: {channels[first].text} comes first and has others",
                f"in {channels[first].text} {versions}; or put {later} first",
            )
        fitting = open_
    if not asked.cuda and all(row.cuda for row in fitting):
        return f"{wish.text}: every build of it needs CUDA", "add `cuda:` to the spec, such as cuda: 12.8"
    if not any(row[3] for row in answer["known"][0]):  # no such Python: nothing can be for it
        return "", ""
    if not any(row.python for row in fitting) and wish.name != "python":
        return _other_python(wish, fitting, asked)
    if not asked.cuda and not any(row.python and not row.cuda for row in fitting):
        return (
            f"{wish.text}: every build of it for Python {asked.spec.python} needs CUDA",
            "add `cuda:` to the spec, such as cuda: 12.8",
        )
    return "", ""


def _unknown(wish: _Wish, answer: Mapping[str, Any], asked: Asked) -> tuple[str, str]:
    one = len(asked.sources) == 1
    where = next(iter(asked.sources.values())).text
    if wish.name == "python":
        what = f"{where} has no Python" if one else "no channel has a Python"
        return f"{what} for {asked.subdir}", "add a channel that has one, such as conda-forge"
    what = f"{where} has no package {wish.name}" if one else f"no channel has the package {wish.name}"
    if platforms := answer["elsewhere"].get(wish.name):
        return f"{what} for {asked.subdir}", f"it is there for {', '.join(platforms)} only"
    if near := answer["near"].get(wish.name):
        return what, f"did you mean {near}?"
    return what, "if pip has it, name it under `pip.packages`"


def _no_version(wish: _Wish) -> tuple[str, str]:
    match = parse_match(wish.text) if wish.name != "python" or wish.key != ("python",) else None
    if match and (match.build or match.more):
        same = [row for row in wish.rows if _has_version(row.version, match.version)]
        if same:
            builds = list(dict.fromkeys(row.build for row in same))
            more = f" and {len(builds) - _MOST} more" if len(builds) > _MOST else ""
            version = match.version.lstrip("=")
            return (
                f"{wish.text}: no channel has such a build",
                f"builds of {wish.name} {version} are {', '.join(builds[:_MOST])}{more}",
            )
    return f"{wish.text}: no channel has such a version", _there(row.version for row in wish.rows)


def _has_version(version: str, wanted: str) -> bool:
    return bool(re.fullmatch(r"={0,2}[0-9A-Za-z._]+", wanted)) and version == wanted.lstrip("=")


def _other_python(wish: _Wish, fitting: Sequence[_Row], asked: Asked) -> tuple[str, str]:
    """`fitting`: builds that the wish allows and priority leaves open, none of them for the spec's Python."""
    python, channels = asked.spec.python, list(asked.sources.values())
    first = fitting[0].source
    what = f"{wish.text}: no build of it is for Python {python}"
    todos = []
    if minors := {minor for row in fitting for minor in row.minors}:
        todos.append(f"it is there for Python {', '.join(sorted(minors, key=_numbers))}")
    usable = [row for row in wish.rows if row.python]
    if open_ := [row.version for row in usable if row.source == first]:
        todos.append(f"for Python {python} {_there(open_)}")
    elif usable:
        later = channels[usable[0].source].text
        todos.append(f"{later} has one, and is not asked for it (conda.priority: strict): put it first")
    return what, "; ".join(todos)


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _there(found: Iterable[str]) -> str:
    versions = list(dict.fromkeys(found))
    return f"there is {versions[0]} only" if len(versions) == 1 else f"there are {_list(versions)}"


def _list(versions: Sequence[str]) -> str:
    if len(versions) <= _MOST:
        return ", ".join(versions)
    return f"{', '.join(versions[: _MOST - 1])} … {versions[-1]}"


def _problem(spec: Spec, key: tuple[str | int, ...], what: str, todo: str) -> Problem:
    path = f"conda.packages[{key[2]}]" if len(key) == 3 else str(key[0])
    return Problem(file=str(spec.source.path), line=spec.source.line(key), path=path, what=what, todo=todo)


def _hint(text: str, asked: Asked) -> str:
    """What to do about the machine that the packages want."""
    for name, wanted in _VIRTUAL.findall(text):
        if name == "__cuda" and not asked.cuda:
            return "some of the packages need CUDA: add `cuda:` to the spec, such as cuda: 12.8"
        if name == "__cuda":
            return f"the packages need CUDA {wanted}; the spec says cuda: {asked.cuda}"
        if name == "__glibc":
            base = f"has glibc {asked.glibc}" if asked.glibc else "is not known, and glibc 2.17 is counted on"
            return f"the packages need glibc {wanted}; the base {base}: name a newer one in `base`"
        if name in {"__win", "__osx"}:
            return "some of the packages are for another system than Linux"
    return ""


def tidy(text: str, sources: Mapping[str, Channel]) -> str:
    """The solver's reason without its headline, repeats and this machine's addresses of channels."""
    text = text.strip().removeprefix(_HEAD)
    for source, channel in sources.items():
        text = text.replace(f"'{source.rstrip('/')}/'", channel.text)
    lines: list[str] = []
    for line in text.splitlines():
        bare = line.replace("├", "└")
        if line.strip() and all(bare != seen.replace("├", "└") for seen in lines[-2:]):
            lines.append(line.rstrip())
    return "\n".join(lines)


def _short(text: str) -> list[str]:
    lines = text.splitlines()
    if len(lines) <= _LONGEST:
        return lines
    return [*lines[: _LONGEST - 5], "…", *lines[-4:]]


def names_asked(spec: Spec) -> frozenset[str]:
    """The names of the packages that the spec asks for, Python's among them."""
    packages = spec.conda.packages if spec.conda else ()
    return frozenset({"python", *(matchspec_name(text) for text in packages)})
