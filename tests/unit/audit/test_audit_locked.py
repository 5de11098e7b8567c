"""What a lock brings: remembered, in uv's cache or the image, downloaded, else by table."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from support import planned
from support.audits import LocalSandboxes, unpack, wheel_of
from support.elf import library, plain_library
from support.index import Index

from envbuild.audit import locked
from envbuild.audit.locked import LOCK_LABEL, Sources, audit_locked
from envbuild.errors import EngineError, LockError
from envbuild.events import Event, StepDone, StepFailed, StepStarted
from envbuild.fatbin.memory import recall_audit, remember_audit
from envbuild.fatbin.read import DeviceCode
from envbuild.images import ImageInfo
from envbuild.lock.packages import packages_of
from envbuild.site.model import Site

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from envbuild.audit.model import AuditedPackage
    from envbuild.lock.model import Lock


@dataclass
class Shop:
    """A spec whose lock brings stand-in wheels from an index on loopback, and an empty home."""

    folder: Path
    index: Index
    rows: list[dict[str, Any]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def add(self, name: str, version: str, members: dict[str, bytes], **more: Any) -> tuple[str, bytes, str]:
        file, data, digest = wheel_of(name.replace("-", "_"), version, members)
        self.index.files[file] = data
        table = {"url": f"http://{self.index.host}/files/{file}", "hashes": {"sha256": digest}, **more}
        self.rows.append({"name": name, "version": version, "wheels": [table]})
        return file, data, digest

    @property
    def environ(self) -> dict[str, str]:
        return {"XDG_CACHE_HOME": str(self.folder / "cache"), "UV_CACHE_DIR": str(self.folder / "uv")}

    @property
    def lock(self) -> Lock:
        document = {"lock-version": "1.0", "created-by": "test", "packages": self.rows}
        return planned.lock(packages_of(document), document=document)

    def audit(self, **more: Any) -> tuple[dict[str, AuditedPackage], tuple[str, ...]]:
        sources = Sources(site=Site(), environ=self.environ, sink=self.events.append, **more)
        packages, unread = audit_locked(planned.spec(self.folder), self.lock, sources)
        return {package.name: package for package in packages}, unread


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    (tmp_path / "uv").mkdir()
    index = Index()
    yield Shop(tmp_path, index)
    index.close()


def test_what_is_remembered_is_asked_of_nobody(shop: Shop) -> None:
    *_, digest = shop.add("cuda-thing", "1.2", {})
    remember_audit(digest, [DeviceCode("libx.so", 9, ("80",), (), "", 5, 1, {"sm_80": 1})], shop.environ)
    found, unread = shop.audit(download=True)
    assert found["cuda-thing"].found_by == "remembered"
    assert found["cuda-thing"].libraries[0].cubins == ("80",)
    assert (unread, shop.index.asked) == ((), [])


def test_uvs_cache_by_digest_is_remembered_and_by_name_is_not(shop: Shop) -> None:
    file, data, digest = shop.add("cuda-thing", "1.2", {"x.so": library(["90"])})
    unpack(data, shop.folder / "uv/archive-v0/abc")
    found, _ = shop.audit()
    assert found["cuda-thing"].found_by == "read from uv's cache, by name and version"
    assert recall_audit(digest, shop.environ) is None
    shelf = shop.folder / "uv/wheels-v8/pypi/cuda-thing"
    shelf.mkdir(parents=True)
    rest = file.removeprefix("cuda_thing-").removesuffix(".whl")
    (shelf / rest).symlink_to("../../../archive-v0/abc")
    (shelf / f"{rest}.http").write_bytes(digest.encode())
    found, _ = shop.audit()
    assert found["cuda-thing"].found_by == "read from uv's cache"
    assert recall_audit(digest, shop.environ) == found["cuda-thing"].libraries
    assert shop.index.asked == []


def engine_with(shop: Shop, installed: Path, digest: str, monkeypatch: pytest.MonkeyPatch) -> LocalSandboxes:
    monkeypatch.setattr(locked, "ENVIRONMENT", str(installed))
    return LocalSandboxes(images={"env:latest": ImageInfo(id="sha256:1", labels={LOCK_LABEL: digest})})


def test_the_image_of_this_very_lock(shop: Shop, installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.add("cuda-thing", "1.2", {})
    shop.add("plain-thing", "1.2", {})
    shop.add("pure-thing", "3", {})
    engine = engine_with(shop, installed, shop.lock.digest, monkeypatch)
    found, unread = shop.audit(connect=lambda: engine)
    assert {name: each.found_by for name, each in found.items()} == {
        "cuda-thing": "read in the image env:latest"
    }
    assert found["cuda-thing"].file.startswith("cuda_thing-1.2-")
    assert unread == ()


def test_an_image_of_another_lock_says_nothing(
    shop: Shop, installed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.add("plain-thing", "1.2", {})
    engine = engine_with(shop, installed, "sha256:other", monkeypatch)
    assert shop.audit(connect=lambda: engine) == ({}, ("plain-thing",))
    assert engine.started == []


def test_without_an_engine_it_goes_on(shop: Shop) -> None:
    def connect() -> LocalSandboxes:
        raise EngineError("no container engine was found")

    shop.add("plain-thing", "1.2", {})
    assert shop.audit(connect=connect) == ({}, ("plain-thing",))


def test_what_is_nowhere_comes_from_the_tables_or_is_unknown(shop: Shop) -> None:
    shop.add("torch", "2.8.0", {})
    shop.add("nvidia-nccl-cu12", "2.27.3", {})
    shop.add("small", "1", {}, size=10)
    shop.add("large", "1", {}, size=10**9)
    found, unread = shop.audit()
    assert found["torch"].found_by == "table"
    assert found["torch"].table is not None
    assert found["torch"].table.cubins == ("70", "75", "80", "86", "90", "100", "120")
    nccl = found["nvidia-nccl-cu12"]
    assert (nccl.found_by, nccl.table, nccl.libraries) == ("", None, ())
    assert unread == ("large", "small")
    assert shop.index.asked == []


def test_a_download_is_read_remembered_and_dropped(shop: Shop) -> None:
    *_, digest = shop.add("cuda-thing", "1.2", {"x.so": library(["90"]), "y.so": plain_library()})
    *_, pure = shop.add("pure", "1", {})
    found, unread = shop.audit(download=True)
    assert (found["cuda-thing"].found_by, found["cuda-thing"].others) == ("read from the wheel", 1)
    assert unread == ()
    assert recall_audit(digest, shop.environ) is not None
    assert recall_audit(pure, shop.environ) == ()
    assert list((shop.folder / "cache/envbuild").iterdir()) == [shop.folder / "cache/envbuild/gpu"]
    started = [event.name for event in shop.events if isinstance(event, StepStarted)]
    assert started == [row["wheels"][0]["url"].rpartition("/")[2] for row in shop.rows]
    assert [event.detail for event in shop.events if isinstance(event, StepDone)] == [
        "1 with device code",
        "0 with device code",
    ]
    asked = len(shop.index.asked)
    shop.audit(download=True)
    assert len(shop.index.asked) == asked


def test_a_download_that_is_another_file(shop: Shop) -> None:
    file, _, digest = shop.add("cuda-thing", "1.2", {"x.so": library(["90"])})
    shop.index.files[file] = wheel_of("cuda_thing", "1.2", {"x.so": library(["80"])})[1]
    with pytest.raises(LockError) as caught:
        shop.audit(download=True)
    assert (
        caught.value.message == f"{file}: the index has another file of this name than the lock: another hash"
    )
    assert recall_audit(digest, shop.environ) is None
    assert [type(event) for event in shop.events] == [StepStarted, StepFailed]


def test_a_download_that_is_not_there(shop: Shop) -> None:
    file, *_ = shop.add("cuda-thing", "1.2", {})
    del shop.index.files[file]
    with pytest.raises(LockError) as caught:
        shop.audit(download=True)
    assert caught.value.message == f"{file}: cannot be downloaded: Not Found"


def test_a_download_that_is_no_wheel(shop: Shop) -> None:
    file, *_ = shop.add("cuda-thing", "1.2", {})
    shop.index.files[file] = b"no zip file"
    shop.rows[0]["wheels"][0]["hashes"]["sha256"] = hashlib.sha256(b"no zip file").hexdigest()
    with pytest.raises(LockError) as caught:
        shop.audit(download=True)
    assert caught.value.message.startswith(f"{file}: cannot be read as a wheel: ")


def test_credentials_of_the_site_go_to_its_own_index_only(shop: Shop) -> None:
    shop.index.login = "me:secret"
    shop.add("cuda-thing", "1.2", {"x.so": library(["90"])})
    site = Site(index_url=f"http://me:secret@{shop.index.host}/simple")
    sources = Sources(site=site, environ=shop.environ, download=True)
    packages, _ = audit_locked(planned.spec(shop.folder), shop.lock, sources)
    assert [package.name for package in packages] == ["cuda-thing"]
    assert [asked.known for asked in shop.index.asked] == [True]


def test_what_is_built_from_source_is_in_no_wheel(shop: Shop) -> None:
    digest = "ab" * 32
    table = {"url": f"http://{shop.index.host}/files/flash-1.tar.gz", "hashes": {"sha256": digest}}
    shop.rows.append({"name": "flash", "version": "1", "sdist": table})
    assert shop.audit(download=True) == ({}, ("flash",))
    assert shop.index.asked == []
