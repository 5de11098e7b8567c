"""Before a context is rendered: where this site takes conda packages from. Not pure.

Output: a `CondaSource`. Where no micromamba can be had, the environment is installed here by py-rattler, cut
into the plan's groups, and kept in the cache folder by what it was made from. Raises SiteError, LockError.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from envbuild.conda.source import LEAST, MICROMAMBA_IMAGE, PREFIX, CondaSource, version_of
from envbuild.errors import EngineError, LockError, RegistryError, SiteError
from envbuild.events import Notice, StepDone, StepFailed, StepStarted
from envbuild.files import cache_folder
from envbuild.lock.uv import runs_on
from envbuild.render.conda import conda_folders, conda_groups, staged_digest
from envbuild.render.templates import find_templates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from envbuild.conda.model import CondaRecord
    from envbuild.engine.engine import Engine
    from envbuild.events import Sink
    from envbuild.lock.model import Lock
    from envbuild.plan.model import Plan
    from envbuild.site.model import Site

STEP = "conda:stage"
KEPT = 4
"""How many staged environments stay in the cache folder."""

_SECONDS = 30
_SCRIPT = "scripts/conda.py"
_OF_THE_DISK = re.compile(r"\w*Error: \[Errno (\d+)\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """The packages of a plan and its lock, `folder` of the spec, at a site, for a platform; who listens.

    `connect` reaches the engine, and is called only where that decides.
    """

    plan: Plan
    lock: Lock
    folder: Path
    site: Site
    platform: str
    connect: Callable[[], Engine]
    sink: Sink


def conda_source(wanted: Wanted, *, share: bool = False) -> CondaSource:
    """The way of the site's `micromamba`, or for `share` the one that other people have, too."""
    if not wanted.plan.explicit:
        return CondaSource()
    way = "image" if share else wanted.site.micromamba
    if way == "auto":
        way = _found(wanted)
    if way == "rattler":
        return _staged(wanted)
    packages = local_packages(wanted.lock.conda, wanted.folder)
    if way == "image":
        return CondaSource(packages=packages)
    return CondaSource(how="binary", binary=Path(way), packages=packages)


def have_conda(wanted: Wanted, source: CondaSource) -> None:
    """Have all that `source` names of this machine: a context that is only looked at does without.

    Raises SiteError for a binary that does not do, LockError for packages that are gone or not installable.
    """
    if not wanted.plan.explicit:
        return
    if source.binary:
        check_micromamba(source.binary, wanted.platform)
    for record in wanted.lock.conda:
        path = source.packages.get(record.file)
        if path and not path.is_file():
            raise LockError(
                f"{record.exact}: {path}: the package that the lock names is not there",
                hint="put it back, or renew the lock: envbuild lock --upgrade",
            )
    if not all(path.is_file() for path in source.groups.values()):
        _stage_aloud(wanted, next(iter(source.groups.values())).parent)


def _found(wanted: Wanted) -> str:
    """`image` where the engine has micromamba's or its registry answers, else `rattler`, and a word why."""
    try:
        engine = wanted.connect()
        if engine.image(MICROMAMBA_IMAGE) is None:
            engine.remote_digest(MICROMAMBA_IMAGE, wanted.platform)
    except (EngineError, RegistryError) as error:
        text = "py-rattler installs the conda packages here, since micromamba's image cannot be had"
        wanted.sink(Notice(level="info", text=f"{text}: {error.message}"))
        return "rattler"
    return "image"


def check_micromamba(binary: Path, platform: str) -> Path:
    """The binary that the site names, if builds for `platform` can use it. Raises SiteError."""
    hint = "correct micromamba: in the site config, or say image or rattler there"
    if not runs_on(platform):
        raise SiteError(
            f"micromamba: {binary} is for this machine, and the image is for {platform}", hint=hint
        )
    try:
        ran = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=_SECONDS, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        why = error.strerror or str(error) if isinstance(error, OSError) else "it does not end"
        raise SiteError(f"micromamba: {binary} does not run: {why}", hint=hint) from error
    version = version_of(ran.stdout)
    if ran.returncode or not version:
        raise SiteError(f"micromamba: {binary} did not say its version", hint=hint)
    if version < LEAST:
        what = f"micromamba: {binary} is {ran.stdout.strip()}, which does not look at sha256"
        raise SiteError(what, hint=f"take {'.'.join(map(str, LEAST))} or later, or say image or rattler")
    return binary


def local_packages(records: Iterable[CondaRecord], folder: Path) -> dict[str, Path]:
    """File name → file, of packages in channels on this machine. `./` begins at `folder`, the spec's."""
    found = {}
    for record in records:
        if record.url.startswith("file:"):
            found[record.file] = Path(unquote(urlsplit(record.url).path))
        elif record.url.startswith("./"):
            found[record.file] = folder / unquote(record.url)
    return found


def _staged(wanted: Wanted) -> CondaSource:
    made_by = hashlib.sha256((find_templates() / _SCRIPT).read_bytes()).hexdigest()
    digest = hashlib.sha256(f"{staged_digest(wanted.plan)}\0{made_by}".encode()).hexdigest()
    folder = _room() / digest[:32]
    groups = {name: folder / f"{name}.tar" for name in conda_folders(wanted.plan)}
    return CondaSource(how="staged", groups=groups)


def _room() -> Path:
    return cache_folder() / "conda" / "staged"


def _stage_aloud(wanted: Wanted, folder: Path) -> None:
    begun = time.monotonic()
    wanted.sink(StepStarted(id=STEP, stage="build", name="conda packages, by py-rattler"))
    try:
        _stage(wanted, folder, find_templates() / _SCRIPT)
    except BaseException as error:
        reason = (str(error) or "stopped").splitlines()[0]
        wanted.sink(StepFailed(id=STEP, seconds=time.monotonic() - begun, reason=reason))
        raise
    count = f"{len(wanted.lock.conda)} packages"
    wanted.sink(StepDone(id=STEP, seconds=time.monotonic() - begun, detail=count))
    _forget_old()


def _forget_old() -> None:
    """Keep the environments that were staged last: each may have gigabytes."""
    with contextlib.suppress(OSError):  # another run may tidy up at the same time
        kept = [path for path in _room().iterdir() if not path.name.startswith(".")]
        for path in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(path, ignore_errors=True)


def _stage(wanted: Wanted, folder: Path, script: Path) -> None:
    """Install, cut into tars, and only then give the folder its name."""
    from envbuild.conda.install import alone, install_conda

    lock, environ = wanted.lock, os.environ
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            alone(folder.parent.with_name("staged.lock"), folder.parent),
            tempfile.TemporaryDirectory(dir=folder.parent, prefix=".part-") as name,
        ):
            if folder.exists():  # another run made it while this one waited
                return
            room = Path(name)
            install_conda(
                lock.conda,
                room / "env",
                site=wanted.site,
                platform=lock.platform,
                environ=environ,
                prefix=PREFIX,
                home=wanted.folder,
            )
            (room / "explicit.txt").write_text(wanted.plan.explicit, encoding="utf-8")
            (room / "groups.txt").write_text(conda_groups(wanted.plan), encoding="utf-8")
            (room / "tars").mkdir()
            _cut(script, room, environ)
            (room / "tars").rename(folder)
    except OSError as error:
        raise LockError(
            f"{folder.parent}: the conda packages cannot be installed there: {_said(error, folder.parent)}",
            hint="free some space, or name another cache folder: XDG_CACHE_HOME",
        ) from error


def _said(error: OSError, room: Path) -> str:
    """Why, and of which file, where that is none of the temporary ones in `room`. A copy has two."""
    why = error.strerror or str(error)
    elsewhere = error.filename and not error.filename2 and not Path(error.filename).is_relative_to(room)
    return f"{error.filename}: {why}" if elsewhere else why


def _cut(script: Path, room: Path, environ: Mapping[str, str]) -> None:
    """The same program as in a stage of a build divides the environment."""
    command = [sys.executable, "-I", "-B", "-S", str(script), str(room / "env")]
    command += ["--list", str(room / "explicit.txt"), "--groups", str(room / "groups.txt")]
    command += ["--packages", str(cache_folder(environ) / "conda" / "pkgs"), "--tars", str(room / "tars")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if ran.returncode:
        last = (ran.stderr.strip().splitlines() or ["no reason given"])[-1]
        if disk := _OF_THE_DISK.match(last):
            raise OSError(int(disk[1]), os.strerror(int(disk[1])))
        raise LockError(
            f"the conda packages cannot be divided into layers: {last.removeprefix('envbuild: ')}"
        )
