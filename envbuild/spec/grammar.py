"""Grammars of the values in a spec: text → the same text, or `Bad`. Pure; nothing is repaired silently.

Whatever lands in a Dockerfile, a shell or a command line later is either held to a grammar here, or (shell
steps, values of `env`, arguments) is data that the renderer quotes; then only what no quoting can carry is
refused.
"""

from __future__ import annotations

import difflib
import keyword
import re
from urllib.parse import urlsplit

from envbuild.facts.rules import RULES
from envbuild.names import LONGEST_NAME, REFERENCE, REPOSITORY, TAG
from envbuild.spec.words import Bad, shown

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_UNCARRIED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]"
)  # in shell steps: line breaks and tabs are fine
_LONGEST = 500  # no name is longer; a bound keeps the patterns cheap whatever they are given
_UNIT = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}

NAME = r"[a-z0-9]+([-_][a-z0-9]+)*"
PYTHON = r"[1-9][0-9]?\.(0|[1-9][0-9]?)(\.(0|[1-9][0-9]?))?"
CUDA = r"[1-9][0-9]?\.[0-9]{1,2}(\.[0-9]{1,3})?"
CUDA_OS = r"[a-z]+[0-9]+(\.[0-9]+)?"
DEBIAN = r"[a-z0-9][a-z0-9+.-]*[a-z0-9+.](=[0-9][A-Za-z0-9.+~:-]*)?"
USER = r"[a-z_][a-z0-9_-]{0,31}"
ENV_NAME = r"[A-Za-z_][A-Za-z0-9_]*"
LABEL = r"[A-Za-z0-9]([A-Za-z0-9._/-]*[A-Za-z0-9])?"
TARGET = r"[A-Za-z0-9][A-Za-z0-9 ._+/()-]{0,63}"
MEMORY = r"([1-9][0-9]{0,14})\s?(?:([KMGT])(?:iB|B)?)?"
BACKEND = r"cpu|cu[0-9]{2,3}|rocm[0-9]+(\.[0-9]+){1,2}|xpu"

_SET_BY_US = {
    "PATH": (
        "/opt/env comes first",
        "link a program into /usr/local/bin in a `run:` step, or name it by its full path",
    ),
    "PYTHONNOUSERSITE": ("the image's packages alone are found", "leave it out"),
}
_RESERVED_FOLDERS = ("/opt/env", "/opt/envbuild", "/proc", "/sys", "/dev")


def name(text: str) -> str:
    """Name of the environment: it names image, lock file and containers."""
    if len(text) <= 64 and re.fullmatch(NAME, text):
        return text
    near = re.sub(r"[-_]{2,}|[^a-z0-9_-]+", "-", text.lower()).strip("-_")[:64].strip("-_")
    raise Bad(
        f"{shown(text)} is no name: a-z, 0-9, single - or _ inside, at most 64 characters",
        f"write {near}" if re.fullmatch(NAME, near) else "write a name such as dl-env",
    )


def python(text: str) -> str:
    """A Python version, X.Y or X.Y.Z."""
    match = re.fullmatch(PYTHON, text)
    if not match:
        raise Bad(f"{shown(text)} is no Python version", "write X.Y or X.Y.Z, such as 3.12")
    major, minor = (int(part) for part in text.split(".")[:2])
    if major != 3 or minor < 6:
        # 3.10 is never read as 3.1 here, but a tool that wrote the file may have done so
        todo = f"did you mean {text}0?" if text in {"3.1", "3.2"} else "write a version such as 3.12"
        raise Bad(f"Python {text} is not supported: 3.6 or later is", todo)
    return text


def cuda_version(text: str) -> str:
    """A CUDA version, X.Y or X.Y.Z."""
    if not re.fullmatch(CUDA, text):
        raise Bad(f"{shown(text)} is no CUDA version", "write X.Y or X.Y.Z, such as 12.8")
    return text


def cuda_os(text: str) -> str:
    """The distribution part of a CUDA image's tag."""
    return _match(CUDA_OS, text, "no distribution of CUDA images", "write one such as ubuntu24.04")


def debian_package(text: str) -> str:
    """A Debian package name, optionally `=version`. A final - would tell apt to remove the package."""
    return _match(DEBIAN, text, "no Debian package", "write a name such as libgl1, or name=version")


def image_reference(text: str) -> str:
    """An image reference by docker's grammar: `[host[:port]/]path[:tag][@digest]`."""
    match = _full(REFERENCE, text)
    if not match:
        if _full(REFERENCE, text.lower()):
            raise Bad(f"{shown(text)} is no image reference: its path has capitals", f"write {text.lower()}")
        raise Bad(f"{shown(text)} is no image reference", "write one such as debian:bookworm-slim")
    _repository_length(match[1])
    if match[1] == "scratch":
        raise Bad(
            "scratch is an empty image: nothing can run in it", "write a base such as debian:bookworm-slim"
        )
    return text


def repository(text: str) -> str:
    """An image reference without tag and digest."""
    if not _full(REPOSITORY, text):
        if _full(REFERENCE, text):
            raise Bad(f"{shown(text)} has a tag or a digest", "put tags under `image.tags`")
        raise Bad(
            f"{shown(text)} is no image repository", "write one such as registry.example.org/lab/dl-env"
        )
    return _repository_length(text)


def _repository_length(text: str) -> str:
    if len(text) > LONGEST_NAME:
        raise Bad(f"{shown(text)} is longer than {LONGEST_NAME} characters", "shorten it")
    if re.fullmatch(r"[a-f0-9]{64}", text):
        raise Bad(f"{shown(text)} looks like an image id", "write a name")
    return text


def tag(text: str) -> str:
    """An image tag."""
    return _match(TAG, text, "no image tag", "use letters, digits, _ . and -, at most 128 characters")


def label(text: str) -> str:
    """A label's key."""
    if text.startswith("dev.envbuild."):
        raise Bad(f"{shown(text)} is written by envbuild itself", "use a prefix of your own")
    return _match(LABEL, text, "no label", "write one such as org.example.project")


def env_name(text: str) -> str:
    """Name of an environment variable."""
    if text in _SET_BY_US:
        reason, todo = _SET_BY_US[text]
        raise Bad(f"{text} is set by envbuild, so that {reason}", todo)
    return _match(ENV_NAME, text, "no name of an environment variable", "use letters, digits and _")


def value(text: str) -> str:
    """A value of `env` or of a label: anything that one Dockerfile line can carry when quoted."""
    for character, said in (("\0", "a NUL character"), ("\n", "a line break"), ("\r", "a carriage return")):
        if character in text:
            raise Bad(f"{shown(text)} holds {said}", "write one line, or put it in a file with `copy:`")
    if re.search("[\ud800-\udfff]", text):
        raise Bad(f"{shown(text)} is not Unicode text", "remove it")
    return text


def argument(text: str) -> str:
    """An argument of `entrypoint` or `cmd`: anything but NUL."""
    if "\0" in text or re.search("[\ud800-\udfff]", text):
        raise Bad(f"{shown(text)} holds a NUL character", "remove it")
    return text


def command(text: str) -> str:
    """A shell command, of one line or several: shell by meaning; only control characters are refused."""
    if not text.strip():
        raise Bad("the command is empty", "remove it")
    if bad := _UNCARRIED.search(text):
        raise Bad(f"the command holds the control character {shown(bad[0])}", "remove it")
    return text


def user(text: str) -> str:
    """A Linux account."""
    return _match(USER, text, "no user name", "use a-z, 0-9, _ and -, at most 32 characters; a letter first")


def absolute(text: str) -> str:
    """An absolute path in the image."""
    check_line(text, "path")
    if not text.startswith("/"):
        raise Bad(f"{shown(text)} is not an absolute path", "write it from / on")
    if ".." in text.split("/"):
        raise Bad(f"{shown(text)} holds `..`", "write the path without it")
    return text


def copy_target(text: str) -> str:
    """Where `copy:` puts something: an absolute path, in no folder of envbuild's or the kernel's."""
    absolute(text)
    folder = "/" + "/".join(part for part in text.split("/") if part not in {"", "."})
    for reserved in _RESERVED_FOLDERS:
        if folder == reserved or folder.startswith(reserved + "/"):
            raise Bad(f"{shown(text)} lies in {reserved}, which is not free", "write another path")
    return text


def relative(text: str) -> str:
    """A path inside the spec's folder, in POSIX form. Whether it exists is not asked here."""
    check_line(text, "path")
    if not text:
        raise Bad("the path is empty", "write one relative to the spec's folder")
    if text.startswith("/"):
        raise Bad(f"{shown(text)} is an absolute path", "write one relative to the spec's folder")
    if ".." in text.split("/"):
        raise Bad(f"{shown(text)} leaves the spec's folder", "move the file there")
    return text


def import_name(text: str) -> str:
    """A module as Python code names it: identifiers with dots."""
    parts = text.split(".")
    if all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        return text
    raise Bad(
        f"{shown(text)} is no module name",
        "write it as after `import` in Python, such as sklearn.linear_model",
    )


def index_url(text: str) -> str:
    """An index that containers can reach too. Credentials belong to the site, never into a spec."""
    check_line(text, "address")
    try:
        parts = urlsplit(text)
        host = parts.hostname
    except ValueError:
        parts, host = None, None
    if parts is None or parts.scheme not in {"http", "https"} or not host or " " in text:
        raise Bad(
            f"{shown(text)} is no http or https address",
            "a path on this machine cannot be reached from a container",
        )
    if "@" in parts.netloc:
        raise Bad("the address holds a user name or a password", "put credentials into the site config")
    return text


def torch_backend(text: str) -> str:
    """uv's --torch-backend, but for `auto`, which would look at the GPU of the machine that locks."""
    if text == "auto":
        raise Bad("auto would depend on the machine that locks", "write a backend such as cpu or cu128")
    return _match(BACKEND, text, "no torch backend", "write one such as cpu, cu128, rocm6.4 or xpu")


def target(text: str) -> str:
    """A GPU's name or compute capability."""
    return _match(TARGET, text, "no GPU name", "write one such as A100, RTX 4090 or 8.0")


def rule(text: str) -> str:
    """The name of a rule that may be overridden."""
    if text in RULES:
        return text
    near = difflib.get_close_matches(re.sub("[ _]", "-", text.lower()), RULES, n=1)
    raise Bad(
        f"{shown(text)} is no rule", f"did you mean {near[0]}?" if near else "see `accept` in docs/spec.md"
    )


def seconds(text: object) -> int:
    """A time limit in whole seconds, at most a day."""
    if isinstance(text, str) and re.fullmatch("[1-9][0-9]{0,4}", text) and int(text) <= 86400:
        return int(text)
    raise Bad(f"{_said(text)} is no time limit", "write seconds from 1 to 86400, such as 300")


def memory(text: object) -> int:
    """An amount of memory in bytes: `8GiB`, `512M`; K, M, G, T are powers of 1024."""
    match = re.fullmatch(MEMORY, text) if isinstance(text, str) else None
    if not match:
        raise Bad(f"{_said(text)} is no amount of memory", "write one such as 8GiB")
    amount = int(match[1]) * _UNIT[match[2] or ""]
    if not 64 * 1024**2 <= amount < 2**60:
        raise Bad(f"{_said(text)} is not between 64MiB and 1EiB", "write one such as 8GiB")
    return amount


def yes_or_no(text: object) -> bool:
    """`true` or `false`, and no other word."""
    if isinstance(text, str) and text in {"true", "false"}:
        return text == "true"
    raise Bad(f"{_said(text)} is neither true nor false", "write true or false")


def _said(text: object) -> str:
    if isinstance(text, str):
        return shown(text)
    return "no value" if text is None else "a list or a mapping"


def _match(pattern: str, text: str, kind: str, todo: str) -> str:
    if not _full(pattern, text):
        raise Bad(f"{shown(text)} is {kind}", todo)
    return text


def _full(pattern: str, text: str) -> re.Match[str] | None:
    return re.fullmatch(pattern, text) if len(text) <= _LONGEST else None


def check_line(text: str, kind: str) -> None:
    """Bad when `text`, a `kind`, holds a line break or another control character."""
    if bad := _CONTROL.search(text):
        raise Bad(f"the {kind} holds the control character {shown(bad[0])}", "remove it")


def one_line(text: str) -> str:
    """Text of one line that is not empty."""
    check_line(text, "text")
    if not text.strip():
        raise Bad("the text is empty", "remove it")
    return text
