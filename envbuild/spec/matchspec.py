"""One conda MatchSpec: text → `Match`, or `Bad` with what to write instead. Pure, and quick: no rattler.

Taken: `[channel::]name`, a version (`name=1.2`, `name==1.2`, `name>=1,<2`, `name 1.2.*`), a build behind it
(`name=1.2=py3*`, `name 1.2.* cuda*`), and `name[version='>=1', build=…, channel=…]`. All that is taken here,
rattler takes too (a test asks it). As in conda, `name=1.2` is 1.2 and all 1.2.x; with a build behind it, 1.2
alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from envbuild.spec import grammar
from envbuild.spec.channel import channel
from envbuild.spec.words import Bad, did_you_mean, shown

_LONGEST = 500
KEYS = ("version", "build", "build_number", "channel", "subdir", "md5", "sha256")
"""What may stand between the brackets."""

_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?"
_PIECE = r"[0-9A-Za-z]+"
# Solvers count in 64 bits: no run of digits is longer than 18.
_VERSION = rf"(?![0-9A-Za-z._+!]*[0-9]{{19}})(?:[0-9]+!)?[0-9][0-9A-Za-z]*(?:[._]{_PIECE})*"
_VERSION += rf"(?:\+{_PIECE}(?:[._]{_PIECE})*)?"
_CLAUSE = rf"(?:(?:==|!=|>=|<=|>|<) *{_VERSION}(?:\.\*)?|~= *{_VERSION}|= *{_VERSION}(?:\.?\*)?"
_CLAUSE += rf"|{_VERSION}(?:\.?\*)?|=?\*)"
_EXPRESSION = rf"{_CLAUSE}(?: *[,|] *{_CLAUSE})*"
_BUILD = r"(?:\*?[A-Za-z0-9_.+]+(?:\*[A-Za-z0-9_.+]+)*\*?|\*)"
_PLAIN = re.compile(rf"(?P<name>{_NAME})(?: *(?P<op>(?=[=!<>~])| )(?P<version>{_EXPRESSION})"
                    rf"(?:(?: *=| +)(?P<build>{_BUILD}))?)?")  # fmt: skip
_ITEM = re.compile(r"""\s*([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?:'([^']*)'|"([^"]*)"|([^'",\s]+))\s*(?:,|$)""")
_ODD = re.compile(r"[^A-Za-z0-9_.+*!=<>~,|:/\[\]'\" -]")
_OTHER = re.compile(r"[a-z][a-z0-9+]*://", re.IGNORECASE)
_ARCHIVES = (".conda", ".tar.bz2")
_VALUES = {
    "version": rf"{_CLAUSE.replace(' *', '')}(?: *[,|] *{_CLAUSE.replace(' *', '')})*",
    "build": _BUILD,
    "build_number": r"(?:==|!=|>=|<=|>|<)?[0-9]{1,9}",
    "subdir": r"[a-z0-9]+(?:-[a-z0-9_]+)?",
    "md5": r"[0-9a-f]{32}",
    "sha256": r"[0-9a-f]{64}",
}
_WRITE = "write it as name, name=1.2, name>=1,<2 or name=1.2=build*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A MatchSpec taken apart; "" where it says nothing.

    name      in lower case, as channels have it
    version   the wish as written without blanks around operators (`=1.2`, `>=1,<2`, `1.2.*`)
    build     a build string or a pattern with `*`
    channel   as written before `::` or in the brackets
    more      the other keys of the brackets
    """

    name: str
    version: str = ""
    build: str = ""
    channel: str = ""
    more: tuple[tuple[str, str], ...] = ()


def match_spec(text: str) -> str:
    """`text`, which is a MatchSpec; Bad when it is none that a lock can be asked for."""
    parse_match(text)
    return text


def matchspec_name(text: str) -> str:
    """The name of the package that `text` is about, as channels have it. Bad for what is no MatchSpec."""
    return parse_match(text).name


def normal_name(name: str) -> str:
    """A conda package's name as channels compare it: lower case; - and _ are different characters there."""
    return name.strip().lower()


def parse_match(text: str) -> Match:
    """Take `text` apart; Bad says what is wrong with it and what to write."""
    stripped = text.strip(" \t").replace("\t", " ")
    grammar.check_line(stripped, "MatchSpec")
    if not stripped:
        raise Bad("the MatchSpec is empty", "remove it")
    if len(stripped) > _LONGEST:
        raise Bad(f"{shown(text)} is longer than {_LONGEST} characters", "shorten it")
    before, rest = _channel(stripped)
    _refuse_foreign(stripped, rest)
    if odd := _ODD.search(stripped):
        raise Bad(f"{shown(text)} holds the character {shown(odd[0])}, which no MatchSpec has", _WRITE)
    body, options = _brackets(rest, text)
    found = _PLAIN.fullmatch(body.strip())
    if not found or (found["build"] and found["build"].startswith("=")):
        raise _no_match(text, body)
    more = dict(options)
    said = {
        "version": re.sub(r"\s", "", found["version"] or ""),
        "build": found["build"] or "",
        "channel": before,
    }
    for key, value in said.items():
        if value and key in more:
            raise Bad(f"{shown(text)} says {key} twice", "keep one of them")
    taken = {key: value or more.pop(key, "") for key, value in said.items()}
    return Match(name=normal_name(found["name"]), more=tuple(more.items()), **taken)


def _channel(text: str) -> tuple[str, str]:
    """What stands before `::`, and the rest."""
    before, colons, rest = text.partition("::")
    if not colons or "[" in before:
        return "", text
    return _own_channel(before.strip()), rest.strip()


def _own_channel(text: str) -> str:
    """A channel that a MatchSpec may name: a name or an address, as `conda.channels` has it."""
    if text.startswith((".", "/")):
        raise Bad(
            f"{shown(text)} is a folder, which cannot stand before a name", "name it under `conda.channels`"
        )
    return channel(text)


def _refuse_foreign(text: str, rest: str) -> None:
    """What conda or pip would take on a command line, and no lock can be asked for."""
    bare = rest.partition("#")[0].strip().rstrip("/")
    if text.startswith("-"):
        raise Bad(
            f"{shown(text)} is an option, no MatchSpec", "see `conda:` in docs/spec.md for what can be set"
        )
    if bare.lower().endswith(_ARCHIVES):
        exact = _exact(bare.rpartition("/")[2])
        raise Bad(
            "the address of a package file is no MatchSpec"
            if "://" in bare
            else "a package file is no MatchSpec",
            f"write {exact}, and name its channel under `conda.channels`",
        )
    if _OTHER.search(rest.partition("[")[0]) or rest.startswith("git+") or ("://" in text and "@" in text):
        raise Bad("an address is no MatchSpec", "name the package, and its channel under `conda.channels`")
    if rest.startswith((".", "/", "~")):
        raise Bad(
            f"{shown(text)} is a path on this machine",
            "name a package, and its channel under `conda.channels`",
        )
    if rest.split("=")[0].rstrip().endswith(":") or rest.startswith("pip:"):
        raise Bad(f"{shown(text)} is no MatchSpec", "Python packages for pip go under `pip.packages`")


def _exact(file: str) -> str:
    """`numpy-2.1.0-py312_0.conda` → `numpy=2.1.0=py312_0`."""
    for ending in _ARCHIVES:
        file = file.removesuffix(ending)
    parts = file.rsplit("-", 2)
    return "=".join(parts) if len(parts) == 3 else "name=version=build"


def _brackets(rest: str, text: str) -> tuple[str, list[tuple[str, str]]]:
    """What stands before the brackets, and the pairs between them, each held to its grammar."""
    body, bracket, inside = rest.partition("[")
    if not bracket:
        return body, []
    if not inside.rstrip().endswith("]") or not body.strip():
        raise Bad(f"{shown(text)} is no MatchSpec: its brackets do not close at its end", _WRITE)
    inside = inside.rstrip()[:-1]
    pairs: list[tuple[str, str]] = []
    at = 0
    while at < len(inside):
        found = _ITEM.match(inside, at)
        if not found:
            raise _no_pair(text, inside[at:])
        key, value = found[1].lower(), found[2] or found[3] or found[4] or ""
        pairs.append((key, _held(key, value, text)))
        at = found.end()
    keys = [key for key, _ in pairs]
    if twice := [key for key in keys if keys.count(key) > 1]:
        raise Bad(f"{shown(text)} says {twice[0]} twice", "keep one of them")
    return body, pairs


def _held(key: str, value: str, text: str) -> str:
    if key in {"url", "fn"}:
        raise Bad(
            f"{shown(key)} names a package file",
            "write name=version=build, and its channel under `conda.channels`",
        )
    if key not in KEYS:
        near = did_you_mean(key, KEYS)
        raise Bad(
            f"{shown(key)} is no key of a MatchSpec's brackets",
            f"did you mean {near}?" if near else f"known keys are {', '.join(KEYS)}",
        )
    if key == "channel":
        return _own_channel(value)
    if not re.fullmatch(_VALUES[key], value):
        raise Bad(f"{shown(text)} is no MatchSpec: {shown(value)} is no {key.replace('_', ' ')}", _WRITE)
    return re.sub(r"\s", "", value)


def _no_pair(text: str, rest: str) -> Bad:
    word = rest.strip().rstrip(",")
    if re.fullmatch(rf"{_NAME}(?: *, *{_NAME})*", word):
        return Bad(
            f"{shown(text)} asks for extras, which conda packages do not have",
            "name what the extras bring, or put the package under `pip.packages`",
        )
    return Bad(
        f"{shown(text)} is no MatchSpec: {shown(word)} is no key=value", "write [version='>=1', build=py*]"
    )


def _no_match(text: str, body: str) -> Bad:
    found = re.match(rf"\s*{_NAME}", body)
    if not found:
        what = "looks like a pattern: a name is written out" if "*" in body else "does not begin with a name"
        return Bad(f"{shown(text)} is no MatchSpec: it {what}", _WRITE)
    rest = body[found.end() :].strip()
    if re.fullmatch(r"[=<>!~]+", rest):
        return Bad(f"{shown(text)} is no MatchSpec: no version follows {shown(rest)}", _WRITE)
    if rest.startswith("==="):
        return Bad(f"{shown(text)} is no MatchSpec: conda has no ===", "write ==")
    return Bad(f"{shown(text)} is no MatchSpec: {shown(rest)} is no version and build", _WRITE)
