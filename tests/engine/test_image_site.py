"""What a site says (certificates, proxies, logins, mirrors) from end to end: the command line on a real
engine, with an index, a proxy and mirrors on loopback.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import docker
import pytest
import yaml
from support.commandline import CommandLine
from support.index import Asked
from support.place import INDEX_HOST, Place, a_place, write_config
from support.saved import parts, save

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
