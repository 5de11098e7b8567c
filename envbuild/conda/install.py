"""Installs locked conda packages by py-rattler into a staging folder, for another final prefix.

Used where no micromamba can be had. Every file's sha256 is checked: those from the network by py-rattler,
those from folders here, because py-rattler 0.28 believes a local file whatever its hash. Nothing half-made
stays.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from envbuild.conda.ask import ask, need_rattler
from envbuild.conda.channels import folder_of
from envbuild.conda.explicit import check_record, in_order
from envbuild.conda.place import mirrored
from envbuild.conda.trouble import not_installed, tampered
from envbuild.conda.virtual import subdir_of
from envbuild.errors import LockError
from envbuild.files import cache_folder

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from envbuild.conda.model import CondaRecord
    from envbuild.site.model import Site

LONGEST = 1800
"""Seconds that downloads and linking have together."""

LATEST = 315619200
"""1980-01-02, seconds: what an install wrote itself gets this time, as files in a build context do."""

_OF_THE_MACHINE = ("extracted_package_dir", "link", "package_tarball_full_path", "requested_specs")


def install_conda(
    records: Sequence[CondaRecord],
    folder: Path,
    *,
    site: Site,
    platform: str,
    environ: Mapping[str, str],
    prefix: str = "/opt/env",
    home: Path | None = None,
) -> None:
    """Install `records` into `folder`, which is not there yet, as if it lay at `prefix`.

    The same records give the same files: the history is empty, conda-meta names nothing of this machine, what
    the install wrote has one time. Packages' link scripts are not run. URLs that begin with `./` start from
    `home`, the spec's folder.

    Raises LockError for a record that cannot be trusted, a file that is not what the lock says or is gone,
    and channels that fail; OSError for the disk.
    """
    need_rattler()
    for record in records:
        check_record(record, platform)
    if not folder.is_absolute() or folder.exists():
        raise ValueError(
            f"{folder}: an absolute path is wanted where nothing is"
        )  # scripts would point there
    packages = cache_folder(environ) / "conda" / "pkgs"
    packages.mkdir(parents=True, exist_ok=True)
    with (
        alone(packages.parent / "install.lock", packages),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as name,
    ):
        room = Path(name)
        job = {
            "do": "install",
            "records": [
                _row(record, _verified(record, room, packages, site, home)) for record in in_order(records)
            ],
            "folder": str(room / "env"),
            "prefix": prefix,
            "subdir": subdir_of(platform),
            "cache": str(packages),
        }
        answer = ask(job, site=site, environ=environ, seconds=LONGEST)
        if "failed" in answer:
            raise not_installed(answer["text"], records, site)
        _normalise(room / "env", records)
        (room / "env").rename(folder)


def _row(record: CondaRecord, url: str) -> dict[str, Any]:
    return {**asdict(record), "url": url, "channel": url.rsplit("/", 2)[0]}


def _verified(record: CondaRecord, room: Path, packages: Path, site: Site, home: Path | None) -> str:
    """The URL that py-rattler is given: the canonical one, or that of a copy whose hash was checked.

    What was unpacked of such a file before is thrown away, as nobody remembers its hash.
    """
    place = mirrored(record.url, site)
    if place.startswith("http"):
        return record.url
    if place.startswith("./") and home is None:
        raise LockError(f"{record.url}: nobody said which folder the channel lies in")
    source = folder_of(place, home or Path())
    copy = room / record.subdir / record.file
    copy.parent.mkdir(exist_ok=True)
    try:
        shutil.copyfile(source, copy)
    except FileNotFoundError as error:
        raise LockError(
            f"{record.exact}: {source}: the package that the lock names is not there",
            hint="put it back, or renew the lock: envbuild lock --upgrade",
        ) from error
    with copy.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != record.sha256:
        raise tampered(record, found)
    stem = record.file.removesuffix(".conda").removesuffix(".tar.bz2")
    shutil.rmtree(packages / stem, ignore_errors=True)
    (packages / f"{stem}.lock").unlink(missing_ok=True)
    return copy.as_uri()


@contextlib.contextmanager
def alone(lock: Path, folder: Path) -> Iterator[None]:
    """Hold `lock`, which whoever works in `folder` holds: one at a time.

    What begins with a dot in `folder` is half-made things of runs that were killed, and goes.
    """
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for left in [path for path in folder.iterdir() if path.name.startswith(".") and path.is_dir()]:
            shutil.rmtree(left, ignore_errors=True)
        yield


def _normalise(prefix: Path, records: Sequence[CondaRecord]) -> None:
    meta = prefix / "conda-meta"
    for record in records:
        path = meta / f"{record.file.removesuffix('.conda').removesuffix('.tar.bz2')}.json"
        data = json.loads(path.read_text(encoding="utf-8"))
        for key in _OF_THE_MACHINE:
            data.pop(key, None)
        data |= {"url": record.url, "channel": record.url.rsplit("/", 2)[0]}
        path.write_text(json.dumps(data, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    meta.mkdir(exist_ok=True)
    (meta / "history").write_text("", encoding="utf-8")
    (prefix / "CACHEDIR.TAG").unlink(missing_ok=True)
    for folder, folders, files in os.walk(prefix, topdown=False):
        for name in [*files, *folders]:
            status = os.lstat(Path(folder) / name)
            if status.st_mtime > LATEST and (status.st_nlink == 1 or name in folders):
                os.utime(Path(folder) / name, (LATEST, LATEST), follow_symlinks=False)
    os.utime(prefix, (LATEST, LATEST))
