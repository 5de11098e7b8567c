"""An installed environment → `Draft`: a venv's or a conda environment's packages. Runs nothing."""

from __future__ import annotations

import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.importers.installed.conda import read_conda
from envbuild.importers.installed.distributions import (
    Distribution,
    distributions,
    python_of,
    site_packages,
    unread,
)
from envbuild.importers.model import Draft, Entry, Finding
from envbuild.importers.python.project_sources import WAY_OUT
from envbuild.importers.text.sources import hidden, refused, shown_path, source_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from envbuild.importers.model import Wishes

FORMAT = "installed environment"
_UNREAD = "which package and version this is cannot be read"
_NAME_IT = "name it under `pip.packages`, if it is in use"
ASKED = "asked for"
NEEDED = "what those need"
_SEEDS = frozenset({"pip", "setuptools", "wheel", "distribute"})
_ROOTS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", "mambaforge-pypy3", ".conda")
_ROOT_VARIABLES = ("MAMBA_ROOT_PREFIX", "CONDA_ROOT", "CONDA_PREFIX_1", "CONDA_PREFIX")


def read_prefix(prefix: Path, wishes: Wishes) -> Draft:
    """The draft of the environment at `prefix`. SpecError when there is no venv and no conda one."""
    file = shown_path(prefix)
    if not prefix.is_dir():
        what = "is no folder" if prefix.exists() else "there is no such environment"
        raise refused(file, what, "name its folder, or a conda environment by its name")
    try:
        if (prefix / "conda-meta").is_dir():
            draft = read_conda(prefix, wishes)
            packages = site_packages(prefix, draft.python)
            return _with_pip(draft, packages, prefix, conda=True) if packages else draft
        if (prefix / "pyvenv.cfg").is_file():
            return _venv(prefix)
    except PermissionError as error:
        raise refused(file, "may not be read by you", "ask its owner, or change its permissions") from error
    raise refused(file, "is neither a venv nor a conda environment", "it has no pyvenv.cfg and no conda-meta")


def find_prefix(text: str, environ: Mapping[str, str]) -> Path:
    """The folder of an environment that is named by its folder, or as conda and virtualenvwrapper do.

    SpecError when no environment, or several, have that name.
    """
    if Path(text).is_dir() or os.sep in text or text in {"", "."}:
        return Path(text)
    home = Path(environ.get("HOME") or "~").expanduser()
    found = list(
        dict.fromkeys(path.resolve() for path in _candidates(text, home, environ) if _is_living(path))
    )
    if not found:
        raise refused(text, "is neither a folder nor the name of an environment", "name its folder")
    if len(found) > 1:
        places = " and ".join(map(str, found))
        raise refused(text, f"is the name of {len(found)} environments: {places}", "name the folder of one")
    return found[0]


def _candidates(name: str, home: Path, environ: Mapping[str, str]) -> Iterable[Path]:
    known = home / ".conda" / "environments.txt"
    if known.is_file():
        for line in source_text(known).splitlines():
            if line.strip() and Path(line.strip()).name == name:
                yield Path(line.strip())
    roots = [Path(environ[key]) for key in _ROOT_VARIABLES if environ.get(key)]
    roots += [home / root for root in _ROOTS]
    roots += [Path("/opt/conda"), Path("/opt/miniforge3"), Path("/opt/miniconda3")]
    for root in roots:
        yield root / "envs" / name
        if name == "base" and (root / "envs").is_dir():
            yield root
    for folder in (environ.get("CONDA_ENVS_PATH") or environ.get("CONDA_ENVS_DIRS") or "").split(os.pathsep):
        if folder:
            yield Path(folder) / name
    yield Path(environ.get("WORKON_HOME") or home / ".virtualenvs") / name


def _is_living(path: Path) -> bool:
    return (path / "conda-meta").is_dir() or (path / "pyvenv.cfg").is_file()


def _by_pip(each: Distribution) -> bool:
    """Whether something other than conda put it into a conda environment."""
    return each.installer not in {"", "conda"} or bool(each.address)


def _venv(prefix: Path) -> Draft:
    file = shown_path(prefix / "pyvenv.cfg")
    lines = (line.partition("=") for line in source_text(prefix / "pyvenv.cfg").splitlines())
    settings = {key.strip().lower(): value.strip() for key, equals, value in lines if equals}
    said = settings.get("version_info") or settings.get("version") or ""
    version = re.match(r"\d+\.\d+", said)
    packages = site_packages(prefix, version[0] if version else "")
    findings: list[Finding] = []
    if settings.get("include-system-site-packages", "").lower() == "true":
        what = "the packages of the system, which it sees too, are not read"
        findings.append(
            Finding(kind="left", file=file, what=what, todo="name those in use under `pip.packages`")
        )
    if packages is None:
        what = "has no lib/python3.…/site-packages, so no package of it is read"
        findings.append(Finding(kind="left", file=shown_path(prefix), what=what, todo="make it anew"))
    draft = Draft(
        format=FORMAT,
        name=settings.get("prompt", "").strip("\"'()") or _name(prefix),
        python=version[0] if version else python_of(packages) if packages else "",
        findings=tuple(findings),
    )
    return _with_pip(draft, packages, prefix) if packages else draft


def _name(prefix: Path) -> str:
    """The folder's name, unless it is one that says nothing: then that of the project around it counts."""
    name = prefix.resolve().name
    return "" if name in {".venv", "venv", ".env", "env"} else name


def _with_pip(draft: Draft, packages: Path, prefix: Path, *, conda: bool = False) -> Draft:
    """The draft with distributions as exact pins, those that were asked for first; of a `conda` environment
    only what something else put there.
    """
    found = [each for each in distributions(packages) if not conda or _by_pip(each)]
    seeds = [each for each in found if each.name.lower() in _SEEDS]
    kept = [each for each in found if each not in seeds]
    direct = [each for each in kept if each.requested]
    others = [each for each in kept if not each.requested]
    findings = [
        Finding(kind="left", file=shown_path(prefix), key=shown_path(Path(name)), what=_UNREAD, todo=_NAME_IT)
        for name in unread(packages)
    ]
    entries: list[Entry] = []
    for title, group in ((ASKED, direct), (NEEDED, others)):
        heading = (title,) if direct and others else ()
        for each in group:
            text = _requirement(each, prefix, findings)
            if text:
                above, heading = heading, ()
                entries.append(Entry(text=text, above=above, file=shown_path(prefix), key=each.name))
    if seeds:
        names = ", ".join(f"{each.name} {each.version}" for each in seeds)
        what = f"{names}: not named, as by `pip freeze`"
        findings.append(Finding(kind="note", file=shown_path(prefix), what=what))
    return replace(draft, pip=tuple(entries), findings=(*draft.findings, *findings))


def _requirement(each: Distribution, prefix: Path, findings: list[Finding]) -> str:
    """`name==version`, or an address; "" for a folder of this machine, with a finding."""
    if not each.address:
        return f"{each.name}=={each.version}"
    if each.address.startswith("file:"):
        kind = "an editable folder" if each.editable else "a file or folder"
        last = hidden(each.address).rstrip("/").rpartition("/")[2]
        what = f"{each.name} {each.version} is installed from {kind} of this machine, {last!r}"
        findings.append(Finding(kind="left", file=shown_path(prefix), key=each.name, what=what, todo=WAY_OUT))
        return ""
    return f"{each.name} @ {each.address}"
