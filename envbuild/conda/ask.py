"""Gives a job to `worker.py` and reads its answer: the site's variables, a time limit, a clean end."""

from __future__ import annotations

import base64
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from envbuild.conda.place import login_of, mirrors_of, without_login
from envbuild.errors import LockError
from envbuild.site.carry import build_args

if TYPE_CHECKING:
    from collections.abc import Mapping

    from envbuild.site.model import Site

RETRIES = 2
"""With growing pauses: some 3 s in all for a server that answers 502."""

WORKER = str(Path(__file__).with_name("worker.py"))
_DROPPED = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY", "NETRC")
_DROPPED_BEGINNINGS = ("RATTLER_", "CONDA_", "PIXI_", "MAMBA_")


def need_rattler() -> None:
    """Raise LockError, which says how to install it, when py-rattler is missing."""
    if importlib.util.find_spec("rattler") is None:
        raise LockError(
            "conda packages are locked by py-rattler, which is not installed",
            hint="install it beside envbuild: pip install 'envbuild[conda]'",
        )


def rattler_version() -> str:
    """Such as `0.28.0`."""
    from importlib.metadata import version

    return version("py-rattler")


def ask(job: Mapping[str, Any], *, site: Site, environ: Mapping[str, str], seconds: float) -> dict[str, Any]:
    """The worker's answer to `job`; a mapping, whatever it is.

    The worker ends with this call, answered or not: on an answer, after `seconds`, on Ctrl-C.
    Raises LockError when it does not answer.
    """
    known = {"mirrors": _mirrors(site), "logins": _logins(site), "retries": RETRIES, "parent": os.getpid()}
    whole = json.dumps({**job, **known})
    command = [sys.executable, "-P", WORKER]
    with subprocess.Popen(
        command,
        env=_environment(site, environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as worker:
        try:
            out, err = worker.communicate(whole, timeout=seconds)
        except subprocess.TimeoutExpired as error:
            raise LockError(
                f"conda: no answer within {seconds:.0f} s",
                hint="name fewer packages or closer versions; or try again, if a channel is slow",
            ) from error
        finally:
            worker.kill()
    line, ended, _ = out.partition("\n")
    if not ended:
        last = (err.strip().splitlines() or [f"it ended with {worker.returncode}"])[-1]
        raise LockError(f"py-rattler {rattler_version()} broke off without an answer: {last}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _environment(site: Site, environ: Mapping[str, str]) -> dict[str, str]:
    kept = {
        name: value
        for name, value in environ.items()
        if name.upper() not in _DROPPED and not name.startswith(_DROPPED_BEGINNINGS)
    }
    kept |= build_args(site)
    if site.ca_bundle:
        kept["SSL_CERT_FILE"] = str(site.ca_bundle)
    return kept


def _mirrors(site: Site) -> list[tuple[str, str]]:
    """Those that are reached by http.

    The worker puts them in place request by request: its caches and records hold canonical URLs only.
    """
    pairs = ((old, without_login(new)) for old, new in mirrors_of(site).items())
    return [(old, new) for old, new in pairs if old != new and new.startswith("http")]


def _logins(site: Site) -> list[tuple[str, str, str]]:
    """(host, path, header) of each place that wants a login, the longest path first."""
    known = []
    for new in mirrors_of(site).values():
        login, parts = login_of(new), urlsplit(new)
        if login and parts.hostname:
            pair = base64.b64encode(":".join(login).encode()).decode()
            known.append((parts.hostname, unquote(parts.path), f"Basic {pair}"))
    return sorted(known, key=lambda row: (-len(row[1]), row))
