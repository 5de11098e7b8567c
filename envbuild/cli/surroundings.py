"""What a command needs of its machine: the site's settings, the platform, an engine."""

from __future__ import annotations

import functools
import os
import platform as host
from typing import TYPE_CHECKING

from envbuild.errors import EnvbuildError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from envbuild.engine.engine import Engine
    from envbuild.events import Sink
    from envbuild.outcomes import Request
    from envbuild.site.model import Site

_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
_PLATFORMS = ("linux/amd64", "linux/arm64")


def current_site() -> Site:
    """The settings of this site. Raises SiteError."""
    from envbuild.site.load import load_site

    return load_site(os.environ)


def redactor(site: Site | None = None) -> Callable[[str], str]:
    """What hides credentials in a text; where the site's settings cannot be read, those of any URL."""
    from envbuild.site.carry import redact
    from envbuild.site.model import Site

    if site is None:
        try:
            site = current_site()
        except (EnvbuildError, OSError):
            site = Site()
    return functools.partial(redact, site=site)


def host_platform() -> str:
    """The platform of containers on this machine: always Linux, whatever the machine runs itself."""
    machine = host.machine().lower()
    return f"linux/{_MACHINES.get(machine, machine)}"


def target_platform(asked: str | None) -> str:
    """The platform to make images for: the one asked for, else the host's. Raises UsageError."""
    if asked:
        return str(asked)  # plain, not the enum of the option
    usual = host_platform()
    if usual not in _PLATFORMS:
        raise UsageError(
            f"there are no images for this machine's {usual}",
            hint="say which platform to build for: --platform linux/amd64",
        )
    return usual


def connector(engine: str | None, site: Site) -> Callable[[], Engine]:
    """A function that connects, once, to the engine named by `--engine`, the site, or the usual places."""

    @functools.cache
    def connect() -> Engine:
        from envbuild.engine.connect import connect

        return connect(
            engine or site.engine,
            os.environ,
            origin="--engine" if engine else site.origins.get("engine", "the site config"),
            registry_mirrors=site.registry_mirrors,
            network=site.build_network,
        )

    return connect


def rules(names: Sequence[str] | None) -> tuple[str, ...]:
    """The rules that `--accept` names. Raises UsageError for what is none."""
    from envbuild.spec.grammar import rule
    from envbuild.spec.words import Bad

    try:
        return tuple(rule(name) for name in names or ())
    except Bad as error:
        raise UsageError(f"--accept: {error.what}", hint=error.todo) from error


def request(
    spec: Path, site: Site, sink: Sink, *, platform: str | None = None, engine: str | None = None
) -> Request:
    """What the pipeline is asked about."""
    from envbuild.outcomes import Request

    return Request(
        spec_path=spec,
        site=site,
        platform=target_platform(platform),
        connect=connector(engine, site),
        engine=engine,
        sink=sink,
    )
