"""Specs and locks made by hand, for tests of planning and rendering."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from envbuild.conda.model import CondaRecord
from envbuild.lock.model import Lock, LockedApt, LockedBase, LockedPackage, LockedPython
from envbuild.plan.make import make_plan
from envbuild.plan.model import Plan
from envbuild.render.copies import read_copies
from envbuild.render.model import BuildContext
from envbuild.render.render import render
from envbuild.spec.model import ImageName, Spec, SpecSource

TEMPLATES = Path(__file__).parents[2] / "dockerfiles"
DIGEST = "sha256:" + "ab" * 32
LOCK_TEXT = "# the text of the lock\n"


def package(
    name: str, version: str = "1.0", size: int | None = None, *, source: bool = False
) -> LockedPackage:
    file = f"{name}-{version}.tar.gz" if source else f"{name}-{version}-py3-none-any.whl"
    return LockedPackage(name=name, version=version, file=file, size=size, from_source=source)


def document(packages: Iterable[LockedPackage]) -> dict[str, Any]:
    """A PEP 751 document of `packages`, as parsed from TOML."""
    rows = []
    for item in packages:
        url = f"https://index.example/{item.file}"
        table = {"url": url, "hashes": {"sha256": f"{len(item.file):064x}"}}
        table |= {} if item.size is None else {"size": item.size}
        kind: dict[str, Any] = {"sdist": table} if item.from_source else {"wheels": [table]}
        rows.append({"name": item.name, "version": item.version, **kind})
    return {
        "lock-version": "1.0",
        "created-by": "uv",
        "requires-python": ">=3.11",
        "packages": rows,
        "tool": {"envbuild": {"format": 1}},
    }


def spec(folder: Path = Path("/specs"), text: str = "name: env\n", **fields: Any) -> Spec:
    source = SpecSource(path=folder / "spec.yml", text=text, digest=DIGEST, lines=fields.pop("lines", {}))
    given = {"name": "env", "python": "3.11", "source": source, "image": ImageName(repository="env")}
    return Spec(**{**given, **fields})


def lock(packages: Iterable[LockedPackage] = (), **fields: Any) -> Lock:
    packages = tuple(packages)
    given = {
        "name": "env",
        "platform": "linux/amd64",
        "inputs": {},
        "base": LockedBase(reference="debian:bookworm-slim", digest=DIGEST),
        "python": LockedPython(
            version="3.11.2", source="base", request="/usr/bin/python3.11", reason="it is there"
        ),
        "packages": tuple(sorted(packages, key=lambda item: item.name)),
        "document": document(packages),
        "tools": {"uv": "0.13.0"},
        "digest": DIGEST,
    }
    return Lock(**{**given, **fields})


def conda_record(
    name: str,
    version: str = "1.0",
    build: str = "0",
    subdir: str = "linux-64",
    size: int | None = None,
    depends: Iterable[str] = (),
) -> CondaRecord:
    return CondaRecord(
        name=name,
        version=version,
        build=build,
        subdir=subdir,
        channel="conda-forge",
        url=f"https://conda.example/forge/{subdir}/{name}-{version}-{build}.conda",
        sha256=f"{sum(map(ord, name + version + build)):064x}",
        size=size,
        depends=tuple(depends),
    )


def lock_of(told: Mapping[str, Any]) -> Lock:
    """A lock from the short form of tests/golden: lists instead of objects."""
    return lock(
        [package(*row[:3], source=row[3:] == ["source"]) for row in told.get("packages", [])],
        name=told["name"],
        platform=told.get("platform", "linux/amd64"),
        base=LockedBase(**told["base"]),
        python=LockedPython(**told["python"]),
        apt=tuple(
            LockedApt(name=name, version=version, size=size, requested=True)
            for name, version, size in told.get("apt", [])
        ),
        apt_resolved=told.get("apt_resolved", True),
        conda=tuple(sorted((conda_record(*row) for row in told.get("conda", [])), key=lambda row: row.name)),
        cuda=told.get("cuda", {}),
    )


def planned(spec_: Spec | None = None, lock_: Lock | None = None, budget: int = 40) -> Plan:
    return make_plan(spec_ or spec(), lock_ or lock(), lock_text=LOCK_TEXT, version="1.2.3", budget=budget)


def rendered(spec_: Spec | None = None, lock_: Lock | None = None) -> BuildContext:
    chosen = spec_ or spec()
    plan = planned(chosen, lock_)
    return render(plan, TEMPLATES, copies=read_copies(chosen), line_of=chosen.source.line_of)
