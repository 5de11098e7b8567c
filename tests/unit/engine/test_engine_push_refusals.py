"""What engines say of failed pushes, as they were read off them, and the errors made of it."""

import pytest

from envbuild.engine.push_refusals import is_passing, push_refusal

NAME = "registry.test/lab/env:1"
REUSE = "trying to reuse blob sha256:8c83 at destination: "
PLAIN = "http: server gave HTTP response to HTTPS client"
ACCESS = "push access denied, repository does not exist or may require authorization: "
UPLOAD = "writing blob: initiating layer upload to /v2/x/blobs/uploads/ in x: "
MANIFEST = "writing manifest: uploading manifest t to x/lab: "


@pytest.mark.parametrize(
    ("text", "trouble", "passing"),
    [
        # docker 20.10
        ("no basic auth credentials", "login", False),
        ("unauthorized: authentication required", "login", False),
        ("unauthorized: incorrect username or password", "login", False),
        ("denied: requested access to the resource is denied", "denied", False),
        ("denied", "denied", False),
        ('error parsing HTTP 403 response body: unexpected end of JSON input: ""', "denied", False),
        ("unsupported: The operation is unsupported", "denied", False),
        ("tag invalid: The image tag t already exists", "denied", False),
        ("toomanyrequests: slow down", "busy", True),
        ('error parsing HTTP 429 response body: unexpected end of JSON input: ""', "busy", True),
        ("received unexpected HTTP status: 500 Internal Server Error", "busy", True),
        ("received unexpected HTTP status: 503 Service Unavailable", "busy", True),
        ("manifest invalid", "wrong", False),
        ("manifest blob unknown: blob unknown to registry", "wrong", False),
        ("EOF", "unreachable", True),
        ("read tcp 127.0.0.1:1->127.0.0.1:2: read: connection reset by peer", "unreachable", True),
        (
            'Get "http://127.0.0.1:1/v2/": dial tcp 127.0.0.1:1: connect: connection refused',
            "unreachable",
            False,
        ),
        ("dial tcp: lookup no.test on 10.0.0.1:53: no such host", "unreachable", False),
        ('Get "https://a.test/v2/": x509: certificate signed by unknown authority', "tls", False),
        ("name unknown: The repository with name 'env' does not exist in the registry", "missing", False),
        ("write /var/lib/docker/tmp/x: no space left on device", "full", False),
        # docker 28.5, its own store
        ('unknown: {"errors":[{"code":"UNSUPPORTED","message":"is unsupported"}]}', "denied", False),
        ('unknown: {"errors":[{"code":"TAG_INVALID","message":"already exists"}]}', "denied", False),
        ('unknown: {"errors":[{"code":"MANIFEST_INVALID","message":"manifest invalid"}]}', "wrong", False),
        ('toomanyrequests: {"errors":[{"code":"TOOMANYREQUESTS","message":"slow"}]}', "busy", True),
        ('unauthorized: {"details":"incorrect username or password"}', "login", False),
        # docker 28.5, containerd's store
        ("error from registry: The operation is unsupported", "denied", False),
        ("error from registry: The image tag t already exists", "denied", False),
        ("error from registry: manifest invalid", "wrong", False),
        ("error from registry: denied\ndenied", "denied", False),
        (f"{ACCESS}server message: insufficient_scope: authorization failed", "denied", False),
        (f"{ACCESS}authorization failed: no basic auth credentials", "login", False),
        ("authentication required - incorrect username or password", "login", False),
        ("unknown: unexpected status from HEAD request to http://x/v2/y: 401 Unauthorized", "login", False),
        ("unexpected status from PUT request to http://x/v2/y: 500 Internal Server Error", "busy", True),
        ("unexpected status from PUT request to http://x/v2/y: 503 Service Unavailable", "busy", True),
        ('failed to do request: Put "http://x/v2/y?digest=z": EOF', "unreachable", True),
        # podman 4.3
        (f"{REUSE}checking whether a blob exists: unauthorized: authentication required", "login", False),
        (f'{REUSE}pinging container registry x: Get "https://x/v2/": {PLAIN}', "tls", False),
        (f"{UPLOAD}StatusCode: 403, ", "denied", False),
        (f"{MANIFEST}received unexpected HTTP status: 500 Internal Server Error", "busy", True),
        # nobody knows
        ("a new way to fail", "", False),
    ],
)  # fmt: skip
def test_what_it_means(text: str, trouble: str, passing: bool) -> None:
    error = push_refusal(NAME, text)
    assert (error.trouble, is_passing(error, text)) == (trouble, passing)
    assert error.message.startswith("registry.test/lab/env: ")
    assert "registry.test" in error.message.partition(": ")[2]
    assert " ".join(text.split()) in error.message
    assert error.hint


def test_in_words() -> None:
    error = push_refusal(NAME, "denied: requested access to the resource is denied")
    assert error.message == (
        "registry.test/lab/env: the registry registry.test does not let this login push to lab/env:"
        " denied: requested access to the resource is denied"
    )
    assert error.hint == "ask who runs it for the right to push there, or log in as another user"
    full = push_refusal(NAME, "no space left on device")
    assert full.message == (
        "registry.test/lab/env: no space is left, at the registry registry.test or on the engine's disk:"
        " no space left on device"
    )
    hub = push_refusal("docker.io/me/env:1", "unauthorized: incorrect username or password")
    assert hub.hint == "log in with `docker login`, then try again"


def test_names_do_not_count() -> None:
    name = "denied.quota.test/geofence/eof-forbidden:1"
    error = push_refusal(
        name, 'Put "https://denied.quota.test/v2/geofence/eof-forbidden/x": a new way to fail'
    )
    assert error.trouble == ""


def test_what_a_server_says_is_shown_as_one_short_line() -> None:
    error = push_refusal(NAME, "bad\x1b[31m\nthing " + "x" * 1000)
    assert "\x1b" not in error.message
    assert "\n" not in error.message
    assert len(error.message) < 400
