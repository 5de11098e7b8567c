"""py-rattler in a process of its own: a job (JSON) on standard input → an answer (a line of JSON) on output.

Stands alone: it is run as a file, and imports nothing of envbuild's. A process of its own, because py-rattler
0.28 crashes now and then while an interpreter ends (4 of 25 runs, 2026-11-21), holds the records of a large
channel until then, and reads CA bundle and proxies from its process's variables. Its parent reads the answer
and ends it. The jobs are made in `solve.py` and `install.py`.
"""

from __future__ import annotations

import asyncio
import ctypes
import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from rattler import Client, Gateway, MatchSpec, RepoDataRecord

OTHERS = ("linux-64", "linux-aarch64", "osx-arm64", "osx-64", "win-64")
MOST = 400  # candidates of one name that an answer tells about
ELSEWHERE = 5.0  # seconds for looking at other platforms, which only makes a message better

Job = dict[str, Any]


def main() -> None:
    """Do the job, answer. What goes wrong is an answer too: `{"failed": class, "text": …}`."""
    job: Job = json.load(sys.stdin)
    if not ends_with(job["parent"]):
        return
    try:
        answer = asyncio.run({"solve": solve, "install": install}[job["do"]](job))
    except Exception as error:  # noqa: BLE001  the parent knows what to say of each
        answer = {"failed": type(error).__name__, "text": str(error)}
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def ends_with(parent: int) -> bool:
    """End when the process `parent` does, even if it is killed: nobody waits for the answer then.

    False if it has ended already.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    return os.getppid() == parent


async def solve(job: Job) -> dict[str, Any]:
    """The records, or why there are none.

    `{"records": […]}`, `{"unsolvable": text, …}` with what the channels do have, `{"changed": […]}` for pins
    that are another file by now, or `{"failed": …, "source": …}`.
    """
    from rattler import Gateway
    from rattler.exceptions import GatewayError, SolverError

    gateway = Gateway(cache_dir=Path(job["cache"]), client=client_for(job))
    try:
        kept, changed = await pinned(gateway, job)
        if changed:
            return {"changed": changed}
        found = await answer_of(gateway, kept, job)
    except SolverError as error:
        return {"unsolvable": str(error), **await around(gateway, job)}
    except GatewayError as error:
        return {"failed": "GatewayError", "text": str(error), "source": await faulty(gateway, job)}
    return {"records": [row_of(record) for record in found]}


async def answer_of(gateway: Gateway, kept: list[RepoDataRecord], job: Job) -> list[RepoDataRecord]:
    """The solver's answer.

    Sorted, because of several best answers it gives the one that it looks for first. Every name is asked for
    twice, alone and with its conditions: py-rattler leaves out what does not fit before it looks at
    priorities, so that a later channel could bring a package that the first one has.
    """
    import datetime

    from rattler import ChannelPriority, GenericVirtualPackage, MatchSpec, PackageName, Version
    from rattler import solve as ask
    from rattler.package import BuildString

    specs = [MatchSpec(text) for text in sorted(set(job["specs"]))]
    names = sorted({name_of(spec) for spec in specs})
    return await ask(
        sources=job["sources"],
        specs=[*(MatchSpec(name) for name in names), *specs],
        gateway=gateway,
        platforms=[job["subdir"], "noarch"],
        locked_packages=kept,
        virtual_packages=[
            GenericVirtualPackage(PackageName(name), Version(version), BuildString(build))
            for name, version, build in job["virtual"]
        ],
        timeout=datetime.timedelta(seconds=job["seconds"]),
        channel_priority=ChannelPriority[job["priority"].capitalize()],
        constraints=[MatchSpec(text) for text in job["constraints"]],
        channel_relations="disabled",
    )


async def faulty(gateway: Gateway, job: Job) -> str:
    """The first source that fails alone, "" for none."""
    if len(job["sources"]) == 1:
        return str(job["sources"][0])
    for source in job["sources"]:
        try:
            await gateway.query([source], [job["subdir"], "noarch"], ["python"], recursive=False)
        except Exception:  # noqa: BLE001  whatever it is: it is this one's
            return str(source)
    return ""


def client_for(job: Job) -> Client:
    """A client with the job's mirrors and logins; it knows no keychain and no file of the user's."""
    from rattler import Client
    from rattler.networking.middleware import AddHeadersMiddleware, MirrorMiddleware, RetryMiddleware

    return Client(
        [
            RetryMiddleware(job["retries"]),
            MirrorMiddleware({old: [new] for old, new in job["mirrors"]}),
            AddHeadersMiddleware(headers_of(job["logins"])),
        ],
        user_agent="envbuild",
    )


def headers_of(logins: list[tuple[str, str, str]]) -> Callable[[str, str], dict[str, str] | None]:
    """host, path of a request → the login's header; `logins`: host, path, header, the longest path first."""

    def headers(host: str, path: str) -> dict[str, str] | None:
        for known, prefix, value in logins:
            if host == known and f"{path}/".startswith(f"{prefix}/"):
                return {"Authorization": value}
        return None

    return headers


async def pinned(gateway: Gateway, job: Job) -> tuple[list[RepoDataRecord], list[dict[str, str]]]:
    """The job's pins that the channels still have, and those that are another file by now."""
    pins = {pin["url"]: pin["sha256"] for pin in job["pins"]}
    if not pins:
        return [], []
    names = sorted({pin["name"] for pin in job["pins"]})
    found = await query(gateway, job, names, [job["subdir"], "noarch"])
    kept, changed = [], []
    for record in (record for source in found for record in source):
        if record.url not in pins:
            continue
        if not record.sha256 or record.sha256.hex() == pins[record.url]:
            kept.append(record)
        else:
            changed.append({"name": record.name.normalized, "url": record.url})
    return kept, changed


async def query(
    gateway: Gateway, job: Job, names: list[str], subdirs: list[Any]
) -> list[list[RepoDataRecord]]:
    """All records of those names, one list for each source."""
    return await gateway.query(job["sources"], subdirs, names, recursive=False, channel_relations="disabled")


async def around(gateway: Gateway, job: Job) -> dict[str, Any]:
    """What the channels have of the names asked for.

    known      for each of the job's specs: rows (source's number, version, build, fits the spec, needs
               __cuda, fits the Python asked for, Pythons X.Y that it is for), the newest first
    near       name that no channel has → the nearest that one has
    elsewhere  name that no channel has for this platform → platforms that have it
    """
    from rattler import MatchSpec

    specs = [MatchSpec(text) for text in job["specs"]]
    names = [name_of(spec) for spec in specs]
    found = await query(gateway, job, sorted({"python", *names}), [job["subdir"], "noarch"])
    every = [record for records in found for record in records]
    every.sort(key=lambda record: (record.version, record.build_number, str(record.build)), reverse=True)
    numbers = {source.rstrip("/"): number for number, source in enumerate(job["sources"])}
    pythons = [record for record in every if record.name.normalized == "python"]
    wanted = [record for record in pythons if specs[0].matches(record)]
    fits = Fits(pythons)
    known = []
    for spec, name in zip(specs, names, strict=True):
        rows: list[list[Any]] = []
        for record in (record for record in every if record.name.normalized == name):
            number = numbers.get(record.channel.rstrip("/"), 0)
            row = [number, str(record.version), str(record.build), spec.matches(record), needs_cuda(record)]
            rows.append([*row, bool(fits.minors(record, wanted)), fits.minors(record, pythons)])
        known.append(rows[:MOST])
    missing = sorted({name for name, rows in zip(names, known, strict=True) if not rows})
    return {
        "known": known,
        "near": await nearest(gateway, missing, job) if missing else {},
        "elsewhere": await other_platforms(gateway, missing, job) if missing else {},
    }


class Fits:
    """Which Pythons a build is for, by what it says of `python`."""

    def __init__(self, pythons: list[RepoDataRecord]) -> None:
        self._known: dict[str, set[str]] = {}
        self._pythons = pythons

    def minors(self, record: RepoDataRecord, among: list[RepoDataRecord]) -> list[str]:
        """Those of `among` (X.Y) that the build allows, the oldest first."""
        left = {minor_of(python) for python in among}
        for depend in record.depends:
            if depend.startswith(("python ", "python[")):
                left &= self._allowed(depend)
        return sorted(left, key=lambda minor: [int(part) for part in minor.split(".")])

    def _allowed(self, depend: str) -> set[str]:
        from rattler import MatchSpec

        if depend not in self._known:
            spec = MatchSpec(depend)
            self._known[depend] = {minor_of(python) for python in self._pythons if spec.matches(python)}
        return self._known[depend]


def minor_of(record: RepoDataRecord) -> str:
    """X.Y of a Python."""
    return ".".join(str(record.version).split(".")[:2])


def needs_cuda(record: RepoDataRecord) -> bool:
    """Whether a build asks for `__cuda` itself."""
    return any(depend.partition(" ")[0] == "__cuda" for depend in record.depends)


def name_of(spec: MatchSpec) -> str:
    """The package that a MatchSpec is about."""
    return str(spec.name.normalized)


async def nearest(gateway: Gateway, missing: list[str], job: Job) -> dict[str, str]:
    """For each name the one most like it that a channel has, if one is alike."""
    import difflib

    every = [
        name.normalized
        for name in await gateway.names(
            job["sources"], [job["subdir"], "noarch"], channel_relations="disabled"
        )
    ]
    plain = {bare(name): name for name in sorted(every, reverse=True)}
    found = {}
    for name in missing:
        if same := plain.get(bare(name)):
            found[name] = same
            continue
        alike = [other for other in every if abs(len(other) - len(name)) <= 2 + len(name) // 4]
        close = difflib.get_close_matches(name, sorted(alike), n=1, cutoff=0.75)
        found |= {name: close[0]} if close else {}
    return found


def bare(name: str) -> str:
    """A name without what people mix up."""
    return name.lower().replace("-", "").replace("_", "").replace(".", "")


async def other_platforms(gateway: Gateway, missing: list[str], job: Job) -> dict[str, list[str]]:
    """The platforms that have what this one lacks; nothing where asking takes too long or fails."""
    found: dict[str, list[str]] = {}
    for subdir in (name for name in OTHERS if name != job["subdir"]):
        try:
            async with asyncio.timeout(ELSEWHERE / len(OTHERS)):
                rows = await query(gateway, job, missing, [subdir])
        except Exception:  # noqa: BLE001, S112  a channel need not have that platform
            continue
        for name in sorted({record.name.normalized for records in rows for record in records}):
            found.setdefault(name, []).append(subdir)
    return found


def row_of(record: RepoDataRecord) -> dict[str, Any]:
    """What the parent wants of a record."""
    noarch = "" if record.noarch.none else "python" if record.noarch.python else "generic"
    return {
        "name": record.name.normalized,
        "version": str(record.version),
        "build": str(record.build),
        "subdir": record.subdir,
        "url": record.url,
        "sha256": record.sha256.hex() if record.sha256 else "",
        "md5": record.md5.hex() if record.md5 else "",
        "size": record.size,
        "depends": list(record.depends),
        "noarch": noarch,
    }


async def install(job: Job) -> dict[str, Any]:
    """Install the job's records into its folder, for its prefix; `{}` when all is there."""
    from rattler import RepoDataRecord
    from rattler import install as link
    from rattler.package import BuildString, NoArchType
    from rattler.platform import Subdir
    from rattler.repo_data import PackageRecord

    records = []
    for row in job["records"]:
        record = PackageRecord(
            name=row["name"],
            version=row["version"],
            build=BuildString(row["build"]),
            build_number=0,
            subdir=row["subdir"],
            noarch=NoArchType(row["noarch"] or None),
            depends=row["depends"],
            sha256=bytes.fromhex(row["sha256"]),
            md5=bytes.fromhex(row["md5"]) if row["md5"] else None,
            size=row["size"],
        )
        file = row["url"].rpartition("/")[2]
        records.append(RepoDataRecord(record, file, row["url"], row["channel"]))
    await link(
        records,
        target_prefix=job["folder"],
        alternative_target_prefix=job["prefix"],
        cache_dir=Path(job["cache"]),
        platform=Subdir(job["subdir"]),
        execute_link_scripts=False,
        show_progress=False,
        client=client_for(job),
        installed_packages=[],
    )
    return {}


if __name__ == "__main__":
    main()
