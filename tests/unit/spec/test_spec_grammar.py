"""Grammars of values: what each takes, and the words for what it does not take."""

# ruff: noqa: E501  a table has one row for each exact message

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from envbuild.spec import grammar
from envbuild.spec.words import Bad

if TYPE_CHECKING:
    from collections.abc import Callable

ACCEPTED: dict[Callable[..., object], list[str]] = {
    grammar.name: ["a", "dl-env", "a_b-c9", "0", "x" * 64],
    grammar.python: ["3.6", "3.10", "3.12.11", "3.99.99"],
    grammar.cuda_version: ["12.8", "11.8.0", "9.2"],
    grammar.cuda_os: ["ubuntu24.04", "ubi9"],
    grammar.debian_package: ["git", "g++", "libgl1", "libstdc++6", "python3.11-venv", "git=1:2.39.5-0+deb12u2", "a0=1~rc1"],
    grammar.image_reference: [
        "debian",
        "debian:bookworm-slim",
        "docker.io/library/debian:12",
        "localhost:5000/a/b__c/d-e.f:X_1",
        "nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04",
        "[::1]:5000/x",
        "a@sha256:" + "0" * 64,
        "r.example.org/a:t@sha256:" + "f" * 64,
    ],
    grammar.repository: ["dl-env", "registry.example.org/lab/dl-env", "HOST/x"],
    grammar.tag: ["latest", "1.0", "_x", "a" * 128],
    grammar.label: ["a", "org.example.a", "com.example/a-b"],
    grammar.env_name: ["A", "_x9", "LD_LIBRARY_PATH"],
    grammar.value: ["", " a ", "$HOME `x` \"q\" 'q' \\ #", "tab\t", "ü漢🙂", "\x1b[0m", "\u2028"],
    grammar.argument: ["", "a\nb", "$x", "\t"],
    grammar.command: ["true", "a\nb\n", "x && y; z | w > $HOME/`q`", "\ttab"],
    grammar.user: ["app", "root", "_a-b9"],
    grammar.absolute: ["/", "/a b/ü", "/a..b"],
    grammar.copy_target: ["/", "/opt/environment", "/workspace/src", "/opt"],
    grammar.relative: ["src", "./a", "a/b c", "..a", "a$b'\"", "."],
    grammar.import_name: ["torch", "sklearn.linear_model", "_x"],
    grammar.index_url: ["https://packages.example.org/simple", "http://127.0.0.1:3141/root/x/+simple/"],
    grammar.torch_backend: ["cpu", "cu118", "cu128", "rocm6.4", "xpu"],
    grammar.target: ["A100", "RTX 4090", "8.0", "sm_86", "H100 NVL", "GTX 1650 Ti (Mobile)", "NVIDIA A100-SXM4-80GB"],
    grammar.rule: ["target", "cuda-mismatch", "no-kernel"],
    grammar.one_line: ["numpy=2", "python >=3.12,<3.13"],
}  # fmt: skip


@pytest.mark.parametrize(
    ("check", "text"), [(check, text) for check, texts in ACCEPTED.items() for text in texts]
)
def test_accepted_and_unchanged(check: Callable[[str], object], text: str) -> None:
    assert check(text) == text


@pytest.mark.parametrize(
    ("check", "text", "value"),
    [
        (grammar.seconds, "1", 1),
        (grammar.seconds, "86400", 86400),
        (grammar.memory, "8GiB", 8 * 2**30),
        (grammar.memory, "512 MB", 512 * 2**20),
        (grammar.memory, "70000K", 70000 * 2**10),
        (grammar.memory, "1T", 2**40),
        (grammar.memory, "67108864", 2**26),
        (grammar.yes_or_no, "true", True),
        (grammar.yes_or_no, "false", False),
    ],
)
def test_typed(check: Callable[[str], object], text: str, value: object) -> None:
    assert check(text) == value


DEBIAN = "write a name such as libgl1, or name=version"
IMAGE = "write one such as debian:bookworm-slim"
NAME = "is no name: a-z, 0-9, single - or _ inside, at most 64 characters"
MEMORY = "write one such as 8GiB"
SECONDS = "write seconds from 1 to 86400, such as 300"

REFUSED = [
    (grammar.name, "", f"'' {NAME}", "write a name such as dl-env"),
    (grammar.name, "My Env", f"'My Env' {NAME}", "write my-env"),
    (grammar.name, "a--b", f"'a--b' {NAME}", "write a-b"),
    (grammar.name, "-a_", f"'-a_' {NAME}", "write a"),
    (grammar.name, "a.b", f"'a.b' {NAME}", "write a-b"),
    (grammar.name, "a\n", f"'a\\n' {NAME}", "write a"),
    (grammar.name, "é", f"'é' {NAME}", "write a name such as dl-env"),
    (grammar.name, "x" * 65, f"'{'x' * 59}…' {NAME}", "write " + "x" * 64),
    (grammar.python, "3", "'3' is no Python version", "write X.Y or X.Y.Z, such as 3.12"),
    (grammar.python, ">=3.10", "'>=3.10' is no Python version", "write X.Y or X.Y.Z, such as 3.12"),
    (grammar.python, "3.012", "'3.012' is no Python version", "write X.Y or X.Y.Z, such as 3.12"),
    (grammar.python, "3.12rc1", "'3.12rc1' is no Python version", "write X.Y or X.Y.Z, such as 3.12"),
    (grammar.python, "3.1", "Python 3.1 is not supported: 3.6 or later is", "did you mean 3.10?"),
    (grammar.python, "2.7", "Python 2.7 is not supported: 3.6 or later is", "write a version such as 3.12"),
    (grammar.python, "3.5.2", "Python 3.5.2 is not supported: 3.6 or later is", "write a version such as 3.12"),
    (grammar.cuda_version, "12", "'12' is no CUDA version", "write X.Y or X.Y.Z, such as 12.8"),
    (grammar.cuda_os, "ubuntu 24.04", "'ubuntu 24.04' is no distribution of CUDA images", "write one such as ubuntu24.04"),
    (grammar.debian_package, "Git", "'Git' is no Debian package", DEBIAN),
    (grammar.debian_package, "x", "'x' is no Debian package", DEBIAN),
    (grammar.debian_package, "git-", "'git-' is no Debian package", DEBIAN),
    (grammar.debian_package, "git=", "'git=' is no Debian package", DEBIAN),
    (grammar.debian_package, "git>=2", "'git>=2' is no Debian package", DEBIAN),
    (grammar.debian_package, "libc6:i386", "'libc6:i386' is no Debian package", DEBIAN),
    (grammar.debian_package, "./x.deb", "'./x.deb' is no Debian package", DEBIAN),
    (grammar.debian_package, "a" * 600, f"'{'a' * 59}…' is no Debian package", DEBIAN),
    (grammar.image_reference, "", "'' is no image reference", IMAGE),
    (grammar.image_reference, "Debian:12", "'Debian:12' is no image reference: its path has capitals", "write debian:12"),
    (grammar.image_reference, "a b", "'a b' is no image reference", IMAGE),
    (grammar.image_reference, "docker://debian", "'docker://debian' is no image reference", IMAGE),
    (grammar.image_reference, "a:", "'a:' is no image reference", IMAGE),
    (grammar.image_reference, "a@sha256:12", "'a@sha256:12' is no image reference", IMAGE),
    (grammar.image_reference, "a/b" * 200, f"'{('a/b' * 30)[:59]}…' is no image reference", IMAGE),
    (grammar.image_reference, "scratch", "scratch is an empty image: nothing can run in it", "write a base such as debian:bookworm-slim"),
    (grammar.image_reference, "a" * 64, f"'{'a' * 59}…' looks like an image id", "write a name"),
    (grammar.image_reference, "x" * 256, f"'{'x' * 59}…' is longer than 255 characters", "shorten it"),
    (grammar.repository, "a:latest", "'a:latest' has a tag or a digest", "put tags under `image.tags`"),
    (grammar.repository, "a//b", "'a//b' is no image repository", "write one such as registry.example.org/lab/dl-env"),
    (grammar.tag, "-x", "'-x' is no image tag", "use letters, digits, _ . and -, at most 128 characters"),
    (grammar.label, "a=b", "'a=b' is no label", "write one such as org.example.project"),
    (grammar.label, "dev.envbuild.spec", "'dev.envbuild.spec' is written by envbuild itself", "use a prefix of your own"),
    (grammar.env_name, "A-B", "'A-B' is no name of an environment variable", "use letters, digits and _"),
    (grammar.env_name, "PATH", "PATH is set by envbuild, so that /opt/env comes first", "link a program into /usr/local/bin in a `run:` step, or name it by its full path"),
    (grammar.env_name, "PYTHONNOUSERSITE", "PYTHONNOUSERSITE is set by envbuild, so that the image's packages alone are found", "leave it out"),
    (grammar.value, "a\0b", "'a\\x00b' holds a NUL character", "write one line, or put it in a file with `copy:`"),
    (grammar.value, "a\nb", "'a\\nb' holds a line break", "write one line, or put it in a file with `copy:`"),
    (grammar.value, "a\rb", "'a\\rb' holds a carriage return", "write one line, or put it in a file with `copy:`"),
    (grammar.argument, "\0", "'\\x00' holds a NUL character", "remove it"),
    (grammar.command, " \n", "the command is empty", "remove it"),
    (grammar.command, "a\0", "the command holds the control character '\\x00'", "remove it"),
    (grammar.command, "a\x1b", "the command holds the control character '\\x1b'", "remove it"),
    (grammar.user, "App", "'App' is no user name", "use a-z, 0-9, _ and -, at most 32 characters; a letter first"),
    (grammar.user, "1000", "'1000' is no user name", "use a-z, 0-9, _ and -, at most 32 characters; a letter first"),
    (grammar.absolute, "work", "'work' is not an absolute path", "write it from / on"),
    (grammar.absolute, "", "'' is not an absolute path", "write it from / on"),
    (grammar.absolute, "~/x", "'~/x' is not an absolute path", "write it from / on"),
    (grammar.absolute, "/a/../b", "'/a/../b' holds `..`", "write the path without it"),
    (grammar.absolute, "/a\nb", "the path holds the control character '\\n'", "remove it"),
    (grammar.copy_target, "/opt/env/x", "'/opt/env/x' lies in /opt/env, which is not free", "write another path"),
    (grammar.copy_target, "//opt/./envbuild", "'//opt/./envbuild' lies in /opt/envbuild, which is not free", "write another path"),
    (grammar.copy_target, "/proc/x", "'/proc/x' lies in /proc, which is not free", "write another path"),
    (grammar.relative, "", "the path is empty", "write one relative to the spec's folder"),
    (grammar.relative, "/a", "'/a' is an absolute path", "write one relative to the spec's folder"),
    (grammar.relative, "a/../../b", "'a/../../b' leaves the spec's folder", "move the file there"),
    (grammar.relative, "a\tb", "the path holds the control character '\\t'", "remove it"),
    (grammar.import_name, "scikit-learn", "'scikit-learn' is no module name", "write it as after `import` in Python, such as sklearn.linear_model"),
    (grammar.import_name, "a.class", "'a.class' is no module name", "write it as after `import` in Python, such as sklearn.linear_model"),
    (grammar.index_url, "/srv/wheels", "'/srv/wheels' is no http or https address", "a path on this machine cannot be reached from a container"),
    (grammar.index_url, "file:///srv", "'file:///srv' is no http or https address", "a path on this machine cannot be reached from a container"),
    (grammar.index_url, "https://[x", "'https://[x' is no http or https address", "a path on this machine cannot be reached from a container"),
    (grammar.index_url, "https://me:secret@host/x", "the address holds a user name or a password", "put credentials into the site config"),
    (grammar.torch_backend, "auto", "auto would depend on the machine that locks", "write a backend such as cpu or cu128"),
    (grammar.torch_backend, "cuda", "'cuda' is no torch backend", "write one such as cpu, cu128, rocm6.4 or xpu"),
    (grammar.rule, "targets", "'targets' is no rule", "did you mean target?"),
    (grammar.rule, "Cuda_Image", "'Cuda_Image' is no rule", "did you mean cuda-image?"),
    (grammar.rule, "everything", "'everything' is no rule", "see `accept` in docs/spec.md"),
    (grammar.target, "A100;x", "'A100;x' is no GPU name", "write one such as A100, RTX 4090 or 8.0"),
    (grammar.seconds, "0", "'0' is no time limit", SECONDS),
    (grammar.seconds, "86401", "'86401' is no time limit", SECONDS),
    (grammar.seconds, "5m", "'5m' is no time limit", SECONDS),
    (grammar.memory, "8 apples", "'8 apples' is no amount of memory", MEMORY),
    (grammar.memory, "1M", "'1M' is not between 64MiB and 1EiB", MEMORY),
    (grammar.memory, "9999999999999T", "'9999999999999T' is not between 64MiB and 1EiB", MEMORY),
    (grammar.yes_or_no, "on", "'on' is neither true nor false", "write true or false"),
    (grammar.one_line, " ", "the text is empty", "remove it"),
    (grammar.one_line, "a\nb", "the text holds the control character '\\n'", "remove it"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "text", "what", "todo"), REFUSED)
def test_refused(check: Callable[[str], object], text: str, what: str, todo: str) -> None:
    with pytest.raises(Bad) as caught:
        check(text)
    assert (caught.value.what, caught.value.todo) == (what, todo)
