"""`bootstrap` from end to end with a stand-in mmdebstrap and a loader that keeps what it is given."""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
import tarfile
import tempfile
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import pytest

from envbuild.bootstrap import tool
from envbuild.bootstrap.make import SOURCE_DATE_EPOCH, bootstrap
from envbuild.errors import BaseUnavailable, EngineError, UsageError
from envbuild.events import Event, StepDone, StepFailed, StepLog, StepStarted
from envbuild.images import ImageInfo
from envbuild.lock.base import RECIPE_LABEL
from envbuild.site.model import Site

if TYPE_CHECKING:
    from envbuild.bootstrap.model import Bootstrapped

STANDIN = Path(__file__).with_name("standin_mmdebstrap.py")


class KeepingLoader:
    """Stand-in engine: unpacks the archive and names the image by its config, as an engine does."""

    def load(self, stream: IO[bytes]) -> ImageInfo:
        data = stream.read()
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            self.names = tar.getnames()
            self.files = {name: tar.extractfile(name).read() for name in self.names}  # type: ignore[union-attr]
        (self.manifest,) = json.loads(self.files["manifest.json"])
        config = self.files[self.manifest["Config"]]
        self.config = json.loads(config)
        return ImageInfo(
            id=f"sha256:{hashlib.sha256(config).hexdigest()}", tags=tuple(self.manifest["RepoTags"])
        )


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with the stand-in on PATH, both keyrings, and a temporary folder of its own."""
    for name in ("bin", "keyrings", "tmp"):
        (tmp_path / name).mkdir()
    program = tmp_path / "bin" / "mmdebstrap"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {STANDIN} "$@"\n')
    program.chmod(0o755)
    for name in ("debian", "ubuntu"):
        (tmp_path / "keyrings" / f"{name}-archive-keyring.gpg").touch()
    monkeypatch.setattr(tool, "KEYRINGS", tmp_path / "keyrings")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN_RECORD", str(tmp_path / "record.json"))
    for name in ("SOURCE_DATE_EPOCH", "STANDIN", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


def make(
    site: Site | None = None, reference: str = "debian:bookworm-slim", **more: Any
) -> tuple[Bootstrapped, KeepingLoader]:
    loader = KeepingLoader()
    return bootstrap(reference, site=site or Site(), engine=loader, **more), loader


def asked(tmp_path: Path) -> dict[str, Any]:
    return json.loads((tmp_path / "record.json").read_text())  # type: ignore[no-any-return]


def test_the_image_and_its_recipe(tmp_path: Path) -> None:
    made, loader = make()
    assert made.recipe["packages"] == {"bash": "5.2", "libc6": "2.36-9"}
    plain = {
        key: value for key, value in made.recipe.items() if key not in ("packages", "diff_id", "architecture")
    }
    assert plain == {
        "tool": "mmdebstrap 0.stand-in",
        "distribution": "debian",
        "suite": "bookworm",
        "variant": "minbase-slim",
        "source_date_epoch": SOURCE_DATE_EPOCH,
    }
    assert made.recipe["architecture"] in {"amd64", "arm64"}
    assert (made.same_as_recipe, made.differences) == (None, ())
    assert loader.names == ["manifest.json", loader.manifest["Config"], *loader.manifest["Layers"]]
    layer = loader.files[loader.manifest["Layers"][0]]
    assert made.diff_id == f"sha256:{hashlib.sha256(layer).hexdigest()}" == made.recipe["diff_id"]
    assert loader.manifest["RepoTags"] == ["debian:bookworm-slim"]
    assert loader.config["rootfs"] == {"type": "layers", "diff_ids": [made.diff_id]}
    assert loader.config["created"] == "2025-01-01T00:00:00Z"
    assert json.loads(loader.config["config"]["Labels"][RECIPE_LABEL]) == made.recipe
    assert list((tmp_path / "tmp").iterdir()) == []


def test_it_is_the_same_image_each_time_and_behind_any_mirror() -> None:
    first, _ = make()
    second, _ = make(
        Site(debian_mirror="https://me:hunter2@mirror.example/debian", proxies={"http": "http://p:1"})
    )
    assert (first.image_id, first.recipe) == (second.image_id, second.recipe)


def test_what_the_tool_is_asked(tmp_path: Path) -> None:
    make()
    record = asked(tmp_path)
    argv = record["argv"]
    assert argv[:4] == ["--variant=minbase", "--mode=auto", "--format=tar", "--skip=output/dev"]
    assert "--dpkgopt=path-exclude=/usr/share/man/*" in argv
    assert f"--keyring={tmp_path}/keyrings/debian-archive-keyring.gpg" in argv
    assert (argv[-3], argv[-1]) == ("bookworm", "-")
    assert record["env"]["SOURCE_DATE_EPOCH"] == str(SOURCE_DATE_EPOCH)
    assert "signed-by" in record["stdin"]
    assert record["uploaded"] == (
        "deb http://deb.example/debian bookworm main\n"
        "deb http://deb.example/debian bookworm-updates main\n"
        "deb http://deb.example/debian-security bookworm-security main\n"
    )


def test_a_plain_release_keeps_its_documentation(tmp_path: Path) -> None:
    made, _ = make(reference="debian:bookworm")
    assert made.recipe["variant"] == "minbase"
    assert "dpkgopt" not in " ".join(asked(tmp_path)["argv"])


def test_the_site_reaches_the_tool_and_not_the_image(tmp_path: Path) -> None:
    site = Site(
        debian_mirror="https://mirror.example/debian/",
        proxies={"http": "http://proxy:1"},
        ca_bundle=tmp_path / "it's.pem",
    )
    _, loader = make(site)
    record = asked(tmp_path)
    assert [line.split()[2] for line in record["stdin"].splitlines()] == [
        "https://mirror.example/debian",
        "https://mirror.example/debian",
        "https://mirror.example/debian-security",
    ]
    assert record["env"]["http_proxy"] == "http://proxy:1"
    assert "mirror.example" not in " ".join(record["argv"])
    (setup,) = [word for word in record["argv"] if word.startswith("--setup-hook=")]
    assert "Acquire::https::CaInfo" in setup
    assert '--customize-hook=rm "$1/etc/apt/apt.conf.d/00envbuild-site"' in record["argv"]
    assert "mirror.example" not in record["uploaded"] + json.dumps(loader.config)


def test_source_date_epoch_of_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    made, loader = make()
    assert (made.recipe["source_date_epoch"], loader.config["created"]) == (86400, "1970-01-02T00:00:00Z")
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(UsageError) as caught:
        make()
    assert caught.value.message == "SOURCE_DATE_EPOCH: 'yesterday' is not a number of seconds"


def test_like_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    first, _ = make()
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "99")
    again, _ = make(like=first.recipe)
    assert (again.same_as_recipe, again.differences, again.image_id) == (True, (), first.image_id)
    monkeypatch.setenv("STANDIN_BASH", "5.3")
    other, _ = make(like=first.recipe)
    assert (other.same_as_recipe, other.differences) == (False, ("packages: bash 5.2 → 5.3",))


def test_a_recipe_of_another_base_is_refused() -> None:
    made, _ = make()
    with pytest.raises(UsageError) as caught:
        make(reference="debian:trixie-slim", like=made.recipe)
    assert caught.value.message == (
        "debian:trixie-slim: the recipe is for another base: its suite is bookworm, not trixie"
    )


def test_events() -> None:
    events: list[Event] = []
    make(sink=events.append)
    assert events[0] == StepStarted(
        id="bootstrap", stage="bootstrap", name="bootstrap debian:bookworm-slim (bookworm, minbase-slim)"
    )
    assert StepLog(id="bootstrap", line="I: working") in events
    assert isinstance(events[-1], StepDone)
    assert events[-1].detail == "2 packages"


def test_a_failure_says_the_first_reason_without_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN", "broken")
    events: list[Event] = []
    with pytest.raises(BaseUnavailable) as caught:
        make(sink=events.append)
    assert caught.value.message == (
        "mmdebstrap could not make debian:bookworm-slim: "
        "Err:1 http://deb.example/debian bookworm InRelease, tried by https://***@mirror.example"
    )
    assert caught.value.hint == (
        "is the mirror reachable? Another one: ENVBUILD_DEBIAN_MIRROR, or debian_mirror: in the site config; "
        "--verbose shows all that mmdebstrap said"
    )
    assert isinstance(events[-1], StepFailed)
    assert events[-1].reason == caught.value.message
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_tool_that_knows_no_mirror(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STANDIN", "silent")
    with pytest.raises(BaseUnavailable) as caught:
        make()
    assert caught.value.message == "mmdebstrap knows no mirror for debian:bookworm-slim: the hook failed"


def test_an_interrupt_stops_the_tool_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STANDIN", "hang")
    events: list[Event] = []

    def interrupt(event: Event) -> None:
        events.append(event)
        if isinstance(event, StepLog) and event.line == "I: hanging":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make(sink=interrupt)
    assert isinstance(events[-1], StepFailed)
    assert (events[-1].reason, list((tmp_path / "tmp").iterdir())) == ("stopped", [])
    assert events[-1].seconds < 30


def test_an_engine_that_refuses(tmp_path: Path) -> None:
    class Refusing:
        def load(self, stream: IO[bytes]) -> ImageInfo:
            raise EngineError("no space left")

    with pytest.raises(EngineError):
        bootstrap("debian:bookworm-slim", site=Site(), engine=Refusing())
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_mmdebstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin" / "mmdebstrap").unlink()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(BaseUnavailable) as caught:
        make()
    assert caught.value.message == "mmdebstrap, which makes base images, is not installed"
    assert caught.value.hint == (
        "it runs on Debian and Ubuntu: make the base there, and carry it over with docker save and docker "
        "load; or set a mirror in registry_mirrors: of the site config"
    )
    apt = tmp_path / "bin" / "apt-get"
    apt.touch(mode=0o755)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(BaseUnavailable) as caught:
        make()
    assert caught.value.hint == "install it: apt-get install mmdebstrap"


@pytest.mark.parametrize(
    ("reference", "keyring", "package"),
    [("debian:13", "debian", "debian-archive-keyring"), ("ubuntu:24.04", "ubuntu", "ubuntu-keyring")],
)
def test_without_the_archives_keyring(reference: str, keyring: str, package: str, tmp_path: Path) -> None:
    path = tmp_path / "keyrings" / f"{keyring}-archive-keyring.gpg"
    path.unlink()
    with pytest.raises(BaseUnavailable) as caught:
        make(reference=reference)
    assert caught.value.message == f"{reference}: the keyring of its archive is missing ({path})"
    assert caught.value.hint == f"install it: apt-get install {package}"
