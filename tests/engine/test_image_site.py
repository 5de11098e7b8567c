"""What a site says (certificates, proxies, logins, mirrors) from end to end: the command line on a real
engine, with an index, a proxy and mirrors on loopback.
"""

import re
import tomllib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
import yaml
from support.commandline import CommandLine
from support.contexts import context
from support.index import Asked
from support.place import INDEX_HOST, Place, a_place, write_config
from support.processes import free_port
from support.registries import Registry
from support.saved import parts, save
from support.standin import downloads, standin_python

from envbuild.engine.engine import Engine
from envbuild.engine.model import BuildRequest

pytestmark = pytest.mark.network


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with a_place(tmp_path_factory.mktemp("place")) as made:
        yield made


@pytest.fixture(scope="module")
def mark(place: Place, api: docker.APIClient) -> Iterator[str]:
    """A word for the names of this run's images and packages; what was built under such a name goes at the
    end.
    """
    word = place.mark[-8:]
    yield word
    for image in api.images(filters={"label": "dev.envbuild.name"}):
        if word in (image["Labels"] or {})["dev.envbuild.name"]:
            api.remove_image(image["Id"], force=True)


def shell(folder: Path, engine_url: str, settings: dict[str, object]) -> CommandLine:
    """The command line in `folder`/project, for somebody whose config says `settings`."""
    (folder / "project").mkdir()
    write_config(folder / "home", settings)
    run = CommandLine(folder / "project", folder / "home", engine_url)
    run.environ["UV_HTTP_RETRIES"] = "0"
    return run


def fetch(url: str) -> str:
    """A step that prints what `url` holds."""
    return f"python -c \"import urllib.request as u; print(u.urlopen('{url}').read().decode())\""


@dataclass
class Carried:
    """A spec locked and built behind the proxy: who was asked for what meanwhile, and all that was said."""

    folder: Path
    image: str
    package: str
    lock_path: Path
    said: str = ""
    index: dict[str, list[Asked]] = field(default_factory=dict)
    proxy: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def carried(
    place: Place,
    mark: str,
    engine_url: str,
    base_image: str,
    network: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Carried:
    folder = tmp_path_factory.mktemp("carried")
    run = shell(folder, engine_url, place.settings())
    package = f"parcel{mark}"
    place.index.add(package, "1.0")
    place.index.open |= {"/hello/proxied": b"hello, proxied", "/hello/direct": b"hello, direct"}
    name = f"carried-{mark}"
    spec = {
        "name": name,
        "python": "3.11",
        "base": base_image,
        "pip": {"packages": [package]},
        "run": [
            "env",  # an indiscreet step: all that it sees goes to the log
            fetch(f"https://{INDEX_HOST}/hello/proxied"),
            fetch(f"https://{place.index.host}/hello/direct"),
        ],
        "smoke": {"imports": [package]},
    }
    (run.folder / "spec.yml").write_text(yaml.safe_dump(spec))
    found = Carried(folder, f"{name}:latest", package, run.folder / f"pylock.{name}.toml")
    # The engine's cached steps would ask nobody.
    commands = {"lock": ["lock", "-v"], "build": ["image", "--locked", "--no-cache", "-v"]}
    commands["json"] = ["image", "--force", "--json"]
    for step, command in commands.items():
        place.index.asked.clear()
        place.proxy.asked.clear()
        found.said += "".join(run(*command))
        found.index[step], found.proxy[step] = list(place.index.asked), list(place.proxy.asked)
    return found


def test_locking_goes_through_the_proxy_with_all_logins(carried: Carried, place: Place) -> None:
    asked = {(item.agent, item.method, item.path, item.known) for item in carried.index["lock"]}
    assert ("uv", "GET", f"/simple/{carried.package}/", True) in asked
    assert ("python-requests", "HEAD", f"/files/{carried.package}-1.0-py3-none-any.whl", True) in asked
    assert f"CONNECT {INDEX_HOST}:443" in carried.proxy["lock"]
    assert any(re.fullmatch(r"GET http://\S+/InRelease", line) for line in carried.proxy["lock"])
    assert place.proxy.refused == []


def test_every_network_step_of_a_build_gets_what_the_site_says(carried: Carried) -> None:
    asked = {(item.agent, item.path, item.known) for item in carried.index["build"]}
    assert ("uv", f"/files/{carried.package}-1.0-py3-none-any.whl", True) in asked
    assert {path for agent, path, _ in asked if agent == "Python-urllib"} == {
        "/hello/proxied",
        "/hello/direct",
    }
    assert any(re.fullmatch(r"GET http://\S+/InRelease", line) for line in carried.proxy["build"])
    assert {line for line in carried.proxy["build"] if "CONNECT" in line} == {f"CONNECT {INDEX_HOST}:443"}


def test_no_layer_label_or_history_holds_anything_of_it(
    carried: Carried, place: Place, api: docker.APIClient, tmp_path: Path
) -> None:
    needles = [*place.secrets(), place.proxy.host.encode(), str(place.bundle).encode()]
    seen: set[str] = set()
    for where, content in parts(save(api, carried.image, tmp_path / "image.tar")):
        assert [needle for needle in needles if needle in content] == [], where
        assert not any(needle.decode() in where for needle in needles)
        seen.add(where.partition(": ")[2] or where)
    assert {"opt/envbuild/spec.yml", f"opt/envbuild/{carried.lock_path.name}", "manifest.json"} <= seen
    site_packages = "opt/env/lib/python3.11/site-packages"
    assert f"{site_packages}/{carried.package}/__init__.py" in seen
    described = repr((api.inspect_image(carried.image), api.history(carried.image))).encode()
    assert [needle for needle in needles if needle in described] == []


def test_neither_lock_nor_output_nor_state_holds_a_secret(carried: Carried, place: Place) -> None:
    home = carried.folder / "home"
    assert "UV_DEFAULT_INDEX=https://***@index.test/simple" in carried.said
    assert "hello, proxied" in carried.said
    texts = {"output": carried.said.encode(), "lock": carried.lock_path.read_bytes()}
    files = [path for part in ("state", "cache") for path in (home / part).rglob("*") if path.is_file()]
    texts |= {str(path): path.read_bytes() for path in files}
    assert any("/state/envbuild/images/" in name for name in texts)
    assert not any("crash" in name for name in texts)
    for name, text in texts.items():
        assert [needle for needle in place.secrets() if needle in text] == [], name


def test_what_a_failed_step_said_is_shown_without_secrets(
    carried: Carried, place: Place, engine_url: str, tmp_path: Path
) -> None:
    run = shell(tmp_path, engine_url, place.settings())
    text = (carried.lock_path.parent / "spec.yml").read_text()
    spec = yaml.safe_load(text) | {"run": ["env; exit 3"]}
    (run.folder / "spec.yml").write_text(yaml.safe_dump(spec))
    (run.folder / carried.lock_path.name).write_bytes(carried.lock_path.read_bytes())
    run("lock")
    _, said = run("image", "--locked", code=5)
    assert "its command ended with exit code 3" in said
    assert "https_proxy=http://***@" in said.lower()
    assert [needle for needle in place.secrets() if needle in said.encode()] == []


@pytest.fixture(scope="module")
def python_base(engine: Engine, base_image: str, network: None) -> Iterator[str]:
    """A base image that has Debian's Python 3.11 in it: no step has to install one."""
    install = "apt-get update -q && apt-get install -qy --no-install-recommends python3.11"
    tag = f"envbuild-test-python:{uuid.uuid4().hex[:8]}"
    request = BuildRequest(tags=(tag,), network="host")
    engine.build(context(f"FROM {base_image}\nRUN {install}\n"), request)
    yield tag
    engine.untag(tag)


@dataclass
class Small:
    """A spec of one package on a base with Python, for somebody who reaches the index directly."""

    run: CommandLine
    package: str
    name: str

    @property
    def lock_path(self) -> Path:
        return self.run.folder / f"pylock.{self.name}.toml"

    def state(self) -> dict[str, bytes]:
        """All files of the project and of envbuild's state, but for the empty ones that hold seats."""
        kept = (self.run.folder, self.run.folder.parent / "home" / "state")
        files = [path for part in kept for path in part.rglob("*") if path.is_file()]
        return {str(path): data for path in files if (data := path.read_bytes())}


@pytest.fixture
def small(place: Place, mark: str, engine_url: str, python_base: str, tmp_path: Path) -> Small:
    run = shell(tmp_path, engine_url, place.direct_settings())
    word = uuid.uuid4().hex[:8]  # neither engine nor uv has seen it before
    package = f"crate{word}"
    place.index.add(package, "1.0", doc="good")
    name = f"small-{mark}-{word}"
    pip = f"pip:\n  packages: ['{package}==1.0']\n"
    (run.folder / "spec.yml").write_text(f"name: {name}\npython: 3.11\nbase: {python_base}\n{pip}")
    return Small(run, package, name)


@pytest.mark.parametrize(("kind", "doc"), [("hash", "evil"), ("size", "evil and larger")])
def test_a_wheel_that_was_tampered_with_is_refused(
    small: Small, place: Place, api: docker.APIClient, kind: str, doc: str
) -> None:
    small.run("lock")
    before = small.state()
    place.index.add(small.package, "1.0", doc=doc)
    _, said = small.run("image", "--locked", code=5)
    other = f"{kind} mismatch: the index has another file of this name than the lock"
    assert f"error: {small.package}==1.0: {other}\n" in said
    assert f"  from spec.yml:5: pip.packages[0]: {small.package}==1.0 asks for it\n" in said
    assert (
        "hint: find out why before you trust it; to accept the new file:"
        f" envbuild lock --upgrade-package {small.package}\n"
    ) in said
    assert api.images(name=small.name) == []
    assert small.state() == before


def test_an_index_that_does_not_answer_leaves_everything_as_it_was(small: Small, place: Place) -> None:
    small.run("lock")
    before = small.state()
    gone = f"127.0.0.1:{free_port()}"
    settings = place.direct_settings()
    settings["index_url"] = settings["index_url"].replace(place.index.host, gone)
    write_config(small.run.folder.parent / "home", settings)
    _, said = small.run("lock", "--upgrade", code=4)
    assert f"error: the package index does not answer: https://{gone}/simple/{small.package}/: " in said
    assert "hint: check the address, the proxy, the CA bundle and the credentials: envbuild doctor" in said
    assert [needle for needle in place.secrets() if needle in said.encode()] == []
    assert small.state() == before


def test_pythons_come_from_the_sites_mirror(
    place: Place,
    mark: str,
    engine: Engine,
    engine_url: str,
    python_base: str,
    base_image: str,
    api: docker.APIClient,
    tmp_path: Path,
) -> None:
    """The Python is a stand-in: Debian's, offered where uv looks for its own builds."""
    version = engine.run(python_base, ["python3.11", "--version"]).stdout.split()[1]
    archive = standin_python(api, python_base, "3.11")
    path = f"{mark}/cpython-{version}-{mark}.tar.gz"
    machine = api.inspect_image(base_image)["Architecture"]
    place.index.others[f"/pythons/{path}"] = archive
    place.index.others["/pythons.json"] = downloads(version, machine, path, archive)
    mirror = place.index_url.removesuffix("/simple")
    more = {"python_mirror": f"{mirror}/pythons", "python_downloads": f"{mirror}/pythons.json"}
    run = shell(tmp_path, engine_url, place.direct_settings() | more)
    name = f"managed-{mark}"
    package = f"bundle{mark}"
    place.index.add(package, "1.0")
    # A working directory of its own: no other build shall find the stand-in in the engine's cache.
    spec = {"name": name, "python": version, "base": base_image, "apt": ["libexpat1"], "workdir": f"/{mark}"}
    spec |= {"pip": {"packages": [package]}, "smoke": {"imports": [package]}}
    (run.folder / "spec.yml").write_text(yaml.safe_dump(spec))

    run("lock")
    lock = (run.folder / f"pylock.{name}.toml").read_text()
    python = tomllib.loads(lock)["tool"]["envbuild"]["python"]
    assert (python["source"], python["version"]) == ("managed", version)
    assert "asked for exactly" in python["reason"]
    assert [needle for needle in place.secrets() if needle in lock.encode()] == []

    place.index.asked.clear()
    run("image", "--locked")
    assert Asked("GET", f"/pythons/{path}", "uv", known=True) in place.index.asked
    show = "import sys; print(sys.base_prefix, sys.version.split()[0])"
    prefix, ran = engine.run(f"{name}:latest", ["python", "-c", show]).stdout.split()
    assert prefix.startswith(f"/opt/python/cpython-{version}")
    assert ran == version


@pytest.mark.registry
def test_the_base_comes_through_the_sites_registry_mirror(
    place: Place,
    mark: str,
    engine: Engine,
    engine_url: str,
    python_base: str,
    open_registry: Registry,
    api: docker.APIClient,
    tmp_path: Path,
) -> None:
    base = f"debian:test-{mark}"
    repository, tag = f"{open_registry.host}/hub/library/debian", f"test-{mark}"
    there = context(f"FROM {python_base}\nCOPY mark /mark\n", {"mark": mark.encode()})
    pushed = engine.build(there, BuildRequest(tags=(f"{repository}:{tag}",)))
    for message in api.push(repository, tag, stream=True, decode=True):
        assert "error" not in message, message
    digest = engine.remote_digest(f"{repository}:{tag}", "")
    engine.remove(pushed.id, force=True)
    assert engine.image(pushed.id) is None

    mirrors = {"registry_mirrors": {"docker.io": f"{open_registry.host}/hub"}}
    run = shell(tmp_path, engine_url, place.direct_settings() | mirrors)
    name = f"mirrored-{mark}"
    (run.folder / "spec.yml").write_text(f"name: {name}\npython: 3.11\nbase: {base}\n")
    _, said = run("image")
    assert f"(as {repository}@{digest[:30]}" in said
    locked = tomllib.loads((run.folder / f"pylock.{name}.toml").read_text())["tool"]["envbuild"]["base"]
    assert (locked["reference"], locked["digest"]) == (base, digest)
    assert engine.run(f"{name}:latest", ["cat", "/mark"]).stdout == mark
    engine.remove(f"{repository}@{digest}", force=True)
