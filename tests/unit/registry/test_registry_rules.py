"""Rules of the registry client: platforms, pauses, challenges, proxies, what refusals mean."""

# ruff: noqa: E501  a table has one row for each case

import json
from typing import Any

import pytest

from envbuild.registry.challenge import Challenge, parse_challenges
from envbuild.registry.model import OCI_MANIFEST, Descriptor
from envbuild.registry.pace import Pace, retry_after
from envbuild.registry.platforms import best, fits, offers, platform_text
from envbuild.registry.proxies import proxy_for
from envbuild.registry.refusals import Doing, Errand, Reply, refusal


@pytest.mark.parametrize(
    ("wanted", "offered", "chosen"),
    [
        ("linux/amd64", ["linux/arm64", "linux/amd64"], "linux/amd64"),
        ("linux/amd64", ["linux/amd64/v3", "linux/amd64"], "linux/amd64"),
        ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2", "linux/amd64/v4"], "linux/amd64/v2"),
        ("linux/arm64", ["linux/arm64/v8"], "linux/arm64/v8"),
        ("linux/arm64/v8", ["linux/arm64"], "linux/arm64"),
        ("linux/aarch64", ["linux/arm64"], "linux/arm64"),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6", "linux/arm/v8"], "linux/arm/v6"),
        ("linux/arm", ["linux/arm/v7"], "linux/arm/v7"),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm"], None),
        ("linux/amd64", ["linux/arm64", "windows/amd64", "unknown/unknown", ""], None),
        ("linux/x86_64", ["linux/386", "linux/amd64"], "linux/amd64"),
    ],
)
def test_choosing_a_platform(wanted: str, offered: list[str], chosen: str | None) -> None:
    entries = [
        Descriptor(media_type=OCI_MANIFEST, digest=f"d{number}", size=1, platform=platform)
        for number, platform in enumerate(offered)
    ]
    found = best(wanted, entries)
    assert (found.platform if found else None) == chosen


def test_platforms() -> None:
    entries = [
        Descriptor(media_type=OCI_MANIFEST, digest="d", size=1, platform=platform)
        for platform in ("linux/s390x", "unknown/unknown", "", "linux/amd64", "linux/amd64")
    ]
    assert offers(entries) == ("linux/amd64", "linux/s390x")
    assert platform_text({"os": "linux", "architecture": "arm", "variant": "v7"}) == "linux/arm/v7"
    assert platform_text({"os": "linux"}) == ""
    assert [fits("linux/amd64", text) for text in ("", "linux/amd64", "linux/arm64")] == [True, True, False]
    assert fits("", "linux/arm64")


def test_pauses_grow_and_differ() -> None:
    pace = Pace(first=0.5, longest=3.0)
    assert [pace.pause(failed, 1.0) for failed in (1, 2, 3, 4, 5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert [pace.pause(failed, 0.0) for failed in (1, 2, 3, 4, 5)] == [0.25, 0.5, 1.0, 1.5, 1.5]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after(text: str, seconds: float | None) -> None:
    assert retry_after(text, now=100.0) == seconds


BEARER = Challenge(
    scheme="bearer", realm="https://a/token", service="s, x", scopes=("repository:a:pull,push",)
)
BASIC = Challenge(scheme="basic", realm="r")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        (['Bearer realm="https://a/token",service="s, x",scope="repository:a:pull,push"'], (BEARER,)),
        (['bearer  Realm = "https://a/token" , scope="repository:a:pull,push", service="s, x"'], (BEARER,)),
        (['Basic realm="r"'], (BASIC,)),
        (["Basic realm=r"], (BASIC,)),
        (["Basic"], (Challenge(scheme="basic"),)),
        (['Basic realm="r"', 'Bearer realm="https://a/token",service="s, x",scope="repository:a:pull,push"'], (BEARER, BASIC)),
        (['Basic realm="r", Bearer realm="https://a/token", service="s, x", scope="repository:a:pull,push"'], (BEARER, BASIC)),
        (['Bearer realm="https://a",error="invalid_token"'], (Challenge(scheme="bearer", realm="https://a", error="invalid_token"),)),
        ([r'Basic realm="a\"b"'], (Challenge(scheme="basic", realm='a"b'),)),
        (['Bearer service="x"'], ()),
        (["Negotiate", "nonsense=", ""], ()),
    ],
)  # fmt: skip
def test_challenges(headers: list[str], found: tuple[Challenge, ...]) -> None:
    assert parse_challenges(headers) == found


PROXIES = {
    "http": "http://h:1",
    "https": "http://s:1",
    "no": ".lab, example.org,10.0.0.0/8 ,other:5000,[fd00::1]",
}


@pytest.mark.parametrize(
    ("url", "proxy"),
    [
        ("https://registry.test/v2/", "http://s:1"),
        ("http://registry.test/v2/", "http://h:1"),
        ("https://127.0.0.1:5000/", ""),
        ("https://localhost/", ""),
        ("https://a.lab:5000/", ""),
        ("https://lab/", ""),
        ("https://example.org/", ""),
        ("https://sub.example.org/", ""),
        ("https://notexample.org/", "http://s:1"),
        ("https://10.1.2.3:5000/", ""),
        ("https://11.1.2.3/", "http://s:1"),
        ("https://other:5000/", ""),
        ("https://other:5001/", "http://s:1"),
        ("https://[fd00::1]:5000/", ""),
    ],
)
def test_proxies(url: str, proxy: str) -> None:
    assert proxy_for(url, PROXIES) == proxy


def test_no_proxy_at_all() -> None:
    assert proxy_for("https://a/", {}) == ""
    assert proxy_for("https://a/", {**PROXIES, "no": "*"}) == ""
    assert proxy_for("https://a/", {"http": "http://h:1"}) == ""


def errors(*codes: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": f"said {code}"} for code in codes]}).encode()


LOGIN = "log in with `docker login r.test`, then try again"
AGAIN = "log in again with `docker login r.test`, then try again"
SCOPE = {"WWW-Authenticate": 'Bearer realm="x",error="insufficient_scope"'}


@pytest.mark.parametrize(
    ("status", "data", "headers", "doing", "user", "message", "trouble", "hint"),
    [
        (401, b"", {}, "read", None, "x: the registry r.test wants a login, and there is none for it", "login", LOGIN),
        (401, b"", {"WWW-Authenticate": "Bearer x"}, "read", None, "x: the registry r.test wants a login, and there is none for it", "login", f"{LOGIN}; registries also answer so when there is no such repository"),
        (401, b"", {}, "push", "al", "x: the registry r.test refuses the user al with this password", "login", AGAIN),
        (401, b"", {}, "push", "", "x: the registry r.test refuses the login's token", "login", AGAIN),
        (401, b"", SCOPE, "push", "al", "x: the registry r.test does not let al push to it", "denied", "ask who runs it for the right to push to lab/x, or log in as another user"),
        (401, errors("DENIED"), {}, "push", "", "x: the registry r.test does not let this login push to it: said DENIED", "denied", "ask who runs it for the right to push to lab/x, or log in as another user"),
        (403, b"", {}, "push", None, "x: the registry r.test does not let somebody without a login push to it", "denied", LOGIN),
        (403, b"no", {}, "delete", "al", "x: the registry r.test does not let al delete from it: no", "denied", "ask who runs it for the right to delete from lab/x, or log in as another user"),
        (404, errors("NAME_UNKNOWN"), {}, "read", "al", "x: the registry r.test has no repository lab/x", "missing", "check the name and the tag"),
        (404, errors("MANIFEST_UNKNOWN"), {}, "read", None, "x: the registry r.test has no such tag or digest in lab/x", "missing", "check the name and the tag; a private one needs `docker login`"),
        (404, errors("BLOB_UNKNOWN"), {}, "read", "al", "x: the registry r.test has lost a part of it", "missing", "check the name and the tag"),
        (404, b"<html>404</html>", {}, "read", "al", "x: the registry r.test has no such thing, or does not show it", "missing", "check the name and the tag"),
        (405, errors("UNSUPPORTED"), {}, "push", "al", "x: the registry r.test takes no pushes: said UNSUPPORTED", "denied", "it may be a read-only mirror"),
        (405, b"", {}, "delete", "al", "x: the registry r.test allows no deletion", "denied", "who runs it can allow it (docker-registry: storage.delete.enabled), or delete it there"),
        (405, b"", {}, "list", "al", "x: the registry r.test does not know this request", "unsupported", ""),
        (429, errors("TOOMANYREQUESTS"), {}, "read", None, "x: the registry asks for fewer requests (429, 3 times): said TOOMANYREQUESTS", "busy", "wait a while; many registries allow more to who is logged in"),
        (429, b"", {"Retry-After": "600"}, "read", "al", "x: the registry asks for fewer requests (429, 3 times) and to be left alone for 600 s", "busy", "wait a while"),
        (503, b"\x1b[31mdown\nnow", {}, "read", "al", "x: the registry fails with HTTP 503 (3 times): [31mdown now", "busy", "try again later"),
        (500, b'{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":{"DriverName":"filesystem","Enclosed":{"Err":28}}}]}', {}, "push", "al", "x: the registry's disk is full: unknown error", "full", "tell who runs it; a garbage collection may help"),
        (507, b"", {}, "push", "al", "x: the registry's disk is full", "full", "tell who runs it; a garbage collection may help"),
        (413, b"<html>", {}, "push", "al", "x: the registry, or a proxy before it, takes no request that large (413)", "unsupported", "raise its limit (nginx: client_max_body_size)"),
        (400, errors("DIGEST_INVALID"), {}, "push", "al", "x: the registry does not take it (HTTP 400): said DIGEST_INVALID", "wrong", ""),
        (418, b"tea", {}, "read", "al", "x: the registry answers HTTP 418: tea", "unsupported", ""),
    ],
)  # fmt: skip
def test_what_refusals_mean(
    status: int, data: bytes, headers: dict[str, str], doing: Doing, user: str | None, message: str, trouble: str, hint: str
) -> None:  # fmt: skip
    errand = Errand(
        doing=doing,
        what="x",
        host="r.test",
        repository="lab/x",
        user=user or "",
        logged_in=user is not None,
    )
    error = refusal(Reply(status=status, headers=headers, data=data), errand, 3)
    assert (error.message, error.trouble, error.hint) == (message, trouble, hint)


def test_bodies_of_errors_that_are_none() -> None:
    errand = Errand(doing="read", what="x", host="r.test", repository="lab/x", logged_in=True)
    bodies: list[Any] = [b"\xff", b"{}", b'{"errors": 3}', b'{"errors": ["a"]}', b"[1]", b"x" * 5000]
    for body in bodies:
        error = refusal(Reply(status=418, headers={}, data=body), errand)
        assert error.message.startswith("x: the registry answers HTTP 418: ")
        assert len(error.message) < 260
