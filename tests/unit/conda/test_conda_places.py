"""Channels, mirrors, logins, certificates, proxies: where packages come from, and what is told of it."""

import base64
import ssl
from pathlib import Path

import pytest
import trustme
from support.conda import make_channel
from support.conda_packages import plain, python
from support.conda_server import serve
from support.conda_solving import solved, text_of
from support.proxy import recording_proxy

from envbuild.conda import ask
from envbuild.conda.channels import Channel, channels_of, read_channel
from envbuild.conda.place import mirrored, redacted
from envbuild.errors import LockError, SpecError
from envbuild.site.model import Site
from envbuild.spec.words import Bad

FORGE = "https://conda.anaconda.org/conda-forge"
LOGIN = "reader:s3cret@x"
INFO = "reader:s3cret%40x"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with the channels `conda-forge` and `lab`."""
    for name in ("conda-forge", "lab"):
        make_channel(tmp_path / "served" / name, [python("3.12.4"), plain("ca-certificates", "1")])
    return tmp_path / "served"


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("conda-forge", FORGE),
        ("lab/label/dev", "https://conda.anaconda.org/lab/label/dev"),
        ("https://Repo.Example.org:443/lab/", "https://repo.example.org/lab"),
        ("http://127.0.0.1:8080/lab", "http://127.0.0.1:8080/lab"),
        ("https://repo.anaconda.com/pkgs/main", "https://repo.anaconda.com/pkgs/main"),
        ("file:///data/lab/", "file:///data/lab"),
        ("./channel", "./channel"),
        ("./a/./channel/", "./a/channel"),
    ],
)
def test_a_channel_has_one_canonical_address(tmp_path, text, url):
    (tmp_path / "a/channel").mkdir(parents=True)
    (tmp_path / "channel").mkdir()
    assert read_channel(text, tmp_path) == Channel(text=text, url=url)


TERMS = "whose terms of service ask organisations of 200 people and more for a paid licence"


@pytest.mark.parametrize(
    ("text", "what", "todo"),
    [
        (
            "defaults",
            f"the channel defaults is Anaconda's own, {TERMS}",
            "write conda-forge, or, where the terms allow it, https://repo.anaconda.com/pkgs/main",
        ),
        (
            "pkgs/r",
            f"the channel pkgs/r is Anaconda's own, {TERMS}",
            "write conda-forge, or, where the terms allow it, https://repo.anaconda.com/pkgs/r",
        ),
        ("./nowhere", "'./nowhere' is no folder", "name the folder that holds linux-64 and noarch"),
        (
            "./out",
            "the channel ./out lies outside the spec's folder",
            "put it inside, or write file:///folder for one that this machine alone has",
        ),
        ("file:///a/../b", "'file:///a/../b' has `..` in its path", "write the path without it"),
        (
            "https://repo.example.org:99999/lab",
            "'https://repo.example.org:99999/lab' has a port that is none",
            "write a number up to 65535",
        ),
    ],
)
def test_channels_that_are_refused(tmp_path, text, what, todo):
    (tmp_path / "spec").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spec/out").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(Bad) as caught:
        read_channel(text, tmp_path / "spec")
    assert (caught.value.what, caught.value.todo) == (what, todo)


@pytest.mark.parametrize(
    "text", ["ftp://x/y", f"https://{INFO}@h/lab", "https://h/t/tk-123/lab", "/data", "~/lab"]
)
def test_what_the_grammar_refuses_is_refused_here_too_without_its_secrets(tmp_path, text):
    with pytest.raises(Bad) as caught:
        read_channel(text, tmp_path)
    assert not {"s3cret", "tk-123"} & set((caught.value.what + caught.value.todo).replace("/", " ").split())


def test_all_channels_are_refused_at_once_and_repeats_count_once(spec_of):
    spec = spec_of("python: 3.12\nconda:\n  channels:\n  - defaults\n  - conda-forge\n  - main\n")
    with pytest.raises(SpecError) as caught:
        channels_of(spec)
    assert [(problem.line, problem.path) for problem in caught.value.problems] == [
        (5, "conda.channels[0]"),
        (7, "conda.channels[2]"),
    ]
    twice = spec_of(f"python: 3.12\nconda: {{channels: [conda-forge, '{FORGE}/', lab]}}\n")
    assert [channel.text for channel in channels_of(twice)] == ["conda-forge", "lab"]
    none = spec_of("python: 3.12\nconda: {packages: [numpy]}\n")
    assert channels_of(none) == (Channel(text="conda-forge", url=FORGE),)


def test_the_longest_prefix_that_ends_at_a_slash_counts():
    site = Site(
        conda_mirrors={
            "https://conda.anaconda.org": "https://m.example.org/all/",
            f"{FORGE}/": f"https://{INFO}@m.example.org/forge",
        }
    )
    assert mirrored(f"{FORGE}/noarch/x.conda", site) == f"https://{INFO}@m.example.org/forge/noarch/x.conda"
    assert mirrored(f"{FORGE}-dev", site) == "https://m.example.org/all/conda-forge-dev"
    assert mirrored("https://conda.anaconda.org.evil/x", site) == "https://conda.anaconda.org.evil/x"


def test_what_is_shown_has_neither_login_nor_token():
    shown = redacted(f"https://{INFO}@h/t/tk-123/lab and https://h/t/tk-9")
    assert shown == "https://***@h/t/***/lab and https://h/t/***"


WAYS = {
    "login": ({"login": LOGIN}, "http://{info}@127.0.0.1:{port}"),
    "token": ({"token": "tk-123"}, "http://127.0.0.1:{port}/t/tk-123"),
    "both": ({"login": LOGIN, "token": "tk-123"}, "http://{info}@127.0.0.1:{port}/t/tk-123"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_mirror_with_credentials_is_used_and_never_told(spec_of, environ, lab, tmp_path, way):
    wanted, place = WAYS[way]
    with serve(lab, **wanted) as server:
        site = Site(conda_mirrors={"https://conda.anaconda.org": place.format(info=INFO, port=server.port)})
        records = solved(spec_of(text_of(channels=["conda-forge"])), environ, site=site)
        again = solved(spec_of(text_of(channels=["conda-forge"])), environ, site=site)
    assert [record.url.rpartition("/")[0] for record in records] == [f"{FORGE}/linux-64"] * 2
    assert again == records
    assert {asked.status for asked in server.asked} <= {200, 404}
    kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").rglob("*") if path.is_file())
    pair = base64.b64encode(LOGIN.encode())
    assert kept
    assert not [word for word in (b"s3cret", b"tk-123", pair) if word in kept]


def test_a_private_channel_is_mapped_to_itself_with_its_login(spec_of, environ, lab):
    with serve(lab, login=LOGIN) as server:
        url = f"{server.url}/lab"
        spec = spec_of(text_of(channels=[url]))
        with pytest.raises(LockError) as caught:
            solved(spec, environ)
        site = Site(conda_mirrors={url: f"http://{INFO}@127.0.0.1:{server.port}/lab"})
        (record, *_) = solved(spec, environ, site=site)
        wrong = Site(conda_mirrors={url: f"http://reader:wr0ng@127.0.0.1:{server.port}/lab"})
        with pytest.raises(LockError) as refused:
            solved(spec, environ | {"XDG_CACHE_HOME": environ["HOME"] + "/other"}, site=wrong)
    assert record.url == f"{url}/linux-64/ca-certificates-1-h0_0.tar.bz2"
    line = f"{spec.source.path}:5: conda.channels[0]: the channel {url}"
    assert caught.value.message.startswith(f"{line} wants a login: 401 Unauthorized for {url}/")
    assert caught.value.hint == "put the login or token into this site's config, under conda_mirrors"
    assert refused.value.message.startswith(f"{line} refuses: 403 Forbidden for {url}/")
    assert "wr0ng" not in refused.value.message


def test_a_login_goes_to_its_own_channel_only(spec_of, environ, lab):
    with serve(lab) as server:
        site = Site(conda_mirrors={f"{server.url}/lab": f"http://{INFO}@127.0.0.1:{server.port}/lab"})
        solved(
            spec_of(text_of(channels=[f"{server.url}/lab", f"{server.url}/conda-forge"])), environ, site=site
        )
    with_login = {asked.path.split("/")[1] for asked in server.asked if asked.authorization}
    assert with_login == {"lab"}
    assert {asked.path.split("/")[1] for asked in server.asked} == {"lab", "conda-forge"}


def test_a_mirror_may_be_a_folder_of_this_machine(spec_of, environ, lab):
    site = Site(conda_mirrors={"https://conda.anaconda.org": lab.as_uri()})
    (record, *_) = solved(spec_of(text_of(channels=["conda-forge"])), environ, site=site)
    assert record.url == f"{FORGE}/linux-64/ca-certificates-1-h0_0.tar.bz2"
    assert record.channel == "conda-forge"


def test_https_through_a_proxy_that_wants_a_login_with_the_sites_own_authority(
    spec_of, environ, lab, tmp_path
):
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("channel.test").configure_cert(tls)
    bundle = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(bundle))
    spec = spec_of(text_of(channels=["https://channel.test/lab"]))
    with serve(lab, tls=tls) as server:
        hosts = {"channel.test:443": ("127.0.0.1", server.port)}
        with recording_proxy("surfer:pw", hosts) as proxy:
            proxies = {"https": f"http://surfer:pw@{proxy.host}", "http": f"http://surfer:pw@{proxy.host}"}
            (record, *_) = solved(spec, environ, site=Site(ca_bundle=bundle, proxies=proxies))
            with pytest.raises(LockError) as caught:
                solved(spec, environ | {"XDG_CACHE_HOME": str(tmp_path / "no")}, site=Site(proxies=proxies))
    assert record.url == "https://channel.test/lab/linux-64/ca-certificates-1-h0_0.tar.bz2"
    assert set(proxy.asked) == {"CONNECT channel.test:443"}
    assert "has a certificate that is not trusted at https://channel.test/lab/" in caught.value.message
    assert caught.value.hint.startswith("name your site's CA bundle: ")


@pytest.fixture(autouse=True)
def _no_retries(monkeypatch):
    """They take seconds, and a server of ours does not change its mind."""
    monkeypatch.setattr(ask, "RETRIES", 0)


CONFIG = "put the login or token into this site's config, under conda_mirrors"
NOARCH, LINUX = "/lab/noarch/repodata.json", "/lab/linux-64/repodata.json"


@pytest.mark.parametrize(
    ("answers", "what", "hint"),
    [
        (
            {NOARCH: (404, b""), LINUX: (404, b"")},
            "has no noarch/repodata.json: 404 for {url}/noarch/repodata.json",
            "check its name; every channel has a folder noarch with a repodata.json",
        ),
        (
            {LINUX: (403, b"")},
            "refuses: 403 Forbidden for {url}/linux-64/repodata.json",
            f"check the rights of the login; {CONFIG}",
        ),
        (
            {LINUX: (500, b"")},
            "does not answer: 500 Internal Server Error for {url}/linux-64/repodata.json",
            "try again later, or name a mirror (conda_mirrors)",
        ),
        (
            {LINUX: (200, b'{"packages": {"numpy-1')},
            "has an index that cannot be read: EOF while parsing a string at line 1 column 22",
            "it may be half-written, or a login page: look at its repodata.json",
        ),
        (
            {LINUX: (200, b"<html>log in</html>")},
            "has an index that cannot be read: expected value at line 1 column 1",
            "it may be half-written, or a login page: look at its repodata.json",
        ),
    ],
    ids=["404", "403", "500", "truncated", "html"],
)
def test_a_channel_that_fails_is_named_with_the_specs_line(spec_of, environ, lab, answers, what, hint):
    with serve(lab) as server:
        server.answers.update(answers)
        url = f"{server.url}/lab"
        spec = spec_of(text_of(channels=[(lab / "conda-forge").as_uri(), url]))
        with pytest.raises(LockError) as caught:
            solved(spec, environ)
    place = f"{spec.source.path}:6: conda.channels[1]: the channel {url}"
    assert caught.value.message == f"{place} {what.format(url=url)}"
    assert caught.value.hint == hint


def test_a_channel_that_is_down_is_named(spec_of, environ, lab):
    with serve(lab) as server:
        url = f"{server.url}/lab"
    spec = spec_of(text_of(channels=[url]))
    with pytest.raises(LockError) as caught:
        solved(spec, environ)
    place = f"{spec.source.path}:5: conda.channels[0]: the channel {url}"
    assert caught.value.message.startswith(f"{place} cannot be reached at {url}/")
    assert caught.value.message.endswith(": Connection refused (os error 111)")
    assert caught.value.hint == "check the address, the proxy and the CA bundle: envbuild doctor"


def test_a_folder_that_is_no_channel_is_named(spec_of, environ, tmp_path):
    url = (tmp_path / "nothing").as_uri()
    spec = spec_of(text_of(channels=[url]))
    with pytest.raises(LockError) as caught:
        solved(spec, environ)
    assert caught.value.message == (
        f"{spec.source.path}:5: conda.channels[0]: the channel {url} has no noarch/repodata.json"
    )
