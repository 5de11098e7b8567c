"""Image references: taken apart, refused by docker's grammar, rewritten for mirrors."""

# ruff: noqa: E501  one line per case

import pytest

from envbuild.errors import UsageError
from envbuild.names import mirrored, parse_reference, read_reference


@pytest.mark.parametrize(
    ("text", "name", "version", "familiar"),
    [
        ("debian", "docker.io/library/debian", ":latest", "debian"),
        ("debian:12", "docker.io/library/debian", ":12", "debian"),
        ("lab/x:1", "docker.io/lab/x", ":1", "lab/x"),
        ("index.docker.io/lab/x", "docker.io/lab/x", ":latest", "lab/x"),
        ("localhost/x:1", "localhost/x", ":1", "localhost/x"),
        ("127.0.0.1:5000/a/b:c@sha256:d", "127.0.0.1:5000/a/b", "@sha256:d", "127.0.0.1:5000/a/b"),
        ("ghcr.io/a/b@sha256:d", "ghcr.io/a/b", "@sha256:d", "ghcr.io/a/b"),
    ],
)
def test_references(text: str, name: str, version: str, familiar: str) -> None:
    found = parse_reference(text)
    assert (found.name, found.version, found.familiar) == (name, version, familiar)


def test_mirrors() -> None:
    mirrors = {"docker.io": "https://mirror.example.org/hub/", "ghcr.io": "mirror.example.org"}
    assert mirrored("debian:12", mirrors) == "mirror.example.org/hub/library/debian:12"
    assert mirrored("ghcr.io/a/b@sha256:d", mirrors) == "mirror.example.org/a/b@sha256:d"
    assert mirrored("quay.io/a:1", mirrors) == "quay.io/a:1"
    assert mirrored("debian:12", {}) == "debian:12"


D = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("text", "host", "repository", "tag", "digest", "again"),
    [
        ("debian", "docker.io", "library/debian", "", "", "debian"),
        ("docker.io/debian:12", "docker.io", "library/debian", "12", "", "debian:12"),
        ("registry-1.docker.io/lab/x", "docker.io", "lab/x", "", "", "lab/x"),
        ("lab/x:v1.2_a-B", "docker.io", "lab/x", "v1.2_a-B", "", "lab/x:v1.2_a-B"),
        ("Registry.Example.org/a/b", "Registry.Example.org", "a/b", "", "", "Registry.Example.org/a/b"),
        ("localhost/x", "localhost", "x", "", "", "localhost/x"),
        ("localhost:5000/x", "localhost:5000", "x", "", "", "localhost:5000/x"),
        ("[::1]:5000/x:1", "[::1]:5000", "x", "1", "", "[::1]:5000/x:1"),
        (f"h:5000/a/b:c@{D}", "h:5000", "a/b", "c", D, f"h:5000/a/b:c@{D}"),
        (f"a__b/c-d.e@{D}", "docker.io", "a__b/c-d.e", "", D, f"a__b/c-d.e@{D}"),
        ("x:5000", "docker.io", "library/x", "5000", "", "x:5000"),
    ],
)
def test_references_that_somebody_typed(
    text: str, host: str, repository: str, tag: str, digest: str, again: str
) -> None:
    found = read_reference(text)
    assert (found.host, found.repository, found.tag, found.digest) == (host, repository, tag, digest)
    assert str(found) == again
    assert read_reference(again) == found


ANY = "write [host[:port]/]path[:tag][@digest], such as registry.example.org/lab/dl-env:1"


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("Debian:12", "'Debian:12' is no image reference: its path has capitals", "write debian:12"),
        ("Lab/x", "'Lab/x' is no image reference: its path has capitals", "write lab/x"),
        ("h:5000/Lab/X:V1", "'h:5000/Lab/X:V1' is no image reference: its path has capitals", "write h:5000/lab/x:V1"),
        (f"r.io/Lab@{D}", f"'r.io/Lab@{D}' is no image reference: its path has capitals", f"write r.io/lab@{D}"),
        ("https://r.io/lab/x", "'https://r.io/lab/x' is no image reference: it has a scheme", "write r.io/lab/x"),
        ("docker://A B", "'docker://A B' is no image reference: it has a scheme", ""),
        ("", "'' is no image reference", ANY),
        ("a b", "'a b' is no image reference", ANY),
        ("a:", "'a:' is no image reference", ANY),
        ("a/:1", "'a/:1' is no image reference", ANY),
        ("a//b", "'a//b' is no image reference", ANY),
        ("h:5000/", "'h:5000/' is no image reference", ANY),
        ("a:-b", "'a:-b' is no image reference", ANY),
        ("a@sha256:12", "'a@sha256:12' is no image reference", ANY),
        ("a@md5:" + "0" * 32, f"'a@md5:{'0' * 32}' is no image reference", ANY),
        ("a\n", "'a\\n' is no image reference", ANY),
        ("h:0/x", "'h:0/x' is no image reference: there is no port 0", ""),
        ("h:65536/x", "'h:65536/x' is no image reference: there is no port 65536", ""),
        ("x" * 250, f"'{'x' * 119}…' is no image reference: its name is longer than 255 characters", ""),
        ("a" * 64, f"'{'a' * 64}' is an image's id, which no registry knows", "write the image's name"),
    ],
)  # fmt: skip
def test_references_that_are_none(text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_reference(text)
    assert (caught.value.message, caught.value.hint) == (message, hint)
