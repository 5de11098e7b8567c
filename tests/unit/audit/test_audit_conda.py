"""The conda packages of a lock: remembered, unpacked by py-rattler, in a channel here, downloaded, or named.

Channels are real; the packages and the code in them are stand-ins.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pytest
from support.conda import Package, package_bytes
from support.conda_builds import records
from support.conda_server import serve
from support.elf import library, plain_library

from envbuild.audit.conda import audit_conda, libraries_in
from envbuild.audit.locked import Sources
from envbuild.conda.install import install_conda
from envbuild.errors import LockError
from envbuild.fatbin.memory import recall_audit
from envbuild.lock.codes import conda_codes_of
from envbuild.site.model import Site

if TYPE_CHECKING:
    from pathlib import Path

    from envbuild.audit.model import AuditedPackage
    from envbuild.conda.model import CondaRecord

TORCH = Package(
    name="libtorch",
    version="2.4.0",
    build="cuda124_h0_200",
    files={"lib/libtorch_cuda.so": library(["80", "90"]), "lib/libc10.so": plain_library()},
)
PYTORCH = Package(
    name="pytorch",
    version="2.4.0",
    build="cuda124_py312_200",
    files={"lib/libtorch_python.so": plain_library()},
)
OTHERS = (
    Package(name="zlib", version="1.3", files={"lib/libz.so": "libz.so.1", "lib/libz.so.1": plain_library()}),
    Package(name="words", version="1.0", noarch="generic"),
)
ALL = (TORCH, PYTORCH, *OTHERS)


@dataclass
class Shop:
    """A folder with a channel of stand-ins, and an empty home."""

    folder: Path
    records: tuple[CondaRecord, ...]
    told: list[Any] = field(default_factory=list)

    @property
    def environ(self) -> dict[str, str]:
        return {"XDG_CACHE_HOME": str(self.folder / "cache")}

    def audit(
        self, site: Site | None = None, **more: Any
    ) -> tuple[dict[str, AuditedPackage], tuple[str, ...]]:
        held = more.pop("held", lambda: None)
        sources = Sources(site=site or Site(), environ=self.environ, sink=self.told.append, **more)
        packages, unread = audit_conda(self.records, self.folder, sources, held)
        return {package.name: package for package in packages}, unread

    def elsewhere(self, url: str) -> Shop:
        """The same packages, in a channel at `url`."""
        moved = (
            replace(record, url="/".join((url, *record.url.rsplit("/", 2)[1:]))) for record in self.records
        )
        return Shop(self.folder, tuple(moved))


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path, records(tmp_path / "channel", ALL, "./channel"))


def test_archives_in_a_folder_are_read_and_remembered(shop: Shop) -> None:
    found, unread = shop.audit()
    assert {name: each.found_by for name, each in found.items()} == {"libtorch": "read from its archive"}
    assert [(each.path, each.cubins) for each in found["libtorch"].libraries] == [
        ("lib/libtorch_cuda.so", ("80", "90"))
    ]
    assert (found["libtorch"].others, unread) == (1, ())
    assert shop.audit()[0]["libtorch"].found_by == "remembered"
    assert list((shop.folder / "cache" / "envbuild").iterdir()) == [shop.folder / "cache/envbuild/gpu"]


@pytest.mark.parametrize("way", ["conda", "tar.bz2"])
def test_both_formats_are_read(tmp_path: Path, way: Any) -> None:
    torch = replace(TORCH, way=way)
    (record,) = records(tmp_path / "channel", [replace(torch, way="tar.bz2")], "./channel")
    place = tmp_path / "channel" / "linux-64" / torch.file
    place.write_bytes(package_bytes(torch))
    digest = hashlib.sha256(place.read_bytes()).hexdigest()
    there = replace(record, url=f"./channel/linux-64/{torch.file}", sha256=digest)
    found, _ = Shop(tmp_path, (there,)).audit()
    assert found["libtorch"].libraries[0].cubins == ("80", "90")


def test_another_file_than_the_lock_says_is_not_looked_into(shop: Shop) -> None:
    for record in shop.records:
        path = shop.folder / record.url
        path.write_bytes(path.read_bytes() + b"more")
    found, unread = shop.audit()
    assert {name: each.found_by for name, each in found.items()} == {"libtorch": "", "pytorch": ""}
    assert unread == ("zlib",)
    assert recall_audit(torch_digest(shop), shop.environ) is None


def torch_digest(shop: Shop) -> str:
    return next(record.sha256 for record in shop.records if record.name == "libtorch")


def test_what_py_rattler_unpacked_of_this_very_file(shop: Shop) -> None:
    with serve(shop.folder / "channel") as server:
        there = shop.elsewhere(server.url)
        install_conda(
            there.records,
            shop.folder / "env",
            site=Site(),
            platform="linux/amd64",
            environ=shop.environ,
        )
    other = Shop(shop.folder, tuple(replace(record, sha256="ab" * 32) for record in there.records))
    assert {name: each.found_by for name, each in other.audit()[0].items()} == {"libtorch": "", "pytorch": ""}
    found, unread = there.audit()
    assert found["libtorch"].found_by == "read from py-rattler's cache"
    assert found["libtorch"].libraries[0].cubins == ("80", "90")
    assert (list(found), unread) == (["libtorch"], ())


def test_a_download_goes_where_the_site_says_with_its_login(shop: Shop) -> None:
    far = shop.elsewhere("https://channel.example/lab")
    assert far.audit()[1] == ("zlib",)
    with serve(shop.folder / "channel", login="reader:s3cret") as server:
        host = server.url.partition("://")[2]
        site = Site(conda_mirrors={"https://channel.example/lab": f"http://reader:s3cret@{host}"})
        found, unread = far.audit(site, download=True)
    assert (found["libtorch"].found_by, unread) == ("read from its archive", ())
    assert "s3cret" not in repr(far.told)
    assert recall_audit(torch_digest(shop), shop.environ) is not None


def test_a_download_that_is_refused_keeps_the_login_to_itself(shop: Shop) -> None:
    far = shop.elsewhere("https://channel.example/lab")
    with serve(shop.folder / "channel", login="reader:s3cret") as server:
        host = server.url.partition("://")[2]
        site = Site(conda_mirrors={"https://channel.example/lab": f"http://reader:wr0ng@{host}"})
        with pytest.raises(LockError) as caught:
            far.audit(site, download=True)
    assert caught.value.message == "libtorch-2.4.0-cuda124_h0_200.tar.bz2: cannot be downloaded: Forbidden"
    assert "wr0ng" not in repr(far.told)


def test_the_image_of_this_lock_by_conda_name_and_by_that_of_the_distribution(shop: Shop) -> None:
    (torch,) = (each for each in shop.audit()[0].values())
    far = shop.elsewhere("https://channel.example/lab")
    far.records = tuple(replace(record, sha256="cd" * 32) for record in far.records)
    held = {"torch": replace(torch, name="torch", found_by="read in the image env:latest")}
    by_dist = tuple(
        replace(record, pypi="torch") if record.name == "pytorch" else record for record in far.records
    )
    found, unread = replace(far, records=by_dist).audit(held=lambda: held)
    assert {name: each.found_by for name, each in found.items()} == {
        "pytorch": "read in the image env:latest"
    }
    assert unread == ()
    assert libraries_in(held.values(), by_dist[0]) == ()


def test_code_counts_for_the_next_lock_once_all_parts_were_read(shop: Shop) -> None:
    assert conda_codes_of(shop.records, shop.environ) == {}
    shop.audit()
    codes = conda_codes_of(shop.records, shop.environ)
    assert {name: (code.cubins, code.source) for name, code in codes.items()} == {
        "pytorch": (("80", "90"), "read from libtorch_cuda.so")
    }
    changed = tuple(
        replace(record, sha256="ef" * 32) if record.name == "libtorch" else record for record in shop.records
    )
    assert conda_codes_of(changed, shop.environ) == {}
