"""`load_site`: what the host says, the config file, `ENVBUILD_*`, and which of them counts."""

# ruff: noqa: E501  (a case and its exact message read best in one row)

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.errors import SiteError
from envbuild.site.load import VARIABLES, load_site
from envbuild.site.model import Site

if TYPE_CHECKING:
    from pathlib import Path

PEM = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_text(PEM)
    return path


def from_config(tmp_path: Path, text: str, **environ: str) -> Site:
    path = tmp_path / "config.yml"
    path.write_text(text)
    return load_site(environ, path)


def refused(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(SiteError) as caught:
        from_config(tmp_path, text)
    assert caught.value.hint == "docs/site.md lists every setting"
    return caught.value.message.replace(f"{tmp_path}/", "").splitlines()


def test_nothing_said_is_an_empty_site() -> None:
    assert load_site({}) == Site()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE"])
def test_a_ca_bundle_of_the_host(variable: str, bundle: Path) -> None:
    site = load_site({variable: str(bundle)})
    assert (site.ca_bundle, site.origins["ca_bundle"], site.notes) == (bundle, variable, ())


def test_the_first_bundle_counts_and_another_file_is_noted(bundle: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.pem"
    other.write_text(PEM)
    site = load_site({"PIP_CERT": str(other), "SSL_CERT_FILE": str(bundle), "CURL_CA_BUNDLE": str(bundle)})
    assert site.ca_bundle == bundle
    assert site.notes == (f"PIP_CERT names another file than SSL_CERT_FILE: {other} is not used",)


def test_a_broken_bundle_of_the_host_is_noted(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    site = load_site(
        {"SSL_CERT_FILE": str(tmp_path / "gone"), "PIP_CERT": str(empty), "CURL_CA_BUNDLE": str(tmp_path)}
    )
    assert site.ca_bundle is None
    assert site.notes == (
        f"SSL_CERT_FILE is not used: {tmp_path}/gone: no such file or directory",
        f"PIP_CERT is not used: {empty}: holds no PEM certificate",
        f"CURL_CA_BUNDLE is not used: {tmp_path}: is a directory",
    )


def test_a_broken_bundle_named_for_envbuild_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SiteError) as caught:
        load_site({"ENVBUILD_CA_BUNDLE": str(tmp_path / "gone")})
    assert (
        caught.value.message
        == f"ENVBUILD_CA_BUNDLE: the CA bundle {tmp_path}/gone: no such file or directory"
    )
    with pytest.raises(SiteError) as caught:
        from_config(tmp_path, "\nca_bundle: gone.pem\n")
    assert (
        caught.value.message
        == f"{tmp_path}/config.yml:2: the CA bundle {tmp_path}/gone.pem: no such file or directory"
    )


def test_a_bundle_in_the_config_lies_beside_it(tmp_path: Path, bundle: Path) -> None:
    assert from_config(tmp_path, "ca_bundle: ca.pem\n").ca_bundle == bundle


@pytest.mark.parametrize(
    ("environ", "proxies"),
    [
        ({"HTTPS_PROXY": "http://p:1"}, {"https": "http://p:1"}),
        ({"https_proxy": "http://low:1", "HTTPS_PROXY": "http://up:1"}, {"https": "http://low:1"}),
        ({"http_proxy": "p:3128", "NO_PROXY": "a,.b"}, {"http": "http://p:3128", "no": "a,.b"}),
        (
            {"ALL_PROXY": "http://p:1", "https_proxy": "http://q:1"},
            {"http": "http://p:1", "https": "http://q:1"},
        ),
        ({"HTTPS_PROXY": " "}, {}),
        ({"ENVBUILD_HTTPS_PROXY": "http://e:1", "https_proxy": "http://p:1"}, {"https": "http://e:1"}),
    ],
)
def test_proxies(environ: dict[str, str], proxies: dict[str, str]) -> None:
    assert load_site(environ).proxies == proxies


def test_a_broken_proxy_of_the_host_is_noted_without_its_password() -> None:
    site = load_site({"HTTPS_PROXY": "ftp://me:secret@p:1"})
    assert site.proxies == {}
    assert site.notes == (
        "HTTPS_PROXY is not used: 'ftp://***@p:1' is not a proxy URL; write http://host/path",
    )


@pytest.mark.parametrize(
    ("environ", "url", "extra"),
    [
        ({"UV_DEFAULT_INDEX": "https://a/s", "UV_INDEX_URL": "https://b/s", "PIP_INDEX_URL": "https://c/s"}, "https://a/s", ()),
        ({"UV_INDEX_URL": "https://b/s", "PIP_INDEX_URL": "https://c/s"}, "https://b/s", ()),
        ({"PIP_INDEX_URL": "https://c/s"}, "https://c/s", ()),
        ({"UV_INDEX": "https://a/s lab=https://b/s", "UV_EXTRA_INDEX_URL": "https://c/s https://a/s"}, None, ("https://a/s", "https://b/s", "https://c/s")),
        ({"PIP_EXTRA_INDEX_URL": "https://a/s\nhttps://b/s", "PIP_INDEX_URL": ""}, None, ("https://a/s", "https://b/s")),
        ({"PIP_EXTRA_INDEX_URL": "https://a/s", "UV_INDEX": "https://b/s"}, None, ("https://b/s",)),
        ({"UV_INDEX": "my-lab=https://b/s", "UV_INDEX_MY_LAB_USERNAME": "me", "UV_INDEX_MY_LAB_PASSWORD": "p@ss"}, None, ("https://me:p%40ss@b/s",)),
        ({"UV_DEFAULT_INDEX": "x=https://b/s?a=b"}, "https://b/s?a=b", ()),
        ({"UV_DEFAULT_INDEX": "https://b/s?a=b"}, "https://b/s?a=b", ()),
    ],
)  # fmt: skip
def test_indexes(environ: dict[str, str], url: str | None, extra: tuple[str, ...]) -> None:
    site = load_site(environ)
    assert (site.index_url, site.extra_index_urls, site.notes) == (url, extra, ())


def test_what_lies_on_a_local_path_is_noted_and_not_carried(tmp_path: Path) -> None:
    site = load_site(
        {
            "UV_DEFAULT_INDEX": "file:///srv/index",
            "PIP_INDEX_URL": "https://a/s",
            "UV_INDEX": "/srv/wheels https://b/s",
            "UV_PYTHON_INSTALL_MIRROR": "file:///srv/pythons",
            "UV_PYTHON_DOWNLOADS_JSON_URL": "/srv/list.json",
        }
    )
    assert (site.index_url, site.extra_index_urls, site.python_mirror, site.python_downloads) == (
        "https://a/s",
        ("https://b/s",),
        None,
        None,
    )
    assert site.notes[0] == (
        "UV_DEFAULT_INDEX is a local path (file:///srv/index), which containers cannot reach: not carried into builds"
    )
    assert [note.split(" is a local path")[0] for note in site.notes] == [
        "UV_DEFAULT_INDEX",
        "UV_INDEX",
        "python_mirror (UV_PYTHON_INSTALL_MIRROR)",
        "python_downloads (UV_PYTHON_DOWNLOADS_JSON_URL)",
    ]


def test_so_is_one_that_was_named_for_envbuild(tmp_path: Path) -> None:
    site = from_config(tmp_path, "index_url: /srv/index\nextra_index_urls: [file:///a, https://b/s]\n")
    assert (site.index_url, site.extra_index_urls, len(site.notes)) == (None, ("https://b/s",), 2)


@pytest.mark.parametrize(
    ("variable", "why"),
    [
        ("PIP_FIND_LINKS", "a list of files is not an index"),
        ("UV_FIND_LINKS", "a list of files is not an index"),
        ("PIP_TRUSTED_HOST", "certificates are always checked; give a CA bundle instead"),
    ],
)
def test_what_is_only_noted(variable: str, why: str) -> None:
    assert load_site({variable: "x"}).notes == (f"{variable} is not carried into builds: {why}",)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "[::1]", "x.localhost"])
def test_loopback_needs_the_hosts_network(host: str) -> None:
    environ = {"UV_DEFAULT_INDEX": f"http://me:secret@{host}:8080/s"}
    (note,) = load_site(environ).notes
    assert note == (
        f"UV_DEFAULT_INDEX: http://***@{host}:8080/s is this machine's loopback: build steps reach it only with "
        "build_network: host"
    )
    assert load_site({**environ, "ENVBUILD_BUILD_NETWORK": "host"}).notes == ()


def test_loopback_is_looked_for_in_lists_and_mirrors_too() -> None:
    site = load_site(
        {
            "ENVBUILD_EXTRA_INDEX_URLS": "https://a/s http://127.0.0.1/s",
            "ENVBUILD_APT_MIRRORS": "http://x/debian=http://localhost/debian",
            "ENVBUILD_CONDA_MIRRORS": "https://x/forge=http://localhost:8000/forge",
            "HTTPS_PROXY": "127.0.0.1:3128",
        }
    )
    assert [note.split(":")[0] for note in site.notes] == [
        "HTTPS_PROXY",
        "ENVBUILD_EXTRA_INDEX_URLS",
        "ENVBUILD_APT_MIRRORS",
        "ENVBUILD_CONDA_MIRRORS",
    ]


FULL = """\
ca_bundle: ca.pem
proxies: {http: proxy:1, https: "http://proxy:1", no: localhost}
index_url: https://index.example/simple
extra_index_urls:
  - https://extra.example/simple
index_strategy: unsafe-best-match
python_mirror: https://python.example/builds
python_downloads: https://python.example/list.json
apt_mirrors: {http://old.example/debian: https://new.example/debian}
debian_mirror: https://new.example/debian
registry_mirrors: {docker.io: "registry.example:5000/hub/"}
http_registries: ["registry.lab:5000"]
conda_mirrors: {https://conda.example/forge/: "https://me:pw@mirror.example/forge"}
micromamba: /opt/bin/micromamba
engine: unix:///run/engine.sock
build_network: host
"""


def test_every_setting_in_the_config(tmp_path: Path, bundle: Path) -> None:
    site = from_config(tmp_path, FULL)
    assert site == Site(
        ca_bundle=bundle,
        proxies={"http": "http://proxy:1", "https": "http://proxy:1", "no": "localhost"},
        index_url="https://index.example/simple",
        extra_index_urls=("https://extra.example/simple",),
        index_strategy="unsafe-best-match",
        python_mirror="https://python.example/builds",
        python_downloads="https://python.example/list.json",
        apt_mirrors={"http://old.example/debian": "https://new.example/debian"},
        debian_mirror="https://new.example/debian",
        registry_mirrors={"docker.io": "registry.example:5000/hub"},
        http_registries=("registry.lab:5000",),
        conda_mirrors={"https://conda.example/forge": "https://me:pw@mirror.example/forge"},
        micromamba="/opt/bin/micromamba",
        engine="unix:///run/engine.sock",
        build_network="host",
        origins=site.origins,
    )
    assert site.origins["extra_index_urls"] == f"{tmp_path}/config.yml:4"
    assert site.origins["proxies.no"] == f"{tmp_path}/config.yml:2"


def test_every_setting_as_a_variable(bundle: Path) -> None:
    environ = {
        "ENVBUILD_CA_BUNDLE": str(bundle),
        "ENVBUILD_HTTP_PROXY": "proxy:1",
        "ENVBUILD_HTTPS_PROXY": "http://proxy:1",
        "ENVBUILD_NO_PROXY": "localhost",
        "ENVBUILD_INDEX_URL": "https://index.example/simple",
        "ENVBUILD_EXTRA_INDEX_URLS": "https://a.example/s https://b.example/s",
        "ENVBUILD_INDEX_STRATEGY": "first-index",
        "ENVBUILD_PYTHON_MIRROR": "https://python.example/builds",
        "ENVBUILD_PYTHON_DOWNLOADS": "https://python.example/list.json",
        "ENVBUILD_APT_MIRRORS": "http://a/debian=https://b/debian http://c=https://d",
        "ENVBUILD_DEBIAN_MIRROR": "https://new.example/debian",
        "ENVBUILD_REGISTRY_MIRRORS": "docker.io=mirror.example/hub",
        "ENVBUILD_HTTP_REGISTRIES": "registry.lab:5000 other.lab",
        "ENVBUILD_CONDA_MIRRORS": "https://c/forge=https://u:p@m/forge https://d=https://e/t/tok/d",
        "ENVBUILD_MICROMAMBA": "rattler",
        "ENVBUILD_ENGINE": "tcp://engine:2375",
        "ENVBUILD_BUILD_NETWORK": "host",
    }
    assert set(environ) == {*VARIABLES} - {"ENVBUILD_CONFIG"}
    site = load_site(environ)
    assert site.apt_mirrors == {"http://a/debian": "https://b/debian", "http://c": "https://d"}
    assert site.registry_mirrors == {"docker.io": "mirror.example/hub"}
    assert site.conda_mirrors == {
        "https://c/forge": "https://u:p@m/forge",
        "https://d": "https://e/t/tok/d",
    }
    assert site.micromamba == "rattler"
    assert site.http_registries == ("registry.lab:5000", "other.lab")
    assert (site.engine, site.build_network, site.extra_index_urls[1]) == (
        "tcp://engine:2375",
        "host",
        "https://b.example/s",
    )
    assert set(site.origins.values()) == set(environ)
    assert site.notes == ()


def test_variable_over_config_over_host(tmp_path: Path) -> None:
    host = {
        "UV_DEFAULT_INDEX": "https://host/s",
        "https_proxy": "http://host:1",
        "http_proxy": "http://host:1",
    }
    text = "index_url: https://file/s\nproxies: {https: http://file:1}\n"
    site = from_config(tmp_path, text, **host)
    assert (site.index_url, site.proxies) == (
        "https://file/s",
        {"http": "http://host:1", "https": "http://file:1"},
    )
    site = from_config(tmp_path, text, **host, ENVBUILD_INDEX_URL="https://env/s")
    assert (site.index_url, site.origins["index_url"]) == ("https://env/s", "ENVBUILD_INDEX_URL")


def test_where_the_config_is_looked_for(tmp_path: Path) -> None:
    for folder, url in ((".config", "https://home/s"), ("xdg", "https://xdg/s")):
        (tmp_path / folder / "envbuild").mkdir(parents=True)
        (tmp_path / folder / "envbuild" / "config.yml").write_text(f"index_url: {url}\n")
    (tmp_path / "named.yml").write_text("index_url: https://named/s\n")
    environ = {"HOME": str(tmp_path)}
    assert load_site(environ).index_url == "https://home/s"
    environ["XDG_CONFIG_HOME"] = str(tmp_path / "xdg")
    assert load_site(environ).index_url == "https://xdg/s"
    environ["ENVBUILD_CONFIG"] = str(tmp_path / "named.yml")
    assert load_site(environ).index_url == "https://named/s"
    environ["ENVBUILD_CONFIG"] = str(tmp_path / "gone.yml")
    with pytest.raises(SiteError) as caught:
        load_site(environ)
    assert (
        caught.value.message == f"cannot read the site config {tmp_path}/gone.yml: No such file or directory"
    )


@pytest.mark.parametrize(
    ("text", "messages"),
    [
        ("indexurl: x\n", ["config.yml:1: indexurl: unknown key; did you mean index_url?"]),
        ("proxies: {htps: x}\n", ["config.yml:1: proxies.htps: unknown key; did you mean https?"]),
        ("index_url: [a]\n", ["config.yml:1: index_url: expected one text value"]),
        ("extra_index_urls: https://a\n", ["config.yml:1: extra_index_urls: expected a list"]),
        ("proxies: x\n", ["config.yml:1: proxies: expected a mapping"]),
        ("apt_mirrors: [a]\n", ["config.yml:1: apt_mirrors: expected a mapping"]),
        ("build_network: hots\n", ["config.yml:1: build_network: 'hots' is not one of default, host; did you mean host?"]),
        ("\nindex_url: https://me:secret@\n", ["config.yml:2: index_url: 'https://***@' is not an http or https URL; write https://host/path"]),
        ("index_url: https://a:99999\n", ["config.yml:1: index_url: 'https://a:99999' is not an http or https URL; write https://host/path"]),
        ('index_url: "https://a/\\n$(id)"\n', ["config.yml:1: index_url: has a line break or a control character in it; write one plain line"]),
        ("engine: docker\n", ["config.yml:1: engine: 'docker' is not an engine's URL; write unix:///path/of/socket or tcp://host:port"]),
        ("registry_mirrors: {docker.io: https://a}\n", ["config.yml:1: registry_mirrors.docker.io: 'https://a' is not a registry mirror; write host[:port][/path], without https://"]),
        ("registry_mirrors: {https://a: b}\n", ["config.yml:1: registry_mirrors.https://a: 'https://a' is not a registry; write host or host:port, without https://"]),
        ("http_registries: [http://a:5000]\n", ["config.yml:1: http_registries[0]: 'http://a:5000' is not a registry; write host or host:port, without https://"]),
        ("extra_index_urls:\n - https://a\n - gopher://b\n", ["config.yml:3: extra_index_urls[1]: 'gopher://b' is not an http or https URL; write https://host/path"]),
        ("apt_mirrors:\n  http://a?b=c: https://d\n", ["config.yml:2: apt_mirrors.http://a?b=c: 'http://a?b=c' has a = in it; write the URL's plain beginning"]),
        ("engine: a\nx: 1\n", ["config.yml:1: engine: 'a' is not an engine's URL; write unix:///path/of/socket or tcp://host:port", "config.yml:2: x: unknown key; known: ca_bundle, proxies, index_url, extra_index_urls, index_strategy, python_mirror, python_downloads, apt_mirrors, debian_mirror, registry_mirrors, http_registries, conda_mirrors, micromamba, engine, build_network"]),
        ("micromamba: images\n", ["config.yml:1: micromamba: 'images' is neither one of auto, image, rattler nor an absolute path; did you mean image?"]),
        ("micromamba: bin/mm\n", ["config.yml:1: micromamba: 'bin/mm' is neither one of auto, image, rattler nor an absolute path; write /path/to/micromamba"]),
        ("conda_mirrors:\n  https://u:p@a: https://b\n", ["config.yml:2: conda_mirrors.https://***@a: 'https://***@a' holds a login; write it into the URL that replaces this one"]),
        ("engine: a\nengine: b\n", ["config.yml:2: engine: given twice, first in line 1; keep one"]),
        ("engine: !!python/object:os.system x\n", ["config.yml:1: engine: tag tag:yaml.org,2002:python/object:os.system is not known here; remove it"]),
        ("- a\n", ["config.yml:1: must be a mapping of settings; write lines such as index_url: https://…"]),
        ("a: &x b\nc: *x\n", ["config.yml: aliases (*name) are not used here; write the value out"]),
        ("a: [\n", ["config.yml:2: is not YAML: expected the node content, but found '<stream end>'"]),
        ("[a]: b\n", ["config.yml:1: a key must be plain text"]),
    ],
)  # fmt: skip
def test_a_wrong_config_is_refused_word_by_word(tmp_path: Path, text: str, messages: list[str]) -> None:
    assert refused(tmp_path, text) == messages


@pytest.mark.parametrize("text", ["", "# nothing\n", "index_url:\nproxies: {http: null}\n"])
def test_an_empty_config_sets_nothing(tmp_path: Path, text: str) -> None:
    assert from_config(tmp_path, text) == Site()


def test_a_config_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "config.yml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SiteError, match="is not UTF-8 text"):
        load_site({}, path)
    path.write_bytes(b"#" * 70_000)
    with pytest.raises(SiteError, match="is larger than 64 KiB; keep settings in it, nothing else"):
        load_site({}, path)


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ENVBUILD_BUILD_NETWORK", "none", "ENVBUILD_BUILD_NETWORK: 'none' is not one of default, host"),
        ("ENVBUILD_INDEX_URL", "ftp://u:secret@h", "ENVBUILD_INDEX_URL: 'ftp://***@h' is not an http or https URL; write https://host/path"),
        ("ENVBUILD_APT_MIRRORS", "http://a", "ENVBUILD_APT_MIRRORS: 'http://a' is not a pair; write FROM=TO, with spaces between pairs"),
    ],
)  # fmt: skip
def test_a_wrong_variable_is_refused(variable: str, value: str, message: str) -> None:
    with pytest.raises(SiteError) as caught:
        load_site({variable: value})
    assert caught.value.message == message


def test_a_misspelt_variable_is_noted() -> None:
    assert load_site({"ENVBUILD_INDEX_ULR": "x", "ENVBUILD_TEST_REQUIRE": "engine"}).notes == (
        "ENVBUILD_INDEX_ULR is not a setting; did you mean ENVBUILD_INDEX_URL?",
    )


def test_no_credential_in_repr() -> None:
    environ = {"UV_DEFAULT_INDEX": "https://me:hunter2@h/s", "HTTPS_PROXY": "http://me:hunter2@p:1"}
    shown = repr(load_site(environ))
    assert "hunter2" not in shown
    assert "index_url='https://***@h/s'" in shown


def test_a_home_that_may_not_be_looked_into_has_no_config(monkeypatch: pytest.MonkeyPatch) -> None:
    """As for `HOME=/root` under another account. A stand-in for the refusal: root is refused nothing."""

    def refused(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr("pathlib.Path.exists", refused)
    site = load_site({"HOME": "/elsewhere"})
    assert site.notes == (
        "/elsewhere/.config/envbuild/config.yml cannot be looked at, so it counts as missing: Permission denied",
    )
