"""One PEP 508 requirement: text → its normalised name, or `Bad` with what to write instead. Pure.

Plain requirements (`name[extra]>=1.2,<2`) are recognised by a pattern, which spares a run the 30 ms that
importing packaging takes; packaging decides on all others. A test holds both to the same answers.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from envbuild.spec import grammar
from envbuild.spec.words import Bad, shown

_LONGEST = 2000
_NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?"
_NUMBER = r"[0-9]{1,9}(?:\.[0-9]{1,9})*"
_CLAUSE = rf"(?:(?:==|!=|>=|<=|>|<) *{_NUMBER}|~= *[0-9]{{1,9}}(?:\.[0-9]{{1,9}})+|[=!]= *{_NUMBER}\.\*)"
_SIMPLE = re.compile(rf"({_NAME}) *(?:\[ *{_NAME}(?: *, *{_NAME})* *\])? *(?:{_CLAUSE}(?: *, *{_CLAUSE})*)?")

_VCS = re.compile(r"(git|hg|svn|bzr)(\+[a-z]+)?:|.*@\s*(git|hg|svn|bzr)\+", re.IGNORECASE)
_URL = re.compile(r"https?://", re.IGNORECASE)
_FILE_ENDINGS = (".whl", ".tar.gz", ".zip", ".txt", ".toml", ".cfg")
_RELEASE = "write a release such as name==1.2, or `name @ https://…` of an archive"


def requirement_name(text: str) -> str:
    """The normalised name of the requirement in `text`; Bad when it is none that a lock can hold."""
    stripped = text.strip(" \t")
    if "\n" in stripped or "\r" in stripped:
        raise Bad(f"{shown(text)} is more than one line", "write one requirement per item")
    grammar.check_line(stripped.replace("\t", " "), "requirement")
    if len(stripped) > _LONGEST:
        raise Bad(f"{shown(text)} is longer than {_LONGEST} characters", "shorten it")
    if match := _SIMPLE.fullmatch(stripped):
        if match[1].lower().endswith(_FILE_ENDINGS):
            _refuse_foreign(stripped)
        return normalise(match[1])
    _refuse_foreign(stripped)
    return _by_packaging(stripped)


def normalise(name: str) -> str:
    """A package's name as indexes compare it: lower case, runs of - _ . are one -."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _refuse_foreign(text: str) -> None:
    """What pip would take but is no PEP 508 requirement, or cannot be locked."""
    if not text:
        raise Bad("the requirement is empty", "remove it")
    if text.startswith("-"):
        raise Bad(
            f"{shown(text)} is an option, no requirement", "see `pip:` in docs/spec.md for what can be set"
        )
    if _VCS.match(text):
        raise Bad(f"{shown(text)} is a version control address, which has no hash to lock", _RELEASE)
    if _URL.match(text):
        raise Bad(f"{shown(text)} is an address without a name", f"write {shown('name @ ' + text)}")
    bare = text.split(";")[0].split("#")[0].strip()
    if (
        bare.startswith((".", "/", "~/", "file:"))
        or "\\" in bare
        or "/" in bare.split("@")[0]
        or (bare.lower().endswith(_FILE_ENDINGS) and "@" not in bare)
    ):
        raise Bad(
            f"{shown(text)} is a path on this machine",
            "name a release, and bring sources with `copy:` and `run:`",
        )


def _by_packaging(text: str) -> str:
    from packaging.requirements import InvalidRequirement, Requirement

    try:
        parsed = Requirement(text)
    except InvalidRequirement as error:
        reason = str(error).splitlines()[0].rstrip(".:")
        raise Bad(
            f"{shown(text)} is no requirement: {reason[:1].lower()}{reason[1:]}", "write it as PEP 508 says"
        ) from error
    if parsed.url is not None:
        _check_url(text, parsed.url)
    return normalise(parsed.name)


def _check_url(text: str, url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme.lower() not in {"http", "https"} or not host:
        raise Bad(f"{shown(text)} does not lie at an http or https address", _RELEASE)
    if "@" in parts.netloc:
        raise Bad("the address holds a user name or a password", "put credentials into the site config")
    if "$" in url:
        raise Bad(f"{shown(text)} holds a $: variables are not replaced in a spec", "write the address out")
