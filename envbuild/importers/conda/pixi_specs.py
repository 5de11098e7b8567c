"""Dependencies as pixi writes them → MatchSpecs and PEP 508 requirements, with words on the rest. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from envbuild.importers.conda.names import channel_of
from envbuild.importers.python.pins import (
    at_address,
    check_name,
    from_git,
    is_on_this_machine,
    left_path,
    with_extras,
)
from envbuild.spec.words import shown

if TYPE_CHECKING:
    from envbuild.importers.model import Finding
    from envbuild.importers.text.places import Place

_NUMBER = re.compile(r"[0-9][A-Za-z0-9.!+_]*")
_SOURCES = ("git", "url", "path")
_CONDA_KEYS = ("build", "build-number", "channel", "subdir", "md5", "sha256")
_PYPI_KEYS = frozenset(
    ("version", "extras", "index", "git", "url", "path", "branch", "tag", "rev", "subdirectory")
)


def match_spec(name: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """One conda dependency as a MatchSpec; "" where it cannot be one, with a word.

    In pixi a bare number is that version alone (`1.2.3` is `==1.2.3`), unlike in a MatchSpec.
    """
    if isinstance(place.value, str):
        return name + _version(place.as_text()), ()
    if not isinstance(place.value, dict):
        raise place.wrong("a version or a table")
    if source := next((key for key in _SOURCES if key in place), ""):
        what = f"{name} is built from its sources at {shown(place.text(source))}"
        return "", (place.finding("left", what, "name a channel that has it"),)
    inside, findings = [], []
    for key, value in place.items():
        if key == "channel":
            inside.append(f"channel={_quoted(channel_of(value.as_text()))}")
        elif key in _CONDA_KEYS:
            said = str(value.value) if isinstance(value.value, int) else value.as_text()
            inside.append(f"{key.replace('-', '_')}={_quoted(said)}")
        elif key != "version":
            what = f"{shown(key)} of {name} is not known here"
            findings.append(value.finding("left", what, "see what pixi does with it"))
    version = _version(place.text("version"))
    if len(inside) == 1 and "channel" in place and "'" not in inside[0]:
        return f"{inside[0].removeprefix('channel=')}::{name}{version}", tuple(findings)
    if version and inside:
        inside.insert(0, f"version={_quoted(version.strip())}")
        version = ""
    return f"{name}{version}{'[' + ', '.join(inside) + ']' if inside else ''}", tuple(findings)


def _quoted(text: str) -> str:
    return text if re.fullmatch(r"[A-Za-z0-9_.-]+", text) else f"'{text}'"


def _version(text: str) -> str:
    wish = text.strip()
    if wish in {"", "*"}:
        return ""
    if _NUMBER.fullmatch(wish):
        return f"=={wish}"
    if wish[0] in "<>=!~":
        return wish
    return f" {wish}" if "|" in wish or "," in wish else f"={wish}"


def requirement(name: str, place: Place) -> tuple[str, tuple[Finding, ...]]:
    """One entry of `pypi-dependencies` as a requirement; "" where it cannot be one, with a word."""
    check_name(name, place)
    if isinstance(place.value, str):
        return name + _release(place.as_text()), ()
    if not isinstance(place.value, dict):
        raise place.wrong("a version or a table")
    extras = place.texts("extras")
    address = place.text("url") or place.text("path")
    if "git" in place:
        revision = place.text("rev") or place.text("tag") or place.text("branch")
        url = from_git(place.text("git"), revision)
        if folder := place.text("subdirectory"):
            url += f"#subdirectory={folder}"
        return at_address(name, url, place, extras)
    if address and is_on_this_machine(address):
        return "", (left_path(name, address, place),)
    if address:
        return at_address(name, address, place, extras)
    findings = [
        value.finding("left", f"{shown(key)} of {name} is not known here", "see what pixi does with it")
        for key, value in place.items()
        if key not in _PYPI_KEYS
    ]
    if "index" in place:
        what = f"{name} is asked for at one index alone; a spec asks all of its indexes"
        findings.append(place.at("index").finding("changed", what))
    return with_extras(name, extras) + _release(place.text("version")), tuple(findings)


def _release(text: str) -> str:
    wish = text.strip()
    if wish in {"", "*"}:
        return ""
    return f"=={wish}" if wish[0].isdigit() else wish
