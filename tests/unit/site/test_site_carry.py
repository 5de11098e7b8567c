"""What a site gives to network steps, and that no credential is shown."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from envbuild.errors import SiteError
from envbuild.site.carry import build_args, build_secrets, redact, redact_url, uv_environment
from envbuild.site.model import Site

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs",)), min_size=1, max_size=40)


def sourced(script: bytes, name: str) -> str:
    """The value of a variable after a real POSIX shell has read the file."""
    program = script + f'printf %s "${name}"'.encode()
    ran = subprocess.run(["/bin/sh", "-eu"], input=program, env={}, capture_output=True, check=True)
    assert ran.stderr == b""
    return ran.stdout.decode()


@settings(max_examples=60, deadline=None)
@given(TEXT)
@example("https://me:p'a$(id)`id`\"@h/s; rm -rf /\n")
def test_values_come_back_unchanged_from_a_real_shell(value: str) -> None:
    script = build_secrets(Site(index_url=value))["envbuild_site"]
    assert sourced(script, "UV_DEFAULT_INDEX") == value


def test_nothing_to_say_is_no_secret() -> None:
    assert build_secrets(Site()) == {}
    assert build_args(Site()) == {}


def test_the_secrets(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.write_bytes(b"PEM")
    site = Site(
        ca_bundle=bundle,
        index_url="https://a/s",
        extra_index_urls=("https://b/s", "https://c/s"),
        index_strategy="first-index",
        python_mirror="https://p",
        python_downloads="https://p/l.json",
        apt_mirrors={"http://y": "https://z", "http://a/debian": "https://b/debian"},
        conda_mirrors={"https://c.org": "https://m", "https://c.org/lab": "https://me:pw@m/t/tok-1/lab"},
    )
    assert build_secrets(site) == {
        "envbuild_ca": b"PEM",
        "envbuild_site": (
            b"export ENVBUILD_APT_MIRRORS='http://a/debian=https://b/debian http://y=https://z'\n"
            b"export ENVBUILD_CONDA_MIRRORS="
            b"'https://c.org/lab=https://me:pw@m/t/tok-1/lab https://c.org=https://m'\n"
            b"export PIP_EXTRA_INDEX_URL='https://b/s https://c/s'\n"
            b"export PIP_INDEX_URL=https://a/s\n"
            b"export UV_DEFAULT_INDEX=https://a/s\n"
            b"export UV_INDEX='https://b/s https://c/s'\n"
            b"export UV_INDEX_STRATEGY=first-index\n"
            b"export UV_PYTHON_DOWNLOADS_JSON_URL=https://p/l.json\n"
            b"export UV_PYTHON_INSTALL_MIRROR=https://p\n"
        ),
    }


def test_a_bundle_that_went_away(tmp_path: Path) -> None:
    with pytest.raises(SiteError) as caught:
        build_secrets(Site(ca_bundle=tmp_path / "gone"))
    assert caught.value.message == f"cannot read the CA bundle {tmp_path}/gone: No such file or directory"
    assert caught.value.hint == "put it back, or name another one in SSL_CERT_FILE or in ca_bundle:"


def test_proxies_are_build_args_in_both_cases() -> None:
    args = build_args(Site(proxies={"https": "http://p:1", "no": "a"}))
    assert args == {
        "HTTPS_PROXY": "http://p:1",
        "https_proxy": "http://p:1",
        "NO_PROXY": "a",
        "no_proxy": "a",
    }


def test_the_environment_of_uv_holds_the_site_and_nothing_that_changes_answers() -> None:
    environ = {
        "PATH": "/bin",
        "HOME": "/home/me",
        "UV_CACHE_DIR": "/cache",
        "UV_PYTHON": "3.8",
        "UV_EXCLUDE_NEWER": "2020-01-01",
        "UV_INDEX_URL": "https://old/s",
        "UV_FIND_LINKS": "/wheels",
        "VIRTUAL_ENV": "/venv",
        "https_proxy": "http://old:1",
        "all_proxy": "http://old:1",
        "SSL_CERT_FILE": "/old.pem",
    }
    site = Site(index_url="https://a/s", ca_bundle=Path("/new.pem"), proxies={"http": "http://p:1"})
    assert uv_environment(site, environ) == {
        "PATH": "/bin",
        "HOME": "/home/me",
        "UV_CACHE_DIR": "/cache",
        "UV_DEFAULT_INDEX": "https://a/s",
        "UV_NO_CONFIG": "1",
        "HTTP_PROXY": "http://p:1",
        "http_proxy": "http://p:1",
        "SSL_CERT_FILE": "/new.pem",
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://me:pw@h/s", "https://***@h/s"),
        ("error at https://token@h/s and http://a:b@c", "error at https://***@h/s and http://***@c"),
        ("https://h/s?x=1&access_token=abc#f", "https://h/s?x=1&access_token=***#f"),
        ("ssh://git@h/r", "ssh://git@h/r"),
        ("ssh://git:pw@h/r", "ssh://***@h/r"),
        ("https://h/user@example.org", "https://h/user@example.org"),
        ("https://a:p@ss@h/s", "https://***@h/s"),
        ("mail me@h", "mail me@h"),
    ],
)
def test_redact_url(text: str, shown: str) -> None:
    assert redact_url(text) == shown


PASSWORD = "p@ss wörd/1"


@pytest.mark.parametrize(
    "text",
    [
        PASSWORD,
        quote(PASSWORD, safe=""),
        quote(PASSWORD),
        base64.b64encode(f"me:{PASSWORD}".encode()).decode(),
        f"me:{quote(PASSWORD, safe='')}",
        f"https://me:{quote(PASSWORD, safe='')}@other/s",
    ],
)
@pytest.mark.parametrize(
    "field", ["index_url", "extra_index_urls", "proxies", "python_mirror", "apt_mirrors", "conda_mirrors"]
)
def test_a_known_secret_is_hidden_however_it_is_spelt(text: str, field: str) -> None:
    url = f"https://me:{quote(PASSWORD, safe='')}@h/s"
    value: object = {
        "extra_index_urls": (url,),
        "proxies": {"https": url},
        "apt_mirrors": {"http://a": url},
        "conda_mirrors": {"http://a": url},
    }.get(field, url)
    shown = redact(f"before {text} after", Site(**{field: value}))  # type: ignore[arg-type]
    assert PASSWORD not in shown
    assert quote(PASSWORD, safe="") not in shown
    assert text not in shown
    assert shown.startswith("before ")
    assert shown.endswith(" after")


def test_a_token_as_user_is_a_secret_and_a_user_beside_a_password_is_not() -> None:
    assert redact("sekret-token", Site(index_url="https://sekret-token@h/s")) == "***"
    assert redact("sekret-token", Site(index_url="https://sekret-token:x-oauth-basic@h/s")) == "***"
    assert redact("user", Site(index_url="https://user:sekret@h/s")) == "user"


def test_a_token_in_a_channels_path_is_a_secret() -> None:
    url = "https://conda.lab.example/api/t/tk-123-abc/lab"
    assert redact(f"GET {url}/noarch/repodata.json", Site()) == (
        "GET https://conda.lab.example/api/t/***/lab/noarch/repodata.json"
    )
    assert redact("token tk-123-abc", Site(conda_mirrors={"https://conda.lab.example": url})) == "token ***"
    assert redact("https://h/t", Site()) == "https://h/t"


def test_a_short_secret_is_hidden_as_a_word_only() -> None:
    assert redact("a banana", Site(index_url="https://me:a@h/s")) == "*** banana"


@settings(max_examples=60, deadline=None)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=4, max_size=20), TEXT)
def test_no_text_shows_a_password(password: str, around: str) -> None:
    site = Site(index_url=f"https://me:{quote(password, safe='')}@h/s")
    shown = redact(f"{around} {password} {quote(password, safe='')}", site)
    if password.strip("*"):
        assert quote(password, safe="") not in shown or password in around
        assert password not in shown.removeprefix(around) or password in around
