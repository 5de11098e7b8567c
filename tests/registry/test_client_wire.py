"""How registries are reached: certificates, plain http, proxies, redirects, names that nobody knows."""

import datetime
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trustme
from support.faulty import Fault, Front, front_of
from support.processes import free_port
from support.proxy import recording_proxy
from support.pushed import an_image, blob, push, somewhere
from support.registries import Registry, docker_registry
from support.visitors import Make

from envbuild.errors import RegistryError, SiteError
from envbuild.names import read_reference
from envbuild.registry.client import RegistryClient
from envbuild.site.model import Site

AMD = "linux/amd64"
CA_HINT = "name a PEM file with its CA in ca_bundle: of the site config, or in SSL_CERT_FILE"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "ca.pem"
    path.write_bytes(authority.cert_pem.bytes())
    return path


def server_side(authority: trustme.CA, *names: str, until: datetime.datetime | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names, not_after=until).configure_cert(context)
    return context


@pytest.fixture
def secure(open_registry: Registry, authority: trustme.CA) -> Iterator[Front]:
    """A front that speaks TLS."""
    with front_of(open_registry.host, tls=server_side(authority, "127.0.0.1", "registry.test")) as started:
        yield started


def refused(client: RegistryClient, host: str) -> RegistryError:
    with pytest.raises(RegistryError) as caught:
        client.manifest(somewhere(host))
    return caught.value


def test_a_certificate_of_the_sites_authority(make: Make, secure: Front, bundle: Path) -> None:
    client, reference, image = make(site=Site(ca_bundle=bundle)), somewhere(secure.host), an_image()
    assert push(client, reference, image) == image.digest
    assert client.resolve(reference, AMD).digest == image.digest
    big = bytes(3_000_000)
    assert client.upload_blob(reference, big, blob(big)) == "sent"
    assert client.read_blob(reference, blob(big), len(big)) == big


def test_a_certificate_of_an_authority_that_nobody_knows(make: Make, secure: Front) -> None:
    error = refused(make(), secure.host)
    assert error.message == (
        f"{secure.host}: the registry's certificate is not trusted: unable to get local issuer certificate"
    )
    assert (error.trouble, error.hint) == ("tls", CA_HINT)
    assert secure.seen == []


def test_a_certificate_that_is_bad_otherwise(
    make: Make, open_registry: Registry, authority: trustme.CA, bundle: Path
) -> None:
    past = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
    client = make(site=Site(ca_bundle=bundle))
    for context, why in (
        (server_side(authority, "127.0.0.1", until=past), "it has expired"),
        (server_side(authority, "other.test"), "it is for another name"),
    ):
        with front_of(open_registry.host, tls=context) as front:
            error = refused(client, front.host)
            assert error.message == f"{front.host}: the registry's certificate is not trusted: {why}"
            assert error.trouble == "tls"


def test_a_ca_bundle_that_is_none(make: Make, tmp_path: Path, secure: Front) -> None:
    (tmp_path / "bad.pem").write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    with pytest.raises(SiteError, match=r"the CA bundle .*bad\.pem cannot be used"):
        make(site=Site(ca_bundle=tmp_path / "bad.pem")).manifest(somewhere(secure.host))


def test_plain_http_is_for_loopback_or_by_word_of_the_site(
    make: Make, client: RegistryClient, open_registry: Registry
) -> None:
    """0.0.0.0 is this machine, and not its loopback."""
    with front_of(open_registry.host, address="0.0.0.0") as front:
        reference, image = somewhere(front.host), an_image()
        error = refused(client, front.host)
        assert error.message == f"{front.host}: does not speak TLS"
        assert (
            error.hint == f"if plain http is meant, add {front.host} to http_registries: of the site config"
        )
        assert error.trouble == "tls"
        assert front.seen == []
        told = make(site=Site(http_registries=(front.host,)))
        assert push(told, reference, image) == image.digest
        assert told.resolve(reference, AMD).digest == image.digest


def test_no_redirect_leads_from_tls_to_plain_http(make: Make, secure: Front, bundle: Path) -> None:
    client, reference, image = make(site=Site(ca_bundle=bundle)), somewhere(secure.host), an_image()
    push(client, reference, image)
    to = {"Location": f"http://storage.example.test/{image.config.digest}"}
    secure.faults = [Fault("/blobs/", "GET", status=307, headers=to)]
    with pytest.raises(RegistryError) as caught:
        client.read_blob(reference, image.config, 1000)
    assert caught.value.message == (
        "storage.example.test: would be spoken to in plain http, where others can listen and change things"
    )


def test_a_registry_behind_tls_that_says_http(make: Make, secure: Front, bundle: Path) -> None:
    """docker-registry writes http:// in its Locations where a proxy before it does TLS."""
    client, reference, image = make(site=Site(ca_bundle=bundle)), somewhere(secure.host), an_image()
    push(client, reference, image)
    assert all(seen.path.startswith("/v2/") for seen in secure.seen)
    to = {"Location": f"http://{secure.host}/v2/{reference.repository}/blobs/{image.config.digest}"}
    secure.faults = [Fault("/blobs/", "GET", status=307, headers=to)]
    assert client.read_blob(reference, image.config, 1000) == image.blobs[image.config.digest]


def test_a_proxy(make: Make, secure: Front, bundle: Path) -> None:
    """The proxy alone knows where registry.test is; loopback never goes through it."""
    known = {"registry.test:443": ("127.0.0.1", secure.port)}
    with recording_proxy("surfer:p@ss/word", known) as proxy:
        url = f"http://surfer:p%40ss%2Fword@{proxy.host}"
        site = Site(ca_bundle=bundle, proxies={"https": url, "http": url})
        client, reference, image = make(site=site), somewhere("registry.test"), an_image()
        assert push(client, reference, image) == image.digest
        assert client.resolve(reference, AMD).digest == image.digest
        assert set(proxy.asked) == {"CONNECT registry.test:443"}
        proxy.asked.clear()
        client.resolve(replace(reference, host=secure.host), AMD)
        assert proxy.asked == []
        error = refused(client, "other.test")
        assert "the registry other.test cannot be reached: the proxy does not let through: " in error.message
        assert "403" in error.message
        wrong = {"https": f"http://surfer:wrong@{proxy.host}"}
        error = refused(make(site=replace(site, proxies=wrong)), "registry.test")
        assert "407" in error.message
        assert "wrong" not in error.message
        excepted = make(site=replace(site, proxies={"https": url, "no": "registry.test"}))
        assert "its name is not known" in refused(excepted, "registry.test").message


def test_a_proxy_that_is_not_there(make: Make) -> None:
    site = Site(proxies={"https": f"http://me:secret@127.0.0.1:{free_port()}"})
    error = refused(make(site=site), "registry.test")
    assert "the proxy does not let through: connection refused" in error.message
    assert "secret" not in error.message


def test_a_socks_proxy_without_its_package(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "socks", None)  # as where it is not installed
    monkeypatch.delitem(sys.modules, "urllib3.contrib.socks", raising=False)
    error = refused(make(site=Site(proxies={"https": "socks5h://127.0.0.1:1"})), "registry.test")
    assert error.message == (
        "the proxy socks5h://127.0.0.1:1 needs the Python package PySocks, which is not installed"
    )


@pytest.mark.parametrize(
    ("host", "why"),
    [("registry.invalid", "its name is not known"), ("127.0.0.1:{port}", "connection refused")],
)
def test_a_registry_that_is_not_there(
    client: RegistryClient, slept: list[float], host: str, why: str
) -> None:
    """Said at once: who never answered will hardly answer in a second."""
    reference = read_reference(f"{host.format(port=free_port())}/lab/x:1")
    with pytest.raises(RegistryError) as caught:
        client.manifest(reference)
    assert caught.value.message == f"{reference}: the registry {reference.host} cannot be reached: {why}"
    assert caught.value.trouble == "unreachable"
    assert slept == []


def test_a_registry_that_goes_away(
    client: RegistryClient, open_registry: Registry, slept: list[float], tmp_path: Path
) -> None:
    """It answered before, so it may again: all tries."""
    with docker_registry(tmp_path / "own", login=False) as own:
        there = somewhere(own.host)
        push(client, there, an_image())
    with pytest.raises(RegistryError) as caught:
        client.manifest(there)
    assert f"the registry {there.host} cannot be reached: connection refused" in caught.value.message
    assert len(slept) == 4


def test_what_answers_is_no_registry(client: RegistryClient) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        program = (
            "import socket, sys\n"
            "server = socket.socket(fileno=int(sys.argv[1]))\n"
            "while True:\n"
            "    peer, _ = server.accept()\n"
            "    peer.recv(1000)\n"
            "    peer.sendall(b'SSH-2.0-OpenSSH_9.2\\r\\n')\n"
            "    peer.close()\n"
        )
        number = str(server.fileno())
        with subprocess.Popen([sys.executable, "-c", program, number], pass_fds=[server.fileno()]) as process:
            try:
                error = refused(client, host)
            finally:
                process.kill()
    assert f"the connection to the registry {host} broke (5 times): " in error.message
    assert error.trouble == "unreachable"


def test_a_registry_on_localhost_by_name(client: RegistryClient, open_registry: Registry) -> None:
    port = open_registry.host.partition(":")[2]
    reference, image = somewhere(f"localhost:{port}"), an_image()
    assert push(client, reference, image) == image.digest


def test_nothing_heavy_is_imported_before_it_is_used() -> None:
    program = (
        "import sys, envbuild.registry.client\n"
        "print({'urllib3', 'requests', 'docker', 'pydantic', 'yaml'} & set(sys.modules))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert ran.stdout == "set()\n"
