"""JAX releases and its CUDA plugins. Versions in, rows out. Pure, from jax.yml."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

from envbuild.facts.model import JaxPlugin
from envbuild.facts.tables import table
from envbuild.facts.versions import numbers

if TYPE_CHECKING:
    from collections.abc import Mapping


def jax_releases() -> tuple[tuple[str, tuple[str, ...]], ...]:
    """(version, Pythons X.Y with wheels) of all releases that the table knows, newest first."""
    return _releases()


def jax_plugin(major: int) -> JaxPlugin | None:
    """What the extra `cuda<major>` asks of a machine; None when the table does not know it."""
    return _plugins().get(major)


def read_plugin(row: Mapping[str, Any]) -> JaxPlugin:
    """A row of `plugins`. Raises ValueError, KeyError or TypeError when it does not parse."""
    numbers(row["driver"])
    major, minor = numbers(row["oldest"])
    return JaxPlugin(major=int(row["major"]), driver=row["driver"], oldest=(major, minor))


@cache
def _releases() -> tuple[tuple[str, tuple[str, ...]], ...]:
    rows = [(str(row["jaxlib"]), tuple(row["pythons"])) for row in table("jax")["releases"]["rows"]]
    return tuple(sorted(rows, key=lambda row: numbers(row[0]), reverse=True))


@cache
def _plugins() -> dict[int, JaxPlugin]:
    plugins = (read_plugin(row) for row in table("jax")["plugins"]["rows"])
    return {plugin.major: plugin for plugin in plugins}
