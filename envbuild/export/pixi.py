"""pixi.toml: exactly what was locked, or (from history) what the spec names. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.requirements import Requirement

from envbuild.conda.virtual import subdir_of
from envbuild.export.left import left_of
from envbuild.export.model import AS_LOCKED, Exported, Left
from envbuild.export.said import (
    channels,
    conda_wishes,
    ensure_lock,
    head,
    indexes,
    local_channels,
    pip_rows,
    pip_wishes,
)
from envbuild.lock.needs import MACHINES
from envbuild.lock.packages import without_credentials
from envbuild.spec.matchspec import parse_match

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.export.model import Source, Wishes
    from envbuild.lock.model import Lock

FILE = "pixi.toml"
_SAYS = frozenset({"python", "conda", "pip", "env"})
_USUAL = "linux/amd64"
_EXPANDED = re.compile(r'[$`"\\]')
"""pixi writes values into a shell script between double quotes."""


def export(source: Source, wishes: Wishes = AS_LOCKED) -> Exported:
    """The file. Raises LockError for an exact one without a lock."""
    import tomli_w

    lock = None if wishes.from_history else ensure_lock(source)
    left: list[Left] = []
    main, extra = indexes(source)
    options = ({"index-url": main} if main else {}) | ({"extra-index-urls": list(extra)} if extra else {})
    pip = _asked_pip(source, left) if lock is None else dict(_locked_pip(lock))
    data: dict[str, Any] = {
        "workspace": _workspace(source, left),
        "system-requirements": _system(source),
        "dependencies": _asked_conda(source) if lock is None else _locked_conda(source, lock),
        "pypi-options": options,
        "pypi-dependencies": pip,
        "activation": _activation(source, left),
    }
    told = {key: value for key, value in data.items() if value}
    if lock is not None and (lock.conda or lock.packages):
        left.append(Left(key="hashes", what="pixi takes them from channels and indexes when it locks"))
    left += (*local_channels(source), *left_of(source, _SAYS))
    text = head(source, left, locked=lock is not None) + "\n" + tomli_w.dumps(told)
    return Exported(files={FILE: text}, left=tuple(left))


def _workspace(source: Source, left: list[Left]) -> dict[str, Any]:
    platform = source.lock.platform if source.lock else _USUAL
    priority = source.spec.conda.priority if source.spec.conda else "strict"
    if priority == "flexible":
        left.append(Left(key="conda.priority", what="flexible: pixi knows strict and disabled alone"))
    return {
        "name": source.spec.name,
        "channels": list(channels(source)),
        "platforms": [subdir_of(platform)],
    } | ({"channel-priority": "disabled"} if priority == "disabled" else {})


def _system(source: Source) -> dict[str, Any]:
    """What pixi may count on besides channels: CUDA of the driver, glibc of the base image."""
    lock, spec = source.lock, source.spec
    cuda = (lock.cuda.get("version", "") if lock else "") or (spec.cuda.version if spec.cuda else "")
    found: dict[str, Any] = {"cuda": ".".join(cuda.split(".")[:2])} if cuda else {}
    if lock and lock.base.glibc:
        found["libc"] = {"family": "glibc", "version": lock.base.glibc}
    return found


def _locked_conda(source: Source, lock: Lock) -> dict[str, Any]:
    rows = sorted(lock.conda, key=lambda row: row.name)
    several = len(channels(source)) > 1
    found: dict[str, Any] = {}
    if not any(row.name == "python" for row in rows):
        found["python"] = f"=={lock.python.version}"
    for row in rows:
        channel = {"channel": row.channel} if several else {}
        found[row.name] = {"version": f"=={row.version}", "build": row.build} | channel
    return found


def _asked_conda(source: Source) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for text in conda_wishes(source):
        match = parse_match(text)
        table = {"version": _version(match.version, exact=bool(match.build))}
        table |= {"build": match.build} if match.build else {}
        table |= {"channel": match.channel} if match.channel else {}
        table |= {key.replace("_", "-"): value for key, value in match.more}
        found[match.name] = table["version"] if table.keys() == {"version"} else table
    return {"python": f"{source.spec.python}.*"} | found


def _version(text: str, *, exact: bool) -> str:
    """A MatchSpec's version as pixi's: `=1.2` is 1.2 and all 1.2.x, but 1.2 alone where a build follows."""
    if not text or text.strip("=") == "*":
        return "*"
    plain = re.fullmatch(r"=?([^=<>!~,|]+?)(\.?\*)?", text)
    if plain is None:
        return text
    return f"=={plain[1]}" if exact and not plain[2] else f"{plain[1]}.*"


def _locked_pip(lock: Lock) -> Iterator[tuple[str, Any]]:
    for row in pip_rows(lock):
        archive = row.get("archive")
        told = {"url": without_credentials(archive["url"])} if archive else f"=={row['version']}"
        yield row["name"], told


def _asked_pip(source: Source, left: list[Left]) -> dict[str, Any]:
    """The requirements by name; several of one name are joined, as all of them hold."""
    machine = _machine(source)
    found: dict[str, dict[str, Any]] = {}
    for text in pip_wishes(source):
        wish = Requirement(text)
        if wish.marker and not wish.marker.evaluate(machine):
            left.append(Left(key="pip", what=f"{text!r}, which does not apply here"))
            continue
        if wish.marker:
            left.append(Left(key="pip", what=f"the marker in {text!r}: pixi has none"))
        table = found.setdefault(wish.name, {"version": "", "extras": []})
        if wish.url:
            table["url"] = wish.url
        table["version"] = ",".join(part for part in (table["version"], str(wish.specifier)) if part)
        table["extras"] = sorted({*table["extras"], *wish.extras})
    return {name: _pypi(table) for name, table in found.items()}


def _pypi(table: dict[str, Any]) -> Any:
    """A requirement as pixi writes it: a version alone where there is nothing else."""
    told = {"url": table["url"]} if "url" in table else {"version": table["version"] or "*"}
    if table["extras"]:
        told["extras"] = table["extras"]
    return told["version"] if told.keys() == {"version"} else told


def _machine(source: Source) -> dict[str, str]:
    """What markers ask about, of the machine that the image is for."""
    python = source.lock.python.version if source.lock else source.spec.python
    return {
        "python_version": ".".join(python.split(".")[:2]),
        "python_full_version": python if python.count(".") == 2 else f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "os_name": "posix",
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": MACHINES.get(source.lock.platform if source.lock else _USUAL, "x86_64"),
        "extra": "",
    }


def _activation(source: Source, left: list[Left]) -> dict[str, Any]:
    kept = {}
    for name, value in source.spec.env:
        if _EXPANDED.search(value):
            what = f"{name}: pixi would let a shell expand its value"
            left.append(Left(key="env", what=what, todo="set it there"))
        else:
            kept[name] = value
    return {"env": kept} if kept else {}
