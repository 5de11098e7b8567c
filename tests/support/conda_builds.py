"""Builds of conda packages for tests: locks made by hand from channels of tiny packages, and looks inside."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from envbuild.conda.model import CondaRecord
from envbuild.engine.engine import Engine
from envbuild.engine.model import BuiltImage
from envbuild.engine.prepare import build_request
from envbuild.lock.model import Lock, LockedBase, LockedPackage, LockedPython
from envbuild.plan.model import CondaLayer, Plan
from envbuild.plan.weights import MB
from envbuild.render.model import BuildContext
from envbuild.site.model import Site
from support import planned
from support.conda import PLACEHOLDER, Package, make_channel
from support.conda_packages import pure, python

STANDIN = Path(__file__).with_name("micromamba_standin.py")
"""Not micromamba: see there."""
SIZES = {"libcublas": 400 * MB, "libtorch": 120 * MB, "arrays": 8 * MB}
"""What the locks say of packages that are tiny in truth, so that they come into groups of their own."""


def packages(version: str, light: str = "1.0") -> tuple[Package, ...]:
    """An environment with a link to the system's Python `version`, and packages heavy and light."""
    short = ".".join(version.split(".")[:2])
    site = f"lib/python{short}/site-packages"
    cublas: dict[str, bytes | str] = {
        "lib/libcublas.so.12.4": b"\x7fELF, heavy\n" * 500,
        "lib/libcublas.so": "libcublas.so.12.4",
        "include/cublas/cublas.h": b"/* cublas */\n",
    }
    torch: dict[str, bytes | str] = {
        f"{site}/heavily/__init__.py": b"from heavily.lib import heavy\n",
        f"{site}/heavily/lib.py": b"heavy = True\n",
        "share/cmake/Torch.cmake": f"set(PREFIX {PLACEHOLDER})\n".encode(),
    }
    lightly: dict[str, bytes | str] = {
        "site-packages/light/__init__.py": f"__version__ = {light!r}\n".encode(),
        "site-packages/light/d\u00e4ta file.txt": b"data\n",
        "etc/conda/activate.d/light.sh": b"export LIGHT_HOME=$CONDA_PREFIX/share/light\n",
        "share/light/tool.sh": f"#!/bin/sh\necho {PLACEHOLDER}\n".encode(),
    }
    return (
        python(version),
        Package(name="libcublas", version="12.4.5.8", files=cublas),
        Package(name="libtorch", version="2.4.0", depends=("libcublas",), files=torch),
        pure("arrays", "2.1.0"),
        Package(
            name="light", version=light, build="pyh0_0", noarch="python", depends=("python", "arrays"),
            files=lightly, executable=("share/light/tool.sh",), entry_points=("light = light:main",),
        ),
    )  # fmt: skip


def records(folder: Path, made: Iterable[Package], url: str = "") -> tuple[CondaRecord, ...]:
    """Write a channel and lock all of it, under `url` (the folder's own unless given)."""
    made = tuple(made)
    own = make_channel(folder, made)
    found = []
    for package in made:
        repodata = json.loads((folder / package.folder / "repodata.json").read_text())
        row = repodata["packages"][package.file]
        found.append(
            CondaRecord(
                name=package.name,
                version=package.version,
                build=package.build,
                subdir=package.folder,
                channel="lab",
                url=f"{url or own}/{package.folder}/{package.file}",
                sha256=row["sha256"],
                md5=row["md5"],
                size=SIZES.get(package.name, row["size"]),
                depends=package.depends,
                noarch=package.noarch,
            )
        )
    return tuple(sorted(found, key=lambda record: record.name))


def conda_lock(
    base: str, version: str, found: Iterable[CondaRecord], packages: Iterable[LockedPackage] = (), **more: Any
) -> Lock:
    """A lock of conda packages on `base`, and of Python packages on top."""
    place = LockedPython(version=version, source="conda", request="/opt/env/bin/python", reason="of conda")
    given = {"base": LockedBase(reference=base), "python": place, "conda": tuple(found), **more}
    return planned.lock(packages, **given)


def conda_groups_of(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {layer.name: layer.names for layer in plan.layers if isinstance(layer, CondaLayer)}


def resized(found: Iterable[CondaRecord], **sizes: int) -> tuple[CondaRecord, ...]:
    return tuple(replace(record, size=sizes.get(record.name, record.size)) for record in found)


def build(
    engine: Engine,
    context: BuildContext,
    base: str,
    *,
    site: Site | None = None,
    micromamba: str = "",
    no_cache: bool = False,
    sink: Any = lambda event: None,
) -> BuiltImage:
    """Build on this machine's network."""
    place = site or Site()
    place = replace(place, build_network="host")
    wanted = build_request(place, context, base, spec="spec.yml", no_cache=no_cache, micromamba=micromamba)
    return engine.build(context, wanted, sink)


_LIST = """
import hashlib, json, os, stat, sys
found = {}
for folder, folders, files in os.walk("/opt/env"):
    for name in folders + files:
        path = os.path.join(folder, name)
        status = os.lstat(path)
        kind = stat.S_IFMT(status.st_mode)
        data = ""
        if stat.S_ISLNK(status.st_mode):
            data = os.readlink(path)
        elif stat.S_ISREG(status.st_mode):
            data = hashlib.sha256(open(path, "rb").read()).hexdigest()
        found[os.path.relpath(path, "/opt/env")] = [
            oct(status.st_mode), status.st_uid, status.st_gid, int(status.st_mtime), data
        ]
json.dump(found, sys.stdout)
"""


def inside(engine: Engine, image: str) -> dict[str, list[Any]]:
    """All of /opt/env in an image: path → mode, owner, group, time, and digest or target."""
    ran = engine.run(image, ["/usr/bin/python3", "-c", _LIST])
    assert (ran.code, ran.stderr) == (0, "")
    found: dict[str, list[Any]] = json.loads(ran.stdout)
    return found


def tree(prefix: Path) -> dict[str, tuple[str, str]]:
    """Path → kind and content, of all but folders."""
    found = {}
    for path in prefix.rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(prefix))] = ("link", str(path.readlink()))
        elif path.is_file():
            found[str(path.relative_to(prefix))] = ("file", hashlib.sha256(path.read_bytes()).hexdigest())
    return found


def differing(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Keys whose values differ, with both."""
    keys = {*one, *other}
    return {key: (one.get(key), other.get(key)) for key in sorted(keys) if one.get(key) != other.get(key)}
