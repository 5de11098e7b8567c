"""conda channels of tiny packages in the real formats, as folders: `make_channel(folder, packages)`.

What they hold is a stand-in; their archives and the channel's index are real.
"""

import bz2
import hashlib
import io
import json
import struct
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

TIME = 1_700_000_000  # seconds: of every file, and of every package's timestamp


@dataclass(frozen=True, kw_only=True)
class Package:
    """One package. `files`: path in the prefix → bytes, or a str: where a symbolic link points.

    noarch  "", `generic` or `python` (its modules then lie below `site-packages/`)
    way     the archive's format
    """

    name: str
    version: str
    build: str = "0"
    number: int = 0
    depends: tuple[str, ...] = ()
    constrains: tuple[str, ...] = ()
    files: Mapping[str, bytes | str] = field(default_factory=dict)
    executable: tuple[str, ...] = ()
    noarch: str = ""
    entry_points: tuple[str, ...] = ()
    subdir: str = "linux-64"
    way: Literal["tar.bz2", "conda"] = "tar.bz2"
    license: str = "MIT"

    @property
    def folder(self) -> str:
        return "noarch" if self.noarch else self.subdir

    @property
    def file(self) -> str:
        return f"{self.name}-{self.version}-{self.build}.{self.way}"

    @property
    def index(self) -> dict[str, Any]:
        """info/index.json."""
        row: dict[str, Any] = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": self.number,
            "depends": list(self.depends),
            "constrains": list(self.constrains),
            "subdir": self.folder,
            "license": self.license,
            "timestamp": TIME * 1000,
        }
        return row | ({"noarch": self.noarch} if self.noarch else {})


def package_bytes(package: Package) -> bytes:
    """The archive: the same package gives the same bytes."""
    info = {name: data.encode() for name, data in _info(package).items()}
    if package.way == "tar.bz2":
        return bz2.compress(_tar(package, {**info, **package.files}))
    stem = package.file.removesuffix(".conda")
    parts = {
        "metadata.json": b'{"conda_pkg_format_version": 2}',
        f"pkg-{stem}.tar.zst": zstd(_tar(package, package.files)),
        f"info-{stem}.tar.zst": zstd(_tar(package, info)),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in parts.items():
            archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
    return buffer.getvalue()


def zstd(data: bytes) -> bytes:
    """A zstd frame of raw blocks (RFC 8878): valid, and not compressed."""
    blocks = [data[start : start + 0x10000] for start in range(0, len(data), 0x10000)] or [b""]
    frame = b"\x28\xb5\x2f\xfd" + b"\xa0" + struct.pack("<I", len(data))
    for number, block in enumerate(blocks):
        last = number == len(blocks) - 1
        frame += (len(block) << 3 | last).to_bytes(3, "little") + block
    return frame


def _info(package: Package) -> dict[str, str]:
    rows = []
    for path, data in sorted(package.files.items()):
        if isinstance(data, str):
            row = {"_path": path, "path_type": "softlink", "sha256": hashlib.sha256(b"").hexdigest()}
            rows.append(row | {"size_in_bytes": 0})
            continue
        row = {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest()}
        if PLACEHOLDER.encode() in data:
            row |= {"file_mode": "text", "prefix_placeholder": PLACEHOLDER}
        rows.append(row | {"size_in_bytes": len(data)})
    found = {
        "info/index.json": json.dumps(package.index),
        "info/paths.json": json.dumps({"paths": rows, "paths_version": 1}),
        "info/files": "".join(f"{path}\n" for path in sorted(package.files)),
    }
    if package.noarch == "python":
        link = {"noarch": {"type": "python", "entry_points": list(package.entry_points)}}
        found["info/link.json"] = json.dumps(link | {"package_metadata_version": 1})
    return found


PLACEHOLDER = "/opt/placehold_placehold_placehold_placehold"
"""What a file says where its prefix belongs: an install puts the real one there."""


def _tar(package: Package, files: Mapping[str, bytes | str]) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for path, data in sorted(files.items()):
            member = tarfile.TarInfo(path)
            member.mtime = TIME
            runs = path.startswith("bin/") or path in package.executable
            member.mode = 0o755 if runs else 0o644
            if isinstance(data, str):
                member.type, member.linkname = tarfile.SYMTYPE, data
                archive.addfile(member)
            else:
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    return raw.getvalue()


def make_channel(folder: Path, packages: Iterable[Package], *, subdirs: Iterable[str] = ()) -> str:
    """Write a channel of `packages` to `folder`, in the order given; returns its file:// URL.

    It has `noarch`, `linux-64` and whatever else the packages and `subdirs` name.
    """
    rows: dict[str, dict[str, Any]] = {
        name: {
            "info": {"subdir": name},
            "packages": {},
            "packages.conda": {},
            "removed": [],
            "repodata_version": 1,
        }
        for name in ("noarch", "linux-64", *subdirs)
    }
    for package in packages:
        data = package_bytes(package)
        known = rows.setdefault(
            package.folder,
            {"info": {"subdir": package.folder}, "packages": {}, "packages.conda": {}, "repodata_version": 1},
        )
        place = folder / package.folder / package.file
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)
        known["packages" if package.way == "tar.bz2" else "packages.conda"][package.file] = {
            **package.index,
            "md5": hashlib.md5(data).hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
    for name, row in rows.items():
        write_repodata(folder / name, row)
    return folder.resolve().as_uri()


def write_repodata(folder: Path, row: Mapping[str, Any]) -> None:
    """Write repodata.json of one subdir."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "repodata.json").write_text(json.dumps(row), encoding="utf-8")


def change_repodata(channel: Path, subdir: str, file: str, **changes: Any) -> None:
    """Say something else of one file than its channel did; None takes a key away."""
    path = channel / subdir / "repodata.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    rows = data["packages"] if file in data["packages"] else data["packages.conda"]
    rows[file].update(changes)
    for key in [key for key, value in changes.items() if value is None]:
        del rows[file][key]
    write_repodata(path.parent, data)
