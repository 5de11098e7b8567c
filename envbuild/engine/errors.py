"""What the docker SDK, requests and sockets raise → EngineError, by type and status. Pure but for reading a
socket's mode.

What engines say as text only, with no status or code for it, is read here and nowhere else: a full disk, a
step that was stopped, a command's exit code, a registry that wants a login.
"""

from __future__ import annotations

import contextlib
import errno
import http.client
import re
import ssl
from pathlib import Path
from typing import TYPE_CHECKING

from envbuild.engine.transport import Refused
from envbuild.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from envbuild.engine.model import Endpoint

START = "start it (`sudo systemctl start docker`), or name another engine with --engine or DOCKER_HOST"
_REFUSED = {400, 500}
_EXIT = re.compile(r"exit (?:code:?|status) (\d+)")
DISK_HINT = "free some space on the engine's disk, for instance with `docker system prune`, and try again"


def is_disk_full(text: str) -> bool:
    """Whether an engine's message means ENOSPC. Engines pass strerror(ENOSPC) on as text, with status 500 and
    no code.
    """
    return "no space left on device" in text.lower()


def is_stopped(text: str) -> bool:
    """Whether a step ended because another one failed or the build was stopped. BuildKit has no code for it
    either.
    """
    return "context canceled" in text


def exit_code(text: str) -> int | None:
    """The exit code of a step's command, which engines give as text only."""
    match = _EXIT.search(text)
    return int(match[1]) if match else None


def short_reason(text: str) -> str:
    """One line for why a step failed; engines repeat the whole command in theirs."""
    code = exit_code(text)
    return f"exit code {code}" if code is not None else (text.strip().splitlines() or ["failed"])[0]


def unreachable(endpoint: Endpoint, error: BaseException) -> EngineError:
    """The error for an engine that cannot be spoken to at all."""
    where = f"{endpoint.url} (from: {endpoint.found_by})"
    if isinstance(error, PermissionError):
        return _no_permission(endpoint)
    if isinstance(error, ssl.SSLError):
        return EngineError(
            f"no TLS connection to the container engine at {where}: {error.reason or error}",
            hint="check DOCKER_TLS_VERIFY and DOCKER_CERT_PATH (ca.pem, cert.pem, key.pem)",
        )
    if isinstance(error, (http.client.HTTPException, ValueError)):
        return EngineError(
            f"what answers at {where} is no container engine",
            hint="check the URL; an engine that wants TLS needs DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH",
        )
    return EngineError(f"no container engine answers at {where}: {_reason(error)}", hint=START)


def _no_permission(endpoint: Endpoint) -> EngineError:
    path = endpoint.url.removeprefix("unix://")
    group = "docker"
    with contextlib.suppress(OSError, KeyError, NotImplementedError):
        group = Path(path).group()
    if group == "root":  # nobody should join that one
        return EngineError(
            f"no permission to use the engine's socket {path}",
            hint="run as root, or name an engine of your own (rootless) with --engine or DOCKER_HOST",
        )
    return EngineError(
        f"no permission to use the engine's socket {path}",
        hint=f"join its group: `sudo usermod -aG {group} $USER`, then log in again or run `newgrp {group}`",
    )


@contextlib.contextmanager
def translated(what: str, endpoint: Endpoint) -> Iterator[None]:
    """Turn whatever fails inside into an EngineError that begins with `what` was being done."""
    import docker.errors
    import requests.exceptions

    try:
        yield
    except docker.errors.APIError as error:
        raise from_status(what, error.status_code or 0, str(error.explanation or error)) from error
    except docker.errors.DockerException as error:
        raise EngineError(f"{what}: {error}") from error
    except Refused as error:
        raise from_status(what, error.status, error.text) from error
    except (requests.exceptions.RequestException, http.client.HTTPException, OSError) as error:
        raise lost(what, endpoint, error) from error


def from_status(what: str, status: int, text: str) -> EngineError:
    """The error for an answer that is not 2xx."""
    if is_disk_full(text):
        return EngineError(f"{what}: the engine's disk is full", hint=DISK_HINT)
    return EngineError(f"{what}: {text} (HTTP {status})" if status else f"{what}: {text}")


def refusal(error: EngineError) -> str:
    """The engine's own words in an error of `translated` when it refused (400, 500); else ""."""
    import docker.errors

    cause = error.__cause__
    if isinstance(cause, docker.errors.APIError):
        return str(cause.explanation or "") if cause.status_code in _REFUSED else ""
    return cause.text if isinstance(cause, Refused) and cause.status in _REFUSED else ""


def lost(what: str, endpoint: Endpoint, error: BaseException) -> EngineError:
    """The error for a connection that broke while something was being done."""
    return EngineError(
        f"{what}: the connection to the container engine at {endpoint.url} was lost: {_reason(_root(error))}",
        hint="see whether the engine still runs (`docker info`), then try again: finished steps are cached",
    )


def _root(error: BaseException) -> BaseException:
    """The innermost exception that says something: requests and urllib3 wrap the real one several times."""
    seen: set[int] = set()
    found = error
    while id(found) not in seen:
        seen.add(id(found))
        inner = getattr(found, "reason", None)
        if not isinstance(inner, BaseException):
            inner = found.__cause__ or found.__context__
        if not isinstance(inner, BaseException):
            break
        found = inner
        if isinstance(found, (PermissionError, ssl.SSLError, ConnectionError, FileNotFoundError)):
            break
    return found


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such socket"
    if isinstance(error, TimeoutError):
        return "it did not answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "the answer ended in the middle"
    if isinstance(error, OSError) and error.errno:
        return (error.strerror or errno.errorcode.get(error.errno, str(error))).lower()
    return str(error) or type(error).__name__


def wants_login(status: int, text: str) -> bool:
    """Whether a registry refused for want of (right) credentials.

    Engines say 401 when credentials were wrong. When there were none, 20.10 and later say 500 with docker
    distribution's ErrNoBasicAuthCredentials or the token server's answer as text.
    """
    return status in {401, 403} or any(
        part in text.lower()
        for part in ("no basic auth credentials", "unauthorized", "401 unauthorized", "access denied")
    )
