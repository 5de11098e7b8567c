"""What an engine says of a failed push → RegistryError. Pure.

Engines give a registry's refusal as text only, in the stream of a push that has begun with 200: no status,
no code. The words are those of docker (docker/distribution's error texts, Go's network errors) and of podman
(containers/image); they are read here and nowhere else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from envbuild.errors import RegistryError
from envbuild.names import HUB, parse_reference

if TYPE_CHECKING:
    from envbuild.errors import RegistryTrouble

_LONGEST = 300


class _Kind(NamedTuple):
    trouble: RegistryTrouble
    words: str  # a pattern, for lower case
    what: str
    hint: str


# The first that fits counts: registries say "denied" and "unauthorized" in one breath.
_KINDS = (
    _Kind(
        "full",
        r"no space left|\"err\":28|insufficient storage|status: 507|quota",
        "no space is left",
        "free some space (`docker system df`), or ask who runs the registry; a garbage collection may help",
    ),
    _Kind(
        "login",
        r"no basic auth credentials|incorrect username or password|invalid username/password"
        r"|authentication required|401 unauthorized|http 401|unauthorized:",
        "refuses without the right login",
        "log in with `{login}`, then try again",
    ),
    _Kind(
        "denied",
        r"operation is unsupported|\"unsupported\"|405 method not allowed|status: 405|http 405|read-only",
        "takes no pushes",
        "it may be a read-only mirror: push to the registry itself",
    ),
    _Kind(
        "denied",
        r"tag.invalid|tag \S+ already exists|immutable|cannot be overwritten",
        "does not let a tag be set again",
        "its tags are immutable: choose another tag",
    ),
    _Kind(
        "denied",
        r"\bdenied\b|forbidden|(?:http|status:|statuscode:) 403|insufficient.scope",
        "does not let this login push to {repository}",
        "ask who runs it for the right to push there, or log in as another user",
    ),
    _Kind(
        "tls",
        r"x509:|certificate|server gave http response|tls: (?:handshake|failed|first record)",
        "is not trusted by the engine, or speaks no TLS",
        "give the engine the registry's CA (/etc/docker/certs.d/{host}/ca.crt), or, for plain http, name the"
        " registry in its `insecure-registries`",
    ),
    _Kind(
        "missing",
        r"repository name not known|name.unknown|does not exist in the registry",
        "has no repository {repository}",
        "create the repository there first: this registry does not make one by itself",
    ),
    _Kind(
        "wrong",
        r"(?:manifest|digest|size).invalid|blob.unknown|blob.upload.(?:invalid|unknown)",
        "does not take what the engine sent",
        "try again; if it stays, the registry, or a proxy before it, does not fit this engine",
    ),
    _Kind(
        "busy",
        r"too ?many ?requests|(?:http|status:) 429",
        "asks for fewer requests",
        "wait a while, then try again",
    ),
    _Kind(
        "busy",
        r"(?:http|status:) 50[0234]|500 internal server error|502 bad gateway|503 service unav|504 gateway",
        "fails",
        "try again later",
    ),
    _Kind(
        "unreachable",
        r"connection refused|no such host|no route to host|network is unreachable|name resolution",
        "cannot be reached from the engine",
        "check its name, the engine's network and its proxy",
    ),
    _Kind(
        "unreachable",
        r"\beof\b|connection reset|broken pipe|i/o timeout|deadline exceeded|handshake timeout"
        r"|client.timeout",
        "broke the connection more than once",
        "check the network, then try again: layers that arrived whole are kept",
    ),
)
_LASTING = ("connection refused", "no such host", "no route to host", "network is unreachable")


def push_refusal(reference: str, text: str) -> RegistryError:
    """The error for a push to `reference` that the engine gave up with `text`."""
    wanted = parse_reference(reference)
    said = _shown(text)
    # Names may hold any of the words.
    plain = text.lower().replace(wanted.host.lower(), "").replace(wanted.repository, "")
    login = "docker login" if wanted.host == HUB else f"docker login {wanted.host}"
    words = {"host": wanted.host, "repository": wanted.repository, "login": login}
    for kind in _KINDS:
        if re.search(kind.words, plain):
            what = f"the registry {wanted.host} {kind.what.format(**words)}"
            if kind.trouble == "full":  # an engine writes to its own disk, too, while it pushes
                what = f"{kind.what}, at the registry {wanted.host} or on the engine's disk"
            hint = kind.hint.format(**words)
            return RegistryError(f"{wanted.familiar}: {what}: {said}", trouble=kind.trouble, hint=hint)
    return RegistryError(
        f"{wanted.familiar}: the push to the registry {wanted.host} failed: {said}",
        hint="what the engine says is all that is known; its log may tell more",
    )


def is_passing(error: RegistryError, text: str) -> bool:
    """Whether the same push may go well a little later."""
    if error.trouble == "unreachable":
        return not any(word in text.lower() for word in _LASTING)
    return error.trouble == "busy"


def _shown(text: str) -> str:
    """One printable line, not long: it may hold what a server sent."""
    plain = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"
