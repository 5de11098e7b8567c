"""What a registry's refusal means: status and error codes → RegistryError. Pure.

Codes are those of the distribution specification ("Error Codes"); the text of a registry is only quoted.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from envbuild.errors import RegistryError
from envbuild.names import HUB

if TYPE_CHECKING:
    from envbuild.errors import RegistryTrouble

Doing: TypeAlias = Literal["read", "push", "delete", "list"]
LIE_HINT = "nothing of it was kept; try again, and if it stays, the registry or a proxy before it is at fault"
_OR_NONE = "registries also answer so when there is no such repository"
_WORDS = {"read": "read", "push": "push to", "delete": "delete from", "list": "list"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer that was read: `url` is where it came from."""

    status: int
    headers: Any
    data: bytes
    url: str = ""

    def header(self, name: str) -> str:
        """A header, "" when there is none."""
        return self.headers.get(name) or ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is being done, for messages: `what` is the image, blob or list as people write it.

    user  who we are there: a user's name, "" for nobody or a token
    """

    doing: Doing
    what: str
    host: str
    repository: str
    user: str = ""
    logged_in: bool = False


def refusal(reply: Reply, errand: Errand, tries: int = 1) -> RegistryError:
    """The error for an answer that is not what was hoped for, after `tries` tries."""
    codes, said = _codes_and_text(reply.data)
    text = server_text(said)
    status = reply.status
    if is_full(status, reply.data):
        return _error(
            errand,
            "full",
            "the registry's disk is full",
            "tell who runs it; a garbage collection may help",
            text,
        )
    if status == 401 and not _is_denied(reply, errand, codes):
        return _login(reply, errand)
    if status in {401, 403}:
        return _denied(errand, text)
    if status == 404:
        return _missing(errand, codes)
    if status == 405 or "UNSUPPORTED" in codes:
        return _unsupported(errand, text)
    if status == 429:
        hint = "wait a while" + (
            "" if errand.logged_in else "; many registries allow more to who is logged in"
        )
        what = f"the registry asks for fewer requests (429, {_times(tries)}){_wait(reply)}"
        return _error(errand, "busy", what, hint, text)
    if status >= 500:
        what = f"the registry fails with HTTP {status} ({_times(tries)}){_wait(reply)}"
        return _error(errand, "busy", what, "try again later", text)
    if status == 413:
        return _error(
            errand,
            "unsupported",
            "the registry, or a proxy before it, takes no request that large (413)",
            "raise its limit (nginx: client_max_body_size)",
            text,
        )
    if codes & {
        "DIGEST_INVALID",
        "SIZE_INVALID",
        "MANIFEST_BLOB_UNKNOWN",
        "MANIFEST_INVALID",
        "BLOB_UPLOAD_INVALID",
    }:
        return _error(errand, "wrong", f"the registry does not take it (HTTP {status})", "", text)
    return _error(errand, "unsupported", f"the registry answers HTTP {status}", "", text)


def is_full(status: int, data: bytes) -> bool:
    """Whether the registry says that it has no space left.

    docker-registry gives its driver's error as it is: `"Err":28` is ENOSPC.
    """
    if status == 507:
        return True
    text = data.decode("utf-8", "replace").lower()
    return status >= 500 and ("no space left" in text or '"err":28' in text or "insufficient storage" in text)


def login_hint(host: str, *, again: bool = False) -> str:
    """What to do about a login."""
    command = "docker login" if host == HUB else f"docker login {host}"
    return f"log in{' again' if again else ''} with `{command}`, then try again"


def server_text(text: str) -> str:
    """What a server said, fit for a message: one line, printable, not long."""
    plain = "".join(character if character.isprintable() else " " for character in text)
    return " ".join(plain.split())[:200]


def _is_denied(reply: Reply, errand: Errand, codes: set[str]) -> bool:
    """Whether a 401 means: we know you, and you may not."""
    return errand.logged_in and (
        "DENIED" in codes or "insufficient_scope" in reply.header("WWW-Authenticate")
    )


def _is_bearer(reply: Reply) -> bool:
    return reply.header("WWW-Authenticate").lower().startswith("bearer")


def _login(reply: Reply, errand: Errand) -> RegistryError:
    if not errand.logged_in:
        hint = login_hint(errand.host)
        return RegistryError(
            f"{errand.what}: the registry {errand.host} wants a login, and there is none for it",
            trouble="login",
            hint=f"{hint}; {_OR_NONE}" if errand.doing == "read" and _is_bearer(reply) else hint,
        )
    who = f"the user {errand.user} with this password" if errand.user else "the login's token"
    if errand.user and _is_bearer(reply):
        return RegistryError(
            f"{errand.what}: the registry {errand.host} does not take the token that its token server gave",
            trouble="login",
            hint="its set-up is at fault, or a clock is wrong; tell who runs it",
        )
    return RegistryError(
        f"{errand.what}: the registry {errand.host} refuses {who}",
        trouble="login",
        hint=login_hint(errand.host, again=True),
    )


def _denied(errand: Errand, text: str) -> RegistryError:
    who = (errand.user or "this login") if errand.logged_in else "somebody without a login"
    right = f"the right to {_WORDS[errand.doing]} {errand.repository}"
    hint = f"ask who runs it for {right}, or log in as another user"
    if not errand.logged_in:
        hint = login_hint(errand.host)
    if errand.doing == "read":
        hint += f"; {_OR_NONE}"
    return _error(
        errand,
        "denied",
        f"the registry {errand.host} does not let {who} {_WORDS[errand.doing]} it",
        hint,
        text,
    )


def _missing(errand: Errand, codes: set[str]) -> RegistryError:
    place = f"the registry {errand.host}"
    if "NAME_UNKNOWN" in codes:
        what = f"{place} has no repository {errand.repository}"
    elif "MANIFEST_UNKNOWN" in codes:
        what = f"{place} has no such tag or digest in {errand.repository}"
    elif "BLOB_UNKNOWN" in codes:
        what = f"{place} has lost a part of it"
    else:
        what = f"{place} has no such thing, or does not show it"
    hint = "check the name and the tag" + ("" if errand.logged_in else "; a private one needs `docker login`")
    return _error(errand, "missing", what, hint, "")


def _unsupported(errand: Errand, text: str) -> RegistryError:
    if errand.doing == "push":
        return _error(
            errand,
            "denied",
            f"the registry {errand.host} takes no pushes",
            "it may be a read-only mirror",
            text,
        )
    if errand.doing == "delete":
        return _error(
            errand,
            "denied",
            f"the registry {errand.host} allows no deletion",
            "who runs it can allow it (docker-registry: storage.delete.enabled), or delete it there",
            text,
        )
    return _error(errand, "unsupported", f"the registry {errand.host} does not know this request", "", text)


def _error(errand: Errand, trouble: RegistryTrouble, what: str, hint: str, text: str) -> RegistryError:
    return RegistryError(f"{errand.what}: {what}{': ' if text else ''}{text}", trouble=trouble, hint=hint)


def _wait(reply: Reply) -> str:
    asked = server_text(reply.header("Retry-After"))
    return f" and to be left alone for {asked}{' s' if asked.isdigit() else ''}" if asked else ""


def _times(tries: int) -> str:
    return "once" if tries == 1 else f"{tries} times"


def _codes_and_text(data: bytes) -> tuple[set[str], str]:
    """The codes and messages of an error's body."""
    text = data.decode("utf-8", "replace")
    try:
        errors = json.loads(text)["errors"]
        codes = {str(error.get("code") or "").upper() for error in errors}
        return codes, "; ".join(str(error.get("message") or error.get("code") or "") for error in errors)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return set(), "" if text.lstrip().startswith("<") else text
