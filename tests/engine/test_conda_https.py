"""conda packages over https from a channel with a login and a certificate of the test's own authority.

Command line, py-rattler, TLS and channel are real; micromamba is a stand-in where that word stands.
"""

import ssl
import time
import tomllib
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest
import trustme
from support.commandline import CommandLine
from support.conda import make_channel
from support.conda_builds import STANDIN, packages
from support.conda_packages import plain
from support.conda_server import ChannelServer, serve
from support.place import write_config
from support.plain_docker import docker_build
from support.saved import parts, save

from envbuild.engine.engine import Engine
from envbuild.site.host import CA_VARIABLES

FORGE = "https://conda.lab.example/forge"


@dataclass(frozen=True)
class Away:
    """A channel on loopback https, and a spec locked from it. `mark` is in every secret and nowhere else."""

    run: CommandLine
    server: ChannelServer
    bundle: Path
    name: str
    mark: str
    light: str
    standin: Path

    @property
    def lock(self) -> Path:
        return self.run.folder / f"pylock.{self.name}.toml"

    def site(self, micromamba: str, **more: Any) -> None:
        """Write the site's config; None takes a key away."""
        mirror = f"https://{self.server.login}@127.0.0.1:{self.server.port}"
        settings = {"ca_bundle": str(self.bundle), "conda_mirrors": {FORGE: mirror}, "build_network": "host"}
        settings |= {"micromamba": micromamba, **more}
        known = {key: value for key, value in settings.items() if value is not None}
        write_config(Path(self.run.environ["XDG_CONFIG_HOME"]).parent, known)

    def secrets(self) -> list[bytes]:
        """The login in its spellings, the mirror's address, two of the certificate's own lines."""
        lines = [line for line in self.bundle.read_text().splitlines() if len(line) == 64]
        words = [self.mark, b64encode(self.server.login.encode()).decode(), f"127.0.0.1:{self.server.port}"]
        return [word.encode() for word in (*words, lines[0], lines[-1])]


@pytest.fixture(scope="module")
def away(
    engine_url: str,
    python3_base: tuple[str, str],
    tmp_path_factory: pytest.TempPathFactory,
    api: docker.APIClient,
) -> Iterator[Away]:
    folder = tmp_path_factory.mktemp("away")
    mark, light = f"mark{uuid.uuid4().hex[:12]}", f"1.{uuid.uuid4().int % 10**9}"
    authority = trustme.CA(organization_name=mark)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    bundle, standin = folder / "ca.pem", folder / "micromamba-standin"
    authority.cert_pem.write_to_path(str(bundle))
    standin.write_bytes(STANDIN.read_bytes())
    standin.chmod(0o755)
    base, version = python3_base
    # No version of the packages was ever seen: the engine's cache mount has none of them.
    made = (*packages(version, light), plain("ca-certificates", light))
    make_channel(folder / "channel", made)
    name = f"conda-{uuid.uuid4().hex[:8]}"
    run = CommandLine(folder / "work", folder / "home", engine_url)
    for variable in (*CA_VARIABLES, "SSL_CERT_DIR"):  # a bundle of this machine's would count
        run.environ.pop(variable, None)
    run.folder.mkdir()
    (run.folder / "spec.yml").write_text(
        f"name: {name}\npython: '{version.rpartition('.')[0]}'\nbase: {base}\n"
        f"conda:\n  channels: ['{FORGE}']\n  packages: [light, libtorch]\n"
        "smoke: {imports: [light, heavily], gpu: none}\n"
    )
    with serve(folder / "channel", login=f"reader:{mark}", tls=tls) as server:
        found = Away(run, server, bundle, name, mark, light, standin)
        found.site("rattler")
        run("lock")
        yield found
    for image in api.images(filters={"label": f"dev.envbuild.name={name}"}):
        api.remove_image(image["Id"], force=True)


def test_a_lock_is_solved_over_https_and_holds_no_secret(away: Away) -> None:
    rows = tomllib.loads(away.lock.read_text())["tool"]["envbuild"]["conda"]
    assert {row["url"].rsplit("/", 2)[0] for row in rows} == {FORGE}
    assert [word for word in away.secrets() if word in away.lock.read_bytes()] == []
    assert {item.status for item in away.server.asked} <= {200, 404}


def test_without_the_authority_nothing_is_locked(away: Away, tmp_path: Path) -> None:
    away.site("rattler", ca_bundle=None)
    before = away.lock.read_bytes()
    _, said = away.run("lock", "--upgrade", code=4, environ={"XDG_CACHE_HOME": str(tmp_path)})
    error, hint = said.splitlines()[-2:]
    what = f"the channel {FORGE} has a certificate that is not trusted at {away.server.url}/"
    assert error.startswith(f"error: spec.yml:5: conda.channels[0]: {what}")
    assert hint.startswith("hint: name your site's CA bundle: ")
    assert away.mark not in said
    assert away.lock.read_bytes() == before


def test_without_the_authority_nothing_is_built_with_a_standin(
    away: Away, engine: Engine, python3_base: tuple[str, str], tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(str(other))
    away.site(str(away.standin), ca_bundle=str(other))
    _, said = away.run("image", "--locked", "--force", "--no-cache", code=5)
    assert f".tar.bz2: the certificate of {FORGE} is not trusted\n" in said
    assert away.mark not in said
    assert engine.run(python3_base[0], ["ls", "/etc/ssl/certs/ca-certificates.crt"]).code != 0
    away.site(str(away.standin), ca_bundle=None)
    _, said = away.run("image", "--locked", "--force", "--no-cache", code=5)
    assert "\nerror: this base has no CA certificates to check a channel by\n" in said
    hint = "hint: name some by ca_bundle in the site config, or say micromamba: image"
    assert said.splitlines()[-1] == hint


def test_without_the_authority_nothing_is_built_by_py_rattler(away: Away, tmp_path: Path) -> None:
    away.site("rattler", ca_bundle=None)
    _, said = away.run("image", "--locked", "--force", code=4, environ={"XDG_CACHE_HOME": str(tmp_path)})
    place = f"{away.server.url}/"
    assert f".tar.bz2: cannot be fetched from {place}" in said
    assert "invalid peer certificate: UnknownIssuer\nhint: check the address" in said
    assert away.mark not in said
    assert list((tmp_path / "envbuild" / "conda" / "staged").iterdir()) == []


@pytest.mark.parametrize("command", [("lock", "--upgrade"), ("image", "--locked", "--force")])
def test_ctrl_c_while_the_channel_is_slow_leaves_nothing(
    away: Away, command: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    away.site("rattler")
    before = away.lock.read_bytes()
    monkeypatch.setitem(away.run.environ, "XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(away.server, "delay", 20)
    opened = away.server.opened
    with away.run.started(*command) as running:
        running.wait_for("2 conda requirements" if command[0] == "lock" else "by py-rattler")
        while away.server.opened == opened:
            time.sleep(0.02)
        assert running.interrupt() < 5
        code, _, said = running.end()
    assert (code, said.splitlines()[-1]) == (130, "interrupted")
    assert away.lock.read_bytes() == before
    staged = tmp_path / "envbuild" / "conda" / "staged"
    assert [path for path in staged.glob("**/*") if path.is_file()] == []


@pytest.mark.parametrize("way", ["standin", "rattler"])
def test_an_image_is_built_over_https_and_holds_no_secret(
    away: Away, way: str, engine: Engine, api: docker.APIClient, tmp_path: Path
) -> None:
    away.site(str(away.standin) if way == "standin" else "rattler")
    away.server.asked.clear()
    made = away.run.json("image", "--locked", "--force")
    checks = {row["name"]: row["status"] for row in made["smoke"]["checks"]}
    assert (checks["import light"], checks["import heavily"]) == ("passed", "passed")
    file = f"light-{away.light}-pyh0_0.tar.bz2"
    assert {item.path for item in away.server.asked} >= {f"/noarch/{file}"}
    image = f"{away.name}:latest"
    seen = set()
    for where, content in parts(save(api, image, tmp_path / "image.tar")):
        assert [word for word in away.secrets() if word in content] == [], where
        seen.add(where.partition(": ")[2])
    assert f"opt/env/conda-meta/light-{away.light}-pyh0_0.json" in seen
    assert [word for word in away.secrets() if word in repr(api.history(image)).encode()] == []
    record = engine.run(image, ["cat", f"/opt/env/conda-meta/light-{away.light}-pyh0_0.json"]).stdout
    assert f'"url": "{FORGE}/noarch/{file}"' in record


@pytest.mark.parametrize("way", ["standin", "rattler"])
def test_a_rendered_context_builds_with_plain_docker(
    away: Away, way: str, engine: Engine, tmp_path: Path, name: str
) -> None:
    """A binary in the context or archives; what a site says comes by options that all builders have."""
    away.site(str(away.standin) if way == "standin" else "rattler")
    away.run("render", "-o", str(tmp_path / "context"))
    options = []
    if way == "standin":
        mirror = f"https://{away.server.login}@127.0.0.1:{away.server.port}"
        (tmp_path / "site").write_text(f"export ENVBUILD_CONDA_MIRRORS='{FORGE}={mirror}'\n")
        options += ["--secret", f"id=envbuild_site,src={tmp_path / 'site'}", "--network", "host"]
        options += ["--secret", f"id=envbuild_ca,src={away.bundle}", "--no-cache"]
    docker_build(tmp_path / "context", f"{name}:latest", away.run.environ, *options)
    ran = engine.run(f"{name}:latest", ["python", "-c", "import light, heavily; print(light.__version__)"])
    assert (ran.code, ran.stdout) == (0, f"{away.light}\n")
