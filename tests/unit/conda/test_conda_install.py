import dataclasses
import json
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.conda import PLACEHOLDER, Package, make_channel, package_bytes
from support.conda_packages import pure, python
from support.conda_server import serve

from envbuild.conda import ask
from envbuild.conda.install import LATEST, install_conda
from envbuild.conda.model import CondaRecord
from envbuild.conda.solve import CondaWish, solve_conda
from envbuild.conda.trouble import not_installed
from envbuild.errors import LockError
from envbuild.site.model import Site

PACKAGES = (
    python("3.12.4"),
    Package(name="ca-certificates", version="1", files={"ssl/cert.pem": b"none\n"}),
    Package(
        name="tool",
        version="2.0",
        depends=("python",),
        files={"bin/tool": f"#!{PLACEHOLDER}/bin/python\nprint('tool')\n".encode(), "share/tool": b"x"},
        way="conda",
    ),
    pure("app", "1.0", "python", entry_points=("app = app:main",)),
)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A channel's folder that a test may change."""
    make_channel(tmp_path / "channel", PACKAGES)
    return tmp_path / "channel"


@pytest.fixture
def locked(spec_of, environ):
    def make(url: str) -> tuple[CondaRecord, ...]:
        spec = spec_of(f"python: 3.12\nconda: {{channels: ['{url}'], packages: [tool, app]}}\n")
        wish = CondaWish(spec=spec, platform="linux/amd64", glibc="2.36", cuda="")
        return solve_conda(wish, site=Site(), environ=environ)

    return make


def install(records, folder, environ, **named):
    install_conda(records, folder, site=Site(), platform="linux/amd64", environ=environ, **named)


def everything(prefix: Path) -> dict[str, tuple[object, ...]]:
    """Path → kind, mode, time and content of all below `prefix`."""
    found = {}
    for path in sorted(prefix.rglob("*")):
        status = path.lstat()
        data = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        found[str(path.relative_to(prefix))] = (stat.S_IFMT(status.st_mode), int(status.st_mtime), data)
    return found


def test_an_install_is_for_the_final_prefix_and_says_nothing_of_this_machine(lab, locked, tmp_path, environ):
    records = locked(lab.as_uri())
    install(records, tmp_path / "env", environ)
    prefix = tmp_path / "env"
    assert (prefix / "bin/tool").read_text().startswith("#!/opt/env/bin/python\n")
    assert (prefix / "bin/app").read_text().startswith("#!/opt/env/bin/python3.12\n")
    assert (prefix / "lib/python3.12/site-packages/app/__init__.py").is_file()
    assert (prefix / "conda-meta/history").read_bytes() == b""
    meta = json.loads((prefix / "conda-meta/tool-2.0-0.json").read_text())
    assert (meta["url"], meta["sha256"]) == next((r.url, r.sha256) for r in records if r.name == "tool")
    ours = [
        name for name, row in everything(prefix).items() if str(environ["HOME"]).encode() in bytes_of(row[2])
    ]
    channel = {f"conda-meta/{r.file.removesuffix('.conda').removesuffix('.tar.bz2')}.json" for r in records}
    assert set(ours) == channel  # the channel of this test lies there; its URL is what the lock says
    assert list(tmp_path.glob(".env*")) == []


def bytes_of(data: object) -> bytes:
    return data if isinstance(data, bytes) else str(data).encode()


def test_two_installs_are_the_same_files_with_a_cold_and_a_warm_cache(lab, locked, tmp_path, environ):
    with serve(lab) as server:
        records = locked(server.url)
        install(records, tmp_path / "one", environ)
        install(records, tmp_path / "two", environ)
        other = environ | {"XDG_CACHE_HOME": str(tmp_path / "elsewhere")}
        install(tuple(reversed(records)), tmp_path / "three", other)
    one = everything(tmp_path / "one")
    assert one == everything(tmp_path / "two") == everything(tmp_path / "three")
    assert one["conda-meta/history"][1] == LATEST


@pytest.mark.parametrize("warm", [False, True], ids=["cold", "warm"])
@pytest.mark.parametrize("way", ["http", "file"])
def test_another_file_than_the_locked_one_is_refused(lab, locked, tmp_path, environ, warm, way):
    with serve(lab) as server:
        url = server.url if way == "http" else lab.as_uri()
        records = locked(url)
        if warm:
            install(records, tmp_path / "env", environ)
            shutil.rmtree(tmp_path / "env")
        wrong = tuple(
            dataclasses.replace(record, sha256="0" * 64) if record.name == "tool" else record
            for record in records
        )
        true = next(record.sha256 for record in records if record.name == "tool")
        with pytest.raises(LockError) as caught:
            install(wrong, tmp_path / "env", environ)
    assert caught.value.message == (
        f"tool-2.0-0.conda: hash mismatch: {url} has another file of this name than the lock: "
        f"sha256 {true} instead of {'0' * 64}"
    )
    assert caught.value.hint == (
        "find out why before you trust it; to accept the new file: envbuild lock --upgrade-package tool"
    )
    assert not (tmp_path / "env").exists()
    assert list(tmp_path.glob(".env*")) == []


def test_a_local_file_that_was_exchanged_is_refused_and_its_successor_is_not_taken_for_it(
    lab, locked, tmp_path, environ
):
    records = locked(lab.as_uri())
    install(records, tmp_path / "env", environ)
    other = dataclasses.replace(PACKAGES[2], files={"share/tool": b"evil"})
    (lab / "linux-64/tool-2.0-0.conda").write_bytes(package_bytes(other))
    with pytest.raises(LockError, match=r"tool-2\.0-0\.conda: hash mismatch: "):
        install(records, tmp_path / "two", environ)
    make_channel(lab, [*PACKAGES[:2], other, PACKAGES[3]])
    install(locked(lab.as_uri()), tmp_path / "three", environ)
    assert (tmp_path / "three/share/tool").read_bytes() == b"evil"


def test_a_file_that_is_gone_is_named(lab, locked, tmp_path, environ):
    records = locked(lab.as_uri())
    file = lab / "linux-64/tool-2.0-0.conda"
    file.unlink()
    with pytest.raises(LockError) as caught:
        install(records, tmp_path / "env", environ)
    assert caught.value.message == f"tool=2.0=0: {file}: the package that the lock names is not there"
    assert caught.value.hint == "put it back, or renew the lock: envbuild lock --upgrade"


TRY = (
    "the channel may have given another file, or half of one: try again; "
    "to accept another file: envbuild lock --upgrade-package app"
)
LOGIN = "put the login or token into this site's config, under conda_mirrors"


@pytest.mark.parametrize(
    ("status", "said", "hint"),
    [
        (404, "404 Not Found for {url}", "renew the lock: envbuild lock --upgrade"),
        (401, "401 Unauthorized for {url}", LOGIN),
        (403, "403 Forbidden for {url}", LOGIN),
        (503, "503 Service Unavailable for {url}", "try again later, or name a mirror (conda_mirrors)"),
        (
            200,
            "cannot be installed: bzip2: bz2 header missing",
            TRY,
        ),
    ],
)
def test_a_file_that_a_server_does_not_give_is_named(
    lab, locked, tmp_path, environ, monkeypatch, status, said, hint
):
    monkeypatch.setattr(ask, "RETRIES", 0)
    file = "app-1.0-pyhd8ed1ab_0.tar.bz2"
    with serve(lab) as server:
        records = locked(server.url)
        server.answers[f"/noarch/{file}"] = (status, b"<html>log in</html>")
        with pytest.raises(LockError) as caught:
            install(records, tmp_path / "env", environ)
        url = f"{server.url}/noarch/{file}"
    assert caught.value.message == f"{file}: {said.format(url=url)}"
    assert caught.value.hint == hint
    assert not (tmp_path / "env").exists()


def test_a_full_disk_is_told_as_one():
    text = "failed to link tool-2.0-0.conda\nCaused by: No space left on device (os error 28)"
    told = not_installed(text, (), Site())
    assert told.message == "the conda packages: cannot be installed: No space left on device (os error 28)"
    assert told.hint == "free some space, or name another cache folder: XDG_CACHE_HOME"


def test_what_a_killed_run_left_is_gone_after_the_next(lab, locked, tmp_path, environ):
    packages = tmp_path / "cache" / "envbuild" / "conda" / "pkgs"
    (packages / ".tool-2.0-0Ab12" / "share").mkdir(parents=True)
    install(locked(lab.as_uri()), tmp_path / "env", environ)
    assert [path.name for path in packages.iterdir() if path.is_dir() and path.name.startswith(".")] == []
    assert (packages / "tool-2.0-0").is_dir()


SLOW = """
import sys
from envbuild.conda.ask import ask
from envbuild.site.model import Site
job = {"do": "solve", "cache": sys.argv[1], "sources": [sys.argv[2]], "specs": ["tool"], "subdir": "linux-64"}
job |= {"pins": [], "virtual": [], "priority": "strict", "constraints": [], "seconds": 60}
ask(job, site=Site(), environ={}, seconds=60)
"""


def test_a_worker_ends_with_an_envbuild_that_is_killed(lab, tmp_path):
    with serve(lab) as server:
        server.delay = 20
        with subprocess.Popen(
            [sys.executable, "-c", SLOW, str(tmp_path / "cache"), server.url],
            cwd=Path(__file__).parents[3],
            start_new_session=True,
        ) as parent:
            (worker,) = until(lambda: children(parent.pid))
            until(lambda: server.opened)
            parent.kill()
        until(lambda: not Path(f"/proc/{worker}").exists())


def children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def until(look, seconds=15.0):
    """What `look` says as soon as it is something."""
    end = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def test_a_channel_in_the_specs_folder_starts_from_it(locked, tmp_path, environ):
    home = tmp_path / "spec"
    make_channel(home / "channel", PACKAGES)
    records = locked("./channel")
    install(records, tmp_path / "env", environ, home=home)
    assert (tmp_path / "env/share/tool").is_file()
    meta = (tmp_path / "env/conda-meta/tool-2.0-0.json").read_text()
    assert json.loads(meta)["url"] == "./channel/linux-64/tool-2.0-0.conda"
    assert str(tmp_path) not in meta


def test_link_scripts_do_not_run(lab, locked, tmp_path, environ):
    mark = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {mark}\n".encode()
    scripted = dataclasses.replace(PACKAGES[2], files={"bin/.tool-post-link.sh": script})
    make_channel(lab, [*PACKAGES[:2], scripted, PACKAGES[3]])
    install(locked(lab.as_uri()), tmp_path / "env", environ)
    assert (tmp_path / "env/bin/.tool-post-link.sh").is_file()
    assert not mark.exists()


def test_a_folder_that_is_there_is_left_alone(locked, lab, tmp_path, environ):
    (tmp_path / "env").mkdir()
    with pytest.raises(ValueError, match="an absolute path is wanted where nothing is"):
        install(locked(lab.as_uri()), tmp_path / "env", environ)
    assert list((tmp_path / "env").iterdir()) == []
